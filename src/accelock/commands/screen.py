"""A terminal as the commands write on it: with colours, and wrapped to its width.

What no terminal reads (a pipe, NO_COLOR, `--no-ansi`) is written as plain lines instead.
"""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cleo.color import Color

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_STYLES = {
    "bad": Color("red", options=["bold"]),
    "doubt": Color("yellow", options=["bold"]),
    "good": Color("green", options=["bold"]),
    "name": Color("", options=["bold"]),
    "quiet": Color("default", options=["dark"]),
}
_WORDS = {
    "error": "bad",
    "warning": "doubt",
    "ok": "good",
    "chosen": "good",
    "skipped": "doubt",
    "not needed": "quiet",
}
_LEAST = 24  # columns that a text needs beside the others; with fewer it stands below them
_GAP = "  "


class OnScreen(Protocol):
    """What a command tells: as lines, as JSON, and on a terminal."""

    def lines(self) -> Iterator[str]:
        """Yield plain lines."""
        ...

    def dumps(self) -> str:
        """Return JSON."""
        ...

    def on_screen(self, screen: Screen) -> Iterator[str]:
        """Yield lines for a terminal."""
        ...


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal of so many columns."""

    width: int

    @classmethod
    def here(cls) -> Screen:
        """Return the terminal that this runs in."""
        return cls(shutil.get_terminal_size().columns)

    def name(self, text: str) -> str:
        """Return a text as the name of what follows."""
        return _STYLES["name"].apply(text)

    def word(self, text: str) -> str:
        """Return a word such as `error`, `ok` or `chosen` in its colour; others as they are."""
        style = _WORDS.get(text)
        return _STYLES[style].apply(text) if style else text

    def wrapped(self, text: str, indent: int = 0) -> Iterator[str]:
        """Yield a text in lines of the terminal's width; paths and options stay whole."""
        gap = " " * indent
        width = max(self.width, indent + 1)
        found = textwrap.wrap(
            text,
            width,
            initial_indent=gap,
            subsequent_indent=gap,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from found or [""]

    def table(self, rows: Sequence[Sequence[str]], indent: int = 2) -> Iterator[str]:
        """Yield rows of as many cells each in columns, of which the last wraps.

        Sizes are aligned to the right.
        """
        widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
        lead = indent + sum(width + len(_GAP) for width in widths)
        is_narrow = self.width - lead < _LEAST
        for *cells, last in rows:
            padded = zip(cells, widths, strict=True)
            head = " " * indent + _GAP.join(self._cell(cell, width) for cell, width in padded)
            if is_narrow:
                yield head.rstrip()
                yield from self.wrapped(last, indent + 2) if last else ()
                continue
            first, *more = self.wrapped(last, lead)
            yield f"{head}{_GAP if cells else ''}{first.strip()}".rstrip()
            yield from more

    def _cell(self, text: str, width: int) -> str:
        gap = " " * (width - len(text))
        return f"{gap}{text}" if text.endswith("B") and " " in text else f"{self.word(text)}{gap}"


def said(size: int | None) -> str:
    """Return bytes as people say them: 767 MB, 2.4 GB, or `?` where the size is not known."""
    if size is None:
        return "? MB"
    for unit, worth in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= worth:
            number = size / worth
            return f"{number:.1f} {unit}" if number < 10 else f"{number:,.0f} {unit}"  # noqa: PLR2004
    return f"{size} B"


def aligned(rows: Sequence[Sequence[str]], indent: str = "  ") -> Iterator[str]:
    """Yield rows of as many cells each as lines, every column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"{indent}{'  '.join(cells)}".rstrip()
