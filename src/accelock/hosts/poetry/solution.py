"""What a lock of all targets consists of, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.hosts.poetry import labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.version import Version
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.targets import Platform, Target


@dataclass
class Solution:
    """What a lock of all targets consists of.

    :param accelerated: False where no package of a family is in it: then one target is all.
    """

    by_target: dict[Target, Solved] = field(default_factory=dict)
    platforms: dict[Target, tuple[Platform, ...]] = field(default_factory=dict)
    accelerated: bool = False


def is_sourced(package: Package) -> bool:
    """Return whether a package comes from an index, and not from an URL, a file or a repository."""
    return package.source_type in {None, "legacy"}


def lockstep_versions(pool: TargetPool, solved: Iterable[Package]) -> dict[str, frozenset[Version]]:
    """Return the public versions of each lockstep package: several, where markers ask for them."""
    found: dict[str, set[Version]] = {}
    for package in solved:
        entry = pool.find(package.name)
        if entry is not None and entry[1].lockstep and is_sourced(package):
            found.setdefault(package.name, set()).add(labels.public(package.version))
    return {name: frozenset(versions) for name, versions in found.items()}
