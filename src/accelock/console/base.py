"""What the commands about this machine share: where they look, and how they print.

Poetry's commands are the same classes, which look elsewhere: at the project that Poetry found, and
at its environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cleo.helpers import option
from cleo.io.outputs.output import Type

from accelock.console.command import Command
from accelock.errors import MissingExtraError, UsageError
from accelock.hardware import surroundings
from accelock.report.here import Here
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelock.hardware.context import Surroundings
    from accelock.report.downloads import Fetching
    from accelock.targets import Platform

JSON = option("json", None, "Print it as JSON.")
MACHINE = option(
    "machine",
    "m",
    "Another machine: a file that `detect --json` printed there, or a profile such as h100.",
    flag=False,
)
LOCK = option(
    "lock",
    "l",
    "Which lock: poetry.lock, or requirements-dev.txt for requirements-dev.TARGET.txt.",
    flag=False,
)


class HereCommand(Command):
    """A command about a project on a machine."""

    def directory(self) -> Path:
        """Return the project's folder."""
        return Path()

    def around(self) -> Surroundings:
        """Return where the machine is looked at."""
        return surroundings()

    def python(self) -> PythonVersion:
        """Return the Python of the environment that is installed into."""
        return PythonVersion.host()

    def platform(self) -> Platform | None:
        """Return that environment's platform, or None for this interpreter's."""
        return None

    def saved(self) -> str | None:
        """Return the choice of a target that the environment keeps."""
        return None

    def fetching(self) -> Fetching:
        """Return what reads indexes: pip's session, as pip is set to.

        :raises AccelockError: pip-tools, or pip, is not installed.
        """
        try:
            from accelock.hosts.piptools.downloads import fetching  # noqa: PLC0415 - it imports pip
        except ImportError as error:
            raise MissingExtraError("pip-tools", "reading an index") from error
        return fetching()

    def here(self) -> Here:
        """Return the project and the machine that the options mean."""
        return Here(
            directory=self.directory(),
            around=self.around(),
            python=self.python(),
            platform=self.platform(),
            saved=self.saved(),
            machine_word=self._word("machine"),
            lock=self._word("lock"),
        )

    def show(self, lines: Iterable[str]) -> None:
        """Print lines as they are: they may hold what cleo takes for a style, such as <3."""
        for line in lines:
            self.io.write_line(line, type=Type.RAW)

    def _word(self, name: str) -> str | None:
        if name not in {each.name for each in self.options}:
            return None
        word = self.option(name)
        if word is not None and not str(word).strip():
            raise UsageError(f"--{name} is empty; name one, or leave it out")
        return None if word is None else str(word)
