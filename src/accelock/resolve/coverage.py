"""Which places have a file of a release, and which have none: pure, for both hosts.

An index may have a version for one platform's Python 3.12 alone, where another platform's files are
for all. A place is a platform with a Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.sources.filename import parse_filename

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from accelock.targets import Levels, Platform, PythonVersion

    Spot = tuple[Platform, PythonVersion]


@dataclass(frozen=True, slots=True)
class Hole:
    """A platform that is to have a release, and has no file of it for some Pythons."""

    release: str
    platform: Platform
    pythons: tuple[PythonVersion, ...]

    def __str__(self) -> str:
        pythons = ", ".join(map(str, self.pythons))
        return f"{self.release} has no file for {self.platform.name} on Python {pythons}"


def covered(filenames: Iterable[str], spots: Iterable[Spot], levels: Levels) -> frozenset[Spot]:
    """Return the places that a release has a file for; a source distribution is for all."""
    parsed = [found for name in filenames if (found := parse_filename(name)) is not None]
    if any(found.tags is None for found in parsed):
        return frozenset(spots)
    tags = {tag for found in parsed for tag in found.tags or ()}
    return frozenset(
        (platform, python)
        for platform, python in spots
        if tags.intersection(platform.tags(python, levels))
    )


def holes(
    releases: Mapping[str, tuple[Collection[str], Collection[Spot]]], levels: Levels
) -> list[Hole]:
    """Return what places lack.

    :param releases: a release, as messages call it -> its files, and where it is wanted.
    """
    found: dict[tuple[str, Platform], list[PythonVersion]] = {}
    for release, (filenames, wanted) in releases.items():
        has = covered(filenames, wanted, levels)
        for platform, python in wanted:
            if (platform, python) not in has:
                found.setdefault((release, platform), []).append(python)
    return [Hole(release, platform, tuple(p)) for (release, platform), p in found.items()]
