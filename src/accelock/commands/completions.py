"""`accelock completions SHELL`: a script by which a shell completes all that accelock knows.

The script has the words in it, so that a shell starts no Python to complete one: it is made again
after an upgrade. The words of `compile`, `rewrite` and `sync` are there where pip-tools is.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from cleo.helpers import argument

from accelock.catalogue import load_catalogue
from accelock.cli import PIP_TOOLS_COMMANDS
from accelock.commands import COMMANDS
from accelock.commands.app import console
from accelock.commands.base import Command
from accelock.commands.shells import SHELLS
from accelock.errors import UnknownWordError
from accelock.hardware import profile
from accelock.targets import PLATFORMS, sort_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option as CleoOption

_FORMATS = {"conda capture": ("table", "environment")}


class CompletionsCommand(Command):
    """Prints what a shell completes accelock's words by."""

    name = "completions"
    help = (
        "Prints a script that your shell reads when it starts. It completes every command, "
        "option, target, platform, profile and family. Print it again after an upgrade. `poetry "
        "completions` does the same for `poetry accelock`."
    )
    arguments: ClassVar[list[Argument]] = [argument("shell", "bash, zsh, fish or powershell.")]

    def handle(self) -> int:
        """Print the script and return 0."""
        shell = self.argument("shell")
        if shell not in SHELLS:
            raise UnknownWordError("shell", shell, tuple(SHELLS))
        self.show([SHELLS[shell](tuple(words()))])
        return 0


@dataclass(frozen=True, slots=True)
class OptionWords:
    """An option: its names, what it means, and the words of its value.

    `values` is None for a flag, and empty where the value is a file or free text.
    """

    names: tuple[str, ...]
    says: str
    values: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CommandWords:
    """A command: its name (of one or two words), what it is, its options, and its arguments' words.

    `values` is empty where an argument is a file or free text.
    """

    name: str
    says: str
    options: tuple[OptionWords, ...]
    values: tuple[str, ...]


def words() -> Iterator[CommandWords]:
    """Yield all commands, those on pip-tools with their options where it is installed."""
    known = _values()
    application = console({})
    common = tuple(_of_cleo(application.definition.options, {}))
    for name, (module, says) in PIP_TOOLS_COMMANDS.items():
        yield CommandWords(name, says, tuple(_of_click(module, known)), ())
    for name, says in COMMANDS.items():
        command = application.find(name)
        own = {**known, "format": _FORMATS.get(name, ())}
        arguments = {v: None for a in command.definition.arguments for v in own.get(a.name, ())}
        yield CommandWords(name, says, (*_of_cleo(command.options, own), *common), tuple(arguments))


def _values() -> Mapping[str, tuple[str, ...]]:
    """Return the words that options and arguments of a name take."""
    catalogue = load_catalogue()
    targets = tuple(each.name for each in sort_targets(catalogue.targets))
    families = tuple(each.name for each in catalogue.families)
    return {
        "target": targets,
        "a": targets,
        "b": targets,
        "platform": tuple(PLATFORMS),
        "machine": profile.names(),
        "family": families,
        "source": tuple(f"{name}=" for name in families),
        "shell": tuple(SHELLS),
    }


def _of_cleo(
    options: Iterable[CleoOption], known: Mapping[str, tuple[str, ...]]
) -> Iterator[OptionWords]:
    for each in options:
        short = [f"-{word}" for word in (each.shortcut or "").split("|") if word]
        values = known.get(each.name, ()) if each.accepts_value() else None
        yield OptionWords((*short, f"--{each.name}"), each.description, values)


def _of_click(module: str, known: Mapping[str, tuple[str, ...]]) -> Iterator[OptionWords]:
    try:
        command = importlib.import_module(module).command()
    except ImportError:  # pip-tools is not installed
        return
    for each in command.params:
        if each.param_type_name == "option":
            choices = tuple(getattr(each.type, "choices", ()))
            flag = each.is_flag or each.count
            values = None if flag else choices or known.get(each.name, ())
            names = (*each.opts, *each.secondary_opts)
            yield OptionWords(tuple(names), _first_sentence(each), values)


def _first_sentence(option: Any) -> str:
    return " ".join((option.help or "").split()).partition(". ")[0].removesuffix(".")
