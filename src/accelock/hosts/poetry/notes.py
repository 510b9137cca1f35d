"""What a lock says besides its progress: where the user's own word counts, and where not."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.catalogue.source import redact
from accelock.errors import LockstepError
from accelock.hosts.poetry.solution import lockstep_versions
from accelock.hosts.poetry.together import WORDS
from accelock.resolve.messages import held_back_message
from accelock.settings.settings import ignored_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from packaging.version import Version
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.solution import Solution
    from accelock.hosts.poetry.together import Together
    from accelock.targets import Platform, Target


def of(pool: TargetPool, together: Together, solution: Solution) -> list[str]:
    """Return a line for each thing in a lock that its user may not expect."""
    leader = next(iter(solution.by_target.values()))
    found = [
        *_by_hand(pool.project, together.asks.requires),
        *_ignored_tables(pool.project, leader),
        *(together.absent() if solution.accelerated else ()),
        *_unhashed(pool, together, solution),
        *_held_back(pool, together, solution),
    ]
    return list(dict.fromkeys(found))


def _by_hand(project: Project, requires: Iterable[Dependency]) -> Iterator[str]:
    """Yield a line for each accelerated package that comes from where the project itself says."""
    for dependency in requires:
        rule = project.config.packages.get(dependency.name)
        if project.find(dependency.name) is None and not (rule and rule.is_out):
            continue
        if dependency.is_direct_origin():
            where = redact(str(dependency.source_url))
            yield f"{dependency.name} is {where} by hand, on every target."
        elif dependency.source_name is not None:
            yield (
                f"{dependency.name} has source {dependency.source_name!r} by hand, and comes from "
                "there on every target."
            )


def _ignored_tables(project: Project, packages: Iterable[Package]) -> Iterator[str]:
    """Yield a line for each path dependency that has a [tool.accelock] table of its own."""
    for package in packages:
        if package.source_type != "directory" or package.source_url is None:
            continue
        root = project.poetry.pyproject_path.parent
        if said := ignored_table(package.name, Path(root, package.source_url)):
            yield said


def _unhashed(pool: TargetPool, together: Together, solution: Solution) -> Iterator[str]:
    """Yield which newer versions were passed over because nobody publishes their hashes.

    Not where that is not the reason: the project asks for older ones, the lock keeps what it has,
    or the rest of the graph refuses newer ones that do have hashes.
    """
    said: set[str] = set()
    for target, solved in solution.by_target.items():
        for name, chosen in lockstep_versions(pool, solved).items():
            if name in said or together.locked.get(name) in chosen:
                continue
            bare = {
                v for p in solution.platforms[target] for v in pool.supply.unhashed(name, target, p)
            }
            newer = {version for version in bare if version > max(chosen)}
            if not newer:
                continue
            hashed, either = _could_be(together, solution, target, name)
            passed = newer & either
            if passed and max(hashed, default=max(chosen)) <= max(chosen):
                said.add(name)
                yield (
                    f"{name} {max(passed)} is passed over: nobody publishes its sha256 for "
                    f"{target.name} (`allow-downloads = true` in [tool.accelock] would download "
                    "the wheels to hash them)."
                )


def _could_be(
    together: Together, solution: Solution, target: Target, name: str
) -> tuple[set[Version], set[Version]]:
    """Return the versions that all who may need them have: those with published hashes, and all."""
    supply, apart = together.supply, not together.project.config.lockstep
    hashed, either = {}, {}
    for place in ((t, p) for t, ps in solution.platforms.items() for p in ps):
        if place[0] == target or not apart:
            hashed[place] = supply.versions(name, *place)
            either[place] = hashed[place] | supply.unhashed(name, *place)
    return _common(together, name, hashed), _common(together, name, either)


def _common(
    together: Together, name: str, has: Mapping[tuple[Target, Platform], frozenset[Version]]
) -> set[Version]:
    versions: set[Version] = set().union(*has.values())
    return {
        version
        for version in versions
        if not version.is_prerelease
        and any(together.needs(name, version, platform) for _target, platform in has)
        and all(
            version in there or not together.needs(name, version, platform)
            for (_target, platform), there in has.items()
        )
    }


def _held_back(pool: TargetPool, together: Together, solution: Solution) -> Iterator[str]:
    """Yield where a platform that nobody named keeps a package at an older version."""
    chosen: dict[str, frozenset[Version]] = {}
    for solved in solution.by_target.values():
        chosen |= lockstep_versions(pool, solved)
    followers = _followers(solution, _newest(together, chosen))
    for name, versions in chosen.items():
        entry = pool.find(name)
        if len(versions) > 1 or name in followers or entry is None or not entry[1].labelled:
            continue
        (version,) = versions
        found = together.lockstep.held_back(name, version)
        if found is not None:
            yield held_back_message(name, version, found, WORDS)


def _newest(together: Together, chosen: Mapping[str, frozenset[Version]]) -> set[str]:
    """Return those that are at the newest version that the cells share, by what cells have."""
    together.lockstep.unsettle()
    found = set()
    for name, versions in chosen.items():
        with contextlib.suppress(LockstepError):
            newest = (together.lockstep.allowed(name, cell) for cell in together.lockstep.cells)
            if versions <= {max(each) for each in newest if each}:
                found.add(name)
    return found


def _followers(solution: Solution, chosen: Collection[str]) -> set[str]:
    """Return those that require another of them: that one says how new they can be."""
    return {
        package.name
        for solved in solution.by_target.values()
        for package in solved
        if package.name in chosen
        if any(each.name in chosen and each.name != package.name for each in package.requires)
    }
