"""The command `conda lock`: the conda sidecars alone, and their other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import option
from cleo.io.outputs.output import Type, Verbosity

from accelock.commands.base import Command, shows_progress
from accelock.conda.beside import renew
from accelock.conda.formats import FORMATS, on_request
from accelock.conda.project import load_project
from accelock.errors import UnknownWordError
from accelock.locks import journal

if TYPE_CHECKING:
    from cleo.io.inputs.option import Option


class CondaLockCommand(Command):
    """Solves what is stale of [tool.accelock.conda], and writes all of its files or none."""

    name = "conda lock"
    description = "pin [tool.accelock.conda]: an environment.yml and a lock per target"
    help = (
        "Writes environment-<target>.yml and conda-<target>-lock.yml for every target and group, "
        "each for all platforms. Files that are fresh are left alone, and so is what is locked, "
        "wherever it still fits. It needs the extra `conda`, but no conda."
    )
    options: ClassVar[list[Option]] = [
        option("update", None, "Let this package leave its version.", flag=False, multiple=True),
        option("update-all", None, "Let every package leave its version."),
        option(
            "format",
            None,
            "Write this too: "
            + ", ".join(f"`{name}` ({FORMATS[name].says})" for name in on_request())
            + ".",
            flag=False,
            multiple=True,
        ),
    ]

    def directory(self) -> Path:
        """Return the project's folder."""
        return Path()

    def handle(self) -> int:
        """Solve, write and return the exit code."""
        # rattler is loaded only by the command that needs it.
        from accelock.conda.run import CondaRequest, sidecars  # noqa: PLC0415

        directory = self.directory()
        for recovery in journal.recover(directory):
            self._say(str(recovery))
        asked = CondaRequest(
            update=tuple(self.option("update")),
            everything=self.option("update-all"),
            formats=tuple(_format(word) for word in self.option("format")),
        )
        project = load_project(directory)
        files = sidecars(
            project,
            asked,
            name=project.name,
            say=self._say,
            warn=self._warn,
            show_progress=shows_progress(self.io),
        )
        if files:
            journal.write_all(files, directory)
        renew(directory, project.environments())
        for path in files:
            self.io.write_line(f"{path.name} written", type=Type.RAW)
        if not files:
            self.io.write_line("The conda files are fresh; nothing was solved.", type=Type.RAW)
        return 0

    def _say(self, text: str) -> None:
        self.io.write_error_line(text, verbosity=Verbosity.NORMAL, type=Type.RAW)

    def _warn(self, text: str) -> None:
        self._say(f"WARNING: {text}")


def _format(word: str) -> str:
    if word not in on_request():
        raise UnknownWordError("format", word, on_request())
    return word
