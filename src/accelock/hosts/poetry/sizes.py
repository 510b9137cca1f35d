"""The MB that each target of a lock downloads, said at the end of `poetry lock -v`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelock.commands.downloads import Downloads, sizes
from accelock.errors import AccelockError
from accelock.hosts.poetry.reading import fetching
from accelock.locks import poetry_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hosts.poetry.project import Project


def describe(project: Project) -> Iterator[str]:
    """Yield a line for each target, and one for all of them; nothing is downloaded for it.

    The lock is written: what goes wrong here is said, and no error of the command.
    """
    settings = project.settings
    try:
        lock = poetry_lock.read(Path(project.where).parent, settings)
        if lock is not None:
            downloads = Downloads(lambda: fetching(project.poetry, project.io), settings)
            yield from sizes(tuple(lock.targets.values()), downloads)
    except AccelockError as error:
        yield f"sizes: {error}"
