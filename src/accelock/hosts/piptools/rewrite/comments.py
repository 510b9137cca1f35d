"""The comments that say who asks for a pin (`# via torch`), in the style of their file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from accelock.hosts.piptools.merge import Variant
    from accelock.locks.requirements import Pin, RequirementsFile

_VIA = re.compile(r"#\s*via\b.*")


@dataclass(frozen=True)
class Style:
    """How a file annotates: not at all, all on one line, or one parent a line (`# via` above)."""

    annotated: bool
    split: bool

    def lines(self, words: Sequence[str]) -> list[str]:
        """Return the comment lines for those who ask."""
        if not self.annotated or not words:
            return []
        if not self.split or len(words) == 1:
            return [f"    # via {', '.join(words)}"]
        return ["    # via", *(f"    #   {word}" for word in words)]

    def new(self, variant: Variant) -> list[str]:
        """Return the comment lines of a package that is new to the file."""
        asked = getattr(variant.requirement, "_required_by", ())
        return self.lines(sorted(word for word in asked if not word.startswith("-")))


def style_of(file: RequirementsFile) -> Style:
    """Return how a file annotates, by its pins that several others ask for."""
    annotated = [pin for pin in file.pins if pin.via]
    several = [pin for pin in annotated if len(pin.via) > 1]
    return Style(bool(annotated), split=not any(_is_on_one_line(pin) for pin in several))


def of(pin: Pin, gone: Collection[str]) -> list[str]:
    """Return the annotation of a pin for its new lines: without parents that go, nor its index."""
    told = [line for line in pin.annotation.splitlines() if not line.startswith("# from ")]
    words = _staying(pin, gone)
    if words == list(pin.via) or not words:
        return [f"    {line}" for line in told]
    return Style(annotated=True, split=not _is_on_one_line(pin)).lines(words)


def without(pin: Pin, gone: Collection[str], lines: Sequence[str]) -> list[str]:
    """Return the physical lines of a pin that stays, with an annotation without parents that go."""
    words = _staying(pin, gone)
    if words == list(pin.via) or not words:
        return list(lines)
    style = Style(annotated=True, split=not _is_on_one_line(pin))
    if _VIA.search(pin.raw):
        return [_VIA.sub(f"# via {', '.join(words)}", line) for line in lines]
    height = len(pin.raw.splitlines())
    rest = [line for line in lines[height:] if line.strip().startswith("# from ")]
    return [*lines[:height], *style.lines(words), *rest]


def _staying(pin: Pin, gone: Collection[str]) -> list[str]:
    return [word for word in pin.via if canonicalize_name(word) not in gone]


def _is_on_one_line(pin: Pin) -> bool:
    via = [line for line in pin.annotation.splitlines() if not line.startswith("# from ")]
    return len(via) == 1
