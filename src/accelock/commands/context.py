"""What a command is about: the project, the machine or a profile of one, and the lock."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hardware import Choice, NoTargetError, detect, profile
from accelock.hardware.choice import candidates, choose_for, eligible, tell
from accelock.locks import journal
from accelock.locks.markers import Place
from accelock.locks.open import facts, find_lock, open_lock
from accelock.settings.project import Settings, uv_targets
from accelock.targets import PLATFORMS, PythonVersion, host_platform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.hardware import Candidate, LockedTarget, Machine
    from accelock.hardware.context import Surroundings
    from accelock.locks.model import Lock
    from accelock.targets import Platform, Target


@dataclass(frozen=True)
class Context:
    """A project on a machine.

    :param directory: where pyproject.toml and the lock are.
    :param around: where the machine is looked at, once, and only if something asks for it.
    :param python: of the environment that is installed into.
    :param platform: of that environment, where that is not this interpreter's.
    :param saved: the choice that the environment keeps.
    :param machine_word: a profile or a file of one, in the place of this machine.
    :param lock_word: which lock is meant, by name.
    """

    directory: Path
    around: Surroundings
    python: PythonVersion
    platform: Platform | None = None
    saved: str | None = None
    machine_word: str | None = None
    lock_word: str | None = None

    @functools.cached_property
    def settings(self) -> Settings:
        """Return the catalogue and [tool.accelock]; ConfigError names all its faults."""
        return Settings.of(self.directory)

    @functools.cached_property
    def machine(self) -> Machine:
        """Return the machine that is meant."""
        if self.machine_word is not None:
            return profile.read(self.machine_word)
        return detect(self.around, self.platform)

    @functools.cached_property
    def lock(self) -> Lock | None:
        """Return the project's lock, None where there is none with targets.

        :raises AccelockError: it is damaged, or an interrupted run may have left a mix.
        """
        journal.refuse_unfinished(self.directory)
        return find_lock(self.directory, self.settings, self.lock_word)

    def open_lock(self) -> Lock:
        """Return the project's lock.

        :raises AccelockError: there is none; it says what to run.
        """
        return self.lock or open_lock(self.directory, self.settings, self.lock_word)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return the targets to choose among: of the lock, else of [tool.accelock] or [tool.uv].

        :raises AccelockError: there is none.
        """
        locked = tuple(self.lock.targets) if self.lock is not None else ()
        found = eligible(self.settings.config.targets, locked)
        found = found or uv_targets(self.directory, self.settings.catalogue.targets)
        if not found:
            raise AccelockError(
                f"{self.directory.resolve()}: no target is declared here, and no lock has one. "
                'Declare the targets in pyproject.toml: [tool.accelock] targets = ["cpu", "cu126"]'
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
                f"this machine is {self.where}, and accelock knows no wheels for it; it knows "
                f"these platforms: {', '.join(PLATFORMS)}"
            )
        return Place(platform, self.python)

    @functools.cached_property
    def facts(self) -> Mapping[str, LockedTarget]:
        """Return what is locked for each target here, as far as the choice has to know."""
        place = self.place if self.wanted_platform else None
        return facts(self.directory, self.lock, self.targets, place)

    def choice(self) -> Choice:
        """Return the target that an installation takes.

        The variables of this machine, and the choice that its environment keeps, say nothing of
        another machine.

        :raises NoTargetError: none fits.
        """
        if self.machine_word is None:
            declared = self.settings.config.targets if self.lock is not None else None
            told = tell(self.targets, self.around.environ, self.saved, declared)
        else:
            told = tell(self.targets, {})
        return told or self.by_hardware()

    def by_hardware(self) -> Choice:
        """Return the target that the hardware alone chooses.

        :raises NoTargetError: none fits.
        """
        tables = self.settings.catalogue.hardware
        return choose_for(self.targets, self.machine, tables, self.facts)

    def candidates(self) -> tuple[Candidate, ...]:
        """Return each target with what the hardware says of it, whatever is chosen."""
        try:
            return self.by_hardware().candidates
        except NoTargetError:
            tables = self.settings.catalogue.hardware
            return candidates(self.targets, self.machine, tables, self.facts)
