"""Poetry as a host of the search: one solve per target and group of platforms of one label."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version
from poetry.core.constraints.version import Version as PoetryVersion
from poetry.core.packages.dependency import Dependency
from poetry.core.version.markers import parse_marker
from poetry.puzzle.exceptions import SolverProblemError

from accelock.errors import AccelockError, LockstepError, MetadataError, SourceError
from accelock.hosts.poetry import fallback, labels
from accelock.hosts.poetry.asks import Asks, Wanted, of_target
from accelock.hosts.poetry.duplicates import duplicates
from accelock.hosts.poetry.holes import Coverage
from accelock.hosts.poetry.slice_solver import SliceSolver
from accelock.hosts.poetry.slices import Slice
from accelock.hosts.poetry.solution import is_sourced, lockstep_versions
from accelock.resolve.coverage import covered
from accelock.resolve.host import Available, Demand, Group, NoSolution
from accelock.resolve.lockstep import Question, decide
from accelock.resolve.messages import Words
from accelock.sources.wheel_metadata import parse_requirement
from accelock.targets import DEFAULT_PLATFORMS, Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.hooks import TargetSolver
    from accelock.hosts.poetry.locked import Locked
    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.project import Project
    from accelock.resolve.lockstep import Decision
    from accelock.targets import Platform

# Poetry's own commands take no options of ours.
WORDS = Words(
    downloads=(
        "allow the download of whole wheels with `allow-downloads = true` in [tool.accelock]"
    ),
    platforms="name those that you need in [tool.accelock] `platforms`",
)


class ProjectCell(Cell):
    """A cell that is solved for all Pythons of the project: messages name none."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.target}, {self.platform}"


def cells_of(project: Project) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """Return the cells that have to be in the lock, and those that do their best.

    :raises AccelockError: a target exists on none of its platforms.
    """
    config, required, optional = project.config, list[Cell](), list[Cell]()
    for target in project.targets:
        there = [p for p in config.platforms_of(target) if target.exists_on(p)]
        if not there:
            raise AccelockError(
                f"{project.where}: the target {target.name} exists on none of the platforms "
                "of [tool.accelock]. Add one that has it, or remove the target."
            )
        first = next(p for p in DEFAULT_PLATFORMS if target.exists_on(p))
        for platform in there:
            cell = ProjectCell(target, platform, project.pythons[-1])
            binds = config.declares_platforms(target) or platform == first
            (required if binds else optional).append(cell)
    return tuple(required), tuple(optional)


def slice_of(group: Group) -> Slice:
    """Return the target and the platforms of a group."""
    return Slice(group.cells[0].target, tuple(cell.platform for cell in group.cells))


@dataclass
class Needs:
    """Which platforms have to have a version of a labelled package, for a solve to offer it.

    :param asks: what the project asks for.
    :param required: the cells that have to be in the lock.
    :param everywhere: packages that another one asks for where a marker of the user's keeps them
        out: that shows in a solution only.
    """

    asks: Asks
    required: frozenset[Cell]
    everywhere: set[str] = field(default_factory=set)

    def must_have(self, name: str, version: Version, cell: Cell) -> bool:
        """Return whether a version is no use where a cell lacks it.

        Not where a marker of the user's keeps the package out, or asks for another version.
        """
        if cell not in self.required:
            return False
        if name in self.everywhere or not self.asks.names(name):
            return True
        wanted = self.asks.wanted(name, cell)
        return self.asks.asks(name, cell) and version in wanted.filter([version])


class PoetryHost:
    """What `accelock.resolve.search` asks of Poetry.

    :param requires: the project's own dependencies, of all groups.
    """

    def __init__(
        self,
        pool: TargetPool,
        solver: TargetSolver,
        locked: Locked,
        required: Iterable[Cell],
        optional: Iterable[Cell],
    ) -> None:
        self.pool = pool
        self.project = pool.project
        # Copies: while a slice is solved, those of other platforms are relaxed in place.
        self.asks = Asks(
            tuple(each.clone() for each in solver._package.all_requires),
            self.project.pythons,
            self.project.poetry.package.python_constraint,
            {target.name: of_target(self.project, target) for target in self.project.targets},
        )
        required = tuple(required)
        self.needs = pool.needs = Needs(self.asks, frozenset(required))
        self.coverage = Coverage(pool, (*required, *optional), self.asks.asking)
        self.slice_solver = SliceSolver(solver, pool, locked, self.asks)
        self._locked = locked.versions(self.project.targets[0])
        self._available: dict[tuple[str, Cell], Available] = {}
        self._requires: dict[tuple[str, Version, Cell], tuple[Requirement, ...]] = {}
        self._libraries: dict[tuple[str, Cell, tuple[str, Version]], bool] = {}
        self._leader: Group | None = None
        self._is_plain = False

    def demands(self, cell: Cell) -> dict[str, Demand]:
        """Return what the project asks for on a platform, in any group or extra."""
        found: dict[str, Demand] = {}
        asked = (*self.asks.requires, *self.asks.by_target.get(cell.target.name, ()))
        for dependency in asked:
            name = str(dependency.name)
            if name not in found and self.asks.asks(name, cell):
                mine = [each for each in asked if each.name == name]
                found[name] = Demand(
                    self.asks.wanted(name, cell), is_direct=any(map(_is_direct, mine))
                )
        return found

    def prefetch(self, names: Sequence[str], cells: Sequence[Cell]) -> None:
        """Fetch the families' pages of some packages for all targets, several at once."""
        self.pool.supply.shelf.prefetch(names, dict.fromkeys(cell.target for cell in cells))

    def available(self, name: str, cell: Cell) -> Available:
        """Return the builds of a family's package that a platform has, for all of the Pythons."""
        key = (name, cell)
        if key not in self._available:
            self._available[key] = available(self.coverage, name, cell)
        return self._available[key]

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
                for each in map(parse_requirement, supply.shelf.metadata(mine[-1]).requires)
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
        for public, has in self.coverage.has(name, cell).items():
            if specifier.contains(public, prereleases=True) and pythons <= has:
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
        """Return the cells of each target, apart where their builds carry other labels.

        macOS is always apart, for it never has labels. Groups without a required cell come last.
        Where no package of a family is in the leader's solution, that one is all.
        """
        found: list[list[Cell]] = []
        signs = {cell: self._builds(cell, picks) for cell in cells}
        ordered = [
            cell
            for target in dict.fromkeys(cell.target for cell in cells)
            for apple in (False, True)
            for cell in cells
            if cell.target == target and (cell.platform.sys_platform == "darwin") == apple
        ]
        for cell in ordered:
            for group in found:
                if all(_go_together(cell, other, signs) for other in group):
                    group.append(cell)
                    break
            else:
                found.append([cell])
        groups = [Group(tuple(group)) for group in found]
        groups.sort(key=lambda group: self.needs.required.isdisjoint(group.cells))
        self._leader = groups[0]
        return groups[:1] if self._is_plain else groups

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
        whole = slice_of(group)
        models = {slice_of(other): solved for other, solved in found.items()}
        self.pool.takes = functools.partial(self._takes, group, decision)
        try:
            solved = self._of_one_version(whole, models)
            while self._misses(group, solved):
                solved = self._of_one_version(whole, models)
        except SolverProblemError as error:
            return NoSolution(str(error), error)
        finally:
            self.pool.takes = None
        if reason := self.twice(solved, whole) or self._hole(group, solved):
            return NoSolution(reason)
        if group == self._leader:
            self._is_plain = not any(self.pool.find(package.name) for package in solved)
        return solved

    def _of_one_version(self, whole: Slice, models: Mapping[Slice, Solved]) -> Solved:
        """Solve; once more with all markers in the same words, where a package is there twice."""
        solved = self.slice_solver.solve(whole, models)
        if not self.twice(solved, whole):
            return solved
        with self.pool.exactly():
            return self.slice_solver.solve(whole, models)

    def twice(self, solved: Solved, whole: Slice) -> str | None:
        """Say which package an environment would get in two versions, None for none."""
        markers = [marker for info in solved.values() for marker in info.markers.values()]
        environments = (e for p in whole.platforms for e in self.asks.environments(p, markers))
        found = duplicates(solved, environments)
        if not found:
            return None
        return (
            f"For {self.described(whole)} the solution has {'; '.join(map(str, found))} in one "
            "environment: packages require them under markers that Poetry takes to be apart. Pin "
            f"the version that you want (poetry add {found[0].name}=={found[0].versions[0]})."
        )

    def _hole(self, group: Group, solved: Solved) -> str | None:
        """Say which accelerated package, or library of one, lacks a file; None for none."""
        unserved = self.unserved(solved, group)
        found = self.coverage.of_solution(group, solved, self.asks, unserved)
        if not found:
            return None
        return (
            f"For {group.cells[0].target}, {'; '.join(map(str, found))} (files without a published "
            "sha256 do not count). Ask for another version, narrow the project's range of Pythons, "
            "or leave the platform out of `platforms` in [tool.accelock]."
        )

    def described(self, whole: Slice) -> str:
        """Return what messages call a slice: its target, and its systems."""
        platforms = self.project.config.platforms_of(whole.target)
        return whole.described([p for p in platforms if whole.target.exists_on(p)])

    def taken(self, solution: Solved) -> dict[str, frozenset[Version]]:
        """Return the public versions of the packages in lockstep."""
        return lockstep_versions(self.pool, solution)

    def askers(self, solution: Solved, name: str) -> list[str]:
        """Return the projects that require a package."""
        return [p.name for p in solution if any(each.name == name for each in p.requires)]

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
            ours = self.pool.source_of(package, group.cells[0].target)
            if entry is None or not entry[1].labelled or ours is None or not is_sourced(package):
                continue
            public = Version(Version(package.version.text).public)
            for cell in group.cells:
                there = public in self.available(package.name, cell).builds
                if not there and self._is_needed(info, cell.platform):
                    found.append((package, cell))
        return found

    def _is_needed(self, info: TransitivePackageInfo, platform: Platform) -> bool:
        return any(self.asks.holds(marker, platform) for marker in info.markers.values())


def _is_direct(dependency: Dependency) -> bool:
    """Return whether a dependency says itself where it comes from."""
    source = dependency.source_name
    by_hand = source is not None and not fallback.is_own(source)
    return by_hand or dependency.is_direct_origin()


def _go_together(cell: Cell, other: Cell, signs: Mapping[Cell, Mapping[str, Version]]) -> bool:
    """Return whether one solve can serve two cells: same target, system and labels."""
    apple = [each.platform.sys_platform == "darwin" for each in (cell, other)]
    if cell.target != other.target or apple[0] != apple[1]:
        return False
    mine, theirs = signs[cell], signs[other]
    return all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())


def common_versions(pool: TargetPool, dependency: Dependency) -> list[PoetryVersion]:
    """Return the versions, without labels, that all targets have of a package and a user allows.

    With `lockstep = false` too where the user names none: what Poetry then writes into
    pyproject.toml binds all targets. Those that the user names, a target may have alone.

    :raises AccelockError: there is none, or the user's carries another target's label.
    """
    project, name = pool.project, str(dependency.name)
    wanted = labels.public_constraint(dependency, project)
    required, optional = cells_of(project)
    cells = (*required, *optional)
    coverage = Coverage(pool, cells, lambda _name, _version, _cell: project.pythons)
    has = {cell: available(coverage, name, cell) for cell in cells}
    if not project.config.lockstep and not wanted.is_any():
        versions = frozenset(v for each in has.values() for v in each.builds)
    else:
        question = Question(
            required=required,
            optional=optional,
            names=(name,),
            demands={(name, cell): Demand(Wanted()) for cell in required},
            available={(name, cell): each for cell, each in has.items()},
            anything=Wanted(),
            words=WORDS,
        )
        decision = decide(question)
        if decision.failure is not None:
            newest = _newest(has)
            if project.config.lockstep or len(newest) < len(project.targets):
                raise LockstepError(decision.failure)
            raise LockstepError(_no_bound(name, newest))
        versions = decision.allowed[name, required[0]]
    parsed = [PoetryVersion.parse(str(version)) for version in sorted(versions)]
    return [version for version in parsed if wanted.allows(version)]


def available(coverage: Coverage, name: str, cell: Cell) -> Available:
    """Return the builds of a family's package that a platform has, for all of the Pythons.

    For all that any platform has the version for.
    """
    supply, place = coverage.pool.supply, (cell.target, cell.platform)
    holes = coverage.missing(name, cell)
    files = supply.files(name, *place)
    return Available(
        {file.public: file.version for file in files if file.public not in holes},
        supply.unhashed(name, *place),
        supply.shelf.describe(cell, name),
        holes,
    )


def _newest(has: Mapping[Cell, Available]) -> dict[str, Version]:
    """Return the newest version of each target, on the platform where that is the oldest."""
    newest: dict[str, Version] = {}
    for cell, there in has.items():
        if there.builds:
            own = max(there.builds)
            newest[cell.target.name] = min(own, newest.get(cell.target.name, own))
    return newest


def _no_bound(name: str, newest: Mapping[str, Version]) -> str:
    """Say that no version is there for all targets, where each could be locked by itself."""
    (first, version), *others = newest.items()
    up_to = "".join(f", {target} up to {each}" for target, each in others)
    return (
        f"no {name} is there for all targets and platforms: {first} has it up to {version}{up_to}. "
        f'Name the versions that you want, as in `poetry add "{name}>={min(newest.values())}"`.'
    )
