"""The options of a requirements file: lines of their own, and those behind a requirement."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONG = {
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
}


@dataclass(frozen=True, slots=True)
class Option:
    """An option that stands on a line of its own: its flag in the long form, and its value.

    `raw` has the physical lines; a line with several options yields several of these.
    """

    flag: str
    value: str | None
    raw: str
    lineno: int


def flags(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the options in `text` in the long form, each with its value where it has one.

    Raises ValueError for quotes that do not end, and for a word that belongs to no option.
    """
    words = shlex.split(text)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            raise ValueError(f"{word!r} belongs to no option")
        flag, value = _taken_apart(word)
        if value is None and words and not words[0].startswith("-"):
            value = words.pop(0)
        yield _LONG.get(flag, flag), value


def without_flags(text: str) -> tuple[str, str]:
    """Split a requirement from the options behind it, as pip does: at the first word with a `-`."""
    found = re.search(r"\s-", text)
    return (text[: found.start()].strip(), text[found.start() :].strip()) if found else (text, "")


def _taken_apart(word: str) -> tuple[str, str | None]:
    """Return a flag and the value that is attached to it: `--flag=value`, `-fvalue`."""
    if word.startswith("--"):
        flag, sign, value = word.partition("=")
        return flag, value if sign else None
    return word[:2], word[2:] or None
