"""Labels (PEP 440 local versions) around a solve, which itself knows public versions only.

A slice has one build of a public version, so that a label tells a solver nothing. And it would
harm: that ``==2.6.0`` allows 2.6.0+cpu while it is no subset of it lets the solver of Poetry 2.0 to
2.3 run for ever where a pin of torchvision on torch meets a conflict.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import Version
from poetry.core.constraints.version import Version as PoetryVersion
from poetry.core.constraints.version import parse_constraint

from accelock.errors import AccelockError
from accelock.hosts.poetry import root
from accelock.hosts.poetry.sources import variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.project import Project

# In a constraint, as in ">=2.6.0+cpu,<3.0.0" (PEP 440; "+" stands before a label only).
_LABEL = re.compile(r"\+([A-Za-z0-9.]+)")


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
