"""`poetry accelock conda ...`: `accelock conda ...`, in the project that Poetry found."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from accelock.console.conda_capture import CondaCaptureCommand
from accelock.console.conda_install import CondaInstallCommand
from accelock.console.conda_lock import CondaLockCommand
from accelock.hosts.poetry.commands.project import InProject

if TYPE_CHECKING:
    from poetry.console.application import Application


class PoetryCondaLockCommand(InProject, CondaLockCommand):
    """Solves what is stale of [tool.accelock.conda], and writes all of its files or none."""

    name = "accelock conda lock"


class PoetryCondaCaptureCommand(InProject, CondaCaptureCommand):
    """Prints what was asked for in a conda environment, pinned and portable."""

    name = "accelock conda capture"


class PoetryCondaInstallCommand(InProject, CondaInstallCommand):
    """Makes a prefix hold exactly what the lock of this machine's target has."""

    name = "accelock conda install"

    def saved_choice(self) -> str | None:
        """Return what `poetry accelock use` has noted in the project's environment."""
        from accelock.hosts.poetry import here

        project = getattr(cast("Application", self.application).poetry.locker, "project", None)
        if project is None:
            return None
        return here.remembered(here.environment(project)).get("chosen")
