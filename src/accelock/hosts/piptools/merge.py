"""One file per target: the cells' pins joined under disjoint platform markers.

A pin that is the same everywhere has no marker. Else each variant of a package is one line, and the
markers of its lines come from a truth table over the target's cells. Two targets on one platform
cannot be told apart by markers, so that they are never merged.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from piptools.utils import format_requirement, key_from_ireq
from piptools.writer import _comes_from_as_string

from accelock.locks import markers
from accelock.locks.markers import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


@dataclass
class _Group:
    """The cells that have one and the same pin of a package."""

    text: str
    unsafe: bool
    requirements: list[Any] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    own: list[str | None] = field(default_factory=list)
    hashes: set[str] = field(default_factory=set)


def merge(captures: Mapping[Cell, Capture], patch: int = 0) -> tuple[Variant, ...]:
    """Return the lines of one target's file, sorted by name and then by text.

    :param patch: the patch release of its Python that each cell was solved for.
    """
    universe = [place_of(cell) for cell in captures]
    by_name: dict[str, dict[tuple[str, bool], _Group]] = {}
    for cell, capture in captures.items():
        for requirement in capture.results:
            _add(by_name, requirement, cell, capture, unsafe=_is_unsafe(requirement, capture))
        for requirement in capture.unsafe_requirements - capture.results:
            _add(by_name, requirement, cell, capture, unsafe=True)
    variants = [
        variant
        for name, groups in by_name.items()
        for variant in _variants(name, list(groups.values()), universe, patch)
    ]
    return tuple(sorted(variants, key=lambda variant: (variant.name, variant.text)))


def place_of(cell: Cell) -> Place:
    """Return the place of a cell: what markers can see of it."""
    return Place(cell.platform, cell.python)


def _is_unsafe(requirement: Any, capture: Capture) -> bool:
    return requirement.name in capture.unsafe_packages


def _add(
    by_name: dict[str, dict[tuple[str, bool], _Group]],
    requirement: Any,
    cell: Cell,
    capture: Capture,
    *,
    unsafe: bool,
) -> None:
    name = key_from_ireq(requirement)
    text = format_requirement(requirement)
    groups = by_name.setdefault(name, {})
    group = groups.setdefault((text, unsafe), _Group(text, unsafe))
    group.requirements.append(requirement)
    group.places.append(place_of(cell))
    marker = capture.markers.get(name)
    group.own.append(None if marker is None else str(marker))
    group.hashes |= (capture.hashes or {}).get(requirement, set())


def _variants(
    name: str, groups: list[_Group], universe: Sequence[Place], patch: int
) -> Iterable[Variant]:
    groups = sorted(groups, key=lambda group: group.text)
    ours = markers.partition([group.places for group in groups], universe)
    for group, marker in zip(groups, ours, strict=True):
        yield Variant(
            name=name,
            text=group.text,
            requirement=_joined(group.requirements),
            marker=_joined_marker(group, marker, universe, patch),
            hashes=frozenset(group.hashes),
            places=frozenset(group.places),
            unsafe=group.unsafe,
        )


def _joined_marker(
    group: _Group, ours: str | None, universe: Sequence[Place], patch: int
) -> str | None:
    """Join the user's own markers of a requirement with the one that tells the cells apart.

    Where the cells have different markers of the user's (one requirement line per platform), the
    truth table says the same as all of them together, unless one asks for more than the platform.
    """
    own = list(dict.fromkeys(group.own))
    if len(own) == 1:
        return markers.combine(own[0], ours, group.places, universe, patch)
    if None in own or not any(_OTHER_NAMES.search(marker or "") for marker in own):
        return ours
    joined = " or ".join(f"({marker})" for marker in own)
    return markers.combine(joined, ours, group.places, universe, patch)


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
