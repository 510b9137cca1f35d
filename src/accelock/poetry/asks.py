"""What the project itself asks of a package in a cell: Poetry's constraints, for lockstep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from poetry.core.constraints.version import EmptyConstraint
from poetry.core.constraints.version import Version as PoetryVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.version import Version
    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.dependency import Dependency

    from accelock.target import Cell, Platform, PythonVersion


@dataclass(frozen=True, slots=True)
class Wanted:
    """The versions that the project asks for, None for any: what `SpecifierSet` is to pip."""

    constraint: VersionConstraint | None = None

    def filter(self, versions: Iterable[Version]) -> list[Version]:
        """Return the versions that fit, as `SpecifierSet.filter` does."""
        constraint = self.constraint
        if constraint is None or constraint.is_empty():
            return list(versions)  # a contradiction is Poetry's to explain
        return [v for v in versions if constraint.allows(PoetryVersion.parse(str(v)))]

    def __str__(self) -> str:
        none = self.constraint is None or self.constraint.is_any() or self.constraint.is_empty()
        return "" if none else f" ({self.constraint})"


@dataclass
class Asks:
    """The dependencies of the project, of all groups and extras, looked at cell by cell.

    :param pythons: the Pythons of the project. A marker may tell them apart, a cell does not.
    """

    requires: tuple[Dependency, ...]
    pythons: Sequence[PythonVersion]
    _found: dict[tuple[str, Platform], Wanted | None] = field(default_factory=dict)

    def wanted(self, name: str, cell: Cell) -> Wanted:
        """Return what the project asks of a package there."""
        return self._of(name, cell.platform) or Wanted()

    def asks(self, name: str, cell: Cell) -> bool:
        """Return whether the project itself asks for a package there, on any Python."""
        return self._of(name, cell.platform) is not None

    def names(self, name: str) -> bool:
        """Return whether the project itself asks for a package anywhere."""
        return any(dependency.name == name for dependency in self.requires)

    def is_idle(self, dependency: Dependency, platforms: Iterable[Platform]) -> bool:
        """Return whether the markers of a dependency keep it out of all of these platforms."""
        places = ((platform, python) for platform in platforms for python in self.pythons)
        return not any(_there([dependency], *place) for place in places)

    def _of(self, name: str, platform: Platform) -> Wanted | None:
        key = (name, platform)
        if key not in self._found:
            mine = [each for each in self.requires if each.name == name]
            per_python = [found for p in self.pythons if (found := _there(mine, platform, p))]
            self._found[key] = _any_of(per_python)
        return self._found[key]


def _there(
    dependencies: Iterable[Dependency], platform: Platform, python: PythonVersion
) -> list[Dependency]:
    """Return the dependencies whose markers are true there, whatever the extras."""
    environment: dict[str, Any] = {**platform.marker_environment(python), "extra": ""}
    return [each for each in dependencies if each.marker.without_extras().validate(environment)]


def _any_of(per_python: Sequence[Sequence[Dependency]]) -> Wanted | None:
    """Return what one of the Pythons asks for, all of its dependencies together."""
    if not per_python:
        return None
    joined: VersionConstraint = EmptyConstraint()
    for dependencies in per_python:
        constraints = [d.constraint for d in dependencies if not d.is_direct_origin()]
        if not constraints:
            return Wanted()
        own = constraints[0]
        for constraint in constraints[1:]:
            own = own.intersect(constraint)
        joined = joined.union(own)
    return Wanted(joined)
