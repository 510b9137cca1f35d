"""Poetry's solver, once per slice: the leader first, the others in step with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cleo.io.null_io import NullIO
from packaging.version import Version
from poetry.puzzle.exceptions import SolverProblemError
from poetry.puzzle.transaction import Transaction

from accelock.errors import LockstepError
from accelock.index.lockstep import CellDroppedError, held_back_message
from accelock.poetry import fallback, labels, merging, notes, summary
from accelock.poetry.errors import UserError, shown
from accelock.poetry.hooks import PoetrySolver
from accelock.poetry.slices import Slice
from accelock.poetry.together import WORDS, Together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cleo.io.io import IO
    from poetry.core.packages.package import Package

    from accelock.poetry.hooks import TargetSolver
    from accelock.poetry.locker import TargetLocker
    from accelock.poetry.merging import Solved
    from accelock.poetry.pool import TargetPool
    from accelock.poetry.repository import FamilyRepository
    from accelock.target import Platform, Target

# How often a version that some slice refuses is ruled out before we give up.
_ROUNDS = 25


@dataclass
class Solution:
    """What a lock of all targets consists of.

    :param accelerated: False where no package of a family is in it: then one target is all.
    """

    by_target: dict[Target, Solved] = field(default_factory=dict)
    platforms: dict[Target, tuple[Platform, ...]] = field(default_factory=dict)
    accelerated: bool = False


def solve_targets(solver: TargetSolver, pool: TargetPool, use_latest: list[Any]) -> Transaction:
    """Return the transaction of this machine's target, having solved all of them.

    :raises UserError: a target cannot be solved, or none is for this machine.
    """
    locker: TargetLocker = pool.project.poetry.locker  # type: ignore[assignment]
    fallback.route(solver._package)  # of dependencies that `poetry add --source` just made
    with shown():
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
        use_latest: list[Any],
    ) -> None:
        self.solver = solver
        self.pool = pool
        self.project = pool.project
        self.locker = locker
        self.use_latest = self._everywhere(use_latest)
        self.together = Together(
            pool.project, pool.supply, solver._package.all_requires, self._locked_versions()
        )

    def _everywhere(self, use_latest: list[Any]) -> list[Any]:
        """Return the names to update: where those are all of this machine's target, all of all.

        Poetry names the locked packages of the view that it sees, and what gets locked must not
        depend on the machine.
        """
        here = {package.name for package in self.solver._locked_packages}
        if not here or not here <= set(use_latest):
            return use_latest
        others = (self.locker.packages_of(target) for target in self.project.targets)
        return list(dict.fromkeys([*use_latest, *(p.name for found in others for p in found)]))

    def solve(self) -> Solution:
        self.pool.lockstep = None
        while True:
            self.pool.lockstep = self.together.lockstep()
            try:
                solution = self._rounds()
            except CellDroppedError as error:
                self.together.drop(error)
                continue
            finally:
                self.pool.lockstep = None
            for warning in dict.fromkeys(self.together.warnings):
                self.project.say(f"<warning>{warning}</>")
            for line in self._notes(solution):
                self.project.say(f"accelock: {line}")
            self._say_what_is_unhashed(solution)
            self._say_what_is_held_back(solution)
            return solution

    def _notes(self, solution: Solution) -> list[str]:
        leader = next(iter(solution.by_target.values()))
        found = [
            *notes.by_hand(self.project, self.together.requires),
            *notes.ignored_tables(self.project, leader),
            *(self.together.absent() if solution.accelerated else ()),
        ]
        return list(dict.fromkeys(found))

    def _say_what_is_held_back(self, solution: Solution) -> None:
        """Say where a platform that nobody named keeps a package at an older version."""
        lockstep = self.together.lockstep()
        chosen: dict[str, Version] = {}
        for solved in solution.by_target.values():
            chosen |= self._lockstep_versions(solved)
        for name, version in chosen.items():
            entry = self.pool.find(name)
            found = lockstep.held_back(name, version) if entry and entry[1].labelled else None
            if found is not None:
                message = held_back_message(name, version, found, WORDS)
                self.project.say(f"accelock: {message}")

    def _say_what_is_unhashed(self, solution: Solution) -> None:
        """Say which newer versions were passed over because nobody publishes their hashes."""
        said: set[str] = set()
        for target, solved in solution.by_target.items():
            for name, chosen in self._lockstep_versions(solved).items():
                bare = {
                    version
                    for platform in solution.platforms[target]
                    for version in self.pool.supply.unhashed(name, target, platform)
                    if version > chosen
                }
                if bare and name not in said:
                    said.add(name)
                    self.project.say(
                        f"accelock: {name} {max(bare)} is passed over: nobody publishes its sha256 "
                        f"for {target.name} (`allow-downloads = true` in [tool.accelock] would "
                        "download the wheels to hash them)."
                    )

    def _rounds(self) -> Solution:
        for _ in range(_ROUNDS):
            solution = self._round()
            if solution is not None:
                return solution
        raise LockstepError(
            f"No common set of versions was found in {_ROUNDS} rounds. Pin one of the lockstep "
            "packages, or set `lockstep = false` in [tool.accelock]."
        )

    def _round(self) -> Solution | None:
        """Solve all slices once; None when they have to be cut or a version was ruled out."""
        lockstep = self.pool.lockstep
        if lockstep is None:
            raise RuntimeError("a round needs its lockstep")
        lockstep.unsettle()
        found: dict[Slice, Solved] = {}
        pending = [whole for slices in self.together.slices.values() for whole in slices]
        for number, whole in enumerate(pending, 1):
            self.project.say(f"Resolving {whole} ({number}/{len(pending)})")
            try:
                found[whole] = self._one(whole, found)
            except SolverProblemError:
                if not self._rule_out(whole, found):
                    raise
                return None
            if self._cut(whole, found[whole]):
                return None
            lockstep.settle(self._lockstep_versions(found[whole]))
            if number == 1 and not self._accelerated(found[whole]):
                return Solution({whole.target: found[whole]}, self._platforms())
        return self._solution(found)

    def _solution(self, found: Mapping[Slice, Solved]) -> Solution:
        by_target = {
            target: merging.merged({whole: found[whole] for whole in slices}, self._whole)
            for target, slices in self.together.slices.items()
        }
        return Solution(by_target, self._platforms(), accelerated=True)

    def _whole(self, packages: Mapping[Slice, Package]) -> Package:
        """Return a package of a family as several slices of a target have it.

        What an extra would require that nobody asks for, Poetry has left out of each slice's.
        """
        slices, first = list(packages), next(iter(packages.values()))
        entry = self.pool.find(first.name)
        if entry is None or not self._is_sourced(first):
            return first
        target = slices[0].target
        ours = self.pool.family_repository(entry[0], target)
        if first.source_reference != ours.name:
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

    def _one(self, whole: Slice, found: Mapping[Slice, Solved]) -> Solved:
        """Solve one slice with what is locked for it, and the versions of the slices before it."""
        locked = self._locked(whole)
        models = [found[other] for other in _models(whole, found)]
        latest = list(self.use_latest)
        if models:
            names = {p.name for model in models for p in model if not self._is_ours(p.name)}
            locked = [p for p in locked if p.name not in names]
            locked += [p for p in _newest_first(models) if p.name in names]
            latest = [name for name in latest if name not in names]
        with self.pool.use(whole):
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

    def _as_locked(self, package: Package, whole: Slice) -> Package:
        ours = self._source_of(package, whole)
        return package if ours is None else ours.as_locked(package)

    def _source_of(self, package: Package, whole: Slice) -> FamilyRepository | None:
        """Return the family's repository, where the package comes from there."""
        entry = self.pool.find(package.name)
        if entry is None:
            return None
        ours = self.pool.family_repository(entry[0], whole.target)
        return ours if package.source_reference == ours.name else None

    def _locked_versions(self) -> dict[str, Version]:
        """Return the leader's locked public versions of what is not to be updated."""
        if not self.solver._locked_packages:
            return {}
        packages = self.locker.packages_of(self.project.targets[0])
        return {
            package.name: labels.public(package.version)
            for package in packages
            if package.name not in self.use_latest
            and (entry := self.pool.find(package.name))
            and entry[1].labelled
        }

    def _inner_io(self) -> IO:
        """Return where a slice's solve shows its progress: nowhere, where that is only a line."""
        io = self.solver._io
        return io if io.output.is_decorated() or io.is_verbose() else NullIO()

    def _locked(self, whole: Slice) -> list[Package]:
        """Return the packages locked for a target that the slice can still take.

        ``Provider.get_locked`` never asks the pool, so that accelerated ones are looked at here.
        """
        if not self.solver._locked_packages:
            return []
        with self.pool.use(whole):
            kept = (self._kept(each, whole) for each in self.locker.packages_of(whole.target))
            return [package for package in kept if package is not None]

    def _kept(self, package: Package, whole: Slice) -> Package | None:
        ours = self._source_of(package, whole)
        if ours is not None:
            return ours.as_solved(package)
        entry = self.pool.find(package.name)
        if entry is None or not entry[1].labelled or package.is_direct_origin():
            return package
        by_hand = {d.source_name for d in self.together.requires if d.name == package.name}
        return package if package.source_reference in by_hand else None

    def _rule_out(self, whole: Slice, found: Mapping[Slice, Solved]) -> bool:
        """Rule out the leader's versions that this slice's graph refuses; False if none is.

        :raises SolverProblemError: the slice cannot be solved, whatever the leader took.
        """
        lockstep = self.pool.lockstep
        if lockstep is None or not lockstep.settled or not found:
            return False
        settled = dict(lockstep.settled)
        lockstep.unsettle()
        try:
            alone = self._lockstep_versions(self._one(whole, found))
        except UserError:
            return False
        except SolverProblemError:
            self.project.say(f"accelock: there is no solution for {whole}:")
            raise
        refused = {n: v for n, v in settled.items() if n in alone and alone[n] != v}
        for name, version in refused.items():
            lockstep.exclude(name, version)
        return bool(refused)

    def _cut(self, whole: Slice, solved: Solved) -> bool:
        """Cut off the platforms on which a chosen version carries another label."""
        odd: set[str] = set()
        for package in solved:
            entry = self.pool.find(package.name)
            if entry is None or not entry[1].labelled or not self._is_sourced(package):
                continue
            version = Version(package.version.text)
            odd |= self.pool.supply.odd_platforms(package.name, version, whole)
        return self.together.cut(whole, odd)

    def _lockstep_versions(self, solved: Solved) -> dict[str, Version]:
        return {
            package.name: labels.public(package.version)
            for package in solved
            if (entry := self.pool.find(package.name))
            and entry[1].lockstep
            and self._is_sourced(package)
        }

    def _accelerated(self, solved: Iterable[Package]) -> bool:
        return any(self._is_ours(package.name) for package in solved)

    def _is_ours(self, name: str) -> bool:
        entry = self.pool.find(name)
        return entry is not None

    @staticmethod
    def _is_sourced(package: Package) -> bool:
        return package.source_type in {None, "legacy"}


def _models(whole: Slice, found: Mapping[Slice, Solved]) -> list[Slice]:
    """Return the slices whose versions a slice follows, those that count most last."""
    slices = list(found)
    if not slices:
        return []
    leader = slices[0].target
    overlap = [s for s in slices if s.target == leader and set(s.platforms) & set(whole.platforms)]
    return [slices[0], *(s for s in slices if s.target == whole.target), *overlap]


def _newest_first(models: list[Solved]) -> list[Package]:
    chosen: dict[str, list[Package]] = {}
    for model in models:
        names = {package.name for package in model}
        for name in names:
            chosen[name] = [package for package in model if package.name == name]
    return [package for packages in chosen.values() for package in packages]
