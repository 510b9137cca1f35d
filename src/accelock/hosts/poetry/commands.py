"""The `poetry accelock ...` commands: accelock's own in Poetry's project, `init` and `use`.

They look at the project that Poetry found, at its environment, and read indexes by its session.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from cleo.commands.command import Command
from cleo.helpers import argument, option
from cleo.io.outputs.output import Type
from poetry.console.commands.command import Command as PoetryCommand
from poetry.console.commands.env_command import EnvCommand

from accelock import toml
from accelock.catalogue import load_catalogue
from accelock.commands import load
from accelock.commands.base import ContextCommand
from accelock.commands.init import TARGETS, WRITE, declared, is_by_hand, move_in
from accelock.commands.reports import DetectCommand, DoctorCommand
from accelock.errors import AccelockError, UnknownWordError
from accelock.hardware import choose
from accelock.hosts.poetry import editing, fallback, sources
from accelock.hosts.poetry.errors import shown
from accelock.hosts.poetry.project import platform_of, remember, remembered
from accelock.moving_in.pyproject import TextFile, with_targets
from accelock.settings.project import Settings
from accelock.settings.settings import parse_config
from accelock.targets import CPU, PythonVersion, host_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option
    from poetry.console.application import Application
    from poetry.poetry import Poetry

    from accelock.commands.downloads import Fetching
    from accelock.commands.installed import InstalledEnvironment
    from accelock.hosts.poetry.fallback import Route
    from accelock.settings.config import Config
    from accelock.targets import Platform

_AUTO = "auto"
_VARIABLE = "ACCELOCK_TARGET"  # says what to install, not what to declare


class InProject(Command):
    """Stands before a command of the console application, which it runs in Poetry's project."""

    @property
    def poetry(self) -> Poetry:
        """Return Poetry's project; Poetry says plainly where there is none."""
        return cast("Application", self.application).poetry

    def directory(self) -> Path:
        """Return the folder of the project, which may be one above the working directory."""
        return Path(self.poetry.pyproject_path).parent

    def handle(self) -> int:
        """Run the command and return its exit code; errors are shown as Poetry's own."""
        with shown():
            return int(super().handle())


class InEnvironment(InProject, ContextCommand):
    """Looks at the environment of Poetry's project, in the place of the running one."""

    @functools.cached_property
    def env(self) -> Any:
        """Return the project's environment, which is only looked at."""
        from poetry.utils.env import EnvManager

        return EnvManager(self.poetry, io=self.io).get()

    def python(self) -> PythonVersion:
        """Return the environment's Python."""
        major, minor = self.env.version_info[:2]
        return PythonVersion(int(major), int(minor))

    def platform(self) -> Platform | None:
        """Return the platform of the environment's interpreter."""
        return platform_of(self.env)

    def saved(self) -> str | None:
        """Return what `poetry accelock use` noted."""
        return remembered(self.env).get("chosen")

    def fetching(self) -> Fetching:
        """Return what reads indexes by Poetry's session, with its credentials."""
        return sources.fetching(self.poetry, self.io)


class PoetryDetectCommand(InEnvironment, DetectCommand):
    """Shows what this machine has; it needs no project."""

    name = "accelock detect"

    def platform(self) -> Platform | None:
        """Return None: this interpreter's."""
        return None


class PoetryDoctorCommand(InEnvironment, DoctorCommand):
    """Says what is wrong with machine, lock and environment; exits with 1 for an error."""

    name = "accelock doctor"

    def python(self) -> PythonVersion:
        """Return the Python of the environment that is looked at."""
        return self.environment.python

    @functools.cached_property
    def environment(self) -> InstalledEnvironment:
        """Return that environment: the project's, or that of --python-executable."""
        from accelock.commands.installed import InstalledEnvironment

        if word := self._word("python-executable"):
            return InstalledEnvironment.of(word, word)
        return InstalledEnvironment.of(str(self.env.python), str(self.env.path))


class UseCommand(EnvCommand):
    """Keep a choice of target in the project's environment."""

    name = "accelock use"
    description = "Chooses the hardware target that this environment gets from now on."
    arguments: ClassVar[list[Argument]] = [
        argument("target", "A declared target; `auto` removes the choice.")
    ]

    def handle(self) -> int:
        """Note the choice; `poetry install` then installs it."""
        wanted = self.argument("target")
        with shown():
            remember(self.env, chosen=None if wanted == _AUTO else self._declared(wanted))
        takes = "what fits this machine" if wanted == _AUTO else f"<c1>{wanted}</>"
        self.line(f"This environment now gets {takes}. Run <c1>poetry install</> to install it.")
        return 0

    def _declared(self, wanted: str) -> str:
        project = getattr(self.poetry.locker, "project", None)
        if project is None:
            raise AccelockError("This project declares no `targets` in [tool.accelock].")
        names = [target.name for target in project.targets]
        if wanted not in names:
            note = "only declared targets can be used"
            raise UnknownWordError("target", wanted, names, note=note)
        return str(wanted)


class PoetryInitCommand(PoetryCommand):
    """Write what accelock needs into pyproject.toml, and keep its comments and layout."""

    name = "accelock init"
    description = (
        "Adds a [tool.accelock] table to pyproject.toml, or moves a set-up that was made by "
        "hand into it."
    )
    help = (
        "If the project was set up for hardware by hand (sources of builds, labels, an extra or a "
        "group for each accelerator), it prints what each of them becomes, and a diff, which "
        "--write applies. Otherwise it adds the table. Without targets, it declares cpu and what "
        "this machine has. A Poetry without accelock gets the first target from the lock. By "
        "default, it stops at the first package with a build per target, and has installed the "
        "packages before it (a dry run does not stop). With --fallback, it installs the first "
        "target, for the packages that the project itself requires."
    )
    arguments: ClassVar[list[Argument]] = [TARGETS]
    options: ClassVar[list[Option]] = [
        WRITE,
        option(
            "fallback",
            None,
            "Also declare the first target's index as an explicit source, for a Poetry without "
            "accelock.",
        ),
    ]

    def handle(self) -> int:
        """Change pyproject.toml, or nothing at all."""
        pyproject, write = Path(self.poetry.pyproject_path), self.option("write")
        with shown():
            if self.option("fallback") or not is_by_hand(pyproject.parent):
                self._change(TextFile.read(pyproject))
                return 0
            words = declared(self.argument("targets"))
            for line in move_in(
                pyproject.parent, words, command="poetry accelock init", write=write
            ):
                self.io.write_line(line, type=Type.RAW)  # <3 is no style
        return 0

    def _change(self, old: TextFile) -> None:
        words, with_fallback = self.argument("targets"), self.option("fallback")
        said: list[str] = []
        file = old
        table = old.data.get("tool", {}).get("accelock")
        if table is None:
            targets, reason = _targets(words)
            file = with_targets(old, targets)
            said.append(f"declares {', '.join(targets)}{reason}")
        elif words or not with_fallback:
            raise AccelockError(_there_is_one(old.path, table))
        if with_fallback:
            routes = self._routes(file)
            file = editing.with_routes(file, routes)
            said += _of_routes(routes)
        if file == old:
            self.line("pyproject.toml has all of this already; nothing was changed.")
            return
        file.write()
        for line in said:
            self.line(f"pyproject.toml {line}.")
        self.line("Now run <c1>poetry lock</>, and commit pyproject.toml and poetry.lock.")

    @staticmethod
    def _routes(file: TextFile) -> tuple[Route, ...]:
        pyproject = file.data
        config = _config(pyproject, file.path)
        settings = Settings(config.extend(load_catalogue()), config)
        lock = file.path.with_name("poetry.lock")
        return fallback.plan(pyproject, toml.read(lock, lock.name), settings)


_OWN: Mapping[str, type[Command]] = {
    "detect": PoetryDetectCommand,
    "doctor": PoetryDoctorCommand,
    "init": PoetryInitCommand,
    "use": UseCommand,
}


def command(name: str) -> Command:
    """Return a command of the plugin: the console application's of that name, in Poetry's project.

    :param name: without `accelock`.
    """
    if (own := _OWN.get(name)) is not None:
        return own()
    theirs = load(name)
    where = InEnvironment if issubclass(theirs, ContextCommand) else InProject
    made: type[Command] = type(theirs.__name__, (where, theirs), {"name": f"accelock {name}"})
    return made()


def _targets(words: Sequence[str]) -> tuple[list[str], str]:
    """Return the targets to declare, and what to say of them.

    :raises UnknownWordError: a word is no target.
    """
    catalogue = load_catalogue()
    known, tables = catalogue.targets, catalogue.hardware
    if words:
        return declared(words), ""
    platform = host_platform()
    there = [parse_target(name, known) for name in sorted(known)]
    usable = [
        target
        for target in there
        if target == CPU
        or (platform is not None and target.exists_on(platform) and tables.is_reviewed(target))
    ]
    environ = {name: value for name, value in os.environ.items() if name != _VARIABLE}
    choice = choose(usable, environ=environ, catalogue=catalogue, platform=platform)
    if choice.target == CPU:
        return ["cpu"], " (no GPU found here; add the targets of other machines by hand)"
    return ["cpu", choice.target.name], f" ({choice.target}: {choice.reason})"


def _config(pyproject: dict[str, object], path: Path) -> Config:
    tool = pyproject["tool"]
    table = tool["accelock"] if isinstance(tool, dict) else {}
    config = parse_config(table, str(path), load_catalogue())
    if not config.targets:
        raise AccelockError(f"{path}: [tool.accelock] has no `targets`. Add them there first.")
    return config


def _there_is_one(path: Path, table: object) -> str:
    targets = table.get("targets") if isinstance(table, dict) else None
    keys = ", ".join(table) if isinstance(table, dict) else ""
    has = f"targets = {targets}" if targets else f"no targets ({keys or 'it is empty'})"
    return (
        f"{path}: [tool.accelock] exists already, with {has}. Edit it there. `poetry accelock "
        "init --fallback` alone adds the sources for a Poetry without accelock."
    )


def _of_routes(routes: Sequence[Route]) -> Iterator[str]:
    for route in routes:
        names = ", ".join(dict.fromkeys(ask.name for ask in route.asks))
        if names:
            yield f"has {route.source.name} as the source of {names}, where accelock is missing"
        for name in route.by_hand:
            yield f"names where {name} comes from by hand, which stays as it is"
