"""Labels (PEP 440 local versions) around a solve, which itself knows public versions only.

A slice has one build of a public version, so that a label tells a solver nothing. And it would
harm: that ``==2.6.0`` allows 2.6.0+cpu while it is no subset of it lets the solver of Poetry 2.0 to
2.3 run for ever where a pin of torchvision on torch meets a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version
from poetry.core.constraints.version import Version as PoetryVersion

from accelock.errors import AccelockError
from accelock.hosts.poetry import root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.project import Project


def relabelled(package: Package, version: Version) -> Package:
    """Return a package with another spelling of its version; the very same one where it is it."""
    if package.version.text == str(version):
        return package
    # As `Package.with_features` does; private in Poetry 2.0.1 to 2.5.1.
    clone = package.clone()
    clone._set_version(PoetryVersion.parse(str(version)))
    return clone


def public(version: PoetryVersion) -> Version:
    """Return a version without its label."""
    return Version(Version(version.text).public)


def strip(package: Package, project: Project) -> None:
    """Let the dependencies of a root package that carry their own target's label carry none.

    :raises AccelockError: the label is of another target than one of the project's.
    """
    for dependency in root.dependencies(package):
        if (constraint := public_constraint(dependency, project)) is not dependency.constraint:
            dependency.constraint = constraint


def public_constraint(dependency: Dependency, project: Project) -> VersionConstraint:
    """Return what a dependency asks for without its own target's label.

    :raises AccelockError: the label is of another target than one of the project's.
    """
    entry, asked = project.find(dependency.name), dependency.constraint
    if entry is None or not entry[1].labelled or not _has_label(dependency):
        return asked
    version, _, label = str(asked).partition("+")
    own = {target.name: entry[0].label(target) for target in project.targets}
    if set(own.values()) != {label}:
        raise AccelockError(_foreign(project, dependency, label, own))
    return PoetryVersion.parse(version)


def _has_label(dependency: Dependency) -> bool:
    version = dependency.constraint
    by_hand = dependency.is_direct_origin() or dependency.source_name is not None
    return not by_hand and isinstance(version, PoetryVersion) and version.is_local()


def _foreign(
    project: Project, dependency: Dependency, label: str, own: Mapping[str, str | None]
) -> str:
    others = ", ".join(name for name, its in own.items() if its != label)
    return (
        f"{project.where}: {dependency.name} {dependency.constraint} carries the label +{label}, "
        f"and [tool.accelock] declares {others}. Write the public version (without +{label}) to "
        "have the right build for each target."
    )
