"""The conda files that follow poetry.lock: solved when it is known, and written together with it.

The Installer changes the environment first and writes the lock last. A solve at the end of the
Solver's run is before both, so that a conda failure inside `poetry add` leaves everything alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cleo.io.outputs.output import Type

from accelock.commands.base import shows_progress
from accelock.conda.beside import Beside
from accelock.conda.project import POETRY_LOCK
from accelock.hosts.poetry.errors import shown

if TYPE_CHECKING:
    from accelock.hosts.poetry.project import Project

__all__ = ["prepare", "solve"]


def prepare(project: Project) -> bool:
    """Tell whether conda files follow the lock, before anything is resolved.

    :raises UserError: the table for conda has faults, it is not said which of two locks counts, or
        the extra is not installed.
    """
    if project.config.conda is None:
        return False
    with shown():
        beside = _beside(project)
        note = beside.left_out([POETRY_LOCK]) if beside is not None else None
        if note is not None:
            _say(project, f"accelock: {note}")
        return beside is not None and beside.require([POETRY_LOCK])


def solve(project: Project, lock: str) -> dict[Path, bytes]:
    """Return the conda files that follow a lock which is not yet written, by their paths.

    :param lock: the text of poetry.lock.
    :raises UserError: one of them cannot be had.
    """
    with shown():
        beside = _beside(project)
        if beside is None:
            return {}
        return beside.files(
            {POETRY_LOCK: lock},
            say=lambda text: _say(project, text),
            warn=lambda text: _say(project, f"WARNING: {text}"),
            show_progress=shows_progress(project.io),
        )


def _beside(project: Project) -> Beside | None:
    return Beside.of(Path(project.poetry.pyproject_path).parent, project.config)


def _say(project: Project, text: str) -> None:
    # Raw: a version such as <3 is no style of cleo's.
    project.io.write_error_line(text, type=Type.RAW)
