"""What a lock has of each target: the one in the file, or the one that is about to be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.solution import Solution
    from accelock.locks.overlay import Overlay

    Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """The targets of a lock.

    :param platforms: target -> the names of the platforms that it holds on.
    :param entries: target -> its ``[[package]]`` entries; of a solution what tells a version, and
        where it is wanted.
    """

    platforms: Mapping[str, Sequence[str]]
    entries: Mapping[str, Sequence[Entry]]

    @classmethod
    def of_lock(cls, leader: Sequence[Entry], overlay: Overlay) -> Held:
        """Return what a lock in the file has."""
        return cls(overlay.platforms, {n: overlay.view(leader, n) for n in overlay.targets})

    @classmethod
    def of_solution(cls, solution: Solution) -> Held:
        """Return what a lock will have."""
        return cls(
            {target.name: [p.name for p in found] for target, found in solution.platforms.items()},
            {
                target.name: [_entry(package, info) for package, info in solved.items()]
                for target, solved in solution.by_target.items()
            },
        )

    def versions(self, target: str) -> dict[str, set[str]]:
        """Return the versions of each package of a target: several, where markers tell them."""
        found: dict[str, set[str]] = {}
        for entry in self.entries[target]:
            found.setdefault(entry["name"], set()).add(entry["version"])
        return found

    def of_others(self, target: str) -> set[str]:
        """Return the names of packages that only other targets have."""
        others = (self.versions(name).keys() for name in self.entries if name != target)
        return set().union(*others) - self.versions(target).keys()


def _entry(package: Package, info: TransitivePackageInfo) -> Entry:
    """Return as much of an entry as is read here, in the form of lock-version 2.1."""
    markers = {group: str(marker) for group, marker in info.markers.items() if not marker.is_any()}
    return {
        "name": package.name,
        "version": package.version.text,
        "optional": package.optional,
        "groups": sorted(info.groups),
        "markers": markers,
    }
