"""Writing several files so that either all of them change or none does, across crashes too.

Every new content first goes into a file beside its output. Then a small journal, itself renamed
into place, says which renames are to be done: from that moment on the run counts as done, and
whoever finds the journal (`recover`) finishes it. Before that moment nothing has changed. A rename
that another process has done already is no fault, so that no lock is needed: parallel runs of
`make` in one directory each have a journal of their own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING

from accelock.errors import OutputError
from accelock.locks.journal_file import Change, JournalFile, Recovery, contents_in, journals_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_UNCHANGED = "no file was changed"
_LITTER_AGE = 600.0  # seconds; writing takes milliseconds, so that an older file has no writer left


def write_all(files: Mapping[Path, bytes], directory: Path | None = None) -> None:
    """Give every path its new content, or leave all of them as they were.

    An existing file keeps its mode (and its owner, where the system lets us); a new one follows
    the umask. Symbolic links are written through; what is no regular file (`/dev/stdout`) is
    written in place. The journal stands in `directory`, by default that of the first path. Raises
    OutputError, which names the file at fault, with nothing changed.
    """
    special = {path: data for path, data in files.items() if is_special(path)}
    regular = [path for path in files if path not in special]
    finals = _finals({path: files[path] for path in regular})
    home = directory or (regular[0].parent if regular else None)
    if home is None:
        _write_in_place(special)
        return
    recover(home)
    token = secrets.token_hex(8)
    changes = tuple(Change.of(path, data, token) for path, data in finals.items())
    journal = JournalFile(home.resolve(), token, changes)
    try:
        before = _prepare(changes, finals)
        _write_in_place(special)
        _publish(journal)
    except BaseException:
        _discard([journal.path, journal.draft, *(change.new for change in changes)])
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

    A whole journal is completed; one that cannot be is rolled back. Raises OutputError when files
    cannot be read or renamed (the journal then stays: it may be of another user's run, which is
    still at work), or when only some of them have their new content.
    """
    with _reading():
        journals = tuple(JournalFile.all_in(directory))
    done = tuple(recovery for journal in journals if (recovery := _recover(journal)))
    _discard(_litter(directory))
    return done


def pending(directory: Path) -> bool:
    """Tell whether an interrupted run left a journal in `directory`."""
    return any(True for _ in journals_in(directory))


def _finals(files: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Return the contents by resolved path; refuse what cannot be written to."""
    finals: dict[Path, bytes] = {}
    for path, data in files.items():
        with _naming(path):
            final = path.resolve()
        if final.is_symlink():  # still, after resolving: newer Pythons do not raise for a loop
            raise OutputError(f"{path}: the symbolic links form a loop; no file was changed")
        if final in finals:
            raise OutputError(f"{path}: two outputs are this one file; no file was changed")
        if final.is_dir():
            raise OutputError(f"{path}: this is a directory, not a file; no file was changed")
        if final.exists() and not os.access(final, os.W_OK):
            raise OutputError(f"{path}: this file is write-protected; no file was changed")
        finals[final] = data
    return finals


def _prepare(changes: Iterable[Change], finals: Mapping[Path, bytes]) -> dict[Path, bytes | None]:
    """Write the new contents beside their files; return the old ones, None for no file."""
    for parent in {path.parent for path in finals}:
        _discard(_litter(parent))
    before = {path: _content(path) for path in finals}
    for change in changes:
        _write_beside(change, finals[change.final])
    return before


def _write_in_place(files: Mapping[Path, bytes]) -> None:
    for path, data in files.items():
        with _naming(path):
            path.write_bytes(data)


def _content(path: Path) -> bytes | None:
    with _naming(path):
        return path.read_bytes() if path.exists() else None


def _write_beside(change: Change, data: bytes) -> None:
    with _naming(change.final):
        _write_durably(change.new, data, like=change.final)
        _sync_directory(change.new.parent)


def _write_durably(path: Path, data: bytes, like: Path | None = None) -> None:
    with path.open("xb") as stream:
        if like is not None and like.exists():
            _copy_mode(like, path)  # first: what was private is never readable for a moment
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _copy_mode(old: Path, new: Path) -> None:
    status = old.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only root may; a file of ours is better than none
            os.chown(new, status.st_uid, status.st_gid)
    new.chmod(stat.S_IMODE(status.st_mode))


def _publish(journal: JournalFile) -> None:
    with _naming(journal.path):
        _write_durably(journal.draft, journal.dumps())
        journal.draft.replace(journal.path)
        _sync_directory(journal.directory)


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
    _discard(change.new for change in journal.changes)
    for change in done:
        old = before[change.final]
        if old is None:
            _discard([change.final])
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
        new = [str(change.final) for change in journal.changes if change.is_applied]
    if not journal.path.exists():  # and so are its contents, or others that came after them
        return None
    _discard(change.new for change in journal.changes)
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
    _discard([journal.path])


def _litter(directory: Path) -> Iterator[Path]:
    """Yield what a run left that was killed before it had a journal."""
    for path in contents_in(directory):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LITTER_AGE:
                yield path


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
