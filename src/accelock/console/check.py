"""The command `check`, for the console application and for Poetry's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument, option
from cleo.io.outputs.output import Type

from accelock.console.command import Command
from accelock.report import check

if TYPE_CHECKING:
    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option


class CheckCommand(Command):
    """Checks the locks of a project; exits with 1 where there is an error."""

    name = "check"
    description = "are the compiled files, poetry.lock and conda files fresh? Offline, for CI"
    help = (
        "Finds the files that accelock compiled (requirements.txt, requirements.<target>.txt, ...) "
        "here and one folder below, poetry.lock and the conda files here, and tells what is stale, "
        "edited, missing or not whole. It reads nothing from the network and installs nothing. "
        "What an interrupted run left is finished or taken back first. It exits with 1 where there "
        "is an error."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("files", "The files to check, or their folders.", optional=True, multiple=True)
    ]
    options: ClassVar[list[Option]] = [option("json", None, "Print the findings as JSON.")]

    def directory(self) -> Path:
        """Return the project's folder."""
        return Path()

    def handle(self) -> int:
        """Check, print and return the exit code."""
        report = check(self.directory(), self.argument("files"))
        lines = [report.dumps()] if self.option("json") else report.lines()
        for line in lines:
            # Raw: file names and markers may hold what cleo takes for a style, such as <3.
            self.io.write_line(line, type=Type.RAW)
        return report.exit_code
