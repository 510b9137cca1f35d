"""The command `conda capture`: an existing environment as a table, or as an environment.yml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import option
from cleo.io.outputs.output import Type

from accelock.commands.base import Command
from accelock.conda import capture
from accelock.errors import AccelockError, UnknownWordError, UsageError
from accelock.locks import journal

if TYPE_CHECKING:
    from cleo.io.inputs.option import Option

    from accelock.conda.capture import Captured

_FORMATS = ("table", "environment")


class CondaCaptureCommand(Command):
    """Prints what was asked for in a conda environment, pinned and portable."""

    name = "conda capture"
    description = "print what was asked for in a conda environment, pinned"
    help = (
        "Reads the environment's own records, without conda. What pip installed there is listed "
        "apart."
    )
    options: ClassVar[list[Option]] = [
        option("prefix", "p", "The environment's folder.", flag=False),
        option("from", None, "Read this environment.yml, or export, instead.", flag=False),
        option("keep", None, "A requirements.in that says which packages count.", flag=False),
        option("format", None, "`table` (the default) or `environment`.", flag=False),
        option("output", "o", "Write to this file instead of stdout.", flag=False),
    ]

    def handle(self) -> int:
        """Capture, print or write, and return the exit code."""
        prefix, file = self.option("prefix"), self.option("from")
        if bool(prefix) == bool(file):
            raise UsageError(
                "say which environment: accelock conda capture --prefix FOLDER, or --from FILE"
            )
        if file and self.option("keep"):
            raise UsageError("--keep chooses from a folder; with --from, edit what is printed")
        form = self.option("format") or _FORMATS[0]
        if form not in _FORMATS:
            raise UnknownWordError("format", form, _FORMATS)
        if file:
            found = capture.captured_from(_read(file) or "", file)
        else:
            found = capture.capture(Path(prefix), _read(self.option("keep")))
        self._tell(found)
        text = capture.table(found) if form == "table" else capture.environment(found)
        if self.option("output"):
            _write(Path(self.option("output")), text)
        else:
            self.io.write(text, type=Type.RAW)
        return 0

    def _tell(self, found: Captured) -> None:
        """Say on stderr how the packages were found, and what the keep-list has in vain."""
        count = len(found.requested)
        noun = "package" if count == 1 else "packages"
        self.io.write_error_line(f"{count} {noun}, known by {found.how}", type=Type.RAW)
        for word in found.missing:
            told = f"WARNING: {word} of the keep-list is not in the environment"
            self.io.write_error_line(told, type=Type.RAW)


def _write(path: Path, text: str) -> None:
    """Write a new file; one that is there is a source of somebody's, pyproject.toml at worst."""
    if path.is_file():
        try:
            before = path.read_bytes()
        except OSError as error:
            raise AccelockError(f"{path}: cannot be read: {error.strerror}") from None
        if before.strip() and before != text.encode():
            raise AccelockError(
                f"{path} is there already; nothing was written. Name another file, or move this "
                "one away; what to put into pyproject.toml is printed without --output"
            )
    journal.write_all({path: text.encode()})


def _read(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AccelockError(f"{path}: cannot be read: {error}") from error
