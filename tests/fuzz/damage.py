"""Damaging what a file says: by its characters, and by the values of what was parsed of it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

# What means something to one parser or another, so that chance comes near to it.
PIECES = (
    "", " ", "\n", "\r\n", "\t", "\0", "\\", "\\\n", "#", ";", ",", ":", "=", "==", "[", "]", "{",
    "}", "(", ")", '"', "'", '"""', "<", ">", "</a>", "<a href=", "&", "%", "%zz", "@", "://", "..",
    "//[", "/", "*", "-", "--", "-r ", "-e ", "--hash=sha256:", "!", "~=", ">=", " and ", "-e",
    "extra == ", "python_version", "null", "true", "NaN", "1e999", "0", "-1", "9" * 30, "9" * 5000,
    "[" * 3000, "\ufeff", "\udcff", "\u0660", "\u2028", "é", "+cpu", "cu126", "1!0", "==2.*", "  ",
    "file:///", "https://[::1", "${X}", "- ", "\x85", "\x1c", "\U0001f600", "²", "\\ud800",
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 3, 1.5, 10**30, "", "x", "==", "\0", ">=3", "9" * 5000, "é", [], {}, [[]],
    [{}], [None], ["x"], [3], {"x": {}}, {"": ""}, {"name": 3}, [{"name": "x", "version": []}],
)  # fmt: skip


def damaged_text(random: Random, seeds: Sequence[str]) -> str:
    """Return a text with one to four of its parts taken out, doubled or replaced."""
    text = random.choice(seeds)
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice((0, 0, 1, 1, 2, 5, 20, 200)))
        new = text[start:end] * 2 if random.randint(0, 4) == 0 else random.choice(PIECES)
        text = text[:start] + new + text[end:]
    return text


def damaged_document(random: Random, seed: Any, junk: Sequence[Any] = JUNK) -> Any:
    """Return a document of which one to three values are gone, or are others."""
    document = copy.deepcopy(seed)
    for _ in range(random.randint(1, 3)):
        places = list(_places(document))
        if not places:
            break
        parent, key = random.choice(places)
        if random.randint(0, 3) == 0:
            del parent[key]
        else:
            parent[key] = copy.deepcopy(random.choice(junk))
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
