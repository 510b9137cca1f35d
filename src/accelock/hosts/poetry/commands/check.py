"""`poetry accelock check`: `accelock check`, in the project that Poetry found."""

from __future__ import annotations

from accelock.commands.reports import CheckCommand
from accelock.hosts.poetry.commands.project import InProject


class PoetryCheckCommand(InProject, CheckCommand):
    """Checks the locks of a project; exits with 1 where there is an error."""

    name = "accelock check"
