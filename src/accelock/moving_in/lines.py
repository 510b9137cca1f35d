"""Lines of a text that go, and where the tables of a TOML text are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock import toml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_HEADER = re.compile(r"\s*(?P<open>\[\[?)\s*(?P<key>[^\[\]#]+?)\s*\]\]?\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class Block:
    """A table of a TOML text by its header: lines `first` to `stop` (from 0, `stop` not in it).

    What is empty, or a comment, before the next header is not in it. `told` is where the comment
    right above the header begins, `first` where there is none.
    """

    path: tuple[str, ...]
    is_array: bool
    told: int
    first: int
    stop: int


def blocks(lines: Sequence[str]) -> Iterator[Block]:
    """Yield the tables that have a header, in order; a line of an array may look like one."""
    found = [(number, header) for number, line in enumerate(lines) if (header := _header(line))]
    ends = [number for number, _ in found[1:]] + [len(lines)]
    for (first, (path, is_array)), end in zip(found, ends, strict=False):
        stop = end
        while stop > first + 1 and lines[stop - 1].strip()[:1] in ("", "#"):
            stop -= 1
        told = first
        while told and lines[told - 1].lstrip().startswith("#"):
            told -= 1
        yield Block(path, is_array, told, first, stop)


def _header(line: str) -> tuple[tuple[str, ...], bool] | None:
    matched = _HEADER.match(line.rstrip("\r\n"))
    if matched is None:
        return None
    try:
        data = toml.loads(f"{matched['key']} = 0")
    except ValueError:
        return None
    path = []
    while isinstance(data, dict):
        ((key, data),) = data.items()
        path.append(key)
    return tuple(path), matched["open"] == "[["


def line_of(lines: Sequence[str], path: Sequence[str | int]) -> int:
    """Return the line, from 1, in which a key or a table of a TOML text stands, as near as known.

    :param path: its keys from the root; numbers count the items of an array.
    """
    words = [each for each in path if isinstance(each, str)]
    there = list(blocks(lines))
    for depth in range(len(words), 0, -1):
        same = [block for block in there if block.path == tuple(words[:depth])]
        number = path[depth] if len(path) > depth and isinstance(path[depth], int) else 0
        if not same or not isinstance(number, int) or number >= len(same):
            continue
        block = same[number]
        rest = words[depth:]
        key = re.compile(rf"""\s*["']?{re.escape(rest[0])}["']?\s*[.=]""") if rest else None
        inside = range(block.first, block.stop)
        hit = next((n for n in inside if key is not None and key.match(lines[n])), block.first)
        return hit + 1
    return 1


def without(lines: Sequence[str], gone: Collection[int]) -> list[str]:
    """Return the lines but those that go, and no two gaps where one of them stood between."""
    kept: list[str] = []
    is_behind = False
    for number, line in enumerate(lines):
        if number in gone:
            is_behind = True
        elif is_behind and not line.strip() and not (kept and kept[-1].strip()):
            continue
        else:
            is_behind = False
            kept.append(line)
    while gone and len(kept) > 1 and not kept[-1].strip() and lines[-1].strip():
        kept.pop()
    return kept
