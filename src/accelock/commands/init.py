"""The command `init`: a set-up that was made by hand becomes [tool.accelock]."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument, option

from accelock.catalogue import load_catalogue
from accelock.catalogue.source import hide_credentials
from accelock.commands.base import Command
from accelock.errors import AccelockError
from accelock.hardware.choice import newest_that_runs
from accelock.locks import journal
from accelock.moving_in import files
from accelock.moving_in.plan import plan
from accelock.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option

TARGETS = argument("targets", "cpu, cu126, rocm6.3, xpu, ...", optional=True, multiple=True)
WRITE = option("write", "w", "Write the changes, to all files or none.")
_NOTHING = (
    "Nothing in this project was set up for hardware by hand. To declare targets: accelock init "
    "cpu cu126"
)
_CHANGED = "There is nothing to change."


class InitCommand(Command):
    """Shows what a project says of hardware by hand, and what becomes of it; writes it if asked."""

    name = "init"
    help = (
        "Reads pyproject.toml and the inputs of pip-compile (*.in), here and in requirements/: "
        "indexes and labels of builds, and a file, an extra or a group for each accelerator. It "
        "prints what each of them becomes, and a diff, which --write applies. It also declares "
        "the targets that you name."
    )
    arguments: ClassVar[list[Argument]] = [TARGETS]
    options: ClassVar[list[Option]] = [WRITE]

    def handle(self) -> int:
        """Show, or write, and return the exit code."""
        words = declared(self.argument("targets"))
        self.show(move_in(Path(), words, command="accelock init", write=self.option("write")))
        return 0


def is_by_hand(folder: Path) -> bool:
    """Tell whether a project says something of hardware by hand that can be moved in."""
    found = plan(files.read_files(folder), load_catalogue(), (), files.read_others(folder))
    return bool(found.edits or found.open)


def move_in(folder: Path, words: Sequence[str], *, command: str, write: bool) -> Iterator[str]:
    """Move a project in, and yield what to say of it.

    :param words: the targets that are named.
    :param command: what the user ran, to be told what to run next.
    :raises AccelockError: a person has to decide first, or a file cannot be read or written.
    """
    yield from map(str, journal.recover(folder))
    there = files.read_files(folder)
    found = plan(there, load_catalogue(), words, files.read_others(folder))
    yield from (hide_credentials(str(each)) for each in found.findings)
    if found.open:
        places = ", ".join(f"{each.file}:{each.line}" for each in found.open)
        raise AccelockError(f"nothing was changed: decide first about {places}")
    if not found.edits:
        yield _CHANGED if found.findings or words else _NOTHING
        return
    yield from ("", *map(hide_credentials, files.diff(there, found)), "")
    if not write:
        yield f"Nothing was written. To write it: {' '.join([command, '--write', *words])}"
        return
    files.write(folder, there, found)
    gone = [name for name, text in found.edits.items() if text is None]
    written = [name for name in found.edits if name not in gone]
    removed = f"; removed: {', '.join(gone)}" if gone else ""
    yield f"Written: {', '.join(written)}{removed}."
    yield f"Now run: {' && '.join(found.next)}"


def declared(words: Sequence[str]) -> list[str]:
    """Return the targets that words name, each once.

    :raises UnknownWordError: a word is no target.
    """
    catalogue = load_catalogue()
    runs = functools.partial(newest_that_runs, catalogue=catalogue)
    return list(dict.fromkeys(parse_target(w, catalogue.targets, runs).name for w in words))
