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
from accelock.hardware.fit import newest_that_runs
from accelock.moving_in import files
from accelock.moving_in.plan import plan
from accelock.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option

TARGETS = argument("targets", "cpu, cu126, rocm6.3, xpu, ...", optional=True, multiple=True)
_NOTHING = "Nothing here was made by hand for hardware. To declare targets: accelock init cpu cu126"
_CHANGED = "There is nothing to change."


class InitCommand(Command):
    """Shows what a project says of hardware by hand, and what becomes of it; writes it if asked."""

    name = "init"
    description = "what a project says of hardware by hand, moved into [tool.accelock]"
    help = (
        "Reads pyproject.toml and the inputs of pip-compile (*.in), here and in requirements/: "
        "indexes and labels of builds, a file, an extra or a group for each accelerator. It prints "
        "each of them with what it becomes, and a diff, which --write applies. The targets that "
        "you name are declared too."
    )
    arguments: ClassVar[list[Argument]] = [TARGETS]
    options: ClassVar[list[Option]] = [option("write", "w", "Change the files, all or none.")]

    def handle(self) -> int:
        """Show, or write, and return the exit code."""
        words, folder = declared(self.argument("targets")), Path()
        there = files.read_files(folder)
        found = plan(there, load_catalogue(), words, files.read_others(folder))
        self._say(map(str, found.findings))
        if found.open:
            places = ", ".join(f"{each.file}:{each.line}" for each in found.open)
            raise AccelockError(f"nothing was changed: decide first what is said of {places}")
        if not found.edits:
            self._say([_CHANGED if found.findings or words else _NOTHING])
            return 0
        self._say(["", *files.diff(there, found), ""])
        if not self.option("write"):
            again = " ".join(["accelock init --write", *words])
            self._say([f"Nothing was written. To write it: {again}"])
            return 0
        files.write(folder, there, found)
        gone = [name for name, text in found.edits.items() if text is None]
        written = [name for name in found.edits if name not in gone]
        removed = f"; removed: {', '.join(gone)}" if gone else ""
        self._say([f"Written: {', '.join(written)}{removed}."])
        self._say([f"Now run: {' && '.join(found.next)}"])
        return 0

    def _say(self, lines: Iterable[str]) -> None:
        self.show(map(hide_credentials, lines))


def declared(words: Sequence[str]) -> list[str]:
    """Return the targets that words name, each once.

    :raises UnknownWordError: a word is no target.
    """
    catalogue = load_catalogue()
    runs = functools.partial(newest_that_runs, catalogue=catalogue)
    return list(dict.fromkeys(parse_target(w, catalogue.targets, runs).name for w in words))
