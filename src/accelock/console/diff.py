"""The command `diff`, for the console application and for Poetry's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument

from accelock.console.base import JSON, LOCK, MACHINE, HereCommand
from accelock.report.diff import diff

if TYPE_CHECKING:
    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option


class DiffCommand(HereCommand):
    """Shows what two targets differ in, and what each downloads."""

    name = "diff"
    description = "what two targets differ in, and how many MB each downloads"
    help = (
        "Compares what is locked for two targets on this machine's platform (on the first that "
        "both have, where this is none of them). Sizes are those that the indexes tell (PEP 700), "
        "else of a HEAD request; they are kept in the user's cache, and no file is downloaded."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("a", "A target of the lock, as cpu."),
        argument("b", "Another, as cu126."),
    ]
    options: ClassVar[list[Option]] = [MACHINE, LOCK, JSON]

    def handle(self) -> int:
        """Compare, print and return 0."""
        words = (self.argument("a"), self.argument("b"))
        found = diff(self.here(), words, self.fetching)
        self.show([found.dumps()] if self.option("json") else found.lines())
        return 0
