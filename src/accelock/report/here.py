"""Where a report is made: the project, the machine or a profile of one, and the lock."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.hardware import Choice, NoTargetError, detect, profile
from accelock.hardware.choose import candidates, choose_for, tell
from accelock.locks.markers import Place
from accelock.report.locked import find_locks
from accelock.report.project import Project
from accelock.settings.settings import Config, read_config
from accelock.targets import PLATFORMS, PythonVersion, host_platform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.hardware import Candidate, Locked, Machine
    from accelock.hardware.context import Surroundings
    from accelock.report.locked import Locks
    from accelock.targets import Platform, Target


@dataclass(frozen=True)
class Here:
    """A project on a machine.

    :param directory: where pyproject.toml and the lock are.
    :param around: where the machine is looked at, once, and only if something asks for it.
    :param python: of the environment that is installed into.
    :param platform: of that environment, where that is not this interpreter's.
    :param saved: the choice that the environment keeps.
    :param machine_word: a profile or a file of one, in the place of this machine.
    :param lock: which lock is meant, by name.
    """

    directory: Path
    around: Surroundings
    python: PythonVersion
    platform: Platform | None = None
    saved: str | None = None
    machine_word: str | None = None
    lock: str | None = None

    @functools.cached_property
    def project(self) -> Project:
        """Return the catalogue and [tool.accelock]; ConfigError names all its faults."""
        catalogue = load_catalogue()
        config = read_config(self.directory / "pyproject.toml", catalogue) or Config()
        return Project(config.extend(catalogue), config)

    @functools.cached_property
    def machine(self) -> Machine:
        """Return the machine that is meant."""
        if self.machine_word is not None:
            return profile.read(self.machine_word)
        return detect(self.around, self.platform)

    @functools.cached_property
    def locks(self) -> Locks | None:
        """Return the project's lock, None where there is none with targets."""
        return find_locks(self.directory, self.project, self.lock)

    @property
    def declared(self) -> tuple[Target, ...]:
        """Return the targets to choose among: of the lock, else of [tool.accelock].

        :raises AccelockError: there is none.
        """
        locked = [each.target for each in self.locks.targets] if self.locks else []
        declared = self.project.config.targets
        both = tuple(target for target in locked if target in declared) or tuple(locked)
        found = both or declared
        if not found:
            raise AccelockError(
                f"{self.directory.resolve()}: no target is declared, and nothing is locked for "
                'one; list them in pyproject.toml: [tool.accelock] targets = ["cpu", "cu126"]'
            )
        return found

    @property
    def wanted_platform(self) -> Platform | None:
        """Return the platform that is meant, None where it has no name; no probe is run for it."""
        if self.machine_word is not None:
            return self.machine.platform
        return self.platform or host_platform()

    @property
    def where(self) -> str:
        """Return what to call that platform in a message."""
        if self.machine_word is not None:
            return self.machine.where
        platform = self.wanted_platform
        return platform.name if platform else f"{self.around.system} on {self.around.machine}"

    @functools.cached_property
    def place(self) -> Place:
        """Return the platform and Python that are meant.

        :raises AccelockError: accelock has no name for the machine's platform.
        """
        platform = self.wanted_platform
        if platform is None:
            raise AccelockError(
                f"this machine is {self.where}, for which there are no wheels that "
                f"accelock knows; the platforms are: {', '.join(PLATFORMS)}"
            )
        return Place(platform, self.python)

    @functools.cached_property
    def facts(self) -> Mapping[str, Locked]:
        """Return what the lock has for each target here."""
        if self.locks is None:
            return {}
        return self.locks.facts(self.place if self.wanted_platform else None)

    @property
    def environ(self) -> Mapping[str, str]:
        """Return the variables that count: those of this machine say nothing of another."""
        return {} if self.machine_word is not None else self.around.environ

    def choice(self) -> Choice:
        """Return the target that an installation takes.

        :raises NoTargetError: none fits.
        """
        saved = None if self.machine_word is not None else self.saved
        return tell(self.declared, self.environ, saved) or self.by_hardware()

    def by_hardware(self) -> Choice:
        """Return the target that the hardware alone chooses.

        :raises NoTargetError: none fits.
        """
        return choose_for(self.declared, self.machine, self.project.catalogue.hardware, self.facts)

    def candidates(self) -> tuple[Candidate, ...]:
        """Return each target with what the hardware says of it, whatever is chosen."""
        try:
            return self.by_hardware().candidates
        except NoTargetError:
            tables = self.project.catalogue.hardware
            return candidates(self.declared, self.machine, tables, self.facts)
