"""One Poetry project with a [tool.accelock] table: its settings, its environment and its target."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cleo.ui.progress_bar import ProgressBar

from accelock.catalogue import load_catalogue
from accelock.catalogue.source import sources_from_environment
from accelock.errors import AccelockError, ConfigError
from accelock.hosts.poetry.errors import shown
from accelock.locks.inputs import settings_digest
from accelock.progress import MovingLine
from accelock.settings.project import Settings
from accelock.settings.settings import parse_config
from accelock.targets import PLATFORMS, PYTHONS, PythonVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cleo.commands.command import Command
    from cleo.io.io import IO
    from poetry.poetry import Poetry

    from accelock.catalogue import Catalogue, Family, FamilyPackage, Source
    from accelock.hardware import Choice
    from accelock.hosts.poetry.locker import TargetLocker
    from accelock.locks.model import Lock
    from accelock.locks.overlay import Overlay
    from accelock.resolve.substitution import Substitution
    from accelock.settings.config import Config
    from accelock.targets import Platform, Target

_MEGABYTE = 1_000_000
# In the root of the virtual environment: it goes when the environment goes.
_NOTES = "accelock.json"
# Commands that are about the lock file: for them nothing is detected.
_OF_THE_FILE = frozenset({"lock", "check", "accelock check", "accelock init"})


class Project:
    """What accelock knows of one Poetry object; nothing is read or detected before it is asked.

    :param table: the [tool.accelock] table of the root project. Those of path dependencies do not
        count.
    """

    def __init__(self, poetry: Poetry, table: Any, io: IO) -> None:
        self.poetry = poetry
        self.io = io
        self.command: Command | None = None
        # Sources of the user's own that are a family's, by family (`own_sources.settle`).
        self.mirrors: dict[str, Source] = {}
        self._table = table
        self._known: dict[str, tuple[Family, FamilyPackage] | None] = {}
        self._viewed: str | None = None
        self._choice: Choice | None = None
        self._bar: Any = None
        self._line: MovingLine | None = None

    @property
    def where(self) -> str:
        """Return the file of the table, for messages."""
        return str(self.poetry.pyproject_path)

    @property
    def locker(self) -> TargetLocker:
        """Return the project's locker, which is ours."""
        return cast("TargetLocker", self.poetry.locker)

    @property
    def root_name(self) -> str:
        """Return the name of the root package, which tells this project's solves from others'."""
        return str(self.poetry.package.name)

    @functools.cached_property
    def config(self) -> Config:
        """Return the table's values.

        :raises UserError: the table has faults; all of them are named.
        """
        with shown():
            if not isinstance(self._table, dict):
                raise ConfigError(["tool.accelock: must be a table"], self.where)
            return parse_config(self._table, self.where, load_catalogue())

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """Return the catalogue with the user's own families and packages."""
        return self.config.extend(load_catalogue())

    @functools.cached_property
    def family_names(self) -> frozenset[str]:
        """Return the names of all families, the user's own as the table has them, sound or not."""
        own = self._table.get("families") if isinstance(self._table, dict) else None
        known = {family.name for family in load_catalogue().families}
        return frozenset({*known, *(own if isinstance(own, dict) else ())})

    @functools.cached_property
    def substitution(self) -> Substitution:
        """Return what targets have under other names than pyproject.toml says, or with extras."""
        # Poetry activates plugins for every command; few lock.
        from accelock.resolve.substitution import Substitution

        if not self.targets:
            return Substitution()
        return Substitution.of(self.config.unsubstituted, self.config.substituted_always)

    @property
    def settings(self) -> Settings:
        """Return the catalogue and the table, as what reads a lock takes them."""
        return Settings(self.catalogue, self.config)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return the declared targets, the leader first; a project may use us without any."""
        return self.config.targets

    def find(self, name: str) -> tuple[Family, FamilyPackage] | None:
        """Return what the catalogue knows of a package; nothing where no targets are declared."""
        if name not in self._known:
            self._known[name] = self.catalogue.family_of(name) if self.targets else None
        return self._known[name]

    @functools.cached_property
    def digest(self) -> str:
        """Return the sha256, in hex, of the settings that a lock depends on.

        A source of the environment is none of them.
        """
        return settings_digest(self._table)

    @functools.cached_property
    def pythons(self) -> tuple[PythonVersion, ...]:
        """Return the Pythons that the project supports, of those that have wheels at all.

        One is enough that has a single release in the project's range. Where none has (they are
        newer than accelock), it is the running one, which Poetry has found to be supported.
        """
        from poetry.core.constraints.version import parse_constraint

        supported = self.poetry.package.python_constraint
        found = (p for p in PYTHONS if supported.allows_any(parse_constraint(f"~{p}")))
        return tuple(found) or (PythonVersion.host(),)

    @contextlib.contextmanager
    def viewing(self, name: str) -> Iterator[None]:
        """Let the lock be read as one target has it, whatever this machine is, for a while."""
        old, self._viewed = self._viewed, name
        try:
            yield
        finally:
            self._viewed = old

    @property
    def is_about_the_file(self) -> bool:
        """Return whether the command that runs is about poetry.lock and not about this machine."""
        command = self.command
        return command is not None and (command.name in _OF_THE_FILE or self._is_told("lock"))

    @property
    def regenerates(self) -> bool:
        """Return whether the lock is to be made anew, whatever it has."""
        return self._is_told("regenerate")

    def _is_told(self, option: str) -> bool:
        command = self.command
        if command is None or not command.definition.has_option(option):
            return False
        return bool(command.option(option))

    @property
    def is_exporting(self) -> bool:
        """Return whether `poetry export` runs."""
        return self.command is not None and self.command.name == "export"

    def active_name(self, overlay: Overlay) -> str:
        """Return the target whose view of the lock Poetry is to see.

        `poetry lock` and `poetry check` are about the file and not about this machine: they see the
        leader's.

        :raises UserError: no target of the lock fits this machine.
        """
        if self._viewed is not None:
            return self._viewed
        if self.is_about_the_file:
            return overlay.targets[0]
        return self.choice().target.name

    def choice(self) -> Choice:
        """Return the target of this machine, out of those that are locked or solved, and why.

        :raises UserError: none fits, or the one that was chosen is not locked for this platform.
        """
        if self._choice is None:
            with shown():
                self._choice = self._choose(cast("Lock", self.locker.locked_targets()))
        return self._choice

    def _choose(self, lock: Lock) -> Choice:
        from accelock.hardware import choose as choose_for_machine
        from accelock.hardware.choice import eligible
        from accelock.locks.markers import Place
        from accelock.locks.open import facts

        env = self._environment()
        platform = platform_of(env)
        major, minor = env.version_info[:2]
        place = Place(platform, PythonVersion(major, minor)) if platform else None
        targets = eligible(self.targets, lock.targets)
        choice = choose_for_machine(
            targets,
            environ=os.environ,
            catalogue=self.catalogue,
            platform=platform,
            saved=remembered(env).get("chosen"),
            locked=facts(Path(self.where).parent, lock, targets, place),
            declared=self.targets,
        )
        locked = lock.targets[choice.target]
        if platform is None or not locked.is_for(platform):
            system = "{sys_platform} on {platform_machine}".format_map(env.marker_env)
            here = platform.name if platform is not None else system
            names = ", ".join(each.name for each in locked.platforms or ()) or "no platform"
            raise AccelockError(
                f"This environment is {here}, and poetry.lock has {choice} for {names} only. "
                "Nothing was installed. Add the platform to `platforms` in [tool.accelock] and run "
                "`poetry lock`, or choose another target (ACCELOCK_TARGET, or `poetry accelock "
                "use`)."
            )
        return choice

    def _environment(self) -> Any:
        """Return Poetry's environment of the project: the command's own, where it has one."""
        # EnvCommand keeps it in `_env` (Poetry 2.0.1 to 2.5.1), and its property asserts.
        env = getattr(self.command, "_env", None)
        if env is not None:
            return env
        from poetry.utils.env import EnvManager

        return EnvManager(self.poetry).get()

    def source(self, family: Family) -> Source:
        """Return where this run reads a family: environment, table, or the catalogue's index."""
        with shown():
            from_environment = sources_from_environment(os.environ, self.catalogue)
        return from_environment.get(family.name) or self.written_source(family)

    def written_source(self, family: Family) -> Source:
        """Return where a lock says that a family is; never a source of the environment."""
        mirror = self.mirrors.get(family.name)
        if mirror is None or family.name in self.config.sources:
            return self.config.source(family)
        return mirror.but_for(self.config.exceptions(family.name))

    def show_bytes(self, done: int, total: int) -> None:
        """Show on a terminal how far a download that the user has allowed has come.

        :param done: bytes so far, of one file after another.
        :param total: bytes of the file, 0 where unknown.
        """
        if not total or not self.io.error_output.is_decorated():
            return
        if self._bar is None:
            bar = ProgressBar(self.io, total)
            bar.set_format("  hashing [%bar%] %percent:3s%% of %message%")
            bar.set_message(f"{total / _MEGABYTE:,.1f} MB")
            with self._line.aside() if self._line is not None else contextlib.nullcontext():
                bar.start()
                self._bar = bar
        self._bar.set_progress(done)
        if done >= total:
            self._bar.finish()
            self._bar = None
            self.io.write_error_line("")  # cleo's bar leaves the cursor behind it

    def say(self, message: str) -> None:
        """Write a line on standard error."""
        with self._line.aside() if self._line is not None else contextlib.nullcontext():
            self.io.write_error_line(message)

    @contextlib.contextmanager
    def moving(self, look: Callable[[], tuple[str, int]]) -> Iterator[None]:
        """Show on a terminal what is solved, for a while; with `-v` Poetry tells more itself.

        :param look: as of `MovingLine`.
        """
        # Poetry takes stdout's word for whether stderr is a terminal (2.0.1 to 2.5.1).
        watched = sys.stderr.isatty() and not self.io.input.has_parameter_option("--no-ansi")
        if not watched or self.io.error_output.is_quiet() or self.io.is_verbose():
            yield
            return
        self._line = MovingLine(lambda: look() if self._bar is None else None)
        try:
            with self._line.shown():
                yield
        finally:
            self._line = None


def platform_of(env: Any) -> Platform | None:
    """Return the platform of an environment's interpreter, which may not be ours."""
    markers = env.marker_env
    for platform in PLATFORMS.values():
        if (
            platform.sys_platform == markers["sys_platform"]
            and platform.machine.lower() == str(markers["platform_machine"]).lower()
        ):
            return platform
    return None


def remembered(env: Any) -> dict[str, str]:
    """Return what was noted in an environment: ``chosen`` by the user, ``installed`` last."""
    try:
        found = json.loads((Path(env.path) / _NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def remember(env: Any, **notes: str | None) -> None:
    """Note something in an environment; None forgets it.

    :raises AccelockError: the environment cannot be written to.
    """
    known: dict[str, str | None] = {**remembered(env), **notes}
    content = {key: value for key, value in known.items() if value is not None}
    path = Path(env.path) / _NOTES
    try:
        path.write_text(json.dumps(content, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise AccelockError(
            f"{path} could not be written ({error.strerror}), so the choice is not saved. Use "
            "ACCELOCK_TARGET instead."
        ) from error
