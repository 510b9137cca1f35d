"""What a lock of all targets consists of, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.hosts.poetry import labels
from accelock.locks import poetry_lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.version import Version
    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.locks.model import Lock
    from accelock.settings.project import Settings
    from accelock.targets import Platform, Target


@dataclass
class Solution:
    """What a lock of all targets consists of.

    :param accelerated: False where no package of a family is in it: then one target is all.
    """

    by_target: dict[Target, Solved] = field(default_factory=dict)
    platforms: dict[Target, tuple[Platform, ...]] = field(default_factory=dict)
    accelerated: bool = False


def lock_of(solution: Solution, settings: Settings) -> Lock | None:
    """Return a solution as the lock that it will be; None where no target tells another apart."""
    if not solution.accelerated:
        return None
    views = {
        target.name: [_entry(package, info) for package, info in solved.items()]
        for target, solved in solution.by_target.items()
    }
    platforms = {t.name: [p.name for p in found] for t, found in solution.platforms.items()}
    return poetry_lock.lock_of(views, platforms, settings.catalogue.targets)


def _entry(package: Package, info: TransitivePackageInfo) -> dict[str, object]:
    """Return as much of an entry as tells its version, and where it is wanted (format 2.1)."""
    return {
        "name": package.name,
        "version": package.version.text,
        "optional": package.optional,
        "groups": sorted(info.groups),
        "markers": {group: str(m) for group, m in info.markers.items() if not m.is_any()},
    }


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
