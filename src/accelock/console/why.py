"""The command `why`, for the console application and for Poetry's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument

from accelock.console.base import JSON, LOCK, MACHINE, HereCommand
from accelock.report.package import why_package
from accelock.report.why import why

if TYPE_CHECKING:
    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option


class WhyCommand(HereCommand):
    """Explains a choice: of the target for a machine, or of a package's build on each target."""

    name = "why"
    description = "which target this machine gets, and why; or why this build of a package"
    help = (
        "Without PACKAGE: the target that an installation takes here, and every candidate with the "
        "reason that it was taken or passed over; it exits with 1 where none fits. With PACKAGE: "
        "its version, file and index on each target, and who asks for it. An index is read only "
        "where the lock does not tell the file."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("package", "A package of the lock.", optional=True)
    ]
    options: ClassVar[list[Option]] = [MACHINE, LOCK, JSON]

    def handle(self) -> int:
        """Answer, and return the exit code."""
        here, package = self.here(), self.argument("package")
        if package is not None:
            answer = why_package(here, package, self.fetching)
            self.show([answer.dumps()] if self.option("json") else answer.lines())
            return 0
        reasons = why(here)
        self.show([reasons.dumps()] if self.option("json") else reasons.lines())
        return reasons.exit_code
