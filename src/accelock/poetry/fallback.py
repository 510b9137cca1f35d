"""Sources of ours in pyproject.toml: what `init --fallback` writes, and the plugin reads past.

A Poetry without the plugin needs the leader's index as an explicit source, and ``source = ...`` on
each accelerated dependency. With the plugin that name stands for the family, on every target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.lock import reference

if TYPE_CHECKING:
    from poetry.core.packages.package import Package


def route(package: Package) -> None:
    """Let the dependencies of a root package that name a source of ours name none.

    Poetry would take the leader's builds on every target, and would find no such source in another
    target's view of the lock. The groups' own lists are private in Poetry 2.0.1 to 2.5.1; the
    public ones hold copies where ``[tool.poetry.dependencies]`` adds to ``[project]``.
    """
    for group in package._dependency_groups.values():
        for dependency in (*group._dependencies, *group._poetry_dependencies):
            if dependency.source_name and is_own(dependency.source_name):
                dependency.source_name = None


def is_own(name: str) -> bool:
    """Tell whether a source has a name that accelock gives."""
    families = load_catalogue().families
    return any(reference.target_of(name, family.name) for family in families)
