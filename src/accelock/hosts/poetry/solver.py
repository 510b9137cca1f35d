"""What `poetry lock` solves: every target, by the search that pip-tools has too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poetry.puzzle.exceptions import SolverProblemError
from poetry.puzzle.transaction import Transaction

from accelock.errors import ResolutionError
from accelock.hosts.poetry import fallback, labels, merging, notes, own_sources, summary
from accelock.hosts.poetry.asks import Wanted
from accelock.hosts.poetry.errors import shown
from accelock.hosts.poetry.host import WORDS, PoetryHost, cells_of, slice_of
from accelock.hosts.poetry.locked import Locked
from accelock.hosts.poetry.slices import Slice
from accelock.hosts.poetry.solution import Solution, is_sourced
from accelock.resolve.search import NoSolutionError, Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.hooks import TargetSolver
    from accelock.hosts.poetry.locker import TargetLocker
    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.resolve.search import Result
    from accelock.targets import Target


def solve_targets(solver: TargetSolver, pool: TargetPool, use_latest: list[Any]) -> Transaction:
    """Return the transaction of this machine's target, having solved all of them.

    :raises UserError: a target cannot be solved, or none is for this machine.
    """
    locker: TargetLocker = pool.project.poetry.locker  # type: ignore[assignment]
    fallback.route(solver._package)  # of dependencies that `poetry add --source` just made
    with shown():
        own_sources.settle(solver._package, pool.project)
        labels.strip(solver._package, pool.project)
        locked = Locked.of(pool, locker, solver._locked_packages, use_latest)
        solution = _solve(solver, pool, locked)
    locker.solution = solution
    if solution.accelerated:
        summary.show(pool.project.io, solution)
    return Transaction(
        solver._locked_packages,
        locker.solved_here(),
        installed_packages=solver._installed_packages,
        root_package=solver._package,
    )


def _solve(solver: TargetSolver, pool: TargetPool, locked: Locked) -> Solution:
    """Return what is to be locked, and say what the user did not ask for.

    :raises LockstepError: the targets have no versions in common.
    :raises SolverProblemError: one has no solution; Poetry's own words on why.
    """
    project = pool.project
    required, optional = cells_of(project)
    host = PoetryHost(pool, solver, locked, required, optional)
    search = Search(
        host,
        required=required,
        optional=optional,
        in_lockstep=lambda name: (found := pool.find(name)) is not None and found[1].lockstep,
        listed=lambda name: (found := pool.find(name)) is not None and found[1].is_family_only,
        companions=project.catalogue.companions,
        together=project.config.lockstep,
        split=project.config.pinned_alone,
        anything=Wanted(),
        words=WORDS,
        announce=lambda group, number, of: project.say(
            f"Resolving {host.described(slice_of(group))} ({number}/{of})"
        ),
    )
    try:
        result = search.run()
        solution = _joined(pool, result, host)
    except NoSolutionError as error:
        for hint in error.hints:
            project.say(f"accelock: {hint}")
        if not isinstance(error.said.cause, SolverProblemError):
            raise
        project.say(f"accelock: there is no solution for {host.described(slice_of(error.group))}:")
        raise error.said.cause from None
    finally:
        pool.needs = None
    for line in notes.of(pool, host, result, solution):
        project.say(line)
    return solution


def _joined(pool: TargetPool, result: Result[Solved], host: PoetryHost) -> Solution:
    """Return the solution of each target, of its groups' solutions.

    :raises ResolutionError: what is right in each group has two versions of a package together.
    """
    by_target: dict[Target, dict[Slice, Solved]] = {}
    for group, solved in result.solutions.items():
        part = slice_of(group)
        by_target.setdefault(part.target, {})[part] = solved
    leader = next(iter(result.solutions.values()))
    accelerated = any(pool.find(package.name) for package in leader)
    cells = (*result.question.required, *result.question.optional)
    there = [cell for cell in cells if cell not in result.left_out]
    platforms = {
        target: tuple(
            platform
            for platform in pool.project.config.platforms_of(target)
            if any((cell.target, cell.platform) == (target, platform) for cell in there)
        )
        for target in pool.project.targets
    }
    if not accelerated:
        (target,) = by_target
        return Solution({target: leader}, platforms)

    def whole(packages: Mapping[Slice, Package]) -> Package:
        return _with_files_of(pool, packages)

    merged = {target: merging.merged(slices, whole) for target, slices in by_target.items()}
    for target, solved in merged.items():
        if twice := host.twice(solved, Slice(target, platforms[target])):
            raise ResolutionError(twice)
    return Solution(merged, platforms, accelerated=True)


def _with_files_of(pool: TargetPool, packages: Mapping[Slice, Package]) -> Package:
    """Return a package as several slices of a target have it: with the files of all of them.

    What an extra would require that nobody asks for, Poetry has left out of each slice's. It is
    optional where each slice's solve made it so: only extras bring it.
    """
    slices, package = list(packages), next(iter(packages.values()))
    target = slices[0].target
    ours = pool.source_of(package, target)
    if ours is not None and is_sourced(package):
        platforms = tuple(platform for part in slices for platform in part.platforms)
        with pool.use(Slice(target, platforms)):
            package = ours.package(package.name, package.version)
        kept = {each.name for own in packages.values() for each in own.requires}
        for name in {each.name for each in package.requires} - kept:
            package.dependency_group("main").remove_dependency(name)
    package.optional = all(own.optional for own in packages.values())
    return package
