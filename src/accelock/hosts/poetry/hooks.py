"""The two places where Poetry's own run comes to ours: its solver, and the end of an installation.

Poetry activates plugins for every command. What the hooks lead to is imported when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import poetry.puzzle.solver as solver_module
from poetry.installation.installer import Installer

from accelock.hosts.poetry.locker import TargetLocker
from accelock.hosts.poetry.pool import TargetPool

if TYPE_CHECKING:
    from collections.abc import Collection

    from poetry.puzzle.transaction import Transaction

PoetrySolver = solver_module.Solver
_execute = Installer._execute


class TargetSolver(PoetrySolver):
    """Solves every slice of a project that has a TargetPool; for any other it is Poetry's own.

    The conda files that follow poetry.lock are solved behind them.

    Read in Poetry 2.0.1 to 2.5.1: the Installer imports ``Solver`` from its module in the call, and
    takes the packages to lock from ``solve(...).get_solved_packages()``.
    """

    def solve(self, use_latest: Collection[Any] | None = None) -> Transaction:
        """Return the transaction of this machine's target, having solved all of them."""
        pool = self._pool
        if not isinstance(pool, TargetPool) or not pool.is_for(self._package.name):
            return super().solve(use_latest)
        from accelock.hosts.poetry import conda
        from accelock.hosts.poetry.solver import solve_targets

        follows = conda.prepare(pool.project)
        if pool.project.targets:
            transaction = solve_targets(self, pool, list(use_latest or []))
        else:
            transaction = super().solve(use_latest)
        if follows:
            locker: TargetLocker = pool.project.poetry.locker  # type: ignore[assignment]
            locker.take_along(self._package, transaction)
        return transaction


def execute(installer: Installer, operations: list[Any]) -> int:
    """Run the operations of an installation for one target; for other projects it is Poetry's own.

    In the place of ``Installer._execute``, private in Poetry 2.0.1 to 2.5.1: it takes all
    operations of an install, an update or a sync, and is the last step before the environment
    changes.
    """
    locker = installer._locker
    if not isinstance(locker, TargetLocker) or not installer.executor.enabled:
        return _execute(installer, operations)
    from accelock.hosts.poetry.install import install

    return install(installer, locker, operations, _execute)


def put_in() -> None:
    """Put both in the place of Poetry's; they are inert for projects that are not taken over."""
    solver_module.Solver = TargetSolver  # type: ignore[misc]
    Installer._execute = execute  # type: ignore[method-assign, assignment]
