"""Holes: Pythons for which a platform has no file of a release that others have for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poetry.core.constraints.version import Version as PoetryVersion

from accelock.hosts.poetry import labels
from accelock.hosts.poetry.solution import is_sourced
from accelock.resolve.coverage import Hole, holes
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from packaging.version import Version
    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.asks import Asks
    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.resolve.coverage import Spot
    from accelock.resolve.host import Group
    from accelock.targets import Cell

# (package, public version, cell) -> the Pythons on which the project asks for that version.
Asked = Callable[[str, "Version", "Cell"], Collection[PythonVersion]]


@dataclass
class Coverage:
    """For which Pythons each platform of a project has a file of a family's package.

    A project's range allows Pythons that no platform of any target has a release for: those count
    for nothing.

    :param cells: all of the project.
    """

    pool: TargetPool
    cells: tuple[Cell, ...]
    asked: Asked
    _has: dict[tuple[str, Cell], Mapping[Version, frozenset[PythonVersion]]] = field(
        default_factory=dict
    )

    def has(self, name: str, cell: Cell) -> Mapping[Version, frozenset[PythonVersion]]:
        """Return the Pythons of each public version that a platform has any file of."""
        key = (name, cell)
        if key not in self._has:
            supply = self.pool.supply
            self._has[key] = supply.pythons_of(name, cell.target, cell.platform)
        return self._has[key]

    def in_use(self, name: str, version: Version) -> frozenset[PythonVersion]:
        """Return the Pythons for which some platform of some target has a release."""
        return frozenset[PythonVersion]().union(
            *(self.has(name, cell).get(version, ()) for cell in self.cells)
        )

    def missing(self, name: str, cell: Cell) -> dict[Version, tuple[PythonVersion, ...]]:
        """Return the Pythons that a platform lacks, of each version that it has for others only."""
        found = {}
        for version, pythons in self.has(name, cell).items():
            if gaps := self.in_use(name, version) - pythons:
                gaps &= frozenset(self.asked(name, version, cell))
            if gaps:
                found[version] = tuple(p for p in self.pool.project.pythons if p in gaps)
        return found

    def of_solution(
        self, group: Group, solved: Solved, asks: Asks, but: Collection[Cell]
    ) -> list[Hole]:
        """Return the holes of a solution, of what the family's packages require too.

        :param but: cells that are known to lack something.
        """
        packages = {
            package: info
            for package, info in solved.items()
            if self.pool.find(package.name) is not None and is_sourced(package)
        }
        pythons = self._served(packages)
        releases = {
            f"{package.name} {package.version.text}": (
                [str(file["file"]) for file in package.files],
                [
                    (cell.platform, python)
                    for cell in group.cells
                    if cell not in but
                    for python in pythons
                    if _is_wanted(package, info, (cell.platform, python), asks)
                ],
            )
            for package, info in packages.items()
        }
        return holes(releases, self.pool.project.config.levels)

    def _served(self, packages: Iterable[Package]) -> list[PythonVersion]:
        """Return the project's Pythons for which all labelled packages can be had somewhere."""
        found = frozenset(self.pool.project.pythons)
        for package in packages:
            entry = self.pool.find(package.name)
            if entry is not None and entry[1].labelled:
                found &= self.in_use(package.name, labels.public(package.version))
        return [python for python in self.pool.project.pythons if python in found]


def _is_wanted(package: Package, info: TransitivePackageInfo, spot: Spot, asks: Asks) -> bool:
    """Tell whether a release of a platform's Python wants a package, without extras."""
    platform, python = spot
    markers = [marker.without_extras() for marker in info.markers.values()]
    return any(
        package.python_constraint.allows(PoetryVersion.parse(here["python_full_version"]))
        and any(marker.validate(here) for marker in markers)
        for here in asks.environments(platform, markers)
        if here["python_version"] == str(python)
    )
