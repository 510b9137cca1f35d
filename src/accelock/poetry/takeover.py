"""Give a Poetry project our pool and locker, and let its solver and installer know of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.poetry import fallback, install, solver
from accelock.poetry.locker import TargetLocker
from accelock.poetry.pool import TargetPool
from accelock.poetry.project import Project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleo.io.io import IO
    from poetry.poetry import Poetry


def take_over(poetry: Poetry, table: Mapping[str, Any], io: IO) -> Project:
    """Set the pool and the locker of a Poetry object, and return what we know of its project."""
    unwrapped = table.unwrap() if hasattr(table, "unwrap") else table
    project = Project(poetry, unwrapped, io)
    poetry.set_pool(TargetPool(poetry.pool, project, poetry.config))
    poetry.set_locker(TargetLocker(poetry.locker.lock, poetry.pyproject.data, project))
    fallback.route(poetry.package)
    solver.install()
    install.install()
    return project
