"""Give a Poetry project our pool and locker, and let its solver and installer know of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.hosts.poetry import fallback, hooks
from accelock.hosts.poetry.locker import TargetLocker
from accelock.hosts.poetry.pool import TargetPool
from accelock.hosts.poetry.project import Project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleo.io.io import IO
    from poetry.poetry import Poetry


def take_over(poetry: Poetry, data: Mapping[str, Any], io: IO) -> Project:
    """Set the pool and the locker of a Poetry object, and return what we know of its project.

    :param data: of pyproject.toml; whether its `tool.accelock` is a table and what that says is
        looked at when something is locked or installed.
    """
    table = data["tool"]["accelock"]
    unwrapped = table.unwrap() if hasattr(table, "unwrap") else table
    project = Project(poetry, unwrapped, io)
    poetry.set_pool(TargetPool(poetry.pool, project, poetry.config))
    poetry.set_locker(TargetLocker(poetry.locker.lock, dict(data), project))
    if isinstance(unwrapped, dict) and unwrapped.get("targets"):
        fallback.route(poetry.package)
    hooks.put_in()
    return project
