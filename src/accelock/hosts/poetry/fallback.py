"""Sources of ours in pyproject.toml: what `init --fallback` writes, and the plugin reads past.

A Poetry without the plugin needs the leader's index as an explicit source, and ``source = ...`` on
each accelerated dependency. With the plugin that name stands for the family, on every target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock.errors import AccelockError
from accelock.hosts.poetry import root
from accelock.locks import reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from poetry.core.packages.package import Package

    from accelock.catalogue import Family
    from accelock.hosts.poetry.project import Project
    from accelock.locks.reference import FamilySource
    from accelock.settings.poetry_project import PoetryProject, RootDependency
    from accelock.settings.project import Settings


def route(package: Package, project: Project) -> None:
    """Let the dependencies of a root package that name a source of ours name none.

    Poetry would take the leader's builds on every target, and would find no such source in another
    target's view of the lock.
    """
    for dependency in root.dependencies(package):
        if dependency.source_name and is_own(dependency.source_name, project):
            dependency.source_name = None


def is_own(name: str, project: Project) -> bool:
    """Tell whether a source has a name that accelock gives."""
    # Poetry activates plugins for every command: the catalogue is read only for such a name.
    return name.lower().startswith(reference.PREFIX) and any(
        reference.target_of(name, family) for family in project.family_names
    )


@dataclass(frozen=True, slots=True)
class Route:
    """The dependencies that are to come from a family's source, and those with one by hand."""

    source: FamilySource
    asks: tuple[RootDependency, ...]
    by_hand: tuple[str, ...]


def plan(
    pyproject: Mapping[str, Any], lock: Mapping[str, Any] | None, settings: Settings
) -> tuple[Route, ...]:
    """Return what is to come from the leader's sources.

    :param lock: of poetry.lock, which alone tells what comes in through other packages.
    :raises AccelockError: no source of a project could make a Poetry without accelock right.
    """
    from accelock.settings.poetry_project import read_project

    poetry = read_project(pyproject)
    routes = [_route_of(f, poetry, lock or {}, settings) for f in settings.catalogue.families]
    found = tuple(route for route in routes if route is not None)
    if not any(route.asks for route in found):
        raise AccelockError(
            "pyproject.toml: the project itself requires no package with a build per target, and "
            "a source does not count for packages that only other packages require. Add one "
            "(poetry add torch), and run this again."
        )
    return found


def _route_of(
    family: Family, poetry: PoetryProject, lock: Mapping[str, Any], settings: Settings
) -> Route | None:
    leader = reference.FamilySource.of(family, settings.config.targets[0], settings)
    asked = {ask.name for ask in poetry.asks}
    hidden = [
        name for name in reference.labelled(_names(lock), family, settings) if name not in asked
    ]
    if hidden:
        raise AccelockError(_transitive(hidden, leader, lock))
    wanted = {*reference.labelled(asked, family, settings), *(asked & _names_at(leader.url, lock))}
    asks = [ask for ask in poetry.asks if ask.name in wanted]
    if not asks:
        return None
    _refuse_unfit(leader, poetry, settings)
    return Route(
        leader,
        tuple(ask for ask in asks if not reference.is_by_hand(ask, settings)),
        tuple(dict.fromkeys(ask.name for ask in asks if reference.is_by_hand(ask, settings))),
    )


def _refuse_unfit(leader: FamilySource, poetry: PoetryProject, settings: Settings) -> None:
    source = settings.config.source(leader.family)
    if not source.has_target:
        raise AccelockError(
            f"pyproject.toml: {source} has the builds of all targets, so it would not limit a "
            "Poetry without accelock to those of one target. Leave --fallback out: such a Poetry "
            "then stops at the lock."
        )
    if source.has_release:
        raise AccelockError(
            f"pyproject.toml: {leader.family.name} has a page for each release of torch, and a "
            "source has only one URL. Leave --fallback out: a Poetry without accelock then stops "
            "at the lock."
        )
    for each in poetry.sources:
        if leader.is_at(each.url) and not reference.target_of(each.name, leader.family.name):
            raise AccelockError(
                f"pyproject.toml: [[tool.poetry.source]] {each.name} has the URL of {leader.name} "
                f"already. Rename it to {leader.name}, or remove it, and run this again."
            )


def _transitive(names: Collection[str], leader: FamilySource, lock: Mapping[str, Any]) -> str:
    parents = sorted({parent for name in names for parent in _parents(name, lock)} - set(names))
    through = f" ({', '.join(parents)})" if parents else ""
    one = len(names) == 1
    come, them = ("comes", "it") if one else ("come", "them")
    return (
        f"pyproject.toml: {', '.join(names)} {come} in only through other packages{through}. A "
        "`source` counts only for dependencies of the project itself, so a Poetry without accelock "
        f"would lock PyPI's builds of {them} without a word. Make {them} dependencies of the "
        f"project (poetry add {' '.join(names)}) and run this again; or leave --fallback out: such "
        f'a Poetry then stops at the lock with `Repository "{leader.name}" does not exist`.'
    )


def _parents(name: str, lock: Mapping[str, Any]) -> Iterable[str]:
    for entry in _entries(lock):
        requires = entry.get("dependencies", {})
        if isinstance(requires, dict) and name in {canonicalize_name(each) for each in requires}:
            yield str(entry.get("name"))


def _names(lock: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(entry.get("name")) for entry in _entries(lock))


def _names_at(url: str, lock: Mapping[str, Any]) -> frozenset[str]:
    at = (e for e in _entries(lock) if e.get("source", {}).get("url", "").rstrip("/") == url)
    return frozenset(str(entry.get("name")) for entry in at)


def _entries(lock: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the entries of all targets, of a lock with or without an overlay, sound or not."""
    tables = lock.get("accelock", {})
    lists = [lock.get("package", [])]
    lists += [t.get("package", []) for t in tables.values() if isinstance(t, dict)]
    return [entry for each in lists for entry in each if isinstance(entry, dict)]
