"""The conda files that a compile writes with its requirements, in the one write of all of them."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
from piptools.logging import log

from accelock.conda.beside import Beside, relative_name
from accelock.hosts.piptools.files import STDOUT, STDOUT_NAMES
from accelock.hosts.piptools.patches import Patches
from accelock.locks import journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from accelock.settings.config import Config


@dataclass(frozen=True, slots=True)
class Sidecars:
    """What a run knows of the project's conda side; without a table for it, there is nothing."""

    beside: Beside | None = None

    @classmethod
    def of(cls, directory: Path, config: Config | None) -> Sidecars:
        """Return it for the project in `directory`.

        :raises ConfigError: the table has faults.
        """
        return cls(Beside.of(directory, config))

    def prepare(self, names: Iterable[str]) -> None:
        """Refuse what will not do before anything is resolved.

        :param names: the paths of the requirements files to write, ``-`` for standard output.
        :raises MissingExtraError: conda files follow them, and the extra is not installed.
        :raises ConfigError: it is not said which of two locks the conda files follow.
        """
        if self.beside is None:
            return
        named = [_name(self.beside, Path(name)) for name in names if name not in STDOUT_NAMES]
        self.beside.require(named)
        note = self.beside.left_out(named)
        if note is not None:
            log.info(note)

    def write(
        self, written: Mapping[Path, bytes], texts: Mapping[Path, str], *, dry_run: bool
    ) -> None:
        """Write requirements, and the conda files that follow them: all of them, or none.

        :param written: the bytes of each requirements file.
        :param texts: what each of them says.
        :raises AccelockError: a conda file cannot be had; nothing was written.
        :raises OutputError: a file cannot be written; all are as they were.
        """
        if self.beside is None:
            if not dry_run:
                journal.write_all(written)
            return
        found = self.beside.files(
            {_name(self.beside, path): text for path, text in texts.items()},
            say=log.info,
            warn=lambda text: log.warning(f"WARNING: {text}"),
            show_progress=sys.stderr.isatty() and log.verbosity >= 0,
        )
        for path in found:
            log.info(f"{'Would write' if dry_run else 'Writing'} {path.name}")
        if not dry_run:
            journal.write_all({**written, **found})
            self.beside.renew([_name(self.beside, path) for path in written])


def _name(beside: Beside, path: Path) -> str:
    return relative_name(path, beside.project.directory)


def as_pip_compile(sidecars: Sidecars, call: Callable[[], None]) -> None:
    """Run plain pip-compile, and write its file together with the conda files that follow it.

    :param call: runs pip-tools' own command, which ends by SystemExit.
    :raises AccelockError: a conda file cannot be had; nothing was written.
    """
    held = Held(sidecars)
    with Patches() as patches:
        patches.replace(compile_module, "OutputWriter", _writer_class(held))
        try:
            call()
        except SystemExit as done:
            if done.code:
                raise
    held.write()


class Held:
    """What pip-compile would write, and has not written yet: its bytes, and its lines."""

    def __init__(self, sidecars: Sidecars) -> None:
        self.sidecars = sidecars
        self.name = STDOUT
        self.lines: list[str] = []
        self.buffer = Buffer()
        self.dry_run = False

    def write(self) -> None:
        """Solve what follows, and write all of it."""
        if self.name not in STDOUT_NAMES:
            path, text = Path(self.name), "".join(f"{line}\n" for line in self.lines)
            written = {path: self.buffer.getvalue()}
            self.sidecars.write(written, {path: text}, dry_run=self.dry_run)


class Buffer(io.BytesIO):
    """A file in memory, which keeps what it has when pip-tools closes it."""

    def close(self) -> None:
        """Stay open."""


def _writer_class(held: Held) -> type[Any]:
    base: type[Any] = compile_module.OutputWriter

    class HeldWriter(base):  # type: ignore[misc]
        """pip-tools' writer, which writes into memory; standard output stays what it is."""

        def __init__(self, dst_file: Any, *args: Any, **kwargs: Any) -> None:
            held.name = str(dst_file.name)
            # The file itself is lazy: one that nobody writes to is never opened.
            taken = dst_file if held.name in STDOUT_NAMES else held.buffer
            super().__init__(taken, *args, **kwargs)
            held.dry_run = self.dry_run

        def _iter_lines(self, *args: Any, **kwargs: Any) -> Iterator[str]:
            for line in super()._iter_lines(*args, **kwargs):
                held.lines.append(click.unstyle(line))
                yield line

    return HeldWriter
