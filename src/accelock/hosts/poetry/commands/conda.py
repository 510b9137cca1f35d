"""`poetry accelock conda ...`: `accelock conda ...`, in the project that Poetry found."""

from __future__ import annotations

from accelock.commands.conda_capture import CondaCaptureCommand
from accelock.commands.conda_install import CondaInstallCommand
from accelock.commands.conda_lock import CondaLockCommand
from accelock.hosts.poetry.commands.project import InProject
from accelock.hosts.poetry.commands.reports import InPoetry


class PoetryCondaLockCommand(InProject, CondaLockCommand):
    """Solves what is stale of [tool.accelock.conda], and writes all of its files or none."""

    name = "accelock conda lock"


class PoetryCondaCaptureCommand(InProject, CondaCaptureCommand):
    """Prints what was asked for in a conda environment, pinned and portable."""

    name = "accelock conda capture"


class PoetryCondaInstallCommand(InPoetry, CondaInstallCommand):
    """Makes a prefix hold exactly what the lock of this machine's target has."""

    name = "accelock conda install"
