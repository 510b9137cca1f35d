"""What a lock says besides its progress: where the user's own word counts, and where not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelock.config import ignored_table
from accelock.index.lockstep import held_back_message
from accelock.poetry.solution import lockstep_versions
from accelock.poetry.together import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.version import Version
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.poetry.pool import TargetPool
    from accelock.poetry.project import Project
    from accelock.poetry.solution import Solution
    from accelock.poetry.together import Together


def of(pool: TargetPool, together: Together, solution: Solution) -> list[str]:
    """Return a line for each thing in a lock that its user may not expect."""
    leader = next(iter(solution.by_target.values()))
    found = [
        *_by_hand(pool.project, together.asks.requires),
        *_ignored_tables(pool.project, leader),
        *(together.absent() if solution.accelerated else ()),
        *_unhashed(pool, solution),
        *_held_back(pool, together, solution),
    ]
    return list(dict.fromkeys(found))


def _by_hand(project: Project, requires: Iterable[Dependency]) -> Iterator[str]:
    """Yield a line for each accelerated package that comes from an URL, a file or a repository."""
    for dependency in requires:
        if dependency.is_direct_origin() and project.find(dependency.name) is not None:
            yield f"{dependency.name} is {dependency.source_url} by hand, on every target."


def _ignored_tables(project: Project, packages: Iterable[Package]) -> Iterator[str]:
    """Yield a line for each path dependency that has a [tool.accelock] table of its own."""
    for package in packages:
        if package.source_type != "directory" or package.source_url is None:
            continue
        root = project.poetry.pyproject_path.parent
        if said := ignored_table(package.name, Path(root, package.source_url)):
            yield said


def _unhashed(pool: TargetPool, solution: Solution) -> Iterator[str]:
    """Yield which newer versions were passed over because nobody publishes their hashes."""
    said: set[str] = set()
    for target, solved in solution.by_target.items():
        for name, chosen in lockstep_versions(pool, solved).items():
            bare = {
                version
                for platform in solution.platforms[target]
                for version in pool.supply.unhashed(name, target, platform)
                if version > max(chosen) and _could_be(pool, solution, name, version)
            }
            if bare and name not in said:
                said.add(name)
                yield (
                    f"{name} {max(bare)} is passed over: nobody publishes its sha256 for "
                    f"{target.name} (`allow-downloads = true` in [tool.accelock] would download "
                    "the wheels to hash them)."
                )


def _could_be(pool: TargetPool, solution: Solution, name: str, version: Version) -> bool:
    """Return whether every target has a version, with published hashes or without."""
    supply, config = pool.supply, pool.project.config
    return not config.lockstep or all(
        version in supply.versions(name, target, platform) | supply.unhashed(name, target, platform)
        for target, platforms in solution.platforms.items()
        for platform in platforms
    )


def _held_back(pool: TargetPool, together: Together, solution: Solution) -> Iterator[str]:
    """Yield where a platform that nobody named keeps a package at an older version."""
    chosen: dict[str, frozenset[Version]] = {}
    for solved in solution.by_target.values():
        chosen |= lockstep_versions(pool, solved)
    for name, versions in chosen.items():
        entry = pool.find(name)
        if len(versions) > 1 or entry is None or not entry[1].labelled:
            continue
        (version,) = versions
        found = together.lockstep.held_back(name, version)
        if found is not None:
            yield held_back_message(name, version, found, WORDS)
