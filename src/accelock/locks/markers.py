"""The shortest markers (PEP 508) that tell declared platforms and Pythons apart, by truth table.

A compiled file serves several platforms; a line that only some of them want needs a marker.
Machines outside the declared ones are don't-cares: a marker may be true or false there. Nothing
here reads the machine it runs on, and no result depends on the order of a set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import Marker

from accelock.errors import MetadataError
from accelock.locks.minimise import Formula, Point, shortest
from accelock.targets import PLATFORMS, Platform, PythonVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_UNKNOWN_NAMES = ("platform_release", "platform_version")
# Such a comparison, as `packaging` spells it.
_OF_A_MACHINE = re.compile(
    r"""\b(?:platform_release|platform_version)\s*(?:[<>=!~]+|not in|in)\s*(?:"[^"]*"|'[^']*')"""
    r"""|(?:"[^"]*"|'[^']*')\s*(?:[<>=!~]+|not in|in)\s*(?:platform_release|platform_version)\b"""
)
_TRUE, _FALSE = 'os_name != ""', 'os_name == ""'
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a requirement may be wanted: a cell without its target."""

    platform: Platform
    python: PythonVersion


def simplest(inside: Collection[Place], universe: Collection[Place]) -> str | None:
    """Return the shortest marker that is true on `inside` and false on the rest of `universe`.

    What lies outside `universe` is a don't-care. Returns None, for no marker at all, when `inside`
    is the whole universe. Fewest comparisons win, then `sys_platform` over `python_version` over
    `platform_machine`, then `==` over `!=`, then the order of `accelock.targets.PLATFORMS`.
    Raises ValueError when `inside` is empty or not within the universe.
    """
    formula = _simplest(inside, universe)
    return None if formula is None else str(formula)


def partition(
    groups: Sequence[Collection[Place]], universe: Collection[Place]
) -> tuple[str | None, ...]:
    """Return one marker for each of the disjoint `groups`, in their order.

    When the groups cover the universe, the largest (of equals the last) gets the exact negation of
    the others, so that every machine, undeclared ones too, matches at least one line: pip has to
    fail there, not to skip the package. Raises ValueError as `simplest` does, and for groups that
    overlap.
    """
    _check_disjoint(groups)
    covered = {place for group in groups for place in group}
    if covered != set(universe) or len(groups) == 1:
        return tuple(simplest(group, universe) for group in groups)
    largest = max(range(len(groups)), key=lambda number: (len(set(groups[number])), number))
    formulas = {
        number: _simplest(group, universe)
        for number, group in enumerate(groups)
        if number != largest
    }
    others = [formula for formula in formulas.values() if formula is not None]
    rest = Formula.none_of(others)
    return tuple(str(rest if n == largest else formulas[n]) for n in range(len(groups)))


def combine(
    own: str | None,
    ours: str | None,
    inside: Collection[Place],
    universe: Collection[Place],
    patch: int = 0,
) -> str | None:
    """Join the user's `own` marker of a requirement with `ours`, which tells cells apart.

    `own` is kept as written, since it may say more than the declared platforms can show; of `ours`
    only those parts of its conjunction remain that `own` does not already answer. Where `own` is
    false somewhere inside, something else asks for the package there, and `ours` stands alone.

    :param patch: the patch release of its Python that each cell was solved for.
    """
    if own is None or ours is None:
        return own if ours is None else ours
    judged = loosened(own)
    if not all(evaluate(judged, place, patch) for place in inside):
        return ours
    parts = _split(ours, "and")
    for part in tuple(parts):
        fewer = [other for other in parts if other != part]
        if _true_on([judged, *fewer], universe, patch) == set(inside):
            parts = fewer
    kept = " and ".join(parts)
    if not kept:
        return own
    kept = kept if len(parts) > 1 else _as_conjunct(kept)
    return f"{_as_conjunct(own)} and {kept}"


@lru_cache(maxsize=4096)
def evaluate(marker: str, place: Place, patch: int = 0) -> bool:
    """Tell whether `marker` is true at `place`, whatever machine this runs on.

    :param patch: the patch release of the place's Python.

    Raises MetadataError when it is no marker, or asks what a platform alone does not say
    (`platform_release`, `platform_version`).
    """
    names = _QUOTED.sub("", marker)
    for name in _UNKNOWN_NAMES:
        if re.search(rf"\b{name}\b", names):
            raise MetadataError(
                f"the marker {marker!r} depends on {name}, which differs between machines of one "
                f"platform, so it has no value for {place.platform.name}; "
                "use sys_platform or platform_machine instead"
            )
    try:
        parsed = Marker(marker)
    except ValueError as error:
        raise MetadataError(f"{marker!r} is not a marker (PEP 508): {error}") from error
    return parsed.evaluate(place.platform.marker_environment(place.python, patch))


def loosened(marker: str) -> str:
    """Return a marker with each comparison of one machine's own names taken for true.

    It holds where `marker` may hold on some machine of a platform: markers have no negation but
    within a comparison.
    """
    if not any(name in marker for name in _UNKNOWN_NAMES):
        return marker
    return _OF_A_MACHINE.sub(_TRUE, str(Marker(marker)))


def is_open(marker: str, place: Place) -> bool:
    """Tell whether a marker holds on some machines of a place, and not on others."""
    loose = loosened(marker)
    return loose != marker and (
        may_hold(loose, place) and not may_hold(loose.replace(_TRUE, _FALSE), place)
    )


def may_hold(marker: str, place: Place) -> bool:
    """Tell whether `marker` is true at `place` on any patch release of its Python.

    Raises MetadataError as `evaluate` does.
    """
    return any(evaluate(marker, place, patch) for patch in place.python.patches(marker))


def _simplest(inside: Collection[Place], universe: Collection[Place]) -> Formula | None:
    wanted, known = set(inside), set(universe)
    if not wanted or not wanted <= known:
        raise ValueError("the places inside must be some of the universe's, and at least one")
    if wanted == known:
        return None
    points = _points(known)
    return _shortest(frozenset(points[place] for place in wanted), frozenset(points.values()))


@lru_cache(maxsize=1024)
def _shortest(inside: frozenset[Point], universe: frozenset[Point]) -> Formula:
    return shortest(inside, universe, _machines_on_several_systems())


def _points(places: Iterable[Place]) -> dict[Place, Point]:
    ranks = {name: rank for rank, name in enumerate(PLATFORMS)}
    return {
        place: Point(
            ranks.get(place.platform.name, len(ranks)),
            place.platform.sys_platform,
            place.platform.machine,
            (place.python.major, place.python.minor),
        )
        for place in places
    }


def _machines_on_several_systems() -> dict[str, frozenset[str]]:
    """Return the machine names that do not name one system: x86_64 is both Linux and macOS."""
    systems: dict[str, set[str]] = {}
    for platform in PLATFORMS.values():
        systems.setdefault(platform.machine, set()).add(platform.sys_platform)
    return {name: frozenset(found) for name, found in systems.items() if len(found) > 1}


def _check_disjoint(groups: Sequence[Collection[Place]]) -> None:
    seen: set[Place] = set()
    for group in groups:
        if not seen.isdisjoint(group):
            raise ValueError("the groups of a partition must not overlap")
        seen.update(group)


def _true_on(markers: Sequence[str], universe: Collection[Place], patch: int) -> set[Place]:
    return {p for p in universe if all(evaluate(marker, p, patch) for marker in markers)}


def _as_conjunct(marker: str) -> str:
    return f"({marker})" if len(_split(marker, "or")) > 1 else marker


def _split(marker: str, word: str) -> list[str]:
    """Split a marker at the `and` or `or` that stands outside of quotes and parentheses.

    A split at `and` of a marker that has an `or` beside it is no split: `and` binds closer.
    """
    if word == "and" and len(_split(marker, "or")) > 1:
        return [marker]
    parts, depth = [""], 0
    for token in re.split(r"""("[^"]*"|'[^']*'|[()]|\b(?:and|or)\b)""", marker):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == word and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]
