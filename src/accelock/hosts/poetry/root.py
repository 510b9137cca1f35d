"""The project's own dependencies, as Poetry's root package keeps them, and what a cell asks for."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from poetry.core.constraints.version import EmptyConstraint, VersionRange, parse_constraint
from poetry.core.constraints.version import Version as PoetryVersion
from poetry.core.packages.dependency import Dependency
from poetry.core.packages.dependency_group import MAIN_GROUP, DependencyGroup

from accelock.errors import AccelockError
from accelock.hosts.poetry.sources import variant
from accelock.resolve.substitution import Substitution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version
    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.package import Package
    from poetry.core.version.markers import BaseMarker

    from accelock.catalogue.relations import Substitute
    from accelock.hosts.poetry.project import Project
    from accelock.targets import Cell, Platform, PythonVersion


# A label (PEP 440) in a constraint, as in ">=2.6.0+cpu,<3.0.0": "+" stands before one only.
_LABEL = re.compile(r"\+([A-Za-z0-9.]+)")


def dependencies(package: Package) -> Iterator[Dependency]:
    """Yield the dependencies of a root package, to be changed in place.

    The groups' own lists are private in Poetry 2.0.1 to 2.5.1; the public ones hold copies where
    ``[tool.poetry.dependencies]`` adds to ``[project]``.
    """
    for group in package._dependency_groups.values():
        yield from (*group._dependencies, *group._poetry_dependencies)


def strip_labels(package: Package, project: Project) -> None:
    """Let the dependencies of a root package that carry their own target's label carry none.

    A group has one build of a public version, so that a label tells a solver nothing. And it would
    harm: that ``==2.6.0`` allows 2.6.0+cpu while it is no subset of it lets the solver of Poetry
    2.0 to 2.3 run for ever where a pin of torchvision on torch meets a conflict.

    :raises AccelockError: the label is of another target than one of the project's.
    """
    for dependency in dependencies(package):
        if (constraint := public_constraint(dependency, project)) is not dependency.constraint:
            dependency.constraint = constraint


def public_constraint(dependency: Dependency, project: Project) -> VersionConstraint:
    """Return what a dependency asks for without its own target's label.

    :raises AccelockError: the label is of another target than one of the project's.
    """
    entry, asked = project.find(dependency.name), dependency.constraint
    if entry is None or not entry[1].labelled or dependency.is_direct_origin():
        return asked
    found = set(_LABEL.findall(str(asked)))
    if not found:
        return asked
    own = {t.name: entry[0].label(variant(project, entry[0], t)) for t in project.targets}
    if foreign := found.difference(own.values()) or (found if len(set(own.values())) > 1 else ()):
        raise AccelockError(_foreign(project, dependency, min(foreign), own))
    return parse_constraint(_LABEL.sub("", str(asked)))


def _foreign(
    project: Project, dependency: Dependency, label: str, own: Mapping[str, str | None]
) -> str:
    others = ", ".join(name for name, its in own.items() if its != label)
    return (
        f"{project.where}: {dependency.name} {dependency.constraint} carries the label +{label}, "
        f"and [tool.accelock] declares {others}. Write the public version (without +{label}), and "
        "each target gets its own build."
    )


@contextlib.contextmanager
def relaxed(package: Package, idle: Callable[[Dependency], bool]) -> Iterator[None]:
    """Let idle dependencies of a root package ask for any version, for a while.

    Poetry solves for every machine at once, and would want ``torch==2.2.2 ; sys_platform ==
    "darwin"`` of the builds for Linux. They stay, so that no machine is left without the package.

    Those that then ask for the same, Poetry joins (``Provider._merge_dependencies_by_constraint``
    of 2.0.1 to 2.5.1): the first gets the markers of all, in place, idle or not. All get back
    their own, or the next solve would ask on one platform for what is meant for another.
    """
    markers = [(each, each.marker) for each in dependencies(package)]
    asked = {id(each): (each, each.constraint) for each, _marker in markers if idle(each)}
    for dependency, _constraint in asked.values():
        dependency.constraint = VersionRange()
    try:
        yield
    finally:
        for dependency, constraint in asked.values():
            dependency.constraint = constraint
        for dependency, marker in markers:
            if dependency.marker is not marker:
                dependency.marker = marker


@contextlib.contextmanager
def regrouped(
    package: Package,
    change: Callable[[Dependency], Dependency | None],
    more: Sequence[Dependency] = (),
) -> Iterator[None]:
    """Let a root package have other dependencies, and more in its main group, for a while.

    A solve asks it for ``all_requires``, which Poetry 2.0.1 to 2.5.1 joins from its groups: each
    is replaced by one that has what they are changed to.

    :param change: returns a dependency, another in its place, or None for none.
    """
    own = package._dependency_groups
    if more or any(change(each) is not each for each in package.all_requires):
        groups = {**own} if MAIN_GROUP in own else {**own, MAIN_GROUP: DependencyGroup(MAIN_GROUP)}
        package._dependency_groups = {n: _changed(each, change) for n, each in groups.items()}
        for dependency in more:
            if (other := change(dependency)) is not None:
                package._dependency_groups[MAIN_GROUP].add_dependency(other.clone())
    try:
        yield
    finally:
        package._dependency_groups = own


def _changed(
    group: DependencyGroup, change: Callable[[Dependency], Dependency | None]
) -> DependencyGroup:
    changed = DependencyGroup(str(group.name), optional=group.is_optional())
    for dependency in group.dependencies_for_locking:
        if (other := change(dependency)) is not None:
            changed.add_dependency(other)
    return changed


def substituted(dependency: Dependency, substitute: Substitute) -> Dependency:
    """Return what a target has in the place of a dependency; all but the name stays."""
    versions = parse_constraint(str(substitute.versions) or "*")
    extras = {*dependency.extras, *([substitute.extra] if substitute.extra else [])}
    found = Dependency(
        substitute.name,
        dependency.constraint.intersect(versions),
        optional=dependency.is_optional(),
        groups=dependency.groups,
        allows_prereleases=dependency.allows_prereleases(),
        extras=sorted(extras),
    )
    found.source_name = dependency.source_name
    found.marker = dependency.marker
    # As Poetry's factory does; private in Poetry 2.0.1 to 2.5.1.
    found._in_extras = dependency.in_extras
    return found


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
        return dependency if row is None else substituted(dependency, row)

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
