"""Slices: what one solve is for, a target on a group of platforms whose builds carry one label.

Usually macOS and the rest. Poetry resolves for all platforms at once, so that a solve per platform
is not needed; but ``torch 2.9.1+cpu`` and ``torch 2.9.1`` are two versions to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.locks import markers
from accelock.locks.markers import Place
from accelock.targets import PLATFORMS, Platform, PythonVersion, Target

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# Markers of slices tell platforms apart and never Pythons: one stands for all of them.
_PYTHON = PythonVersion(3, 12)


@dataclass(frozen=True, slots=True)
class Slice:
    """One solve: a target and the platforms that it serves."""

    target: Target
    platforms: tuple[Platform, ...]

    def described(self, among: Collection[Platform]) -> str:
        """Return what to call the slice: its target, and its systems.

        :param among: the platforms that its target has in all; a platform that is apart from others
            of its system goes by its full name.
        """
        names = (self._described(platform, among) for platform in self.platforms)
        return f"{self.target.name}, {_listed(list(dict.fromkeys(names)))}"

    def _described(self, platform: Platform, among: Collection[Platform]) -> str:
        mates = (other for other in among if other.sys_platform == platform.sys_platform)
        complete = all(mate in self.platforms for mate in mates)
        return platform.name.partition("-")[0] if complete else platform.name


def group_markers(
    groups: Sequence[Sequence[Slice]], slices: Sequence[Slice]
) -> tuple[str | None, ...]:
    """Return the marker of each version of a package: groups of slices, out of all of a target.

    Versions that share no slice exclude each other, and together leave no machine out.
    """
    universe = [place for whole in slices for place in _places(whole)]
    places = [[place for whole in group for place in _places(whole)] for group in groups]
    if sum(map(len, places)) == len({place for group in places for place in group}):
        return markers.partition(places, universe)
    return tuple(markers.simplest(group, universe) for group in places)


def slice_marker(whole: Slice) -> str:
    """Return a marker that is true on a slice's platforms and on no other known one."""
    everywhere = [Place(platform, _PYTHON) for platform in PLATFORMS.values()]
    return markers.simplest(_places(whole), everywhere) or 'python_version >= "3"'


def _places(whole: Slice) -> list[Place]:
    return [Place(platform, _PYTHON) for platform in whole.platforms]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
