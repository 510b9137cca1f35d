"""A project with a conda table: its environments, and what each of them is solved from, offline.

The command that solves and the check that does not ask the same questions here. No answer is this
machine's: all are in the project's files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelock import toml
from accelock.catalogue import load_catalogue
from accelock.catalogue.source import TARGET_FIELD
from accelock.conda import guarantee, overlap
from accelock.conda.channels import strip_credentials
from accelock.conda.config import parse_conda
from accelock.conda.spec import Spec, SpecError, parse
from accelock.errors import AccelockError, ConfigError
from accelock.locks.markers import Place
from accelock.settings.poetry_project import (
    alternatives,
    declared_python,
    project_name,
    supported_pythons,
)
from accelock.settings.settings import read_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.config import CondaConfig
    from accelock.conda.overlap import Pins
    from accelock.conda.record import Record
    from accelock.settings.config import Config
    from accelock.targets import Platform, PythonVersion, Target

POETRY_LOCK = "poetry.lock"
_DIGEST = 1  # its format: a change of what it covers makes every conda file stale


@dataclass(frozen=True, slots=True)
class CondaEnvironment:
    """One target (None: the project has none) with one group (None: without any)."""

    target: Target | None
    group: str | None
    platforms: tuple[Platform, ...]


@dataclass(frozen=True, slots=True)
class CondaProject:
    """A project with a conda table, and where to read its locks.

    `read` returns the text of a file of the project by its name relative to `directory`, or None
    where there is none: a run that has not written its files yet has them in memory.
    """

    directory: Path
    config: Config
    conda: CondaConfig
    read: Callable[[str], str | None]

    def environments(self) -> tuple[CondaEnvironment, ...]:
        """Return the project's environments, in the order of targets, then of groups.

        Platforms for which a target has no builds at all are left out.
        """
        groups, config = (None, *sorted(self.conda.groups)), self.config
        if not config.targets:
            return tuple(CondaEnvironment(None, group, config.platforms) for group in groups)
        return tuple(
            CondaEnvironment(
                target, group, tuple(filter(target.exists_on, config.platforms_of(target)))
            )
            for target in config.targets
            for group in groups
        )

    def names_platforms(self, environment: CondaEnvironment) -> bool:
        """Tell whether the project itself names the platforms; others may be left out."""
        target, config = environment.target, self.config
        return config.declares_platforms(target) if target else config.platforms_declared

    def is_required(self, environment: CondaEnvironment, platform: Platform) -> bool:
        """Tell whether a platform must be there: it is named, or the first of the default."""
        return self.names_platforms(environment) or platform == environment.platforms[0]

    def specs(self, environment: CondaEnvironment, platform: Platform) -> tuple[Spec, ...]:
        """Return what is asked for in one environment on a platform, in the order of names."""
        return self.conda.specs_for(environment.target, platform, environment.group)

    def python(self, environment: CondaEnvironment) -> Spec | None:
        """Return the constraint on python of an environment's solves, or None where there is none.

        `python` of [tool.accelock] says it; else the Pythons that pip's lock was made for; else
        `requires-python` (PEP 621), else Poetry's dependency on python. What conda cannot say of
        these is left out.
        """
        listed = self._pythons(*self._pip_lock(environment.target))
        if listed:
            return Spec("python", "|".join(f"{each}.*" for each in listed))
        either = alternatives(self._declared_python())
        try:
            return parse("python", "|".join(either)) if either else None
        except SpecError:
            return None

    def pins(self, environment: CondaEnvironment, platform: Platform) -> Pins | None:
        """Return pip's pins on one platform, or None where no lock of pip's counts.

        Raises AccelockError for a lock that cannot be read or that is named and not there, and
        ConfigError where it is not said which of two counts.
        """
        name, text = self._pip_lock(environment.target)
        if name is None or text is None:
            return None
        pythons = self._pythons(name, text) or supported_pythons(self._declared_python())
        places = [Place(platform, each) for each in pythons]
        return overlap.read_pins(text, name, places, environment.target, environment.group)

    def digest(
        self, environment: CondaEnvironment, platform: Platform, names: Iterable[str]
    ) -> str:
        """Return the digest of what one solve depends on, beside the channels' content.

        :param names: the packages of the solution, or of the lock that is looked at: a pip pin of
            anything else cannot make it wrong, and must not make it stale.

        Raises GuaranteeError for a target that has no builds on the platform.
        """
        target = environment.target
        python = self.python(environment)
        constraints = (*guarantee.constraints(target, platform), *guarantee.rule(target))
        return inputs_digest(
            channels=self.conda.channels,
            specs=self.specs(environment, platform),
            constraints=(*constraints, python) if python else constraints,
            system=map(str, guarantee.virtual_packages(target, platform, self.config.levels)),
            pins=overlap.relevant(self.pins(environment, platform), names),
            overlap=self.conda.overlap,
        )

    def digests(
        self, environment: CondaEnvironment, records: Mapping[Platform, Sequence[Record]]
    ) -> dict[Platform, str]:
        """Return the digest of the inputs on every platform of an environment.

        :param records: the packages by platform; a platform that was left out has none.
        """
        return {
            platform: self.digest(
                environment, platform, sorted({each.name for each in records.get(platform, ())})
            )
            for platform in environment.platforms
        }

    @property
    def name(self) -> str | None:
        """Return the project's name, or None where nothing says it."""
        return project_name(_pyproject_data(self._pyproject))

    def with_texts(self, texts: Mapping[str, str]) -> CondaProject:
        """Return the project as it will be once files, by name, have these texts."""
        before = self.read
        return replace(self, read=lambda name: texts[name] if name in texts else before(name))

    def pip_lock(self, target: Target | None) -> str | None:
        """Return the name of the lock whose pip pins count for a target, or None without any.

        What [tool.accelock.conda] names counts whether it is there or not. Raises ConfigError where
        nothing says which of two locks it is.
        """
        said = self.conda.pins
        if said is not None:
            if TARGET_FIELD in said and target is None:
                raise self._pins_fault(
                    f"{said!r} has the field {TARGET_FIELD}, and the project declares no targets"
                )
            return said.replace(TARGET_FIELD, str(target))
        own = f"requirements.{target}.txt" if target is not None else None
        # Of several targets each has a file of its own.
        names = (own, "requirements.txt" if len(self.config.targets) < 2 else None)  # noqa: PLR2004
        found = next((name for name in names if name and self.read(name) is not None), None)
        if self.read(POETRY_LOCK) is None:
            return found
        if found is not None:
            series = f"requirements.{TARGET_FIELD}.txt" if found == own else found
            raise self._pins_fault(
                f"there are {POETRY_LOCK} and {found}; choose whose pins count: "
                f'pins = "{POETRY_LOCK}", or pins = "{series}"'
            )
        return POETRY_LOCK

    @property
    def _pyproject(self) -> Path:
        return self.config.path or self.directory / "pyproject.toml"

    def _pins_fault(self, message: str) -> ConfigError:
        return ConfigError([f"tool.accelock.conda.pins: {message}"], str(self._pyproject))

    def _pip_lock(self, target: Target | None) -> tuple[str | None, str | None]:
        """Return the name and the text of the lock whose pins count; None and None without any."""
        name = self.pip_lock(target)
        text = self.read(name) if name else None
        if name and text is None:
            raise AccelockError(
                f"{name}: [tool.accelock.conda] names it in `pins`, and it does not exist. Create "
                f"it first ({'poetry lock' if name.endswith(POETRY_LOCK) else 'accelock compile'})"
            )
        return name, text

    def _pythons(self, name: str | None, text: str | None) -> tuple[PythonVersion, ...]:
        """Return the Pythons that are listed one by one, if any are."""
        compiled = overlap.pythons_in(text, name) if name and text else ()
        return tuple(sorted(set(self.config.pythons or compiled)))

    def _declared_python(self) -> str:
        return declared_python(_pyproject_data(self._pyproject))


def inputs_digest(
    *,
    channels: Sequence[str],
    specs: Iterable[Spec],
    constraints: Iterable[Spec],
    system: Iterable[str],
    pins: Mapping[str, str],
    overlap: str,
) -> str:
    """Return the SHA-256 (hex) of a solve's inputs: the same for every order of what has no order.

    :param channels: best first; their credentials do not count.
    :param constraints: those of the target and of Python.
    :param system: the virtual packages, such as `__glibc 2.28 0`.
    :param pins: pip's, name to version.
    """
    plain = [
        _DIGEST,
        [strip_credentials(channel) for channel in channels],
        sorted(map(str, specs)),
        sorted(map(str, constraints)),
        sorted(system),
        sorted(pins.items()),
        overlap,
    ]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def load_project(directory: Path) -> CondaProject:
    """Return the project whose pyproject.toml is in `directory`.

    Raises ConfigError for a faulty table, and AccelockError where there is not a table for conda.
    """
    pyproject = directory / "pyproject.toml"
    project = project_of(directory, read_config(pyproject, load_catalogue()))
    if project is None:
        raise AccelockError(
            f"{pyproject}: has no table [tool.accelock.conda]. Write one, with at least "
            'channels = ["conda-forge"], or let `accelock conda capture` write it'
        )
    return project


def project_of(directory: Path, config: Config | None) -> CondaProject | None:
    """Return a project whose [tool.accelock] is read already; None without a table for conda.

    Raises ConfigError with every fault of that table.
    """
    if config is None or config.conda is None:
        return None
    conda = parse_conda(config.conda, str(config.path or directory / "pyproject.toml"), config)
    return CondaProject(directory, config, conda, lambda name: _read(directory / name))


def _pyproject_data(pyproject: Path) -> dict[str, Any]:
    """Return a pyproject.toml's data; of one that cannot be read nothing is known."""
    try:
        return toml.read(pyproject, pyproject.name) or {}
    except toml.TomlError:
        return {}


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"cannot be read: {error}"], str(path)) from error
