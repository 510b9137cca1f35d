"""A journal as a file: the changes of one run, and the new contents beside their files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FORMAT = 1
_JOURNAL = re.compile(r"\.accelock-journal\.([0-9a-f]{16})")
_NEW = re.compile(r"\.(.+)\.([0-9a-f]{16})\.accelock-new")
_DRAFT = re.compile(r"\.\.accelock-journal\.([0-9a-f]{16})\.\1\.accelock-new")


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is to get a new content, which stands in another file beside it.

    :param sha256: of that content; None for a file that is to go. It changes places with an empty
        file beside it, without which nothing goes: a forged journal takes nothing away either.
    """

    final: Path
    new: Path
    sha256: str | None

    @classmethod
    def of(cls, final: Path, data: bytes | None, token: str) -> Change:
        """Return the change of `final` to `data` in the run that `token` names."""
        digest = None if data is None else hashlib.sha256(data).hexdigest()
        return cls(final, _new_path(final, token), digest)

    def apply(self) -> bool:
        """Rename, and return True; False where the content is gone.

        Then it was renamed before, by us or by another process that found the journal.
        """
        if self.sha256 is None and not self.new.is_file():
            return False
        with contextlib.suppress(FileNotFoundError):
            if self.sha256 is None:
                self.final.replace(self.new)
            else:
                self.new.replace(self.final)
            return True
        return self.sha256 is None

    def take_back(self) -> None:
        """Put a file back that is to go; take a content away that is not needed.

        :raises OSError: the file cannot be put back.
        """
        if self.sha256 is None and not os.path.lexists(self.final):
            with contextlib.suppress(FileNotFoundError):
                self.new.replace(self.final)
        discard([self.new])

    @property
    def is_possible(self) -> bool:
        """Whether the new content is there whole, or has arrived; OSError: it cannot be read."""
        if self.sha256 is None:
            return self.new.is_file() or self.is_applied
        return _sha256(self.new) == self.sha256 or self.is_applied

    @property
    def is_applied(self) -> bool:
        """Whether the file has its new content, or is gone; OSError where that cannot be read."""
        if self.sha256 is None:
            return not os.path.lexists(self.final)
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

    def write_draft(self) -> Path:
        """Write it there, before anything that it names is."""
        write_durably(self.draft, self.dumps())
        sync_directory(self.directory)
        return self.draft

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
            entries = [
                (str(e["path"]), e["sha256"] and str(e["sha256"])) for e in document["files"]
            ]
        except (ValueError, KeyError, TypeError, RecursionError):
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
        for path, token in _named(directory, _JOURNAL):
            with contextlib.suppress(FileNotFoundError):  # its writer has just finished
                yield cls.load(path, token)


def is_journal_in(directory: Path) -> bool:
    """Return whether an interrupted run left a journal in `directory`."""
    return any(True for _ in _named(directory, _JOURNAL))


def drafts_in(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield the drafts in `directory`, of runs at work or killed, with the runs' tokens."""
    return _named(directory, _DRAFT)


def _named(directory: Path, pattern: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files in `directory` with such a name, and their runs' tokens, by name."""
    for path in _entries(directory):
        if found := pattern.fullmatch(path.name):
            yield path, found[1]


def _new_path(final: Path, token: str) -> Path:
    return final.with_name(f".{final.name}.{token}.accelock-new")


def _found_beside(journal: Path, token: str) -> Iterator[Change]:
    for path in _entries(journal.parent):
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


def write_durably(path: Path, data: bytes, like: Path | None = None) -> None:
    """Write a new file, with the owner and the mode of `like`, and have the system keep it."""
    with path.open("xb") as stream:
        if like is not None and like.exists():  # first: what is private never is readable
            status = like.stat()
            if hasattr(os, "chown"):
                with contextlib.suppress(OSError):  # only root may; a file of ours is better
                    os.chown(path, status.st_uid, status.st_gid)
            path.chmod(stat.S_IMODE(status.st_mode))
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def discard(paths: Iterable[Path]) -> None:
    """Remove files, where they are there and the system lets us."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make renames durable; Windows has no such call, and its renames need none."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
