"""The files of a project that are moved in: found, shown as a diff, and written whole."""

from __future__ import annotations

import contextlib
import difflib
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.locks import journal
from accelock.moving_in.elsewhere import PATTERNS
from accelock.moving_in.pyproject import TextFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accelock.moving_in.plan import Proposal

_PYPROJECT = "pyproject.toml"
_FOLDERS = (".", "requirements")
_NO_INPUT = frozenset({"MANIFEST.in"})


def read_files(directory: Path) -> dict[str, TextFile]:
    """Return pyproject.toml and the inputs of pip-compile (`*.in`), by name.

    :raises AccelockError: there is neither, or one of them cannot be read.
    """
    paths = [path for folder in _FOLDERS for path in sorted((directory / folder).glob("*.in"))]
    inputs = [path for path in paths if path.is_file() and path.name not in _NO_INPUT]
    pyproject = directory / _PYPROJECT
    found = [*([pyproject] if pyproject.is_file() else []), *inputs]
    if not found:
        raise AccelockError(
            f"{directory.resolve()}: there is no project here: no pyproject.toml, and no "
            "requirements.in. If you write requirements.txt by hand, rename it: git mv "
            "requirements.txt requirements.in"
        )
    return {path.relative_to(directory).as_posix(): TextFile.read(path) for path in found}


def read_others(directory: Path) -> dict[str, str]:
    """Return the texts of files that are only looked at; what is no text is no reason to stop."""
    paths = (path for pattern in PATTERNS for path in sorted(directory.glob(pattern)))
    found: dict[str, str] = {}
    for path in paths:
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            found[path.relative_to(directory).as_posix()] = text
    return found


def diff(files: Mapping[str, TextFile], plan: Proposal) -> Iterator[str]:
    """Yield the lines of a unified diff, as `git apply` takes it."""
    for name, text in plan.edits.items():
        old = files[name].text.splitlines(keepends=True) if name in files else []
        new = (text or "").splitlines(keepends=True)
        names = (
            f"a/{name}" if name in files else "/dev/null",
            f"b/{name}" if text is not None else "/dev/null",
        )
        for line in difflib.unified_diff(old, new, *names):
            yield line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"


def write(directory: Path, files: Mapping[str, TextFile], plan: Proposal) -> None:
    """Give the files their new texts and take away those that go, or leave all as they were.

    :raises AccelockError: a file cannot be written, or is another one than was read.
    """
    contents: dict[Path, bytes | None] = {}
    for name, text in plan.edits.items():
        path, old = directory / name, files.get(name)
        _refuse_changed(path, name, old)
        newline = old.newline if old else "\n"
        contents[path] = None if text is None else TextFile(path, text, newline).content
    journal.refuse_unwritable(contents)
    journal.write_all(contents, directory)


def _refuse_changed(path: Path, name: str, old: TextFile | None) -> None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = None
    except OSError as error:
        raise AccelockError(f"{name}: cannot be read ({error.strerror})") from error
    if content == (old.content if old is not None else None):
        return
    if (
        content is not None
        and old is not None
        and content.replace(b"\r\n", b"\n") == old.text.encode()
    ):
        raise AccelockError(
            f"{name}: it mixes Windows and Unix line endings. No file was changed. Give it one "
            "kind, and run this again"
        )
    raise AccelockError(f"{name}: it changed during this run. No file was changed. Run this again")
