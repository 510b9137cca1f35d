"""The lines of a requirements file as pip joins them, with the comments that belong to each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT = re.compile(r"(^|\s+)(#.*)$")
_ANNOTATION = re.compile(r"\s+#|#\s*via\b")  # indented, or in pip-compile's words


class Line(NamedTuple):
    """One logical line: `raw` as it stands, `text` without comment and continuation.

    `comments` are the inline comment and the annotation below; `first` and `last` are physical
    line numbers from 1, the annotation included.
    """

    text: str
    raw: str
    comments: tuple[str, ...]
    first: int
    last: int


def logical_lines(text: str) -> Iterator[Line]:
    """Yield the lines of `text` that hold a requirement or an option, in order."""
    physical = text.splitlines()
    start = 0
    while start < len(physical):
        stop = _end_of_continuation(physical, start)
        raw = physical[start:stop]
        joined, comment = without_comment("".join(map(_joinable, raw)))
        if not joined:
            start = stop
            continue
        below = _end_of_annotation(physical, stop)
        comments = (*filter(None, [comment]), *(line.strip() for line in physical[stop:below]))
        yield Line(joined, "\n".join(raw), comments, start + 1, below)
        start = below


def without_comment(line: str) -> tuple[str, str]:
    """Return what stands before the comment of a line, and the comment from its `#` on.

    A `#` without white space before it belongs to a URL.
    """
    found = _COMMENT.search(line)
    return (line[: found.start()].strip(), found[2].strip()) if found else (line.strip(), "")


def _end_of_continuation(physical: list[str], start: int) -> int:
    """Return the index after the logical line; a comment line ends a continuation, as in pip."""
    for index in range(start, len(physical)):
        line = physical[index]
        if not line.endswith("\\") or line.lstrip().startswith("#"):
            return index + 1
    return len(physical)


def _joinable(line: str) -> str:
    """Return a physical line without its backslash; a space tells a comment from a URL's `#`."""
    return f" {line}" if line.lstrip().startswith("#") else line.rstrip("\\")


def _end_of_annotation(physical: list[str], start: int) -> int:
    index = start
    while index < len(physical) and _ANNOTATION.match(physical[index]):
        index += 1
    return index
