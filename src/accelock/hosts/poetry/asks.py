"""What the project itself asks of a package in a cell: Poetry's constraints, for lockstep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from poetry.core.constraints.version import EmptyConstraint
from poetry.core.constraints.version import Version as PoetryVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.version import Version
    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.dependency import Dependency
    from poetry.core.version.markers import BaseMarker

    from accelock.targets import Cell, Platform, PythonVersion


@dataclass(frozen=True, slots=True)
class Wanted:
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
class Asks:
    """The dependencies of the project, of all groups and extras, looked at cell by cell.

    :param pythons: the Pythons of the project. A marker may tell them apart, a cell does not.
    :param supported: the project's own constraint on Python: of some it takes a few releases only.
    """

    requires: tuple[Dependency, ...]
    pythons: Sequence[PythonVersion]
    supported: VersionConstraint
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
        return not any(self.holds(dependency.marker, platform) for platform in platforms)

    def holds(self, marker: BaseMarker, platform: Platform) -> bool:
        """Return whether a marker is true on a platform, on any release of any Python."""
        environments = self.environments(platform, [marker])
        return any(marker.without_extras().validate(each) for each in environments)

    def _of(self, name: str, platform: Platform) -> Wanted | None:
        key = (name, platform)
        if key not in self._found:
            mine = [each for each in self.requires if each.name == name]
            environments = self.environments(platform, [each.marker for each in mine])
            per_release = (_there(mine, environment) for environment in environments)
            self._found[key] = _any_of([there for there in per_release if there])
        return self._found[key]

    def environments(
        self, platform: Platform, markers: Sequence[BaseMarker]
    ) -> Iterator[dict[str, Any]]:
        """Yield the environments (PEP 508) of all releases of Python that markers tell apart."""
        texts = [str(self.supported), *map(str, markers)]
        for python in self.pythons:
            for patch in python.patches(*texts):
                if self.supported.allows(PoetryVersion.parse(python.release(patch))):
                    yield {**platform.marker_environment(python, patch), "extra": ""}


def _there(dependencies: Iterable[Dependency], environment: dict[str, Any]) -> list[Dependency]:
    """Return the dependencies whose markers are true there, whatever the extras."""
    return [each for each in dependencies if each.marker.without_extras().validate(environment)]


def _any_of(per_release: Sequence[Sequence[Dependency]]) -> Wanted | None:
    """Return what any of the releases of Python asks for.

    That is the union, over the releases, of what all dependencies together allow on each.
    """
    if not per_release:
        return None
    joined: VersionConstraint = EmptyConstraint()
    for dependencies in per_release:
        constraints = [d.constraint for d in dependencies if not d.is_direct_origin()]
        if not constraints:
            return Wanted()
        own = constraints[0]
        for constraint in constraints[1:]:
            own = own.intersect(constraint)
        joined = joined.union(own)
    return Wanted(joined)
