"""Give a Poetry project our pool and locker, and let its solver and installer know of targets.

Poetry activates plugins for every command. What the hooks lead to is imported when they are used.

poetry-plugin-export writes every source as an index, and pip looks for a project below an index: of
a page of links (`torch-2.7.1+cu126.html`) it would find nothing.
"""

from __future__ import annotations

import re
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

import poetry.puzzle.solver as solver_module
from cleo.io.buffered_io import BufferedIO
from poetry.installation.installer import Installer
from poetry.puzzle.solver import Solver

from accelock.catalogue.source import Source
from accelock.hosts.poetry import fallback
from accelock.hosts.poetry.errors import shown
from accelock.hosts.poetry.locker import TargetLocker
from accelock.hosts.poetry.pool import TargetPool
from accelock.hosts.poetry.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from cleo.io.io import IO
    from poetry.poetry import Poetry
    from poetry.puzzle.transaction import Transaction


_execute = Installer._execute


def take_over(poetry: Poetry, data: Mapping[str, Any], io: IO) -> Project:
    """Set the pool and the locker of a Poetry object, and return what we know of its project.

    The hooks are inert for projects that are not taken over.

    :param data: of pyproject.toml; whether its `tool.accelock` is a table and what that says is
        looked at when something is locked or installed.
    """
    table = data["tool"]["accelock"]
    unwrapped = table.unwrap() if hasattr(table, "unwrap") else table
    project = Project(poetry, unwrapped, io)
    poetry.set_pool(TargetPool(poetry.pool, project, poetry.config))
    poetry.set_locker(TargetLocker(poetry.locker.lock, dict(data), project))
    if isinstance(unwrapped, dict) and unwrapped.get("targets"):
        fallback.route(poetry.package, project)
    solver_module.Solver = TargetSolver  # type: ignore[misc]
    Installer._execute = execute  # type: ignore[method-assign, assignment]
    return project


class TargetSolver(Solver):
    """Solves every group of a project that is taken over; for any other it is Poetry's own.

    The conda files that follow poetry.lock are solved behind them.

    Read in Poetry 2.0.1 to 2.5.1: the Installer imports ``Solver`` from its module in the call, and
    takes the packages to lock from what ``solve`` returns. A command that only looks (``poetry
    debug resolve``) has imported Poetry's own before.
    """

    def solve(self, use_latest: Collection[Any] | None = None) -> Transaction:
        """Return the transaction of this machine's target; for one group it is Poetry's own."""
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
            pool.project.locker.take_along(self._package, transaction)
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

    with shown():
        return install(installer, locker, operations, _execute)


_INDEX = re.compile(r"^--(?:extra-)?index-url (\S+)$", re.MULTILINE)
_OF_PIP = ("requirements.txt", "constraints.txt")


def hook_export() -> None:
    """Have what is exported for pip name pages as pip reads them, where the plugin is installed.

    `Exporter.export` is public in poetry-plugin-export 1.8 to 1.10.
    """
    try:
        exporter = import_module("poetry_plugin_export.exporter").Exporter
    except ImportError:
        return
    if not hasattr(exporter.export, "__wrapped__"):
        exporter.export = with_pages(exporter.export)


def with_pages(original: Callable[..., None]) -> Callable[..., None]:
    """Return an `Exporter.export` that writes what the original writes, pages as pages."""

    @wraps(original)
    def export(exporter: Any, fmt: str, cwd: Path, output: IO | str) -> None:
        if fmt not in _OF_PIP:
            original(exporter, fmt, cwd, output)
            return
        buffer = BufferedIO()
        original(exporter, fmt, cwd, buffer)
        content = _INDEX.sub(_as_page, buffer.fetch_output())
        if isinstance(output, str):
            with (cwd / output).open("w", encoding="utf-8") as file:
                file.write(content)
        else:
            output.write(content)

    return export


def _as_page(line: re.Match[str]) -> str:
    return f"--find-links {line[1]}" if Source(line[1]).is_find_links else line[0]
