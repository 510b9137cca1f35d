"""Poetry's solver on one group: with what is locked for it, in step with the groups before it."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cleo.io.null_io import NullIO
from poetry.puzzle.exceptions import SolverProblemError
from poetry.puzzle.solver import Solver

from accelock.hosts.poetry import root
from accelock.hosts.poetry.solution import public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleo.io.io import IO
    from packaging.version import Version
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.locker import TargetLocker
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.root import RootDependencies
    from accelock.hosts.poetry.solution import Solved
    from accelock.resolve.host import Group
    from accelock.targets import Target


@dataclass(frozen=True, slots=True)
class LockedPackages:
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
    ) -> LockedPackages:
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
                found.setdefault(package.name, set()).add(public(package))
        return {name: min(versions) for name, versions in found.items() if len(versions) == 1}

    def in_group(self, group: Group) -> list[Package]:
        """Return the packages locked for a target that the group can still take.

        ``Provider.get_locked`` never asks the pool, so that accelerated ones are looked at here.
        """
        with self.pool.use(group):
            kept = (self._kept(each, group) for each in self._packages(group.target))
            return [package for package in kept if package is not None]

    def _kept(self, package: Package, group: Group) -> Package | None:
        ours = self.pool.source_of(package, group.target)
        if ours is not None:
            # It has the files of the whole target: Poetry would read a group's anew for those.
            package.files = []
            return ours.as_solved(package)
        entry = self.pool.find(package.name)
        is_ours = entry is not None and entry[1].labelled and not package.is_direct_origin()
        return None if is_ours else package  # of another source than its family's: made anew

    def _packages(self, target: Target) -> list[Package]:
        return self.locker.packages_of(target) if self.is_kept else []


class GroupSolver:
    """What one command asked of Poetry's solver, asked of it again for a group at a time."""

    def __init__(
        self, solver: Solver, pool: TargetPool, locked: LockedPackages, asks: RootDependencies
    ) -> None:
        self.solver = solver
        self.pool = pool
        self.locked = locked
        self.asks = asks
        # Of all targets: a dependency that is for none of them is for no group.
        self.platforms = frozenset(
            platform
            for target in pool.project.targets
            for platform in pool.project.config.platforms_of(target)
            if target.exists_on(platform)
        )

    def solve(self, group: Group, found: Mapping[Group, Solved]) -> Solved:
        """Return what is to be locked for a group, with the versions of the groups before it.

        What the project asks for on other platforms alone is solved there too, as plain Poetry
        would. But it may want their torch: where nothing fits, it is left to them.

        :raises SolverProblemError: nothing fits; Poetry's own words on why.
        """
        package = self.solver._package
        own = self.asks.by_target[group.target.name]
        is_of_others = functools.partial(self._is_of_others, group)
        with root.regrouped(package, functools.partial(self._in_group, group), own):
            if not any(map(is_of_others, self.asks.requires)):
                return self._solve(group, found)
            with contextlib.suppress(SolverProblemError):
                return self._solve(group, found)
            with root.regrouped(package, lambda each: None if is_of_others(each) else each):
                return self._solve(group, found)

    def _solve(self, group: Group, found: Mapping[Group, Solved]) -> Solved:
        locked = self.locked.in_group(group)
        models = [found[other] for other in _models(group, found)]
        latest = self.locked.use_latest
        if models:
            names = {p.name for model in models for p in model if self.pool.find(p.name) is None}
            locked = [p for p in locked if p.name not in names]
            locked += [p for p in _from_last_model(models) if p.name in names]
            latest = [name for name in latest if name not in names]
        idle = functools.partial(self._is_idle, group)
        with self.pool.use(group), root.relaxed(self.solver._package, idle):
            # Of Poetry's own making: while the pool is used for a group, our hook lets it be.
            solver = Solver(
                self.solver._package,
                self.pool,
                self.solver._installed_packages,
                locked,
                self._inner_io(),
            )
            solver.provider._source_root = self.solver.provider._source_root
            solved = solver.solve(latest).get_solved_packages()
            return {self._as_locked(package, group): info for package, info in solved.items()}

    def _in_group(self, group: Group, dependency: Dependency) -> Dependency | None:
        """Return a dependency as a group has it, None where it has a word of its own on that."""
        if self._is_replaced(group, dependency):
            return None
        return self.asks.substituted(dependency, group.cells[0])

    def _is_idle(self, group: Group, dependency: Dependency) -> bool:
        """Tell a dependency on an accelerated package that is for other platforms."""
        entry = self.pool.find(dependency.name)
        ours = entry is not None and entry[1].labelled and not dependency.is_direct_origin()
        return ours and self.asks.is_idle(dependency, group.platforms)

    def _is_replaced(self, group: Group, dependency: Dependency) -> bool:
        """Tell such a dependency on what the group has a word of its own on.

        Of ``torch==2.7.1 ; sys_platform == "darwin"`` beside ``torch==2.6.0 ; sys_platform ==
        "linux"``, each system has its own solve: either would add a torch for the other here.
        """
        return (
            self._is_idle(group, dependency)
            and any(
                each.name == dependency.name and not self.asks.is_idle(each, group.platforms)
                for each in self.asks.requires
            )
            and not self.asks.is_idle(dependency, self.platforms)
        )

    def _is_of_others(self, group: Group, dependency: Dependency) -> bool:
        """Tell any other dependency that is for other platforms.

        Not one that is for no group at all, and would be nowhere in the lock.
        """
        return (
            not self._is_idle(group, dependency)
            and self.asks.is_idle(dependency, group.platforms)
            and not self.asks.is_idle(dependency, self.platforms)
        )

    def _as_locked(self, package: Package, group: Group) -> Package:
        ours = self.pool.source_of(package, group.target)
        return package if ours is None else ours.as_locked(package)

    def _inner_io(self) -> IO:
        """Return where a group's solve tells what it does: nowhere, if that is only a line."""
        return self.solver._io if self.solver._io.is_verbose() else NullIO()


def _models(group: Group, found: Mapping[Group, Solved]) -> list[Group]:
    """Return the groups whose versions a group follows, those that count most last."""
    if not found:
        return []
    leader, *_ = found
    mine = [other for other in found if other.target == group.target]
    overlap = [
        other
        for other in found
        if other.target == leader.target and set(other.platforms) & set(group.platforms)
    ]
    return [leader, *mine, *overlap]


def _from_last_model(models: list[Solved]) -> list[Package]:
    """Return each package as the last model that has it has it, in the models' own order."""
    chosen: dict[str, list[Package]] = {}
    for model in models:
        for name in dict.fromkeys(package.name for package in model):
            chosen[name] = [package for package in model if package.name == name]
    return [package for packages in chosen.values() for package in packages]
