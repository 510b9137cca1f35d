"""That every declared platform and Python has a file of each accelerated package of a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry.core.constraints.version import Version as PoetryVersion

from accelock.errors import LockstepError
from accelock.hosts.poetry import labels
from accelock.hosts.poetry.solution import is_sourced
from accelock.resolve.coverage import holes, pythons_in_use
from accelock.resolve.lockstep import CellDroppedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.solution import Solution
    from accelock.hosts.poetry.together import Together
    from accelock.resolve.coverage import Spot
    from accelock.targets import PythonVersion


def refuse(pool: TargetPool, together: Together, solution: Solution) -> None:
    """Check a solution before it is locked.

    :raises CellDroppedError: default platforms lack a file, and are to be left out.
    :raises LockstepError: a platform that the user named does.
    """
    config, pythons = pool.project.config, _pythons(pool, together, solution)
    dropped: list[CellDroppedError] = []
    named: list[str] = []
    for target, solved in solution.by_target.items():
        spots = [(platform, p) for platform in solution.platforms[target] for p in pythons]
        releases = {
            f"{package.name} {package.version.text}": (
                _filenames(package),
                [spot for spot in spots if _is_wanted(package, info, spot, together)],
            )
            for package, info in solved.items()
            if pool.find(package.name) is not None and is_sourced(package)
        }
        for hole in holes(releases, config.levels):
            said = f"For {target.name}, {hole}"
            if config.declares_platforms(target):
                named.append(said)
            else:
                dropped.append(CellDroppedError(together.cell(target, hole.platform), f"{said}."))
    if named:
        raise LockstepError(
            f"{'; '.join(named)} (files without a published sha256 do not count). Ask for another "
            "version, narrow the project's range of Pythons, or leave the platform out of "
            "`platforms` in [tool.accelock]."
        )
    if dropped:
        by_cell = {error.cell: error for error in reversed(dropped)}
        first, *others = reversed(by_cell.values())
        raise CellDroppedError(first.cell, str(first), tuple(others))


def _pythons(pool: TargetPool, together: Together, solution: Solution) -> Collection[PythonVersion]:
    """Return the Pythons of the project on which the labelled packages can be had at all."""
    files: dict[str, list[str]] = {}
    spots: dict[Spot, None] = {}
    for target, solved in solution.by_target.items():
        spots |= dict.fromkeys(
            (platform, python)
            for platform in solution.platforms[target]
            for python in together.project.pythons
        )
        for package in solved:
            entry = pool.find(package.name)
            if entry is not None and entry[1].labelled and is_sourced(package):
                release = f"{package.name} {labels.public(package.version)}"
                files.setdefault(release, []).extend(_filenames(package))
    found = pythons_in_use(files.values(), list(spots), pool.project.config.levels)
    return [python for python in together.project.pythons if python in found]


def _is_wanted(
    package: Package, info: TransitivePackageInfo, spot: Spot, together: Together
) -> bool:
    """Tell whether a release of a platform's Python wants a package, without extras."""
    platform, python = spot
    markers = [marker.without_extras() for marker in info.markers.values()]
    return any(
        package.python_constraint.allows(PoetryVersion.parse(here["python_full_version"]))
        and any(marker.validate(here) for marker in markers)
        for here in together.asks.environments(platform, markers)
        if here["python_version"] == str(python)
    )


def _filenames(package: Package) -> list[str]:
    return [str(file["file"]) for file in package.files]
