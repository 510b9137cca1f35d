"""Local projects among the requirements: `-e .`, `./library`, `library @ file:///...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pip._internal.models.link import Link
from pip._internal.req.constructors import parse_editable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hosts.piptools.state import Capture


def found_in(capture: Capture) -> Iterator[tuple[Any, Path]]:
    """Yield what a cell was resolved to that is a directory on this machine, each resolved."""
    for ireq in (*capture.results, *capture.unsafe_requirements):
        directory = _directory(ireq.link, editable=ireq.editable)
        if directory is not None:
            yield ireq, directory


def _directory(link: Link | None, *, editable: bool) -> Path | None:
    """Return the resolved directory on this machine that a requirement's link names, else None."""
    if link is None or not link.is_file:
        return None
    if editable:
        # Since pip-tools 7.5 (its `FileLink`), the link of `-e ./seed[web]` says what the file
        # says, extras and all, in place of a URL and a path; as URLs do, it parses.
        link = Link(parse_editable(link.url)[1])
    directory = Path(link.file_path).resolve()
    return directory if directory.is_dir() else None
