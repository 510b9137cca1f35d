"""What the project itself asks of a package in a cell: Poetry's constraints, for lockstep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from poetry.core.constraints.version import EmptyConstraint
from poetry.core.constraints.version import Version as PoetryVersion

from accelock.hosts.poetry import root
from accelock.resolve.substitution import Substitution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version
    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.dependency import Dependency
    from poetry.core.version.markers import BaseMarker

    from accelock.targets import Cell, Platform, PythonVersion


@dataclass(frozen=True, slots=True)
class ConstraintWanted:
    """The versions that the project asks for, None for any: what `SpecifierSet` is to pip."""

    constraint: VersionConstraint | None = None

    def filter(self, versions: Iterable[Version]) -> list[Version]:
        """Return the versions that fit, pre-releases among them."""
        constraint = self.constraint
        if constraint is None or constraint.is_empty():
            return list(versions)  # a contradiction is Poetry's to explain
        return [v for v in versions if constraint.allows(PoetryVersion.parse(str(v)))]

    def __str__(self) -> str:
        none = self.constraint is None or self.constraint.is_any() or self.constraint.is_empty()
        return "" if none else f" ({self.constraint})"


@dataclass
class RootDependencies:
    """The dependencies of the project, of all groups and extras, looked at cell by cell.

    :param pythons: the Pythons of the project. A marker may tell them apart, a cell does not.
    :param supported: the project's own constraint on Python: of some it takes a few releases only.
    :param by_target: what it asks of one target alone, by target.
    :param substitution: what targets have under other names than the project says, or with extras.
    """

    requires: tuple[Dependency, ...]
    pythons: Sequence[PythonVersion]
    supported: VersionConstraint
    by_target: Mapping[str, tuple[Dependency, ...]] = field(default_factory=dict)
    substitution: Substitution = field(default_factory=Substitution)
    _found: dict[tuple[str, Platform, str], ConstraintWanted | None] = field(default_factory=dict)

    def wanted(self, name: str, cell: Cell) -> ConstraintWanted:
        """Return what the project asks of a package there."""
        return self._of(name, cell) or ConstraintWanted()

    def asks(self, name: str, cell: Cell) -> bool:
        """Return whether the project itself asks for a package there, on any Python."""
        return self._of(name, cell) is not None

    def names(self, name: str) -> bool:
        """Return whether the project itself asks for a package anywhere."""
        return any(dependency.name == name for dependency in self.requires)

    def substituted(self, dependency: Dependency, cell: Cell) -> Dependency:
        """Return what a cell has for a dependency of the project: itself, mostly.

        :raises NoSubstituteError: the cell's target has no use for it.
        """
        is_here = not dependency.is_direct_origin() and self.holds(dependency.marker, cell.platform)
        if dependency.name not in self.substitution.projects or not is_here:
            return dependency
        asked = Requirement(dependency.complete_name)
        row = self.substitution.row(asked, cell.target, cell.platform)
        return dependency if row is None else root.substituted(dependency, row)

    def substitutes(self, cell: Cell) -> dict[str, Dependency]:
        """Return what a cell has in the place of what the project says, by the project's name.

        :raises NoSubstituteError: the cell's target has no use for one of them.
        """
        asked = (*self.requires, *self.by_target.get(cell.target.name, ()))
        pairs = ((each, self.substituted(each, cell)) for each in asked)
        return {str(each.name): other for each, other in pairs if other is not each}

    def is_idle(self, dependency: Dependency, platforms: Iterable[Platform]) -> bool:
        """Return whether the markers of a dependency keep it out of all of these platforms."""
        return not any(self.holds(dependency.marker, platform) for platform in platforms)

    def holds(self, marker: BaseMarker, platform: Platform) -> bool:
        """Return whether a marker is true on a platform, on any release of any Python."""
        environments = self.environments(platform, [marker])
        return any(marker.without_extras().validate(each) for each in environments)

    def _of(self, name: str, cell: Cell) -> ConstraintWanted | None:
        key = (name, cell.platform, cell.target.name)
        if key not in self._found:
            mine = self._mine(name, cell)
            environments = self.environments(cell.platform, [each.marker for each in mine])
            per_release = (_there(mine, environment) for environment in environments)
            self._found[key] = _any_of([there for there in per_release if there])
        return self._found[key]

    def pythons_where(self, marker: BaseMarker, platform: Platform) -> frozenset[PythonVersion]:
        """Return the Pythons on which a marker is true on a platform, on any of their releases."""
        bare = marker.without_extras()
        return self._pythons_of(e for e in self.environments(platform, [bare]) if bare.validate(e))

    def asking(self, name: str, version: Version, cell: Cell) -> frozenset[PythonVersion]:
        """Return the Pythons on which the project asks for a version of a package there.

        All of them, where it asks for the version nowhere: another package may.
        """
        mine = self._mine(name, cell)
        found = self._pythons_of(
            environment
            for environment in self.environments(cell.platform, [each.marker for each in mine])
            if (there := _there(mine, environment))
            and (wanted := _any_of([there])) is not None
            and wanted.filter([version])
        )
        return found or frozenset(self.pythons)

    def _pythons_of(self, environments: Iterable[Mapping[str, Any]]) -> frozenset[PythonVersion]:
        found = {environment["python_version"] for environment in environments}
        return frozenset(python for python in self.pythons if str(python) in found)

    def _mine(self, name: str, cell: Cell) -> list[Dependency]:
        asked = (*self.requires, *self.by_target.get(cell.target.name, ()))
        return [each for each in asked if each.name == name]

    def environments(
        self, platform: Platform, markers: Sequence[BaseMarker]
    ) -> Iterator[dict[str, Any]]:
        """Yield the environments (PEP 508) of all releases of Python that markers tell apart."""
        texts = [str(self.supported), *map(str, markers)]
        for python in self.pythons:
            for patch in python.patches(*texts):
                if self.supported.allows(PoetryVersion.parse(python.release(patch))):
                    yield {**platform.marker_environment(python, patch), "extra": ""}


@dataclass
class Needs:
    """Which platforms have to have a version of a labelled package, for a solve to offer it.

    :param asks: what the project asks for.
    :param required: the cells that have to be in the lock.
    :param everywhere: packages that another one asks for where a marker of the user's keeps them
        out: that shows in a solution only.
    """

    asks: RootDependencies
    required: frozenset[Cell]
    everywhere: set[str] = field(default_factory=set)

    def must_have(self, name: str, version: Version, cell: Cell) -> bool:
        """Return whether a version is no use where a cell lacks it.

        Not where a marker of the user's keeps the package out, or asks for another version.
        """
        if cell not in self.required:
            return False
        if name in self.everywhere or not self.asks.names(name):
            return True
        wanted = self.asks.wanted(name, cell)
        return self.asks.asks(name, cell) and version in wanted.filter([version])


def _there(dependencies: Iterable[Dependency], environment: dict[str, Any]) -> list[Dependency]:
    """Return the dependencies whose markers are true there, whatever the extras."""
    return [each for each in dependencies if each.marker.without_extras().validate(environment)]


def _any_of(per_release: Sequence[Sequence[Dependency]]) -> ConstraintWanted | None:
    """Return what any of the releases of Python asks for.

    That is the union, over the releases, of what all dependencies together allow on each.
    """
    if not per_release:
        return None
    joined: VersionConstraint = EmptyConstraint()
    for dependencies in per_release:
        constraints = [d.constraint for d in dependencies if not d.is_direct_origin()]
        if not constraints:
            return ConstraintWanted()
        own = constraints[0]
        for constraint in constraints[1:]:
            own = own.intersect(constraint)
        joined = joined.union(own)
    return ConstraintWanted(joined)
