"""Which lock a project has: poetry.lock with targets, or compiled files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.report.locked import of_poetry, of_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.report.locked.model import Locks
    from accelock.report.project import Project

REQUIREMENTS = "requirements.txt"


def find_locks(directory: Path, project: Project, name: str | None = None) -> Locks | None:
    """Return a project's lock, or None where it has none with targets.

    :param name: which one: poetry.lock, or requirements-dev.txt for requirements-dev.cpu.txt and
        so on. Without it poetry.lock comes first.
    :raises AccelockError: the lock is damaged, or the one that is named is not there.
    """
    if name == of_poetry.KIND:
        found = of_poetry.read(directory, project)
    elif name is not None:
        found = of_requirements.read(directory / name, name, project)
    else:
        found = of_poetry.read(directory, project) or of_requirements.read(
            directory / REQUIREMENTS, REQUIREMENTS, project
        )
    if found is None and name is not None:
        raise AccelockError(
            f"{name} is not here, or has no targets, nor are files of a target so named"
        )
    return found


def read_locks(directory: Path, project: Project, name: str | None = None) -> Locks:
    """Return a project's lock.

    :raises AccelockError: there is none; it says what to run.
    """
    found = find_locks(directory, project, name)
    if found is None:
        raise AccelockError(
            f"{directory.resolve()}: there is no poetry.lock with targets, and no file that "
            "accelock compiled. Run: poetry lock (with the plugin), or: accelock compile"
        )
    return found
