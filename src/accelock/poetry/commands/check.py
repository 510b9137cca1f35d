"""`poetry accelock check`: `accelock check`, in the project that Poetry found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from accelock.console.check import CheckCommand
from accelock.poetry.errors import shown

if TYPE_CHECKING:
    from poetry.console.application import Application


class PoetryCheckCommand(CheckCommand):
    """Checks the locks of a project; exits with 1 where there is an error."""

    name = "accelock check"

    def directory(self) -> Path:
        """Return the folder of the project, which may be one above the working directory."""
        poetry = cast("Application", self.application).poetry
        return Path(poetry.pyproject_path).parent

    def handle(self) -> int:
        """Check, print and return the exit code."""
        with shown():
            return super().handle()
