"""Poetry's solver, once per slice: the leader first, the others in step with it."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from packaging.version import Version
from poetry.puzzle.exceptions import SolverProblemError
from poetry.puzzle.transaction import Transaction

from accelock.errors import LockstepError
from accelock.hosts.poetry import fallback, holes, labels, merging, notes, own_sources, summary
from accelock.hosts.poetry.errors import UserError, shown
from accelock.hosts.poetry.locked import Locked
from accelock.hosts.poetry.slice_solver import SliceSolver
from accelock.hosts.poetry.slices import Slice
from accelock.hosts.poetry.solution import Solution, as_trial, is_sourced, lockstep_versions
from accelock.hosts.poetry.together import Together
from accelock.resolve.lockstep import CellDroppedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.hooks import TargetSolver
    from accelock.hosts.poetry.locker import TargetLocker
    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.resolve.relaxing import Trial
    from accelock.targets import Platform, Target

# How often a version that some slice refuses is ruled out before we give up.
_ROUNDS = 25


def solve_targets(solver: TargetSolver, pool: TargetPool, use_latest: list[Any]) -> Transaction:
    """Return the transaction of this machine's target, having solved all of them.

    :raises UserError: a target cannot be solved, or none is for this machine.
    """
    locker: TargetLocker = pool.project.poetry.locker  # type: ignore[assignment]
    fallback.route(solver._package)  # of dependencies that `poetry add --source` just made
    with shown():
        own_sources.settle(solver._package, pool.project)
        labels.strip(solver._package, pool.project)
        solution = _Work(solver, pool, locker, use_latest).solve()
    locker.solution = solution
    if solution.accelerated:
        summary.show(pool.project.io, solution)
    return Transaction(
        solver._locked_packages,
        locker.solved_here(),
        installed_packages=solver._installed_packages,
        root_package=solver._package,
    )


class _Work:
    """One solve of all targets."""

    def __init__(
        self,
        solver: TargetSolver,
        pool: TargetPool,
        locker: TargetLocker,
        use_latest: Any,
    ) -> None:
        self.solver = solver
        self.pool = pool
        self.project = pool.project
        self.locked = Locked.of(pool, locker, solver._locked_packages, use_latest)
        leader = pool.project.targets[0]
        self.together = Together(
            pool.project, pool.supply, solver._package.all_requires, self.locked.versions(leader)
        )
        self.slice_solver = SliceSolver(solver, pool, self.locked, self.together)
        # A slice that is cut changes nothing for those before it.
        self._kept: dict[Slice, Solved] = {}
        self._found: dict[Slice, Solved] = {}

    def solve(self) -> Solution:
        """Return what is to be locked, and say what the user did not ask for.

        :raises LockstepError: the targets have no versions in common.
        """
        solution = None
        self.pool.together = self.together
        try:
            while solution is None:
                solution = self._with_what_is_there()
        finally:
            self.pool.together = None
        for line in notes.of(self.pool, self.together, solution):
            self.project.say(f"accelock: {line}")
        return solution

    def _with_what_is_there(self) -> Solution | None:
        """Solve; None where a default platform has no wheels, which is then left out."""
        try:
            return self._rounds()
        except CellDroppedError as error:
            platforms, dropped = self.together.platforms(), (error, *error.others)
            # At once: it is why all of it is resolved again.
            for each in dropped:
                self.project.say(f"<warning>{self.together.drop(each)}</>")
            if self.together.platforms() == platforms:
                self._kept = self._independent_of({each.cell.target for each in dropped})
            return None

    def _independent_of(self, targets: Collection[Target]) -> dict[Slice, Solved]:
        """Return what was found for the slices before those of some targets.

        What is after them follows them; with lockstep, so does what is before.
        """
        if self.project.config.lockstep:
            return {}
        before = takewhile(lambda whole: whole.target not in targets, self._found)
        return {whole: self._found[whole] for whole in before}

    def _rounds(self) -> Solution:
        for _ in range(_ROUNDS):
            solution = self._round()
            if solution is not None:
                return solution
        tried = (
            f"{name} {', '.join(map(str, sorted(versions)))}"
            for name, versions in sorted(self.together.lockstep.ruled_out().items())
        )
        said = f"Ruled out, because other packages of some target refuse them: {'; '.join(tried)}. "
        if not self.together.lockstep.ruled_out():
            said = ""
        raise LockstepError(
            f"No versions that {', '.join(t.name for t in self.project.targets)} have in common "
            f"were found in {_ROUNDS} rounds. {said}Pin one of the packages that have to agree, or "
            "set `lockstep = false` in [tool.accelock]."
        )

    def _round(self) -> Solution | None:
        """Solve all slices once; None when they have to be cut or a version was ruled out."""
        lockstep = self.together.lockstep
        lockstep.unsettle()
        found = self._found = {}
        kept, self._kept = self._kept, {}
        pending = [whole for slices in self.together.slices.values() for whole in slices]
        for number, whole in enumerate(pending, 1):
            if whole not in kept:
                self.project.say(
                    f"Resolving {self.together.described(whole)} ({number}/{len(pending)})"
                )
            try:
                found[whole] = kept.get(whole) or self.slice_solver.solve(whole, found)
            except SolverProblemError:
                if self._rule_out(whole, found) or lockstep.part():
                    return None
                self._make_way(whole, found)
                raise
            if self._cut(whole, found[whole]):
                self._kept = {other: found[other] for other in found if other != whole}
                return None
            if self._misses(whole, found[whole]):
                return None
            self.together.settle(lockstep_versions(self.pool, found[whole]), whole)
            if number == 1 and not self._accelerated(found[whole]):
                return Solution({whole.target: found[whole]}, self._platforms())
        return self._solution(found)

    def _solution(self, found: Mapping[Slice, Solved]) -> Solution:
        by_target = {
            target: merging.merged({whole: found[whole] for whole in slices}, self._whole)
            for target, slices in self.together.slices.items()
        }
        for target, solved in by_target.items():
            platforms = tuple(p for whole in self.together.slices[target] for p in whole.platforms)
            self.slice_solver.refuse_duplicates(solved, Slice(target, platforms))
        solution = Solution(by_target, self._platforms(), accelerated=True)
        holes.refuse(self.pool, self.together, solution)
        return solution

    def _whole(self, packages: Mapping[Slice, Package]) -> Package:
        """Return a package as several slices of a target have it.

        It is optional where each slice's solve made it so: only extras bring it.
        """
        package = self._with_files_of(packages)
        package.optional = all(own.optional for own in packages.values())
        return package

    def _with_files_of(self, packages: Mapping[Slice, Package]) -> Package:
        """Return a package of a family with the files and requirements of several slices.

        What an extra would require that nobody asks for, Poetry has left out of each slice's.
        """
        slices, first = list(packages), next(iter(packages.values()))
        target = slices[0].target
        ours = self.pool.source_of(first, target)
        if ours is None or not is_sourced(first):
            return first
        platforms = tuple(platform for part in slices for platform in part.platforms)
        with self.pool.use(Slice(target, platforms)):
            package = ours.package(first.name, first.version)
        kept = {each.name for own in packages.values() for each in own.requires}
        for name in {each.name for each in package.requires} - kept:
            package.dependency_group("main").remove_dependency(name)
        return package

    def _platforms(self) -> dict[Target, tuple[Platform, ...]]:
        return {
            target: tuple(
                p
                for p in self.project.config.platforms_of(target)
                if any(p in w.platforms for w in slices)
            )
            for target, slices in self.together.slices.items()
        }

    def _rule_out(self, whole: Slice, found: Mapping[Slice, Solved]) -> bool:
        """Rule out versions of the slices before that this slice's graph refuses; False if none.

        :raises SolverProblemError: the slice cannot be solved, whatever the leader took.
        """
        bound = self.together.binding(whole)
        if not bound:
            return False
        self.together.lockstep.unsettle()
        try:
            alone = lockstep_versions(self.pool, self.slice_solver.solve(whole, found))
        except UserError:
            return False
        except SolverProblemError:
            if self.together.lockstep.part():
                return True
            self._make_way(whole, found)
            self.project.say(
                f"accelock: there is no solution for {self.together.described(whole)}:"
            )
            raise
        return self.together.rule_out(alone, bound)

    def _make_way(self, whole: Slice, found: Mapping[Slice, Solved]) -> None:
        """Say it where platforms that the user named keep a slice from a solution.

        :raises CellDroppedError: default ones do, and are to be left out.
        """

        def solve(part: Slice) -> Trial | None:
            what = self.together.described(part)
            self.project.say(f"Resolving {what}, without the platforms that may be in the way")
            try:
                solved = self.slice_solver.solve(part, found)
            except CellDroppedError:
                raise
            except (SolverProblemError, UserError, LockstepError):
                return None
            return as_trial(self.pool, solved)

        if reason := self.together.make_way(whole, solve):
            self.project.say(f"accelock: {reason}")

    def _cut(self, whole: Slice, solved: Solved) -> bool:
        """Cut off the platforms on which a chosen version carries another label."""
        odd: set[str] = set()
        for package in self._labelled(whole, solved):
            version = Version(package.version.text)
            odd |= self.pool.supply.odd_platforms(package.name, version, whole)
        return self.together.cut(whole, odd)

    def _misses(self, whole: Slice, solved: Solved) -> bool:
        """Note a package that a platform comes to need and has no wheel of; False where none is.

        The user's own markers keep it out there, and another package asks for it all the same.
        """
        for package in self._labelled(whole, solved):
            version = Version(package.version.text)
            for platform in whole.platforms:
                files = self.pool.supply.files(package.name, whole.target, platform)
                there = any(file.version == version for file in files)
                if not there and self._is_needed(solved[package], platform):
                    new = package.name not in self.together.everywhere
                    self.together.everywhere.add(package.name)
                    return new
        return False

    def _is_needed(self, info: TransitivePackageInfo, platform: Platform) -> bool:
        return any(self.together.asks.holds(marker, platform) for marker in info.markers.values())

    def _labelled(self, whole: Slice, solved: Solved) -> list[Package]:
        """Return the packages with labels that come from their family's source."""
        found = (package for package in solved if self.pool.source_of(package, whole.target))
        return [p for p in found if (entry := self.pool.find(p.name)) and entry[1].labelled]

    def _accelerated(self, solved: Iterable[Package]) -> bool:
        return any(self._is_ours(package.name) for package in solved)

    def _is_ours(self, name: str) -> bool:
        return self.pool.find(name) is not None
