"""One file per target: the cells' pins joined under disjoint platform markers.

A pin that is the same everywhere has no marker. Else each variant of a package is one line, and the
markers of its lines come from a truth table over the target's cells. Two targets on one platform
cannot be told apart by markers, so that they are never merged.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from piptools.utils import format_requirement, key_from_ireq
from piptools.writer import _comes_from_as_string

from accelock.locks import markers
from accelock.locks.markers import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelock.hosts.piptools.state import Capture
    from accelock.targets import Cell

_OTHER_NAMES = re.compile(
    r"\b(python_version|python_full_version|implementation_name|implementation_version"
    r"|platform_python_implementation|platform_release|platform_version|extra)\b"
)


@dataclass(frozen=True)
class Variant:
    """One line of a merged file: a pin, where it holds, and why it is there.

    :param requirement: pip's requirement, with the annotations of all its cells.
    :param marker: the marker of the line, or None.
    :param hashes: ``sha256:...`` of the files that fit, over all its cells.
    """

    name: str
    text: str
    requirement: Any
    marker: str | None
    hashes: frozenset[str]
    places: frozenset[Place]
    unsafe: bool

    @property
    def parents(self) -> frozenset[str]:
        """Return the canonical names of the packages that ask for it; no inputs."""
        return frozenset(name for name in requirers(self.requirement) if not name.startswith("-"))


def merge(captures: Mapping[Cell, Capture], patch: int = 0) -> tuple[Variant, ...]:
    """Return the lines of one target's file, sorted by name and then by text.

    :param patch: the patch release of its Python that each cell was solved for.
    """
    found: dict[str, dict[tuple[str, bool], dict[Cell, Any]]] = {}
    for cell, capture in captures.items():
        for ireq in capture.results | capture.unsafe_requirements:
            unsafe = ireq not in capture.results or ireq.name in capture.unsafe_packages
            lines = found.setdefault(key_from_ireq(ireq), {})
            lines.setdefault((format_requirement(ireq), unsafe), {})[cell] = ireq
    return tuple(
        variant
        for name in sorted(found)
        for variant in _variants(name, found[name], captures, patch)
    )


def place_of(cell: Cell) -> Place:
    """Return the place of a cell: what markers can see of it."""
    return Place(cell.platform, cell.python)


def _variants(
    name: str,
    found: Mapping[tuple[str, bool], Mapping[Cell, Any]],
    captures: Mapping[Cell, Capture],
    patch: int,
) -> Iterator[Variant]:
    """Yield the lines of a package: those of its cells that have the same text are one."""
    universe, lines = [*map(place_of, captures)], sorted(found)
    places = [[*map(place_of, found[line])] for line in lines]
    for line, inside, marker in zip(
        lines, places, markers.partition(places, universe), strict=True
    ):
        ireqs = found[line]
        hashes = [(captures[cell].hashes or {}).get(ireq, set()) for cell, ireq in ireqs.items()]
        own = [captures[cell].markers.get(name) for cell in ireqs]
        written = [None if each is None else str(each) for each in own]
        yield Variant(
            name=name,
            text=line[0],
            requirement=_joined([*ireqs.values()]),
            marker=_joined_marker(written, marker, inside, universe, patch),
            hashes=frozenset[str]().union(*hashes),
            places=frozenset(inside),
            unsafe=line[1],
        )


def _joined_marker(
    written: Sequence[str | None],
    ours: str | None,
    inside: Sequence[Place],
    universe: Sequence[Place],
    patch: int,
) -> str | None:
    """Join the user's own markers of a requirement with the one that tells the cells apart.

    Where the cells have different markers of the user's (one requirement line per platform), the
    truth table says the same as all of them together, unless one asks for more than the platform.
    """
    own = list(dict.fromkeys(written))
    if len(own) == 1:
        return markers.combine(own[0], ours, inside, universe, patch)
    if None in own or not any(_OTHER_NAMES.search(marker or "") for marker in own):
        return ours
    joined = " or ".join(f"({marker})" for marker in own)
    return markers.combine(joined, ours, inside, universe, patch)


def _joined(requirements: Sequence[Any]) -> Any:
    """Return one requirement with what all cells say about where it comes from."""
    joined = copy.copy(requirements[0])
    required_by: set[str] = set()
    sources: list[Any] = []
    for requirement in requirements:
        required_by |= requirers(requirement)
        sources.extend(getattr(requirement, "_source_ireqs", []))
    joined._required_by = required_by
    if sources:
        joined._source_ireqs = sources
    return joined


def requirers(requirement: Any) -> set[str]:
    """Return what asks for a requirement, as annotations say it: packages' names, and files."""
    found = set(getattr(requirement, "_required_by", set()))
    origin = requirement.comes_from
    if origin is not None and (
        isinstance(origin, str) or key_from_ireq(origin) != key_from_ireq(requirement)
    ):
        found.add(_comes_from_as_string(origin))
    return found
