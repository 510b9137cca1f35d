"""Local places: `file:` URLs, and directories that stand for find-links pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from accelock.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

HTML_SUFFIXES = frozenset({".html", ".htm"})


def path_of(location: str) -> Path | None:
    """Return the path of a `file:` URL or of a path that exists (as pip does); else None."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if parts.scheme in {"http", "https"}:
        return None
    path = Path(location)
    return path.absolute() if path.exists() else None


def read_file(path: Path) -> bytes:
    """Return the bytes of a local page.

    :raises SourceError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(_unreadable(path, error)) from error


def list_directory(path: Path) -> Iterator[Path]:
    """Yield the files of a find-links directory by name, not those of its subdirectories.

    :raises SourceError: it cannot be read.
    """
    try:
        yield from sorted(entry for entry in path.iterdir() if entry.is_file())
    except OSError as error:
        raise SourceError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{path} could not be read: {reason}. Check the path and its permissions."
