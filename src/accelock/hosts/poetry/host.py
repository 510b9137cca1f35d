"""Poetry as a host of the search: one solve per target and group of platforms of one label."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from poetry.core.packages.dependency import Dependency
from poetry.core.packages.dependency_group import MAIN_GROUP
from poetry.core.version.markers import parse_marker
from poetry.puzzle.exceptions import SolverProblemError

from accelock.errors import MetadataError, SourceError
from accelock.hosts.poetry import fallback
from accelock.hosts.poetry.cells import Coverage, described
from accelock.hosts.poetry.group_solver import GroupSolver
from accelock.hosts.poetry.root import Needs, RootDependencies
from accelock.hosts.poetry.solution import (
    duplicates,
    is_sourced,
    lockstep_versions,
    overlapping,
    public,
)
from accelock.resolve.host import Available, Demand, Group, NoSolution
from accelock.resolve.serving import covered
from accelock.resolve.substitution import NoSubstituteError, together, together_message
from accelock.sources.wheel_metadata import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version
    from poetry.core.packages.package import Package
    from poetry.puzzle.solver import Solver

    from accelock.hosts.poetry.group_solver import LockedPackages
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.solution import Solved
    from accelock.resolve.lockstep import Decision
    from accelock.targets import Cell


class PoetryHost:
    """What `accelock.resolve.search` asks of Poetry.

    :param required: the cells that have to be in the lock.
    :param optional: those that do their best.
    """

    def __init__(
        self,
        pool: TargetPool,
        solver: Solver,
        locked: LockedPackages,
        required: tuple[Cell, ...],
        optional: tuple[Cell, ...],
    ) -> None:
        self.pool = pool
        self.project = pool.project
        # Copies: while a group is solved, those of other platforms are relaxed in place.
        self.asks = RootDependencies(
            tuple(each.clone() for each in solver._package.all_requires),
            self.project.pythons,
            self.project.poetry.package.python_constraint,
            {
                target.name: tuple(
                    Dependency.create_from_pep_508(str(each))
                    for each in self.project.config.dependencies_of(target)
                )
                for target in self.project.targets
            },
            self.project.substitution,
        )
        # Why cells that do their best can have nothing in the place of what the project asks for.
        self.excluded: dict[Cell, str] = {}
        self._substitutes = {cell: self.asks.substitutes(cell) for cell in required}
        self._substitutes |= {cell: self._substitutes_of(cell) for cell in optional}
        self.needs = pool.needs = Needs(self.asks, frozenset(required))
        self.coverage = Coverage(pool, (*required, *optional), self.asks.asking)
        self.group_solver = GroupSolver(solver, pool, locked, self.asks)
        self._locked = locked.versions(self.project.targets[0])
        self._available: dict[tuple[str, Cell], Available] = {}
        self._requires: dict[tuple[str, Version, Cell], tuple[Requirement, ...]] = {}
        self._libraries: dict[tuple[str, Cell, tuple[str, Version]], bool] = {}
        self._leader: Group | None = None
        self._is_plain = False

    def _substitutes_of(self, cell: Cell) -> dict[str, Dependency]:
        """Return what an optional cell has in the place of others, or note why it is left out."""
        try:
            return self.asks.substitutes(cell)
        except NoSubstituteError as error:
            self.excluded[cell] = error.reason
            return {}

    def demands(self, cell: Cell) -> dict[str, Demand]:
        """Return what the project asks for on a platform, in any group or extra."""
        found: dict[str, Demand] = {}
        asked = (*self.asks.requires, *self.asks.by_target.get(cell.target.name, ()))
        for dependency in asked:
            name = str(dependency.name)
            if name not in found and self.asks.asks(name, cell):
                mine = [each for each in asked if each.name == name]
                found[name] = Demand(
                    self.asks.wanted(name, cell),
                    is_direct=any(_is_direct(each, self.project) for each in mine),
                    places=tuple(dict.fromkeys(self._places(mine, cell))),
                )
        return found

    def _places(self, mine: Sequence[Dependency], cell: Cell) -> Iterator[str]:
        for each in mine:
            if not each.constraint.is_any() and self.asks.holds(each.marker, cell.platform):
                groups = ", ".join(sorted(each.groups - {MAIN_GROUP}))
                yield f"pyproject.toml (group {groups})" if groups else "pyproject.toml"

    def prefetch(self, names: Sequence[str], cells: Sequence[Cell]) -> None:
        """Fetch the families' pages of some packages for all targets, several at once."""
        self.pool.supply.routing.prefetch(names, dict.fromkeys(cell.target for cell in cells))

    def available(self, name: str, cell: Cell) -> Available:
        """Return the builds of a family's package that a platform has, for all of the Pythons."""
        key = (name, cell)
        if key not in self._available:
            self._available[key] = self.coverage.available(name, cell)
        return self._available[key]

    def builds_for(
        self, name: str, cell: Cell, releases: Iterable[Version]
    ) -> dict[Version, frozenset[Version]]:
        """Return the versions that a platform has beside each release of torch.

        For all Pythons for which it has that release.
        """
        of = self.project.catalogue.release_of(name) or ""
        return self.coverage.builds_for(name, of, cell, releases)

    def bind(self, releases: Mapping[str, Version]) -> None:
        """Read packages that are built per release of torch for these releases, by target."""
        self.pool.supply.routing.bind(releases)
        self.coverage.forget(lambda name: self.project.catalogue.release_of(name) is not None)

    def requires(self, name: str, version: Version, cell: Cell) -> tuple[Requirement, ...]:
        """Return what a release of a family requires of its family on a platform, by its metadata.

        On any Python of the project.
        """
        key = (name, version, cell)
        if key not in self._requires:
            self._requires[key] = self._read_requires(name, version, cell)
        return self._requires[key]

    def _read_requires(self, name: str, version: Version, cell: Cell) -> tuple[Requirement, ...]:
        supply = self.pool.supply
        files = supply.files(name, cell.target, cell.platform)
        mine = [file for file in files if file.public == version]
        if not mine:
            return ()
        with contextlib.suppress(MetadataError, SourceError):  # the solve meets it again
            return tuple(
                each
                for each in map(parse_requirement, supply.routing.metadata(mine[-1]).requires)
                if self.pool.find(each.name) is not None
                and (
                    each.marker is None
                    or self.asks.holds(parse_marker(str(each.marker)), cell.platform)
                )
            )
        return ()

    def has_library(self, requirement: Requirement, cell: Cell, by: tuple[str, Version]) -> bool:
        """Return whether a platform has a file of a library, on its family's page or elsewhere.

        For all Pythons that it has the release for that requires it.

        CUDA's own libraries are not looked up: they are there wherever the builds are.
        """
        entry = self.pool.find(requirement.name)
        if entry is None or entry[1].lookup[0] != "family":
            return True
        key = (str(requirement), cell, by)
        if key not in self._libraries:
            self._libraries[key] = self._find_library(requirement, cell, by)
        return self._libraries[key]

    def _find_library(self, requirement: Requirement, cell: Cell, by: tuple[str, Version]) -> bool:
        name, specifier = canonicalize_name(requirement.name), requirement.specifier
        asker, version = by
        pythons = self.coverage.has(asker, cell).get(version, frozenset())
        if requirement.marker is not None:
            marker = parse_marker(str(requirement.marker))
            pythons &= self.asks.pythons_where(marker, cell.platform)
        for release, has in self.coverage.has(name, cell).items():
            if specifier.contains(release, prereleases=True) and pythons <= has:
                return True
        dependency = Dependency.create_from_pep_508(f"{name}{specifier}")
        spots = frozenset((cell.platform, python) for python in pythons)
        levels = self.project.config.levels
        return covered(self.pool.ordinary_files(dependency), spots, levels) == spots

    def previous(self, name: str, _cell: Cell) -> Version | None:
        """Return the public version that the leader has in the lock, unless it is to be updated."""
        return self._locked.get(name)

    def groups(
        self, cells: Sequence[Cell], picks: Mapping[tuple[str, Cell], Version]
    ) -> list[Group]:
        """Return the cells of each target, apart where their builds carry other labels or names.

        macOS is always apart, for it never has labels. Groups without a required cell come last.
        Where no package of a family is in the leader's solution, that one is all.
        """
        found: list[list[Cell]] = []
        signs = {cell: self._builds(cell, picks) for cell in cells}
        names = {
            cell: {
                **{name: other.complete_name for name, other in self._substitutes[cell].items()},
                **self._names_for_others(cell),
            }
            for cell in cells
        }
        ordered = [
            cell
            for target in dict.fromkeys(cell.target for cell in cells)
            for apple in (False, True)
            for cell in cells
            if cell.target == target and (cell.platform.sys_platform == "darwin") == apple
        ]
        for cell in ordered:
            for group in found:
                if names[cell] == names[group[0]] and all(
                    _go_together(cell, other, signs) for other in group
                ):
                    group.append(cell)
                    break
            else:
                found.append([cell])
        groups = [Group(tuple(group)) for group in found]
        groups.sort(key=lambda group: self.needs.required.isdisjoint(group.cells))
        self._leader = groups[0]
        return groups[:1] if self._is_plain else groups

    @property
    def substitutes(self) -> bool:
        """Return whether some cell has anything in the place of what is asked for."""
        return bool(self.project.substitution.always) or any(self._substitutes.values())

    def _names_for_others(self, cell: Cell) -> dict[str, str]:
        """Return what a cell has in the place of what other packages ask for, by their name."""
        rule, place = self.project.substitution, (cell.target, cell.platform)
        rows = {name: rule.row_for_others(Requirement(name), *place) for name in rule.always}
        return {name: str(row) for name, row in rows.items() if row is not None}

    def _builds(self, cell: Cell, picks: Mapping[tuple[str, Cell], Version]) -> dict[str, Version]:
        """Return the builds, label and all, that a cell is expected to take."""
        builds = {}
        for (name, other), version in picks.items():
            if other == cell and version in (has := self.available(name, cell).builds):
                builds[name] = has[version]
        return builds

    def solve(
        self, group: Group, decision: Decision, found: Mapping[Group, Solved]
    ) -> Solved | NoSolution:
        """Let Poetry solve for a group's platforms.

        There is none where an environment would get two versions of a package, or has no file.
        """
        self.pool.takes = functools.partial(self._takes, group, decision)
        try:
            solved = self._of_one_version(group, found)
            while self._misses(group, solved):
                solved = self._of_one_version(group, found)
        except SolverProblemError as error:
            return NoSolution(str(error), error)
        finally:
            self.pool.takes = None
        if reason := self.twice(solved, group) or self._hole(group, solved):
            return NoSolution(reason)
        if group == self._leader:
            accelerated = any(self.pool.find(package.name) for package in solved)
            self._is_plain = not accelerated and not self.substitutes
        return solved

    def _of_one_version(self, group: Group, found: Mapping[Group, Solved]) -> Solved:
        """Solve; once more with all markers in the same words, where a package is there twice."""
        solved = self.group_solver.solve(group, found)
        if not self.twice(solved, group):
            return solved
        with self.pool.exactly():
            return self.group_solver.solve(group, found)

    def twice(self, solved: Solved, group: Group) -> str | None:
        """Say which package an environment would get in two versions, None for none."""
        markers = [marker for info in solved.values() for marker in info.markers.values()]
        environments = (e for p in group.platforms for e in self.asks.environments(p, markers))
        found = duplicates(solved, environments)
        if not found:
            return None
        name, versions = next(iter(found.items()))
        listed = "; ".join(f"{each} {' and '.join(own)}" for each, own in found.items())
        return (
            f"For {described(group, self.project)} the solution has {listed} in one environment: "
            "packages require them under markers that Poetry treats as exclusive. Pin the version "
            f"that you want (poetry add {name}=={versions[0]})."
        )

    def together(self, solved: Solved, group: Group) -> str | None:
        """Say which packages of an environment would overwrite each other, None for none."""
        off, groups = self.project.substitution.off, self.project.catalogue.exclusive
        by_name = {str(package.name): [*info.markers.values()] for package, info in solved.items()}
        for names in together(by_name, groups, off):
            markers = [marker for name in names for marker in by_name[name]]
            found = next(
                overlapping(
                    {name: by_name[name] for name in names},
                    (e for p in group.platforms for e in self.asks.environments(p, markers)),
                ),
                None,
            )
            if found:
                asked = {name: self.askers(solved, name) for name in found}
                return together_message(described(group, self.project), asked, others_too=True)
        return None

    def _hole(self, group: Group, solved: Solved) -> str | None:
        """Say which accelerated package, or library of one, lacks a file; None for none."""
        unserved = self.unserved(solved, group)
        found = self.coverage.holes(group, solved, self.asks, unserved)
        if not found:
            return None
        return (
            f"For {group.target}, {'; '.join(map(str, found))} (files without a published sha256 "
            "do not count). Require another version, narrow the project's range of Pythons, or "
            "remove the platform from `platforms` in [tool.accelock]."
        )

    def taken(self, solution: Solved) -> dict[str, frozenset[Version]]:
        """Return the public versions of the packages in lockstep."""
        return lockstep_versions(self.pool, solution)

    def askers(self, solution: Solved, name: str) -> list[str]:
        """Return the projects that require a package."""
        return [p.name for p in solution if any(each.name == name for each in p.requires)]

    def comes_to_need(self, solution: Solved, name: str, cell: Cell) -> bool:
        """Return whether a platform needs a package, by its markers in a solution."""
        return any(
            self.asks.holds(marker, cell.platform)
            for package, info in solution.items()
            if package.name == name
            for marker in info.markers.values()
        )

    def unserved(self, solution: Solved, group: Group) -> dict[Cell, str]:
        """Return the platforms that need a labelled package and have no file of it."""
        return {cell: str(package.name) for package, cell in self._lacking(group, solution)}

    def _takes(self, group: Group, decision: Decision, name: str, version: Version) -> bool:
        """Return whether lockstep leaves a version to a group, and no cell lacks it in part."""
        return any(decision.takes(name, cell, version) for cell in group.cells) and not any(
            self.needs.must_have(name, version, cell) and self._is_hole(name, version, cell)
            for cell in group.cells
        )

    def _is_hole(self, name: str, version: Version, cell: Cell) -> bool:
        return (name, cell) in self._available and version in self._available[name, cell].holes

    def _misses(self, group: Group, solved: Solved) -> bool:
        """Note packages that a required platform comes to need without a wheel; False for none.

        The user's own markers keep one out there, and another package asks for it all the same.
        """
        new = {
            package.name
            for package, cell in self._lacking(group, solved)
            if cell in self.needs.required and package.name not in self.needs.everywhere
        }
        self.needs.everywhere |= new
        return bool(new)

    def _lacking(self, group: Group, solved: Solved) -> list[tuple[Package, Cell]]:
        found = []
        for package, info in solved.items():
            entry = self.pool.find(package.name)
            ours = self.pool.source_of(package, group.target)
            if entry is None or not entry[1].labelled or ours is None or not is_sourced(package):
                continue
            for cell in group.cells:
                there = public(package) in self.available(package.name, cell).builds
                markers = info.markers.values()
                if not there and any(self.asks.holds(each, cell.platform) for each in markers):
                    found.append((package, cell))
        return found


def _is_direct(dependency: Dependency, project: Project) -> bool:
    """Return whether a dependency says itself where it comes from."""
    source = dependency.source_name
    by_hand = source is not None and not fallback.is_own(source, project)
    return by_hand or dependency.is_direct_origin()


def _go_together(cell: Cell, other: Cell, signs: Mapping[Cell, Mapping[str, Version]]) -> bool:
    """Return whether one solve can serve two cells: same target, system and labels."""
    apple = [each.platform.sys_platform == "darwin" for each in (cell, other)]
    if cell.target != other.target or apple[0] != apple[1]:
        return False
    mine, theirs = signs[cell], signs[other]
    return all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())
