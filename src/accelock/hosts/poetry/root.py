"""The project's own dependencies, as Poetry's root package keeps them."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from poetry.core.constraints.version import VersionRange, parse_constraint
from poetry.core.packages.dependency import Dependency
from poetry.core.packages.dependency_group import MAIN_GROUP, DependencyGroup

from accelock.errors import AccelockError
from accelock.hosts.poetry.sources import variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.package import Package

    from accelock.catalogue.substitutes import Substitute
    from accelock.hosts.poetry.project import Project

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
        f"and [tool.accelock] declares {others}. Write the public version (without +{label}) to "
        "have the right build for each target."
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
