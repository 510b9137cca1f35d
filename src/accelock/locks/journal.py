"""Writing several files so that either all of them change or none does, across crashes too.

A small journal says which files are to change. It is a draft at first, which the run holds
(`accelock.alive`) while it writes every new content into a file beside its output: whoever finds a
draft that nobody holds removes it, and what it names. Then the draft is renamed into place: from
that moment on the run counts as done, and whoever finds the journal (`recover`) finishes it. Before
that moment nothing has changed. A file that is to go is renamed too, over an empty one beside it
that goes when all is done. A rename that another process has done already is no fault, so that
finishing needs no lock: parallel runs of `make` in one directory each have a journal of their own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from accelock import alive
from accelock.errors import AccelockError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_UNCHANGED = "no file was changed"
_LITTER_AGE = 600.0  # seconds; writing takes milliseconds, so that an older draft has no writer
_FORMAT = 1
_JOURNAL = re.compile(r"\.accelock-journal\.([0-9a-f]{16})")
_NEW = re.compile(r"\.(.+)\.([0-9a-f]{16})\.accelock-new")
_DRAFT = re.compile(r"\.\.accelock-journal\.([0-9a-f]{16})\.\1\.accelock-new")


def write_all(files: Mapping[Path, bytes | None], directory: Path | None = None) -> None:
    """Give every path its new content, or leave all of them as they were; None takes a file away.

    An existing file keeps its mode (and its owner, where the system lets us); a new one follows
    the umask. Symbolic links are written through; what is no regular file (`/dev/stdout`) is
    written in place. The journal stands in `directory`, by default that of the first path. Raises
    OutputError, which names the file at fault, with nothing changed.
    """
    special = {p: data for p, data in files.items() if data is not None and is_special(p)}
    regular = [path for path in files if path not in special]
    finals = _finals({path: files[path] for path in regular})
    home = directory or (regular[0].parent if regular else None)
    if home is None:
        _write_in_place(special)
        return
    recover(home)
    token = secrets.token_hex(8)
    ordered = sorted(finals.items(), key=lambda each: each[1] is None)
    changes = tuple(Change.of(path, data, token) for path, data in ordered)
    journal = JournalFile(home.resolve(), token, changes)
    try:
        with _naming(directory or regular[0]), alive.holding(journal.write_draft):
            before = _prepare(changes, finals)
            _write_in_place(special)
            journal.draft.replace(journal.path)
        _sync_directory(journal.directory)
    except BaseException:
        with contextlib.suppress(OSError):  # a draft again: what is written does not count
            journal.path.replace(journal.draft)
        _discard([*(change.new for change in changes), journal.path, journal.draft])
        raise
    _commit(journal, before)


def refuse_unwritable(paths: Iterable[Path]) -> None:
    """Raise OutputError for the first path that `write_all` could not write, before any work."""
    for final in _finals(dict.fromkeys(paths, b"")):
        if not os.access(final.parent, os.W_OK):
            raise OutputError(
                f"{final}: its folder is not there or write-protected; no file was changed"
            )


def is_special(path: Path) -> bool:
    """Tell whether this is a device or a pipe, which a rename would destroy.

    It holds nothing to keep either: reading it may never end (`/dev/full`).
    """
    return path.exists() and not (path.is_file() or path.is_dir())


def recover(directory: Path) -> tuple[Recovery, ...]:
    """Finish, or take back, what interrupted runs left in `directory`; return what was done.

    A whole journal is completed; one that cannot be is rolled back. What a run left that was killed
    before it had one goes without a word. Raises OutputError when files cannot be read or renamed
    (the journal then stays: it may be of another user's run, which is still at work), or when only
    some of them have their new content.
    """
    with _reading():
        journals = tuple(JournalFile.all_in(directory))
    done = tuple(recovery for journal in journals if (recovery := _recover(journal)))
    _sweep(directory)
    return done


def refuse_unfinished(directory: Path, check: str = "accelock check") -> None:
    """Raise AccelockError where an interrupted run left a journal: what is read may be a mix.

    :param check: the command that finishes the writing.
    """
    _sweep(directory)
    if any(True for _ in _named(directory, _JOURNAL)):
        raise AccelockError(
            f"{directory.resolve()}: an earlier run of accelock was interrupted here, and may have "
            f"left old files beside new ones. Nothing was changed. Run: {check} (it finishes the "
            "writing), then this again."
        )


def _finals(files: Mapping[Path, bytes | None]) -> dict[Path, bytes | None]:
    """Return the contents by resolved path; refuse what cannot be written to.

    Of a symbolic link that is to go, it is the link.
    """
    finals: dict[Path, bytes | None] = {}
    for path, data in files.items():
        with _naming(path):
            final = path.parent.resolve() / path.name if data is None else path.resolve()
        if (
            data is not None and final.is_symlink()
        ):  # still, after resolving: newer Pythons do not raise for a loop
            raise OutputError(f"{path}: the symbolic links form a loop; no file was changed")
        if final in finals:
            raise OutputError(f"{path}: two outputs are this one file; no file was changed")
        if final.is_dir():
            raise OutputError(f"{path}: this is a directory, not a file; no file was changed")
        if final.exists() and not os.access(final, os.W_OK):
            raise OutputError(f"{path}: this file is write-protected; no file was changed")
        finals[final] = data
    return finals


def _prepare(
    changes: Iterable[Change], finals: Mapping[Path, bytes | None]
) -> dict[Path, bytes | None]:
    """Write the new contents beside their files; return the old ones, None for no file."""
    before: dict[Path, bytes | None] = {}
    for path in finals:
        with _naming(path):
            before[path] = path.read_bytes() if path.exists() else None
    for change in changes:
        _write_beside(change, finals[change.final])
    return before


def _write_in_place(files: Mapping[Path, bytes]) -> None:
    for path, data in files.items():
        with _naming(path):
            path.write_bytes(data)


def _write_beside(change: Change, data: bytes | None) -> None:
    with _naming(change.final):
        _write_durably(change.new, data or b"", like=change.final)
        _sync_directory(change.new.parent)


def _write_durably(path: Path, data: bytes, like: Path | None = None) -> None:
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


def _commit(journal: JournalFile, before: Mapping[Path, bytes | None]) -> None:
    """Do the renames; where one is refused, give the others their old content back."""
    done: list[Change] = []
    for change in journal.changes:
        try:
            if not change.apply():
                _refuse_lost(change, before[change.final])
        except OSError as error:
            _undo(journal, done, before)
            raise _output_error(change.final, error) from error
        done.append(change)
    _finish(journal)


def _refuse_lost(change: Change, before: bytes | None) -> None:
    """Raise FileNotFoundError for a content that somebody took away before it was renamed.

    Where the file is neither as it was nor as we want it, another run has written it since.
    """
    content = change.final.read_bytes() if change.final.exists() else None
    if content == before and not change.is_applied:
        raise FileNotFoundError(errno.ENOENT, "its new content was removed by something else")


def _undo(
    journal: JournalFile, done: Iterable[Change], before: Mapping[Path, bytes | None]
) -> None:
    """Put the old contents back; until that is done the journal tells of files that are not."""
    _discard(change.new for change in journal.changes if change not in done)
    for change in done:
        old = before[change.final]
        if old is None:
            _discard([change.final])
        elif change.sha256 is None:
            with _naming(change.final, "it could not be put back"):
                change.take_back()
        else:
            with _naming(change.final, "it could not get its old content back"):
                _write_beside(change, old)
                change.apply()
    _discard([journal.path])


def _recover(journal: JournalFile) -> Recovery | None:
    """Finish or take back one run; None where its own process has just finished it."""
    with _reading():
        possible = journal.is_whole and all(change.is_possible for change in journal.changes)
    if possible:
        for change in journal.changes:
            with _naming(change.final, "an interrupted run is still incomplete"):
                change.apply()
        _finish(journal)
        return Recovery("completed", journal.finals)
    with _reading():
        written = [change for change in journal.changes if change.sha256 is not None]
        new = [str(change.final) for change in written if change.is_applied]
    if not journal.path.exists():  # and so are its contents, or others that came after them
        return None
    for change in journal.changes:
        with _naming(change.final, "an interrupted run took it away, and it is beside it"):
            change.take_back()
    _finish(journal)
    if new:
        raise OutputError(
            f"an interrupted run wrote {', '.join(new)}, but what it wanted to write into the rest "
            f"of {', '.join(map(str, journal.finals))} is lost; run it again"
        )
    return Recovery("rolled back", journal.finals)


def _finish(journal: JournalFile) -> None:
    for parent in {change.final.parent for change in journal.changes}:
        _sync_directory(parent)
    _discard(change.new for change in journal.changes if change.sha256 is None)
    _discard([journal.path])


def _sweep(directory: Path) -> None:
    """Remove what runs left that were killed before their journal counted."""
    for draft, token in _named(directory, _DRAFT):
        with contextlib.suppress(OSError), alive.seized(draft, _LITTER_AGE) as is_left:
            if is_left:
                changes = JournalFile.load(draft, token).changes
                _discard([*(change.new for change in changes), draft])


def _discard(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Make renames durable; Windows has no such call, and its renames need none."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Turn the system's refusal to show a journal or a content into an error that names it."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{error.filename}: cannot be read ({error.strerror}), and it is of a run that was "
            "interrupted, or that is at work; no file was changed. Wait for that run to end, or "
            "run this again as its user."
        ) from error


@contextlib.contextmanager
def _naming(path: Path, and_so: str = _UNCHANGED) -> Iterator[None]:
    """Turn the system's errors into one that names the file."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: pathlib's word for a loop of links
        raise _output_error(path, error, and_so) from error


def _output_error(path: Path, error: Exception, and_so: str = _UNCHANGED) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"{path}: cannot be written ({reason}); {and_so}")


# The journal itself


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
        _discard([self.new])

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
        _write_durably(self.draft, self.dumps())
        _sync_directory(self.directory)
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
