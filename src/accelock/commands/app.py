"""The console application: what `accelock` offers, and its help."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from cleo.application import Application
from cleo.commands.command import Command
from cleo.exceptions import CleoCommandNotFoundError, CleoError
from cleo.io.inputs.argv_input import ArgvInput
from cleo.loaders.factory_command_loader import FactoryCommandLoader

from accelock import __version__
from accelock.commands import COMMANDS, load
from accelock.errors import UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cleo.io.inputs.input import Input
    from cleo.io.outputs.output import Output

NAME = "accelock"
_HELP = frozenset({"help", "-h", "--help"})
_WHAT_IT_IS = """\
Locks dependencies for every hardware target at once (cpu, cu126, rocm6.3, ...), with your own
tools: pip-tools with the commands below, Poetry with a plugin, conda with files next to the lock.

<b>Examples:</b>
  accelock compile -t cpu -t cu126 requirements.in
  accelock sync        install what fits this machine
  accelock check       in CI: is every lock fresh?
  accelock why torch   which build this machine gets, and why"""


def application(words: Sequence[str], others: Mapping[str, str]) -> int:
    """Run the console application on the words behind its name, and return its exit code.

    AccelockErrors, an interruption and what the system refuses are the caller's to show.

    :param others: commands that run elsewhere, name -> what it is: they are only listed.
    """
    plain = [word for word in words if not word.startswith("-") and word not in _HELP]
    is_of_group = len(plain) == 1 and any(name.startswith(f"{plain[0]} ") for name in COMMANDS)
    if not _HELP.isdisjoint(words) and (not plain or is_of_group):
        # cleo's answer would be the help of its command `list`, or that there is no such command.
        words = ["list", *plain]
    made = console(others, is_listed=not plain or words[0] == "list")
    try:
        return made.run(ArgvInput([NAME, *words]))
    except CleoCommandNotFoundError:
        known = sorted(console(others, is_listed=True).all())
        return _usage(_unknown(plain, known))
    except CleoError as error:
        return _usage(error)


def console(others: Mapping[str, str], *, is_listed: bool = False) -> Application:
    """Return the application with all commands.

    :param others: commands that run elsewhere, name -> what it is: they are only listed.
    :param is_listed: whether this is true of all of them.
    """
    made = _Console(NAME, __version__)
    made.set_display_name(NAME)
    listed = COMMANDS if is_listed else {}
    for name, says in {**others, **listed}.items():
        made.add(_Listed(name, says))
    factories: dict[str, Callable[[], Command]] = {
        name: functools.partial(lambda each: load(each)(), name)
        for name in COMMANDS
        if name not in listed
    }
    made.set_command_loader(FactoryCommandLoader(factories))
    return made


class _Console(Application):
    """cleo's application, which lets everything out that is raised.

    Its own says 0 after a closed pipe, whatever was found or left undone, and 1 when interrupted.
    """

    @property
    def default_commands(self) -> list[Command]:
        """Return cleo's own, less those that are ours: its completions know no values."""
        return [each for each in super().default_commands if each.name not in COMMANDS]

    @property
    def help(self) -> str:
        """Return what stands above the usage."""
        return f"{self.long_version}\n\n{_WHAT_IT_IS}"

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


class _Listed(Command):
    """A command that is here for its name and what it is alone."""

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.description = description
        super().__init__()


def _unknown(words: Sequence[str], known: Sequence[str]) -> UnknownWordError:
    """Return the error for a command that is none; of one that has several words, offer those."""
    of_group = [name for name in known if name.startswith(f"{words[0]} ")]
    if of_group:
        return UnknownWordError("command", " ".join(words[:2]), of_group)
    return UnknownWordError("command", words[0], known)


def _usage(error: Exception) -> int:
    sys.stderr.write(f"ERROR: {error}\n")
    return UnknownWordError.exit_code
