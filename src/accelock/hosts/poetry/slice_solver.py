"""Poetry's solver, on one slice: with what is locked for it, in step with the slices before it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cleo.io.null_io import NullIO
from poetry.puzzle.exceptions import SolverProblemError

from accelock.hosts.poetry import root
from accelock.hosts.poetry.hooks import PoetrySolver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cleo.io.io import IO
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.asks import Asks
    from accelock.hosts.poetry.hooks import TargetSolver
    from accelock.hosts.poetry.locked import Locked
    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.slices import Slice


class SliceSolver:
    """What one command asked of Poetry's solver, asked of it again for a slice at a time."""

    def __init__(self, solver: TargetSolver, pool: TargetPool, locked: Locked, asks: Asks) -> None:
        self.solver = solver
        self.pool = pool
        self.locked = locked
        self.asks = asks
        # Of all targets: a dependency that is for none of them is for no slice.
        self.platforms = frozenset(
            platform
            for target in pool.project.targets
            for platform in pool.project.config.platforms_of(target)
            if target.exists_on(platform)
        )

    def solve(self, whole: Slice, found: Mapping[Slice, Solved]) -> Solved:
        """Return what is to be locked on a slice, with the versions of the slices before it.

        What the project asks for on other slices alone is solved there too, as plain Poetry would.
        But it may want their torch: where nothing fits, it is left to them.

        :raises SolverProblemError: nothing fits; Poetry's own words on why.
        """
        package = self.solver._package
        own = self.asks.by_target[whole.target.name]
        with root.also(package, own), root.without(package, self._is_replaced(whole)):
            return self._with_or_without_others(whole, found)

    def _with_or_without_others(self, whole: Slice, found: Mapping[Slice, Solved]) -> Solved:
        is_of_others = self._is_of_others(whole)
        if not any(map(is_of_others, self.asks.requires)):
            return self._solve(whole, found)
        with contextlib.suppress(SolverProblemError):
            return self._solve(whole, found)
        with root.without(self.solver._package, is_of_others):
            return self._solve(whole, found)

    def _solve(self, whole: Slice, found: Mapping[Slice, Solved]) -> Solved:
        locked = self.locked.in_slice(whole)
        models = [found[other] for other in _models(whole, found)]
        latest = self.locked.use_latest
        if models:
            names = {p.name for model in models for p in model if self.pool.find(p.name) is None}
            locked = [p for p in locked if p.name not in names]
            locked += [p for p in _from_last_model(models) if p.name in names]
            latest = [name for name in latest if name not in names]
        with self.pool.use(whole), root.relaxed(self.solver._package, self._idle(whole)):
            solver = PoetrySolver(
                self.solver._package,
                self.pool,
                self.solver._installed_packages,
                locked,
                self._inner_io(),
            )
            solver.provider._source_root = self.solver.provider._source_root
            solved = solver.solve(latest).get_solved_packages()
            return {self._as_locked(package, whole): info for package, info in solved.items()}

    def _is_replaced(self, whole: Slice) -> Callable[[Dependency], bool]:
        """Return what tells a dependency of other slices on what this one has a word of its own on.

        Of ``torch==2.7.1 ; sys_platform == "darwin"`` beside ``torch==2.6.0 ; sys_platform ==
        "linux"``, each system has its own solve: either would add a torch for the other here.
        """
        idle, asks = self._idle(whole), self.asks
        own = {d.name for d in asks.requires if not asks.is_idle(d, whole.platforms)}
        platforms = self.platforms

        def is_replaced(dependency: Dependency) -> bool:
            replaced = dependency.name in own and idle(dependency)
            return replaced and not asks.is_idle(dependency, platforms)

        return is_replaced

    def _is_of_others(self, whole: Slice) -> Callable[[Dependency], bool]:
        """Return what tells a dependency that is for other slices, whatever its version.

        Not one that is for no slice at all, and would be nowhere in the lock.
        """
        relaxed, is_idle = self._idle(whole), self.asks.is_idle
        platforms = self.platforms

        def is_of_others(dependency: Dependency) -> bool:
            idle = not relaxed(dependency) and is_idle(dependency, whole.platforms)
            return idle and not is_idle(dependency, platforms)

        return is_of_others

    def _idle(self, whole: Slice) -> Callable[[Dependency], bool]:
        """Return what tells a dependency on an accelerated package that is for other platforms."""

        def idle(dependency: Dependency) -> bool:
            entry = self.pool.find(dependency.name)
            ours = entry is not None and entry[1].labelled and not dependency.is_direct_origin()
            return ours and self.asks.is_idle(dependency, whole.platforms)

        return idle

    def _as_locked(self, package: Package, whole: Slice) -> Package:
        ours = self.pool.source_of(package, whole.target)
        return package if ours is None else ours.as_locked(package)

    def _inner_io(self) -> IO:
        """Return where a slice's solve shows its progress: nowhere, where that is only a line."""
        io = self.solver._io
        return io if io.output.is_decorated() or io.is_verbose() else NullIO()


def _models(whole: Slice, found: Mapping[Slice, Solved]) -> list[Slice]:
    """Return the slices whose versions a slice follows, those that count most last."""
    slices = list(found)
    if not slices:
        return []
    leader = slices[0].target
    overlap = [s for s in slices if s.target == leader and set(s.platforms) & set(whole.platforms)]
    return [slices[0], *(s for s in slices if s.target == whole.target), *overlap]


def _from_last_model(models: list[Solved]) -> list[Package]:
    """Return each package as the last model that has it has it, in the models' own order."""
    chosen: dict[str, list[Package]] = {}
    for model in models:
        for name in dict.fromkeys(package.name for package in model):
            chosen[name] = [package for package in model if package.name == name]
    return [package for packages in chosen.values() for package in packages]
