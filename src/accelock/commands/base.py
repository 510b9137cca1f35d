"""What the commands share: how they run and print, and where they look.

Poetry's commands are the same classes, which look elsewhere: at the project that Poetry found, and
at its environment. What a command works with is imported when it runs: `accelock --help` makes all
of them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cleo.commands.command import Command as CleoCommand
from cleo.helpers import option
from cleo.io.outputs.output import Type

from accelock.commands import COMMANDS
from accelock.environments import NoEnvironmentError, other_environment
from accelock.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleo.io.io import IO

    from accelock.commands.context import Context
    from accelock.commands.downloads import Fetching
    from accelock.commands.screen import OnScreen
    from accelock.environments import Environment
    from accelock.hardware.context import Surroundings
    from accelock.targets import Platform, PythonVersion

JSON = option("json", None, "Print it as JSON.")
MACHINE = option(
    "machine",
    "m",
    "Another machine: a file with the output of `detect --json` there, or a profile such as h100.",
    flag=False,
)
LOCK = option(
    "lock",
    "l",
    (
        "The lock to read: poetry.lock, requirements-dev.txt for requirements-dev.TARGET.txt, "
        "pylock.toml."
    ),
    flag=False,
)


class Command(CleoCommand):
    """cleo's command, which lets an interruption from the keyboard out: its own says 1."""

    def __init_subclass__(cls) -> None:
        """Let a command of the console application say what it is in the words of `COMMANDS`."""
        if cls.name in COMMANDS:
            cls.description = COMMANDS[cls.name]

    def execute(self, io: IO) -> int:
        """Run the command and return its exit code."""
        self._io = io
        return self.handle()

    def directory(self) -> Path:
        """Return the project's folder."""
        return Path()

    def show(self, lines: Iterable[str]) -> None:
        """Print lines as they are: they may hold what cleo takes for a style, such as <3."""
        for line in lines:
            self.io.write_line(line, type=Type.RAW)

    def tell(self, found: OnScreen) -> None:
        """Print what was found: as JSON, for a terminal with colours, or as plain lines."""
        if self.option("json"):
            self.show([found.dumps()])
        elif self.io.output.is_decorated():
            from accelock.commands.screen import Screen  # noqa: PLC0415 - for a terminal alone

            self.show(found.on_screen(Screen.here()))
        else:
            self.show(found.lines())


def shows_progress(io: IO) -> bool:
    """Tell whether stderr is a terminal on which progress is wanted.

    Not whether it has colours, which `NO_COLOR` takes from a terminal and `--ansi` gives to a file.
    """
    return sys.stderr.isatty() and not io.error_output.is_quiet()


class ContextCommand(Command):
    """A command about a project on a machine."""

    def around(self) -> Surroundings:
        """Return where the machine is looked at."""
        from accelock.hardware import surroundings  # noqa: PLC0415 - it loads the probes

        return surroundings()

    def python(self) -> PythonVersion:
        """Return the Python of the environment that is installed into.

        :raises AccelockError: the active one has no Python that answers.
        """
        from accelock.targets import PythonVersion  # noqa: PLC0415 - it loads packaging

        with contextlib.suppress(NoEnvironmentError):
            if other := self.other_environment():
                from accelock.commands.installed import ask_interpreter  # noqa: PLC0415

                return ask_interpreter(other.python)[0]
        return PythonVersion.host()

    def other_environment(self) -> Environment | None:
        """Return the environment that is meant, None for the one that this runs in.

        :raises NoEnvironmentError: this one is a tool's, and no other is named.
        """
        return other_environment(os.environ, self.directory())

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

    def context(self) -> Context:
        """Return the project and the machine that the options mean."""
        from accelock.commands.context import Context  # noqa: PLC0415 - it loads most of accelock

        return Context(
            directory=self.directory(),
            around=self.around(),
            python=self.python(),
            platform=self.platform(),
            saved=self.saved(),
            machine_word=self._word("machine"),
            lock_word=self._word("lock"),
        )

    def _word(self, name: str) -> str | None:
        if name not in {each.name for each in self.options}:
            return None
        word = self.option(name)
        if word is not None and not str(word).strip():
            raise UsageError(f"--{name} is empty; name one, or leave it out")
        return None if word is None else str(word)
