"""Indexes and find-links pages: files, hashes, and the metadata of single wheels.

Reads PEP 503 (HTML) and PEP 691 (JSON) pages and core metadata (PEP 658, else ranges of the
wheel) over the session of the host tool; never the body of a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.index.labels import public_versions, serving
from accelock.index.model import IndexFile, ProjectPage

if TYPE_CHECKING:
    from accelock.index.reader import IndexReader, Response, Session

__all__ = [
    "IndexFile",
    "IndexReader",
    "ProjectPage",
    "Response",
    "Session",
    "public_versions",
    "serving",
]


def __getattr__(name: str) -> Any:
    """Import the reader, and with it the network stack, only for those who ask for it (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from accelock.index import reader

    return getattr(reader, name)
