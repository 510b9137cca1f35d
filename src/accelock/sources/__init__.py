"""Indexes and find-links pages: files, hashes, and the metadata of single wheels.

Reads PEP 503 (HTML) and PEP 691 (JSON) pages and core metadata (PEP 658, else ranges of the
wheel) over the session of the host tool; never the body of a file. Decides nothing.
"""

from __future__ import annotations
