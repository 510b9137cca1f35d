"""The base of the commands made with cleo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleo.commands.command import Command as CleoCommand

if TYPE_CHECKING:
    from cleo.io.io import IO


class Command(CleoCommand):
    """cleo's command, which lets an interruption from the keyboard out: its own says 1."""

    def execute(self, io: IO) -> int:
        """Run the command and return its exit code."""
        self._io = io
        return self.handle()
