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
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accelock import alive
from accelock.errors import AccelockError, OutputError
from accelock.locks.journal_file import (
    Change,
    JournalFile,
    discard,
    drafts_in,
    is_journal_in,
    sync_directory,
    write_durably,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_UNCHANGED = "no file was changed"
_LITTER_AGE = 600.0  # seconds; writing takes milliseconds, so that an older draft has no writer


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
        sync_directory(journal.directory)
    except BaseException:
        with contextlib.suppress(OSError):  # a draft again: what is written does not count
            journal.path.replace(journal.draft)
        discard([*(change.new for change in changes), journal.path, journal.draft])
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
    if is_journal_in(directory):
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
        write_durably(change.new, data or b"", like=change.final)
        sync_directory(change.new.parent)


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
    discard(change.new for change in journal.changes if change not in done)
    for change in done:
        old = before[change.final]
        if old is None:
            discard([change.final])
        elif change.sha256 is None:
            with _naming(change.final, "it could not be put back"):
                change.take_back()
        else:
            with _naming(change.final, "it could not get its old content back"):
                _write_beside(change, old)
                change.apply()
    discard([journal.path])


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
        sync_directory(parent)
    discard(change.new for change in journal.changes if change.sha256 is None)
    discard([journal.path])


def _sweep(directory: Path) -> None:
    """Remove what runs left that were killed before their journal counted."""
    for draft, token in drafts_in(directory):
        with contextlib.suppress(OSError), alive.seized(draft, _LITTER_AGE) as is_left:
            if is_left:
                changes = JournalFile.load(draft, token).changes
                discard([*(change.new for change in changes), draft])


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


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done about one journal: to which files, and whether they are the new ones."""

    outcome: Literal["completed", "rolled back"]
    files: tuple[Path, ...]

    def __str__(self) -> str:
        names = ", ".join(map(str, self.files)) or "no file"
        return f"an interrupted run was {self.outcome}: {names}"
