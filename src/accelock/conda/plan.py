"""Which environments a project has, and what each of them is solved from, offline.

The command that solves and the check that does not go through the same list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelock.conda import guarantee, overlap, python
from accelock.conda import pins as pip_pins
from accelock.conda.header import Inputs
from accelock.conda.pins import POETRY_LOCK
from accelock.errors import AccelockError
from accelock.locks.markers import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from accelock.conda.config import CondaConfig
    from accelock.conda.pins import Pins
    from accelock.conda.spec import Spec
    from accelock.settings.settings import Config
    from accelock.targets import Platform, Target

__all__ = ["Environment", "Project", "environments"]


@dataclass(frozen=True, slots=True)
class Environment:
    """One target (None: the project has none) with one group (None: without any)."""

    target: Target | None
    group: str | None
    platforms: tuple[Platform, ...]


def environments(config: Config, conda: CondaConfig) -> tuple[Environment, ...]:
    """Return the environments of a project, in the order of targets, then of groups.

    Platforms for which a target has no builds at all are left out.
    """
    groups = (None, *sorted(conda.groups))
    if not config.targets:
        return tuple(Environment(None, group, config.platforms) for group in groups)
    return tuple(
        Environment(target, group, tuple(filter(target.exists_on, config.platforms_of(target))))
        for target in config.targets
        for group in groups
    )


@dataclass(frozen=True, slots=True)
class Project:
    """A project with a conda table, and where to read its locks.

    `read` returns the text of a file of the project by its name relative to `directory`, or None
    where there is none: a run that has not written its files yet has them in memory.
    """

    directory: Path
    config: Config
    conda: CondaConfig
    read: Callable[[str], str | None]

    def python(self, environment: Environment) -> Spec | None:
        """Return the constraint on python of an environment's solves."""
        name, text = self._lock(environment.target)
        compiled = pip_pins.pythons_in(text, name) if name and text else ()
        return python.constraint(self.config, self._pyproject, compiled)

    def pins(self, environment: Environment, platform: Platform) -> Pins | None:
        """Return pip's pins on one platform, or None where no lock of pip's counts.

        Raises AccelockError for a lock that cannot be read or that is named and not there, and
        ConfigError where it is not said which of two counts.
        """
        name, text = self._lock(environment.target)
        if name is None or text is None:
            return None
        compiled = pip_pins.pythons_in(text, name)
        pythons = python.versions(self.config, self._pyproject, compiled)
        places = [Place(platform, each) for each in pythons]
        return pip_pins.read(text, name, places, environment.target, environment.group)

    def inputs(self, environment: Environment, platform: Platform, names: Iterable[str]) -> Inputs:
        """Return what one solve depends on: the command and the check that never solves ask here.

        :param names: the packages of the solution, or of the lock that is looked at.

        Raises GuaranteeError for a target that has no builds on the platform.
        """
        target = environment.target
        pins = self.pins(environment, platform)
        own = self.python(environment)
        system = guarantee.virtual_packages(target, platform, self.config.levels)
        constraints = (*guarantee.constraints(target, platform), *guarantee.rule(target))
        return Inputs(
            channels=self.conda.channels,
            specs=self.conda.specs_for(target, platform, environment.group),
            constraints=(*constraints, own) if own else constraints,
            virtual_packages=tuple(map(str, system)),
            pins=overlap.relevant(pins, names),
            overlap=self.conda.overlap,
        )

    @property
    def _pyproject(self) -> Path:
        return self.config.path or self.directory / "pyproject.toml"

    def with_texts(self, texts: Mapping[str, str]) -> Project:
        """Return the project as it will be once files, by name, have these texts."""
        before = self.read
        return replace(self, read=lambda name: texts[name] if name in texts else before(name))

    def lock_name(self, target: Target | None) -> str | None:
        """Return the name of the lock whose pip pins count for a target, or None without any.

        Raises ConfigError where it is not said which of two counts.
        """
        return pip_pins.find(
            self.conda.pins,
            target,
            lambda name: self.read(name) is not None,
            where=str(self._pyproject),
            several=len(self.config.targets) > 1,
        )

    def _lock(self, target: Target | None) -> tuple[str | None, str | None]:
        """Return the name and the text of the lock whose pins count; None and None without any."""
        name = self.lock_name(target)
        text = self.read(name) if name else None
        if name and text is None:
            raise AccelockError(
                f"{name}: [tool.accelock.conda] names it in `pins`, and it is not there; make it "
                f"first ({'poetry lock' if name.endswith(POETRY_LOCK) else 'accelock compile'})"
            )
        return name, text
