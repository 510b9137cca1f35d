"""What the commands that are accelock's own have beside it inside Poetry: the project's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from cleo.commands.command import Command

from accelock.hosts.poetry.errors import shown

if TYPE_CHECKING:
    from poetry.console.application import Application


class InProject(Command):
    """Stands before a command of the console application, which it runs in Poetry's project."""

    def directory(self) -> Path:
        """Return the folder of the project, which may be one above the working directory."""
        poetry = cast("Application", self.application).poetry
        return Path(poetry.pyproject_path).parent

    def handle(self) -> int:
        """Run the command and return its exit code; errors are shown as Poetry's own."""
        with shown():
            return super().handle()
