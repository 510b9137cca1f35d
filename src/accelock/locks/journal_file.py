"""The journal itself: which files are to get which new content, and where it stands on disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMAT = 1
_JOURNAL = re.compile(r"\.accelock-journal\.([0-9a-f]{16})")
_NEW = re.compile(r"\.(.+)\.([0-9a-f]{16})\.accelock-new")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done about one journal: to which files, and whether they are the new ones."""

    outcome: Literal["completed", "rolled back"]
    files: tuple[Path, ...]

    def __str__(self) -> str:
        names = ", ".join(map(str, self.files)) or "no file"
        return f"an interrupted run was {self.outcome}: {names}"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is to get a new content, which stands in another file beside it."""

    final: Path
    new: Path
    sha256: str

    @classmethod
    def of(cls, final: Path, data: bytes, token: str) -> Change:
        """Return the change of `final` to `data` in the run that `token` names."""
        return cls(final, _new_path(final, token), hashlib.sha256(data).hexdigest())

    def apply(self) -> bool:
        """Rename, and return True; False where the content is gone.

        Then it was renamed before, by us or by another process that found the journal.
        """
        with suppress(FileNotFoundError):
            self.new.replace(self.final)
            return True
        return False

    @property
    def is_possible(self) -> bool:
        """Whether the new content is there whole, or has arrived; OSError: it cannot be read."""
        return _sha256(self.new) == self.sha256 or self.is_applied

    @property
    def is_applied(self) -> bool:
        """Whether the file has its new content; OSError where that cannot be read."""
        return _sha256(self.final) == self.sha256


@dataclass(frozen=True, slots=True)
class JournalFile:
    """The changes of one run and the directory where their journal stands.

    The journal names the files and the digests of their new contents, never where these stand:
    that follows from the run's token, so that a forged journal can move nothing else.
    """

    directory: Path
    token: str
    changes: tuple[Change, ...]
    is_whole: bool = True

    @property
    def path(self) -> Path:
        """Where the journal stands once it counts."""
        return self.directory / f".accelock-journal.{self.token}"

    @property
    def draft(self) -> Path:
        """Where it is written before."""
        return _new_path(self.path, self.token)

    @property
    def finals(self) -> tuple[Path, ...]:
        """The files that change."""
        return tuple(change.final for change in self.changes)

    def dumps(self) -> bytes:
        """Return the journal as JSON; paths are relative to it where the system can say so."""
        files = [
            {"path": _relative(change.final, self.directory), "sha256": change.sha256}
            for change in self.changes
        ]
        return json.dumps({"format": _FORMAT, "files": files}, indent=1).encode()

    @classmethod
    def load(cls, path: Path, token: str) -> JournalFile:
        """Read a journal; of a damaged one, the changes are those found beside it.

        :raises OSError: it cannot be read: it may be another user's, and whole.
        """
        directory = path.parent
        data = path.read_bytes()
        try:
            document = json.loads(data)
            known = document["format"] == _FORMAT
            entries = [(str(entry["path"]), str(entry["sha256"])) for entry in document["files"]]
        except (ValueError, KeyError, TypeError):
            known, entries = False, []
        if not known:
            return cls(directory, token, tuple(_found_beside(path, token)), is_whole=False)
        finals = ((Path(os.path.normpath(directory / name)), digest) for name, digest in entries)
        changes = tuple(Change(final, _new_path(final, token), digest) for final, digest in finals)
        return cls(directory, token, changes)

    @classmethod
    def all_in(cls, directory: Path) -> Iterator[JournalFile]:
        """Yield the journals that stand in `directory`, by name; none where it cannot be read.

        :raises OSError: one of them cannot be read.
        """
        for path, token in journals_in(directory):
            with suppress(FileNotFoundError):  # its writer has just finished
                yield cls.load(path, token)


def journals_in(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield where the journals in `directory` stand, and their tokens, by name."""
    for path in _entries(directory):
        if found := _JOURNAL.fullmatch(path.name):
            yield path, found[1]


def contents_in(directory: Path) -> Iterator[Path]:
    """Yield the files in `directory` that hold new contents (or a journal's draft)."""
    return (path for path in _entries(directory) if _NEW.fullmatch(path.name))


def _new_path(final: Path, token: str) -> Path:
    return final.with_name(f".{final.name}.{token}.accelock-new")


def _found_beside(journal: Path, token: str) -> Iterator[Change]:
    for path in contents_in(journal.parent):
        found = _NEW.fullmatch(path.name)
        if found and found[2] == token:
            yield Change(path.with_name(found[1]), path, "")


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def _sha256(path: Path) -> str | None:
    """Return a file's digest, None where there is no file; OSError: one that cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
