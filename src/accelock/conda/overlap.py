"""What pip pins beside a conda environment, and what that means for a conda solve.

A package that is on both sides has one version, pip's: two would fight for one folder. Which conda
package is which project of PyPI, a small table says (`catalogue/conda_names.toml`); one that is not
there has the same name on both sides.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import tomlkit
from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.conda.record import chain, depends_on_python
from accelock.conda.spec import Spec
from accelock.errors import AccelockError
from accelock.locks import poetry_lock, requirements, stamp
from accelock.locks.model import MAIN, Pin
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from accelock.conda.record import Record
    from accelock.locks.markers import Place
    from accelock.targets import Target


@dataclass(frozen=True, slots=True)
class Mapped:
    """A project that conda has under other names.

    `parts` is how many numbers of the project's version conda's has, where that is fewer.
    `exclusive`: an environment must not have it from both.
    """

    project: str
    conda: tuple[str, ...]
    parts: int | None = None
    exclusive: bool = False


@functools.cache
def load_names() -> Mapping[str, Mapped]:
    """Return the table that ships with accelock, by canonical project name (PEP 503)."""
    file = resources.files("accelock.catalogue").joinpath("conda_names.toml")
    data = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    return {
        project: Mapped(
            project, tuple(row["conda"]), row.get("parts"), exclusive=row.get("exclusive", False)
        )
        for row in data["package"]
        for project in row["pypi"]
    }


def projects_of(name: str, record: Record | None = None) -> tuple[str, ...]:
    """Return the projects that the conda package `name` may be: several wheels of one thing.

    `record` tells whether it depends on python; without it that is taken to be so. A package that
    does not is no project of its name: conda's `graphviz` is the program.
    """
    by_table = tuple(mapped.project for mapped in load_names().values() if name in mapped.conda)
    if by_table:
        return by_table
    project = canonicalize_name(name)
    if project in load_names() or (record is not None and not depends_on_python(record)):
        return ()
    return (project,)


def conda_version(version: str, mapped: Mapped | None) -> str:
    """Return a project's version as conda writes it: without label, and no longer than there."""
    parsed = _parsed(version)
    if isinstance(parsed, str):
        return version
    if mapped is not None and mapped.parts is not None:
        return ".".join(map(str, parsed.release[: mapped.parts]))
    return parsed.public


def same_version(conda: str, pinned: Iterable[str]) -> bool:
    """Tell whether a conda version is one of these: 2.6 is 2.6.0 on both sides."""
    return any(_parsed(conda) == _parsed(version) for version in pinned)


def _parsed(version: str) -> Version | str:
    try:
        return Version(version)
    except ValueError:
        return version


@dataclass(frozen=True, slots=True)
class Pins:
    """What pip will install beside the conda packages on one platform.

    `where` is the lock's name. `versions` maps canonical project names (PEP 503) to public
    versions (PEP 440, without a label such as `+cpu`), in the order of names.
    """

    where: str
    versions: Mapping[str, str]


def read_pins(
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
    groups = (MAIN,) if group is None else (MAIN, group)
    versions: dict[str, set[str]] = {}
    for pin in _pins_in(text, name, target.name if target is not None else None):
        if pin.version and any(pin.holds(place, groups=groups) for place in places):
            versions.setdefault(pin.name, set()).add(conda_version(pin.version, None))
    # Where two versions of a project remain, neither can bind anything.
    single = {each: found.pop() for each, found in sorted(versions.items()) if len(found) == 1}
    return Pins(name, single)


def pythons_in(text: str, name: str) -> tuple[PythonVersion, ...]:
    """Return the Pythons that a compiled requirements file was made for, by its stamp.

    Raises StampError for a damaged stamp. A poetry.lock, or another tool's file, tells none.
    """
    found = None if _is_poetry(name) else stamp.read(text, name)
    return tuple(map(PythonVersion.parse, found.python)) if found is not None else ()


def _is_poetry(name: str) -> bool:
    return PurePosixPath(name).name == "poetry.lock"


@functools.lru_cache(maxsize=8)  # reading a big one takes seconds, and every cell asks
def _pins_in(text: str, name: str, target: str | None) -> tuple[Pin, ...]:
    if _is_poetry(name):
        return poetry_lock.pins_of(text, name, target)
    lines = requirements.parse(text, name).pins
    return tuple(Pin(line.name, line.version, {MAIN: line.marker}) for line in lines if line.name)


class OverlapError(AccelockError):
    """Conda and pip cannot both have what they ask for."""


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """A package that pip pins to one version, and of which conda would have another."""

    project: str
    pinned: str
    where: str
    record: Record
    chain: tuple[str, ...] = ()

    def __str__(self) -> str:
        way = f", for {' -> '.join(self.chain)}" if self.chain else ""
        return (
            f"{self.project} is {self.pinned} in {self.where}, and conda would install "
            f"{self.record.name} {self.record.version}{way}"
        )


def constraints(pins: Pins, records: Iterable[Record] = ()) -> tuple[Spec, ...]:
    """Return what the pins ask of a conda solve, in the order of names.

    The pins of the table's projects bind always. Whether another conda package is the project of
    its name, only a record tells, by depending on python: give the records of a solve, and solve
    again where there are more constraints than that had, until there are not.
    """
    found: dict[str, Spec] = {}
    for project, version in pins.versions.items():
        mapped = load_names().get(project)
        if mapped is not None and not mapped.exclusive:
            for name in mapped.conda:
                found[name] = Spec(name, f"=={conda_version(version, mapped)}")
    for record in records:
        versions = _pinned(record, pins)
        if versions and record.name not in found:
            found[record.name] = Spec(record.name, f"=={versions[0][1]}")
    return tuple(found[name] for name in sorted(found))


def differences(
    pins: Pins, records: Collection[Record], asked: Collection[str] = ()
) -> tuple[VersionDifference, ...]:
    """Return the packages of a solved environment that pip has in another version.

    :param asked: the names of the packages that the project asks of conda, where that is known.
    """
    found = []
    for record in sorted(records, key=lambda record: record.name):
        pinned = _pinned(record, pins)
        if pinned and not same_version(record.version, (version for _, version in pinned)):
            project, version = pinned[0]
            way = chain(records, record.name, asked)[:-1]
            found.append(VersionDifference(project, version, pins.where, record, way))
    return tuple(found)


def refuse_exclusive(pins: Pins, records: Collection[Record], asked: Collection[str] = ()) -> None:
    """Raise OverlapError where conda brings what pip has and what must not be there twice.

    :param asked: the names of the packages that the project asks of conda, where that is known.
    """
    for record in sorted(records, key=lambda record: record.name, reverse=True):
        for project in projects_of(record.name, record):
            if _is_exclusive(project) and project in pins.versions:
                way = " -> ".join(chain(records, record.name, asked)[:-1])
                why = f"{way} brings it in" if way else "it was asked for"
                raise OverlapError(
                    f"conda would install {record.name} {record.version} ({why}), and "
                    f"{pins.where} holds {project} {pins.versions[project]}; one environment "
                    f"cannot have both. Leave {project} to one of them: remove what brings it in "
                    f"from [tool.accelock.conda], or {project} from pip's requirements."
                )


def unsolvable(found: Sequence[VersionDifference], where: str) -> OverlapError:
    """Return the error for a solve that only fails because of the pins.

    :param found: what differs in the same solve without them.
    :param where: the environment, as in "cpu, linux-x86_64".
    """
    lines = "".join(f"\n  - {difference}" for difference in found)
    return OverlapError(
        f"{where}: conda cannot install the versions that pip pins:{lines}\nAllow a version that "
        'both of them have, or set overlap = "warn" in [tool.accelock.conda] to have both.'
    )


def bound(pins: Pins, records: Iterable[Record]) -> frozenset[str]:
    """Return the names of the conda packages that are pip's too."""
    return frozenset(record.name for record in records if _pinned(record, pins))


def relevant(pins: Pins | None, names: Iterable[str]) -> dict[str, str]:
    """Return the pins, project to version, that can mean something for conda packages so named.

    A solution stays one, and the one that was chosen, whatever is pinned of packages that it lacks.
    """
    if pins is None:
        return {}
    projects = {project for name in names for project in projects_of(name)}
    return {name: version for name, version in pins.versions.items() if name in projects}


def _pinned(record: Record, pins: Pins) -> list[tuple[str, str]]:
    """Return the projects that a record is and that pip pins, each with conda's form of the pin."""
    return [
        (project, conda_version(pins.versions[project], load_names().get(project)))
        for project in projects_of(record.name, record)
        if project in pins.versions and not _is_exclusive(project)
    ]


def _is_exclusive(project: str) -> bool:
    return project in load_names() and load_names()[project].exclusive
