"""What the lock has already: each slice's packages, as the solver is to keep them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock.hosts.poetry import labels

if TYPE_CHECKING:
    from packaging.version import Version
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.locker import TargetLocker
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.slices import Slice
    from accelock.targets import Target


@dataclass(frozen=True, slots=True)
class Locked:
    """The packages of a lock by target; none where all of it is made anew.

    :param use_latest: the names of the packages that are to be updated.
    """

    pool: TargetPool
    locker: TargetLocker
    use_latest: list[Any]
    is_kept: bool

    @classmethod
    def of(
        cls, pool: TargetPool, locker: TargetLocker, seen: list[Package], use_latest: Any
    ) -> Locked:
        """Return what is locked.

        :param seen: the locked packages that Poetry sees: those of one target, none at all where
            the lock is made anew.
        :param use_latest: what Poetry wants updated. Where that is all it sees, it is all that the
            lock has: what gets locked must not depend on the machine.
        """
        latest = list(use_latest or [])
        here = {package.name for package in seen}
        if here and here <= set(latest):
            others = (locker.packages_of(target) for target in pool.project.targets)
            latest += [package.name for found in others for package in found]
        return cls(pool, locker, list(dict.fromkeys(latest)), bool(seen))

    def versions(self, target: Target) -> dict[str, Version]:
        """Return a target's public versions of the labelled packages that are not to be updated.

        None of a package of which the user's markers want several.
        """
        found: dict[str, set[Version]] = {}
        for package in self._packages(target):
            entry = self.pool.find(package.name)
            if package.name not in self.use_latest and entry and entry[1].labelled:
                found.setdefault(package.name, set()).add(labels.public(package.version))
        return {name: min(versions) for name, versions in found.items() if len(versions) == 1}

    def in_slice(self, whole: Slice) -> list[Package]:
        """Return the packages locked for a target that the slice can still take.

        ``Provider.get_locked`` never asks the pool, so that accelerated ones are looked at here.
        """
        with self.pool.use(whole):
            kept = (self._kept(each, whole) for each in self._packages(whole.target))
            return [package for package in kept if package is not None]

    def _kept(self, package: Package, whole: Slice) -> Package | None:
        ours = self.pool.source_of(package, whole.target)
        if ours is not None:
            return ours.as_solved(package)
        entry = self.pool.find(package.name)
        is_ours = entry is not None and entry[1].labelled and not package.is_direct_origin()
        return None if is_ours else package  # of another source than its family's: made anew

    def _packages(self, target: Target) -> list[Package]:
        return self.locker.packages_of(target) if self.is_kept else []
