"""Indexes and find-links pages: files, hashes, and the metadata of single wheels.

Reads PEP 503 (HTML) and PEP 691 (JSON) pages and core metadata (PEP 658, else ranges of the
wheel) over the session of the host tool; never the body of a file.
"""

from __future__ import annotations

from accelock.index.labels import public_versions, serving
from accelock.index.model import IndexFile, ProjectPage
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
