"""What a project allows a target: packages that it must not have, and what one machine downloads.

Pure: pins and sizes in, words out. Both hosts ask before they write a lock; `accelock check` asks
again for what needs no size.
"""

from __future__ import annotations

import fnmatch
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from accelock.locks.markers import Place
from accelock.targets import PLATFORMS, PYTHONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accelock.locks.model import Pin, TargetLock
    from accelock.settings.config import TargetSettings
    from accelock.targets import Target

MEGABYTE = 1_000_000
_LARGEST = 5  # packages that an error names


@dataclass(frozen=True, slots=True)
class Download:
    """What one package costs: its file at the place, and bytes; None is what is not known."""

    pin: Pin
    filename: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one machine of a target downloads at a place."""

    target: Target
    place: Place
    downloads: tuple[Download, ...]

    @property
    def size(self) -> int:
        """Return the bytes of the files whose size is known."""
        return total(self.downloads)[0]

    @property
    def total(self) -> str:
        """Return the sum in words: "766.7 MB", or "at least 4.0 MB, 1 not known"."""
        return spell_total(*total(self.downloads))

    def __str__(self) -> str:
        platform, python = self.place.platform, self.place.python
        return f"{self.target} downloads {self.total} on {platform}, Python {python}"

    def above(self, max_mb: float) -> str | None:
        """Return, in words, that it is above a limit in MB; None where it is not."""
        if self.size <= max_mb * MEGABYTE:
            return None
        known = sorted(self.downloads, key=lambda each: each.size or 0, reverse=True)
        largest = ", ".join(f"{each.pin} {megabytes(each.size)}" for each in known[:_LARGEST])
        return f"{self}, above max-mb = {max_mb}; the largest: {largest}"


def denied(lock: TargetLock, own: TargetSettings) -> Iterator[str]:
    """Yield, in words, each package of a target that it must not have, and who requires it.

    What an extra or a group asks for counts too.

    :param own: what the project says of the target.
    """
    for pin in lock.pins:
        pattern = next((each for each in own.deny if fnmatch.fnmatchcase(pin.name, each)), None)
        places = list(_places(lock, pin)) if pattern is not None else []
        if places:
            platforms = ", ".join(dict.fromkeys(place.platform.name for place in places))
            why = _requirers(pin, lock.every(places[0]), own)
            yield f"{pin} ({pattern}) is locked for {lock.target} on {platforms}: {why}"


def _places(lock: TargetLock, pin: Pin) -> Iterator[Place]:
    for platform in lock.platforms or PLATFORMS.values():
        for python in lock.pythons or lock.supported or PYTHONS:
            place = Place(platform, python)
            if pin.holds(place, extras=True):
                yield place


def _requirers(pin: Pin, here: Mapping[str, Pin], own: TargetSettings) -> str:
    """Return the shortest way from what the project itself asks for to a package, in words.

    In a circle of which nothing tells where the project asks for it, it is one package long.
    """
    ways: deque[tuple[Pin, ...]] = deque([(pin,)])
    seen = {pin.name}
    first: tuple[Pin, ...] | None = None
    while ways:
        way = ways.popleft()
        roots, parents = _roots(way[0], here, own), list(_parents(way[0], here))
        if roots or not parents:
            return _spelt(way, roots)
        for parent in parents:
            first = first or (parent, *way)
            if parent.name not in seen:
                seen.add(parent.name)
                ways.append((parent, *way))
    return _spelt(first or (pin,), [])


def _parents(pin: Pin, here: Mapping[str, Pin]) -> Iterator[Pin]:
    """Yield who requires a package: poetry.lock tells it at the one, a requirements file here."""
    names = {canonicalize_name(word) for word in pin.via}
    for name, each in here.items():
        if name != pin.name and (name in names or pin.name in each.requires):
            yield each


def _roots(pin: Pin, here: Mapping[str, Pin], own: TargetSettings) -> list[str]:
    """Return where the project itself asks for a package; a constraint asks for none."""
    words = (word for word in pin.via if not word.startswith("-c "))
    found = [word for word in words if canonicalize_name(word) not in here]
    if not found and any(each.name == pin.name for each in own.dependencies):
        return ["its target's dependencies in [tool.accelock]"]
    return found


def _spelt(way: Sequence[Pin], roots: Sequence[str]) -> str:
    first, *rest = way
    asked = ", ".join(roots)
    if not rest:
        return f"{asked} asks for it" if asked else "the lock does not tell what requires it"
    names = ", which requires ".join(each.name for each in rest)
    return f"{first}{f' ({asked})' if asked else ''} requires {names}"


def total(downloads: Iterable[Download]) -> tuple[int, int]:
    """Return the bytes of downloads, and of how many of them the size is not known."""
    sizes = [each.size for each in downloads]
    return sum(size or 0 for size in sizes), sum(size is None for size in sizes)


def megabytes(size: int | None) -> str:
    """Return bytes as MB (1,000,000 bytes) for people: "766.7 MB", or "? MB"."""
    return "? MB" if size is None else f"{size / MEGABYTE:,.1f} MB"


def spell_total(size: int, unknown: int) -> str:
    """Return a sum in MB, which some sizes may be missing from."""
    return f"at least {megabytes(size)}, {unknown} not known" if unknown else megabytes(size)
