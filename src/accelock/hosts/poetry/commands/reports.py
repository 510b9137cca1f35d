"""`poetry accelock detect`, `why`, `diff`, `doctor`: accelock's own commands in Poetry's project.

They look at the project that Poetry found, at its environment, and read indexes by its session.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from accelock.commands.base import ContextCommand
from accelock.commands.reports import DetectCommand, DiffCommand, DoctorCommand, WhyCommand
from accelock.hosts.poetry import environment
from accelock.hosts.poetry.errors import shown
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from poetry.console.application import Application
    from poetry.poetry import Poetry

    from accelock.commands.downloads import Fetching
    from accelock.targets import Platform


class InPoetry(ContextCommand):
    """Where Poetry's project is, in the place of the working directory."""

    @property
    def poetry(self) -> Poetry:
        """Return Poetry's project; Poetry says plainly where there is none."""
        return cast("Application", self.application).poetry

    @functools.cached_property
    def env(self) -> Any:
        """Return the project's environment, which is only looked at."""
        from poetry.utils.env import EnvManager

        return EnvManager(self.poetry, io=self.io).get()

    def directory(self) -> Path:
        """Return the folder of the project, which may be one above the working directory."""
        return Path(self.poetry.pyproject_path).parent

    def python(self) -> PythonVersion:
        """Return the environment's Python."""
        major, minor = self.env.version_info[:2]
        return PythonVersion(int(major), int(minor))

    def platform(self) -> Platform | None:
        """Return the platform of the environment's interpreter."""
        return environment.platform_of(self.env)

    def saved(self) -> str | None:
        """Return what `poetry accelock use` noted."""
        return environment.remembered(self.env).get("chosen")

    def fetching(self) -> Fetching:
        """Return what reads indexes by Poetry's session, with its credentials."""
        from accelock.hosts.poetry.reading import fetching

        return fetching(self.poetry, self.io)

    def handle(self) -> int:
        """Run accelock's own command, and show its errors as Poetry does."""
        with shown():
            return int(super().handle())


class PoetryDetectCommand(InPoetry, DetectCommand):
    """Shows what this machine has; it needs no project."""

    name = "accelock detect"

    def platform(self) -> Platform | None:
        """Return None: this interpreter's."""
        return None


class PoetryWhyCommand(InPoetry, WhyCommand):
    """Explains a choice: of the target for a machine, or of a package's build on each target."""

    name = "accelock why"


class PoetryDiffCommand(InPoetry, DiffCommand):
    """Shows what two targets differ in, and what each downloads."""

    name = "accelock diff"


class PoetryDoctorCommand(InPoetry, DoctorCommand):
    """Says what is wrong with machine, lock and environment; exits with 1 for an error."""

    name = "accelock doctor"

    def python(self) -> PythonVersion:
        """Return the Python of the environment that is looked at."""
        return self._other[0] if self._other else InPoetry.python(self)

    def paths(self) -> tuple[str, ...]:
        """Return where the distributions of the environment are."""
        from accelock.commands import installed

        if self._other:
            return self._other[1]
        return installed.ask_interpreter(str(self.env.python))[1]
