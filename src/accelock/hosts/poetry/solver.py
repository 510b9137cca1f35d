"""What `poetry lock` solves: every target, by the search that pip-tools has too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poetry.puzzle.exceptions import SolverProblemError
from poetry.puzzle.transaction import Transaction

from accelock.errors import ResolutionError
from accelock.hosts.poetry import fallback, notes, own_sources, root
from accelock.hosts.poetry.cells import WORDS, cells_of, described
from accelock.hosts.poetry.errors import shown
from accelock.hosts.poetry.group_solver import LockedPackages
from accelock.hosts.poetry.host import PoetryHost
from accelock.hosts.poetry.root import ConstraintWanted
from accelock.hosts.poetry.solution import Solution, merged
from accelock.resolve.host import Group
from accelock.resolve.knowledge import Knowledge
from accelock.resolve.refusal import NoSolutionError
from accelock.resolve.search import Search

if TYPE_CHECKING:
    from poetry.puzzle.solver import Solver

    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.solution import Solved
    from accelock.resolve.search import Result
    from accelock.targets import Target


def solve_targets(solver: Solver, pool: TargetPool, use_latest: list[Any]) -> Transaction:
    """Return the transaction of this machine's target, having solved all of them.

    :raises UserError: a target cannot be solved, or none is for this machine.
    """
    project = pool.project
    fallback.route(solver._package, project)  # of dependencies that `poetry add --source` just made
    with shown():
        own_sources.settle(solver._package, project)
        root.strip_labels(solver._package, project)
        locked = LockedPackages.of(pool, project.locker, solver._locked_packages, use_latest)
        solution = _solve(solver, pool, locked)
        costs = notes.hold(project, solver._package, solution)
    if solution.accelerated:
        notes.table(project.io, solution, costs)
    return Transaction(
        solver._locked_packages,
        project.locker.solved_here(solution),
        installed_packages=solver._installed_packages,
        root_package=solver._package,
    )


def _solve(solver: Solver, pool: TargetPool, locked: LockedPackages) -> Solution:
    """Return what is to be locked, and say what the user did not ask for.

    :raises LockstepError: the targets have no versions in common.
    :raises SolverProblemError: one has no solution; Poetry's own words on why.
    """
    project = pool.project
    required, optional = cells_of(project)
    host = PoetryHost(pool, solver, locked, required, optional)
    progress = _Progress(pool)
    known = Knowledge(
        host,
        required=required,
        optional=optional,
        excluded=host.excluded,
        packages=project.catalogue,
        together=project.config.lockstep,
        anything=ConstraintWanted(),
        words=WORDS,
    )
    search = Search(host, known, split=project.config.pinned_alone, announce=progress.announce)
    try:
        with project.moving(progress.look):
            result = search.run()
        solution = _joined(pool, result, host)
    except NoSolutionError as error:
        for hint in error.hints:
            project.say(f"accelock: {hint}")
        if not isinstance(error.said.cause, SolverProblemError):
            raise
        project.say(f"accelock: there is no solution for {described(error.group, project)}:")
        raise error.said.cause from None
    finally:
        pool.needs = None
    for line in notes.of(pool, host, result, solution):
        project.say(line)
    return solution


@dataclass
class _Progress:
    """What is told of a search: a line for each group, and on a terminal one that moves."""

    pool: TargetPool
    solving: str = "reading indexes"

    def announce(self, group: Group, number: int, of: int) -> None:
        """Say which group is solved now."""
        name = described(group, self.pool.project)
        self.pool.project.say(f"Resolving {name} ({number}/{of})")
        self.solving = name
        self.pool.looked_at.clear()

    def look(self) -> tuple[str, int]:
        """Return what is solved now, and how many packages were looked at for it."""
        return self.solving, len(self.pool.looked_at)


def _joined(pool: TargetPool, result: Result[Solved], host: PoetryHost) -> Solution:
    """Return the solution of each target, of its groups' solutions.

    :raises ResolutionError: what is right in each group has two versions of a package together.
    """
    cells = (*result.question.required, *result.question.optional)
    there = [cell for cell in cells if cell not in result.left_out]
    groups = {
        target: Group(
            tuple(
                cell
                for platform in pool.project.config.platforms_of(target)
                for cell in there
                if (cell.target, cell.platform) == (target, platform)
            )
        )
        for target in pool.project.targets
    }
    platforms = {target: group.platforms for target, group in groups.items()}
    leader, solved = next(iter(result.solutions.items()))
    if not host.substitutes and not any(pool.find(package.name) for package in solved):
        return Solution({leader.target: solved}, platforms, accelerated=False)
    by_target: dict[Target, dict[Group, Solved]] = {}
    for group, solved in result.solutions.items():
        by_target.setdefault(group.target, {})[group] = solved
    joined = {target: merged(pool, solutions) for target, solutions in by_target.items()}
    for target, solved in joined.items():
        if twice := host.twice(solved, groups[target]):
            raise ResolutionError(twice)
        if together := host.together(solved, groups[target]):
            raise ResolutionError(together)
    return Solution(joined, platforms, accelerated=True)
