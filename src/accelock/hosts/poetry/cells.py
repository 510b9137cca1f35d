"""The cells of a project, and what each has of a family's package: builds, and for which Pythons.

A cell is solved for all Pythons of the project. A hole is a Python for which a platform has no file
of a release that others have for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import Version
from poetry.core.constraints.version import Version as PoetryVersion

from accelock.errors import AccelockError, LockstepError
from accelock.hosts.poetry import root
from accelock.hosts.poetry.root import ConstraintWanted
from accelock.hosts.poetry.solution import is_sourced, public
from accelock.resolve.host import Available, Demand
from accelock.resolve.lockstep import decide
from accelock.resolve.messages import Words
from accelock.resolve.question import Question
from accelock.resolve.serving import Hole, holes
from accelock.targets import DEFAULT_PLATFORMS, Cell, PythonVersion

if TYPE_CHECKING:
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package
    from poetry.packages.transitive_package_info import TransitivePackageInfo

    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.root import RootDependencies
    from accelock.hosts.poetry.solution import Solved
    from accelock.resolve.host import Group
    from accelock.resolve.serving import Spot

# Poetry's own commands take no options of ours.
WORDS = Words(
    downloads=("allow downloads of whole wheels with `allow-downloads = true` in [tool.accelock]"),
    platforms="name those that you need in [tool.accelock] `platforms`",
)
# (package, public version, cell) -> the Pythons on which the project asks for that version.
Asked = Callable[[str, Version, Cell], Collection[PythonVersion]]


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
                f"{project.where}: the target {target.name} exists on none of the platforms in "
                "[tool.accelock]. Add a platform that has it, or remove the target."
            )
        first = next(p for p in DEFAULT_PLATFORMS if target.exists_on(p))
        for platform in there:
            cell = ProjectCell(target, platform, project.pythons[-1])
            binds = config.declares_platforms(target) or platform == first
            (required if binds else optional).append(cell)
    return tuple(required), tuple(optional)


def described(group: Group, project: Project) -> str:
    """Return what messages call a group: its target, and its systems.

    A platform that is apart from others of its system goes by its full name.
    """
    of_target = project.config.platforms_of(group.target)
    names = dict[str, None]()
    for platform in group.platforms:
        mates = [p for p in of_target if p.sys_platform == platform.sys_platform]
        apart = any(p not in group.platforms for p in mates if group.target.exists_on(p))
        names[platform.name if apart else platform.name.partition("-")[0]] = None
    *most, last = names
    listed = f"{', '.join(most)} and {last}" if most else last
    return f"{group.target.name}, {listed}"


@dataclass
class Coverage:
    """For which Pythons each platform of a project has a file of a family's package.

    A project's range allows Pythons that no platform of any target has a release for: those count
    for nothing.

    :param cells: all of the project.
    """

    pool: TargetPool
    cells: tuple[Cell, ...]
    asked: Asked
    _has: dict[tuple[str, Cell], Mapping[Version, frozenset[PythonVersion]]] = field(
        default_factory=dict
    )

    def has(self, name: str, cell: Cell) -> Mapping[Version, frozenset[PythonVersion]]:
        """Return the Pythons of each public version that a platform has any file of."""
        key = (name, cell)
        if key not in self._has:
            supply = self.pool.supply
            self._has[key] = supply.pythons_of(name, cell.target, cell.platform)
        return self._has[key]

    def forget(self, names: Callable[[str], bool]) -> None:
        """Forget what platforms have of some packages: they are read elsewhere from now on."""
        self._has = {place: has for place, has in self._has.items() if not names(place[0])}

    def builds_for(
        self, name: str, of: str, cell: Cell, releases: Iterable[Version]
    ) -> dict[Version, frozenset[Version]]:
        """Return the versions that a platform has beside each release of another package (torch).

        For all Pythons for which it has that release.
        """
        pythons, routing = self.has(of, cell), self.pool.supply.routing
        found: dict[Version, list[frozenset[Version]]] = {release: [] for release in releases}
        for python in self.pool.project.pythons:
            own = [release for release in found if python in pythons.get(release, ())]
            place = Cell(cell.target, cell.platform, python)
            for release, versions in routing.builds_for(name, place, own).items():
                found[release].append(versions)
        return {
            release: frozenset.intersection(*versions)
            for release, versions in found.items()
            if versions
        }

    def available(self, name: str, cell: Cell) -> Available:
        """Return the builds that a platform has for all Pythons for which any platform has them."""
        supply, place = self.pool.supply, (cell.target, cell.platform)
        missing = self._missing(name, cell)
        files = supply.files(name, *place)
        return Available(
            {file.public: file.version for file in files if file.public not in missing},
            supply.unhashed(name, *place),
            supply.routing.describe(cell, name),
            missing,
        )

    def _missing(self, name: str, cell: Cell) -> dict[Version, tuple[PythonVersion, ...]]:
        """Return the Pythons that a platform lacks, of each version that it has for others only."""
        found = {}
        for version, pythons in self.has(name, cell).items():
            if gaps := self._in_use(name, version) - pythons:
                gaps &= frozenset(self.asked(name, version, cell))
            if gaps:
                found[version] = tuple(p for p in self.pool.project.pythons if p in gaps)
        return found

    def _in_use(self, name: str, version: Version) -> frozenset[PythonVersion]:
        """Return the Pythons for which some platform of some target has a release."""
        return frozenset[PythonVersion]().union(
            *(self.has(name, cell).get(version, ()) for cell in self.cells)
        )

    def holes(
        self, group: Group, solved: Solved, asks: RootDependencies, but: Collection[Cell]
    ) -> list[Hole]:
        """Return the holes of a solution, of what the family's packages require too.

        :param but: cells that are known to lack something.
        """
        packages = {
            package: info
            for package, info in solved.items()
            if self.pool.find(package.name) is not None and is_sourced(package)
        }
        pythons = self._served(packages)
        spots = [(cell.platform, p) for cell in group.cells if cell not in but for p in pythons]
        releases = {
            f"{package.name} {package.version.text}": (
                [str(file["file"]) for file in package.files],
                [spot for spot in spots if _is_wanted(package, info, spot, asks)],
            )
            for package, info in packages.items()
        }
        return holes(releases, self.pool.project.config.levels)

    def _served(self, packages: Iterable[Package]) -> list[PythonVersion]:
        """Return the project's Pythons for which all labelled packages can be had somewhere."""
        found = frozenset(self.pool.project.pythons)
        for package in packages:
            entry = self.pool.find(package.name)
            if entry is not None and entry[1].labelled:
                found &= self._in_use(package.name, public(package))
        return [python for python in self.pool.project.pythons if python in found]


def _is_wanted(
    package: Package, info: TransitivePackageInfo, spot: Spot, asks: RootDependencies
) -> bool:
    """Tell whether a release of a platform's Python wants a package, without extras."""
    platform, python = spot
    markers = [marker.without_extras() for marker in info.markers.values()]
    return any(
        package.python_constraint.allows(PoetryVersion.parse(here["python_full_version"]))
        and any(marker.validate(here) for marker in markers)
        for here in asks.environments(platform, markers)
        if here["python_version"] == str(python)
    )


def common_versions(pool: TargetPool, dependency: Dependency) -> list[PoetryVersion]:
    """Return the versions, without labels, that all targets have of a package and a user allows.

    With `lockstep = false` too where the user names none: what Poetry then writes into
    pyproject.toml binds all targets. Those that the user names, a target may have alone.

    :raises AccelockError: there is none, or the user's carries another target's label.
    """
    project, name = pool.project, str(dependency.name)
    wanted = root.public_constraint(dependency, project)
    required, optional = cells_of(project)
    cells = (*required, *optional)
    coverage = Coverage(pool, cells, lambda _name, _version, _cell: project.pythons)
    has = {cell: coverage.available(name, cell) for cell in cells}
    if not project.config.lockstep and not wanted.is_any():
        versions = frozenset(v for each in has.values() for v in each.builds)
    else:
        question = Question(
            required=required,
            optional=optional,
            names=(name,),
            demands={(name, cell): Demand(ConstraintWanted()) for cell in required},
            available={(name, cell): each for cell, each in has.items()},
            anything=ConstraintWanted(),
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
        f"no version of {name} exists on all targets and platforms: {first} has it up to {version}"
        f"{up_to}. "
        f'Name the versions that you want, as in `poetry add "{name}>={min(newest.values())}"`.'
    )
