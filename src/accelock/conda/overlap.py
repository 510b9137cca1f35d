"""What pip's pins mean for a conda solve: constraints, and what conda cannot have beside pip.

A package that is on both sides has one version, pip's: two would fight for one folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.conda.graph import chain
from accelock.conda.names import conda_version, load_names, projects_of, same_version
from accelock.conda.spec import Spec
from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from accelock.conda.pins import Pins
    from accelock.conda.record import Record

__all__ = [
    "Difference",
    "OverlapError",
    "bound",
    "constraints",
    "differences",
    "refuse_exclusive",
    "relevant",
    "unsolvable",
]


class OverlapError(AccelockError):
    """Conda and pip cannot both have what they ask for."""


@dataclass(frozen=True, slots=True)
class Difference:
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
) -> tuple[Difference, ...]:
    """Return the packages of a solved environment that pip has in another version.

    :param asked: the names of the packages that the project asks of conda, where that is known.
    """
    found = []
    for record in sorted(records, key=lambda record: record.name):
        pinned = _pinned(record, pins)
        if pinned and not same_version(record.version, (version for _, version in pinned)):
            project, version = pinned[0]
            way = chain(records, record.name, asked)[:-1]
            found.append(Difference(project, version, pins.where, record, way))
    return tuple(found)


def refuse_exclusive(pins: Pins, records: Collection[Record], asked: Collection[str] = ()) -> None:
    """Raise OverlapError where conda brings what pip has and what must not be there twice.

    :param asked: the names of the packages that the project asks of conda, where that is known.
    """
    for record in sorted(records, key=lambda record: record.name, reverse=True):
        for project in projects_of(record.name, record):
            mapped = load_names().get(project)
            if mapped is not None and mapped.exclusive and project in pins.versions:
                way = " -> ".join(chain(records, record.name, asked)[:-1])
                why = f"{way} brings it in" if way else "it was asked for"
                raise OverlapError(
                    f"conda would install {record.name} {record.version} ({why}), and "
                    f"{pins.where} holds {project} {pins.versions[project]}; one environment "
                    f"cannot have both. Leave {project} to one side: take what brings it in out "
                    f"of [tool.accelock.conda], or {project} out of pip's requirements."
                )


def unsolvable(found: Sequence[Difference], where: str) -> OverlapError:
    """Return the error for a solve that only fails because of the pins.

    :param found: what differs in the same solve without them.
    :param where: the environment, as in "cpu, linux-x86_64".
    """
    lines = "".join(f"\n  - {difference}" for difference in found)
    return OverlapError(
        f"{where}: conda cannot install what pip pins:{lines}\nAllow both sides a version that the "
        'other has too, or set overlap = "warn" in [tool.accelock.conda] to have both.'
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
    mapped = load_names().get(project)
    return mapped is not None and mapped.exclusive
