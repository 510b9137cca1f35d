"""The pip pins that a conda solve has to go along with: whose they are, and what they say."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from accelock.catalogue.source import TARGET_FIELD
from accelock.errors import AccelockError, ConfigError, MetadataError
from accelock.locks import header, markers, overlay, requirements, toml
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from accelock.locks.markers import Place
    from accelock.targets import Target

__all__ = [
    "POETRY_LOCK",
    "Pins",
    "find",
    "from_poetry",
    "from_requirements",
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

    Raises AccelockError for what is no such lock.
    """
    if PurePosixPath(name).name != POETRY_LOCK:
        return from_requirements(text, name, places)
    return from_poetry(text, name, places, target, group)


def pythons_in(text: str, name: str) -> tuple[PythonVersion, ...]:
    """Return the Pythons that a compiled requirements file was made for, by its stamp.

    Raises StampError for a damaged stamp. A poetry.lock, or another tool's file, tells none.
    """
    stamp = None if PurePosixPath(name).name == POETRY_LOCK else header.read(text, name)
    return tuple(map(PythonVersion.parse, stamp.python)) if stamp is not None else ()


def from_requirements(text: str, where: str, places: Sequence[Place]) -> Pins:
    """Return the pins of a compiled requirements file that count at the places.

    Raises RequirementsError for a line that cannot be read.
    """
    found = (
        (pin.name, pin.version)
        for pin in _parsed(text, where)
        if pin.name and pin.version and _holds(pin.marker, places)
    )
    return Pins(where, _single(found))


@functools.lru_cache(maxsize=8)
def _parsed(text: str, where: str) -> tuple[requirements.Pin, ...]:
    """Return a file's pins; reading a long one takes a tenth of a second, and every cell asks."""
    return tuple(requirements.parse(text, where).pins)


def from_poetry(
    text: str,
    where: str,
    places: Sequence[Place],
    target: Target | None = None,
    group: str | None = None,
) -> Pins:
    """Return the pins of a poetry.lock, for one target of its overlay.

    Without `group` they are those of the main group; with it, those of that group too. Raises
    OverlayError for a damaged overlay, and AccelockError for a target that it lacks.
    """
    groups = {"main"} if group is None else {"main", group}
    entries = _entries(text, where, target.name if target is not None else None)
    found = (
        (str(entry["name"]), str(entry["version"]))
        for entry in entries
        if not groups.isdisjoint(entry.get("groups", ("main",))) and _applies(entry, groups, places)
    )
    return Pins(where, _single(found))


@functools.lru_cache(maxsize=8)
def _entries(text: str, where: str, target: str | None) -> tuple[Mapping[str, Any], ...]:
    """Return a target's entries; reading a big lock takes seconds, and every platform asks."""
    lock = toml.parse(text, where)
    entries = lock.get("package", [])
    found = overlay.read(lock, where)
    if found is None or target is None:
        return tuple(entries)
    if target not in found.targets:
        raise AccelockError(
            f"{where}: it was locked for {', '.join(found.targets)}, and not for {target}; lock "
            "again (poetry lock)"
        )
    return tuple(found.view(entries, target))


def _applies(entry: Mapping[str, Any], groups: Iterable[str], places: Sequence[Place]) -> bool:
    """Tell whether an entry is for a place; its markers may differ by group (lock-version 2.1)."""
    marker = entry.get("markers")
    if marker is None or isinstance(marker, str):
        return _holds(marker, places)
    own = [group for group in groups if group in entry.get("groups", ())]
    return any(_holds(marker.get(group), places) for group in own)


def _holds(marker: str | None, places: Iterable[Place]) -> bool:
    """Tell whether a marker is true at any place; one that cannot be told is taken to be."""
    if marker == "<empty>":  # poetry-core's word for a marker that holds nowhere
        return False
    try:
        return marker is None or any(markers.may_hold(marker, place) for place in places)
    except MetadataError:
        return True


def _single(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the one version of each project; where two remain, neither can bind anything."""
    versions: dict[str, set[str]] = {}
    for name, version in found:
        versions.setdefault(canonicalize_name(name), set()).add(_public(version))
    return {name: versions[name].pop() for name in sorted(versions) if len(versions[name]) == 1}


def _public(version: str) -> str:
    try:
        return Version(version).public
    except InvalidVersion:
        return version
