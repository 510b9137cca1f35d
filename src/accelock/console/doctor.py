"""The command `doctor`, for the console application and for Poetry's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import option

from accelock.console.base import JSON, LOCK, HereCommand
from accelock.report import installed
from accelock.report.doctor import diagnose

if TYPE_CHECKING:
    from cleo.io.inputs.option import Option

    from accelock.targets import PythonVersion


class DoctorCommand(HereCommand):
    """Says what is wrong with machine, lock and environment; exits with 1 for an error."""

    name = "doctor"
    description = "what is wrong with machine, lock and environment, and what to do"
    help = (
        "Looks at the machine (as `detect`), the lock (as `check`), and at what is installed where "
        "this runs. It installs nothing and reads no network. What an interrupted run left is "
        "finished or taken back first. It exits with 1 where there is an error."
    )
    options: ClassVar[list[Option]] = [
        LOCK,
        option("python-executable", None, "Look at the environment of another Python.", flag=False),
        option("strict", None, "Exit with 1 for a warning too."),
        JSON,
    ]

    def handle(self) -> int:
        """Look, print and return the exit code."""
        found = diagnose(self.here(), self.paths())
        self.show([found.dumps()] if self.option("json") else found.lines())
        return found.exit_code(strict=bool(self.option("strict")))

    def paths(self) -> tuple[str, ...]:
        """Return where the environment's distributions are."""
        other = self._other
        return other[1] if other else installed.own_paths()

    def python(self) -> PythonVersion:
        """Return the environment's Python."""
        other = self._other
        return other[0] if other else super().python()

    @functools.cached_property
    def _other(self) -> tuple[PythonVersion, tuple[str, ...]] | None:
        word = self._word("python-executable")
        return installed.ask_interpreter(word) if word else None
