"""What a lock says besides its progress: where the user's own word counts, and where not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from poetry.core.pyproject.toml import PyProjectTOML

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.poetry.project import Project


def by_hand(project: Project, requires: Iterable[Dependency]) -> Iterator[str]:
    """Yield a line for each accelerated package that comes from an URL, a file or a repository."""
    for dependency in requires:
        if dependency.is_direct_origin() and project.find(dependency.name) is not None:
            yield f"{dependency.name} is {dependency.source_url} by hand, on every target."


def ignored_tables(project: Project, packages: Iterable[Package]) -> Iterator[str]:
    """Yield a line for each path dependency that has a [tool.accelock] table of its own."""
    for package in packages:
        if package.source_type != "directory" or package.source_url is None:
            continue
        root = project.poetry.pyproject_path.parent
        pyproject = Path(root, package.source_url, "pyproject.toml")
        if "accelock" in PyProjectTOML(pyproject).data.get("tool", {}):
            yield (
                f"the [tool.accelock] table of {package.name} ({pyproject}) is ignored: only the "
                "project's own counts."
            )
