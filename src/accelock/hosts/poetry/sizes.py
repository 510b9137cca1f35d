"""The MB that each target of a lock downloads, said at the end of `poetry lock -v`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hosts.poetry.reading import fetching
from accelock.report.downloads import Downloads
from accelock.report.locked import of_poetry
from accelock.report.project import Project as ReportProject
from accelock.report.sizes import sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hosts.poetry.project import Project


def describe(project: Project) -> Iterator[str]:
    """Yield a line for each target, and one for all of them; nothing is downloaded for it.

    The lock is written: what goes wrong here is said, and no error of the command.
    """
    ours = ReportProject(project.catalogue, project.config)
    try:
        locks = of_poetry.read(Path(project.where).parent, ours)
        if locks is not None:
            downloads = Downloads(lambda: fetching(project.poetry, project.io), ours)
            yield from sizes(locks.targets, downloads)
    except AccelockError as error:
        yield f"sizes: {error}"
