"""The pip pins that a conda solve has to go along with: whose they are, and what they say."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from accelock.catalogue.source import TARGET_FIELD
from accelock.errors import ConfigError
from accelock.locks import poetry_lock, requirements, stamp
from accelock.locks.model import MAIN, Pin
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from accelock.locks.markers import Place
    from accelock.targets import Target

__all__ = [
    "POETRY_LOCK",
    "Pins",
    "find",
    "pythons_in",
    "read",
]

POETRY_LOCK = "poetry.lock"
_KEY = "tool.accelock.conda.pins"


@dataclass(frozen=True, slots=True)
class Pins:
    """What pip will install beside the conda packages on one platform.

    `where` is the lock's name. `versions` maps canonical project names (PEP 503) to public
    versions (PEP 440, without a label such as `+cpu`), in the order of names.
    """

    where: str
    versions: Mapping[str, str]


def find(
    pins: str | None,
    target: Target | None,
    exists: Callable[[str], bool],
    *,
    where: str,
    several: bool = False,
) -> str | None:
    """Return the lock whose pins count, relative to the project, or None where there is none.

    :param pins: what `[tool.accelock.conda]` says; it counts whether the file is there or not.
    :param exists: tells whether the project has a file of that name.
    :param where: the pyproject.toml, for the message.
    :param several: whether the project has several targets, each with a file of its own.

    Raises ConfigError where nothing says which of two it is.
    """
    if pins is not None:
        if TARGET_FIELD in pins and target is None:
            message = f"{_KEY}: {pins!r} has the field {TARGET_FIELD}, and no targets are declared"
            raise ConfigError([message], where)
        return pins.replace(TARGET_FIELD, str(target))
    layer = [f"requirements.{target}.txt"] if target is not None else []
    names = [name for name in (*layer, *([] if several else ["requirements.txt"])) if exists(name)]
    if not exists(POETRY_LOCK):
        return names[0] if names else None
    if names:
        series = f"requirements.{TARGET_FIELD}.txt" if names[0] in layer else names[0]
        message = (
            f"{_KEY}: there are {POETRY_LOCK} and {names[0]}; say whose pins count: "
            f'pins = "{POETRY_LOCK}", or pins = "{series}"'
        )
        raise ConfigError([message], where)
    return POETRY_LOCK


def read(
    text: str,
    name: str,
    places: Sequence[Place],
    target: Target | None = None,
    group: str | None = None,
) -> Pins:
    """Return the pins of a lock, by its name: a poetry.lock, or a compiled requirements file.

    :param places: one platform with each Python that the project may run on; a pin counts where
        all of them that have the project agree on it.
    :param target: None: the project has none.
    :param group: the group whose pins count beside those of the main one.

    Raises AccelockError for what is no such lock, and for a target that it lacks.
    """
    pins = _pins(text, name, target.name if target is not None else None)
    groups = (MAIN,) if group is None else (MAIN, group)
    found = (
        (pin.name, pin.version)
        for pin in pins
        if pin.version and any(pin.holds(place, groups=groups) for place in places)
    )
    return Pins(name, _single(found))


def pythons_in(text: str, name: str) -> tuple[PythonVersion, ...]:
    """Return the Pythons that a compiled requirements file was made for, by its stamp.

    Raises StampError for a damaged stamp. A poetry.lock, or another tool's file, tells none.
    """
    found = None if PurePosixPath(name).name == POETRY_LOCK else stamp.read(text, name)
    return tuple(map(PythonVersion.parse, found.python)) if found is not None else ()


@functools.lru_cache(maxsize=8)
def _pins(text: str, name: str, target: str | None) -> tuple[Pin, ...]:
    """Return a lock's pins for a target; reading a big one takes seconds, and every cell asks."""
    if PurePosixPath(name).name == POETRY_LOCK:
        return poetry_lock.pins_of(text, name, target)
    lines = requirements.parse(text, name).pins
    return tuple(Pin(line.name, line.version, {MAIN: line.marker}) for line in lines if line.name)


def _single(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the one version of each project; where two remain, neither can bind anything."""
    versions: dict[str, set[str]] = {}
    for name, version in found:
        versions.setdefault(name, set()).add(_public(version))
    return {name: versions[name].pop() for name in sorted(versions) if len(versions[name]) == 1}


def _public(version: str) -> str:
    try:
        return Version(version).public
    except InvalidVersion:
        return version
