"""The console application: what `accelock` offers, and its help."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cleo.application import Application
from cleo.commands.command import Command
from cleo.exceptions import CleoCommandNotFoundError, CleoError
from cleo.io.inputs.argv_input import ArgvInput
from cleo.loaders.factory_command_loader import FactoryCommandLoader

from accelock import __version__, cli
from accelock.commands.lazy import lazy_command
from accelock.errors import UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleo.io.inputs.input import Input
    from cleo.io.outputs.output import Output

NAME = "accelock"
_COMMANDS = {
    name: lazy_command(f"accelock.commands.{module}", kind)
    for name, module, kind in (
        ("check", "reports", "CheckCommand"),
        ("conda capture", "conda_capture", "CondaCaptureCommand"),
        ("conda install", "conda_install", "CondaInstallCommand"),
        ("conda lock", "conda_lock", "CondaLockCommand"),
        ("detect", "reports", "DetectCommand"),
        ("diff", "reports", "DiffCommand"),
        ("doctor", "reports", "DoctorCommand"),
        ("why", "reports", "WhyCommand"),
    )
}
_USAGE = 2  # the exit code for wrong usage, as in pip-tools
_HELP = frozenset({"help", "-h", "--help"})


def application(words: Sequence[str]) -> int:
    """Run the console application on the words behind its name, and return its exit code.

    AccelockErrors, an interruption and what the system refuses are the caller's to show.
    """
    plain = [word for word in words if not word.startswith("-") and word not in _HELP]
    if plain and plain[0] in cli.PIP_TOOLS_COMMANDS:
        return _misplaced(words, plain[0])
    if not plain:  # cleo's answer to --help alone is the help of its command `list`
        words = [word for word in words if word not in _HELP]
    made = console()
    try:
        return made.run(ArgvInput([NAME, *words]))
    except CleoCommandNotFoundError:
        return _usage(str(_unknown(plain, sorted(made.all()))))
    except CleoError as error:
        return _usage(str(error))


def console() -> Application:
    """Return the application with all commands; those on pip-tools are there to be listed."""
    made = _Console(NAME, __version__)
    made.set_display_name(NAME)
    for name, (_module, description) in cli.PIP_TOOLS_COMMANDS.items():
        made.add(_HandedOn(name, description))
    made.set_command_loader(FactoryCommandLoader(_COMMANDS))
    return made


class _Console(Application):
    """cleo's application, which lets everything out that is raised.

    Its own says 0 after a closed pipe, whatever was found or left undone, and 1 when interrupted.
    """

    def run(
        self,
        input: Input | None = None,  # noqa: A002 - cleo's name
        output: Output | None = None,
        error_output: Output | None = None,
    ) -> int:
        """Run what the input names and return its exit code; it never leaves the process."""
        io = self.create_io(input, output, error_output)
        self._configure_io(io)
        return self._run(io)


def _unknown(words: Sequence[str], known: Sequence[str]) -> UnknownWordError:
    """Return the error for a command that is none; of one that has several words, offer those."""
    of_group = [name for name in known if name.startswith(f"{words[0]} ")]
    if of_group:
        return UnknownWordError("command", " ".join(words[:2]), of_group)
    return UnknownWordError("command", words[0], known)


class _HandedOn(Command):
    """A command that is dispatched before cleo parses anything: here for its name alone."""

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.description = description
        super().__init__()


def _misplaced(words: Sequence[str], name: str) -> int:
    """Answer a command on pip-tools that other words stand before: a call for help, or a slip."""
    before = words[: list(words).index(name)]
    if _HELP.issuperset(before):
        return cli.main([name, "--help"])
    return _usage(f"options stand behind the command: {NAME} {name} {' '.join(before)}")


def _usage(message: str) -> int:
    sys.stderr.write(f"ERROR: {message}\n")
    return _USAGE
