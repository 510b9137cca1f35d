"""The pool of repositories of a project: accelerated names are answered from the group's family."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version as PublicVersion
from poetry.core.packages.package import Package
from poetry.repositories.exceptions import PackageNotFoundError
from poetry.repositories.repository_pool import Priority, RepositoryPool

from accelock.catalogue import redact
from accelock.errors import SourceError
from accelock.hosts.poetry import fallback, platform_markers, root, sources
from accelock.hosts.poetry.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poetry.core.constraints.version import Version
    from poetry.core.packages.dependency import Dependency
    from poetry.repositories.repository import Repository

    from accelock.catalogue import Family, FamilyPackage
    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.repository import FamilyRepository
    from accelock.hosts.poetry.root import Needs
    from accelock.hosts.poetry.supply import Supply
    from accelock.resolve.host import Group
    from accelock.resolve.serving import Spot
    from accelock.targets import Cell, Target


class TargetPool(RepositoryPool):
    """Poetry's pool, which answers for accelerated names while a group is solved.

    Between solves it is Poetry's own, plus the repositories that the lock names as sources.
    """

    def __init__(self, base: RepositoryPool, project: Project, config: Any) -> None:
        super().__init__(config=config)
        self.project = project
        self.group: Group | None = None
        self.takes: Callable[[str, PublicVersion], bool] | None = None
        self.needs: Needs | None = None
        # Whether the requirements of all packages count by platform, or those of families alone.
        self.is_exact = False
        # The names that were asked for of late, of which progress tells how many there are.
        self.looked_at: set[str] = set()
        self._families: dict[tuple[str, str], FamilyRepository] = {}
        self._supply: Supply | None = None
        # What the user's sources answered while groups were solved: the next one asks the same.
        self._released: dict[tuple[Any, ...], Package] = {}
        # Private in Poetry 2.0.1 to 2.5.1. `add_repository` refuses a name that the pool has, and
        # ours has those of its own sources, which `init --fallback` declares too.
        self._repositories.update(base._repositories)

    @contextlib.contextmanager
    def use(self, group: Group) -> Iterator[None]:
        """Answer for a group for a while."""
        old, self.group = self.group, group
        try:
            yield
        finally:
            self.group = old

    @contextlib.contextmanager
    def exactly(self) -> Iterator[None]:
        """Let the requirements of all packages count by platform for a while."""
        self.is_exact = True
        try:
            yield
        finally:
            self.is_exact = False

    @property
    def supply(self) -> Supply:
        """Return the accelerated files; made when first asked for, with Poetry's own session."""
        if self._supply is None:
            self._supply = sources.make_supply(self.project)
        return self._supply

    def is_for(self, name: str) -> bool:
        """Return whether a solve for this root package is the project's own, and not a group's."""
        return self.group is None and name == self.project.root_name

    def find(self, name: str) -> tuple[Family, FamilyPackage] | None:
        """Return what the catalogue knows of a project; nothing where no targets are declared."""
        return self.project.find(name)

    def family_repository(self, family: Family, target: Target) -> FamilyRepository:
        """Return the repository of a family for a target."""
        key = (family.name, target.name)
        if key not in self._families:
            self._families[key] = self._make_repository(family, target)
        return self._families[key]

    def look_up(self, package: Package) -> None:
        """Read the page of a locked package's files, where its source is one of ours.

        :raises UserError: it cannot be read.
        """
        ours = sources.named(self.project, package.source_reference or "")
        if ours is not None:
            self.family_repository(*ours).find_links_for_package(package)

    def source_of(self, package: Package, target: Target) -> FamilyRepository | None:
        """Return the repository of a package's family for a target, where it comes from there."""
        entry = self.find(package.name)
        if entry is None:
            return None
        ours = self.family_repository(entry[0], target)
        return ours if package.source_reference == ours.name else None

    def locked_releases(self) -> dict[str, PublicVersion]:
        """Return the release of torch, by target, that a lock has beside what is built for one.

        :raises UserError: the lock is broken.
        """
        lock = self.project.locker.locked_targets()
        found: dict[str, PublicVersion] = {}
        for target, locked in lock.targets.items() if lock is not None else ():
            pins = {pin.name: pin for pin in locked.pins}
            for name in pins:
                entry = self.find(name)
                of = None if entry is None else pins.get(entry[0].release_of or "")
                if of is not None and of.parsed is not None:
                    found[target.name] = PublicVersion(of.parsed.public)
        return found

    def allows(self, name: str, version: PublicVersion) -> bool:
        """Return whether lockstep leaves the group at work a version that a family alone has."""
        found = self.find(name)
        in_lockstep = found is not None and found[1].lockstep and found[1].is_family_only
        return self.takes is None or not in_lockstep or self.takes(name, version)

    def must_have(self, name: str, version: PublicVersion, cell: Cell) -> bool:
        """Return whether a version is no use to a group of which this cell lacks it."""
        return self.needs is None or self.needs.must_have(name, version, cell)

    # -- what Poetry asks of a pool ------------------------------------------------------------

    @property
    def all_repositories(self) -> list[Repository]:
        """Return the repositories; `poetry export` finds the URLs of the lock's sources here."""
        found = super().all_repositories
        if not self.project.is_exporting:
            return found
        from poetry.repositories.legacy_repository import LegacyRepository

        sources.register_credentials(self.project)
        names = {repository.name.lower() for repository in found}
        ours = {
            own.name.lower(): LegacyRepository(
                own.name, own.page, config=self.project.poetry.config
            )
            for family in self.project.catalogue.families
            for target in self.project.targets
            if (own := self.family_repository(family, target)).name.lower() not in names
        }
        return [*found, *ours.values()]

    def has_repository(self, name: str) -> bool:
        """Return whether there is a repository of that name, ours among them."""
        return super().has_repository(name) or sources.named(self.project, name) is not None

    def repository(self, name: str) -> Repository:
        """Return the repository of that name; ours are made when they are asked for.

        A name of ours that pyproject.toml has too (``init --fallback``) is still ours: Poetry's own
        would download what its page has no hash of.
        """
        if (ours := sources.named(self.project, name)) is not None:
            return self.family_repository(*ours)
        return super().repository(name)

    def get_priority(self, name: str) -> Priority:
        """Return a repository's priority.

        Poetry does not reuse locked packages of EXPLICIT sources (``Provider.get_locked``), so that
        the sources of the group at work count as primary ones.
        """
        if self.group is not None and name.lower() in self._names_of(self.group.target):
            return Priority.PRIMARY
        if not super().has_repository(name) and sources.named(self.project, name) is not None:
            return Priority.EXPLICIT
        return super().get_priority(name)

    def find_packages(self, dependency: Dependency) -> list[Package]:
        """Return the packages that fit a dependency.

        A hand-written ``source`` wins (`own_sources` has seen to one of a labelled package); else
        it is routing's rule that says where to look. A library that torch requires by version
        (triton) is at the place that has its files for more of the platforms and Pythons.
        """
        self.looked_at.add(dependency.name)
        found = self.find(dependency.name)
        if found is None and self.group is None:
            return self._for_all_targets(dependency)
        if found is None:
            return super().find_packages(dependency)
        if dependency.source_name is not None and not fallback.is_own(
            dependency.source_name, self.project
        ):
            return super().find_packages(dependency)
        # Here, as in the methods below: the plugin loads this module for every command.
        from accelock.resolve.routing import look_up

        packages = look_up(
            found[1],
            {
                "family": functools.partial(self._of_family, dependency, *found),
                "default": functools.partial(self._of_default, dependency),
            },
        )
        if self.takes is None or not found[1].lockstep or found[1].is_family_only:
            return list(packages)
        # Without labels (torchtext), it stays at the version that the leader took.
        return [p for p in packages if self.takes(p.name, _public(p.version))]

    def ordinary_files(self, dependency: Dependency) -> list[str]:
        """Return the names of the newest fitting release's files, at no family's source."""
        fitting = super().find_packages(dependency)
        if not fitting:
            return []
        newest = max(fitting, key=lambda package: package.version)
        return [entry["file"] for entry in super().package(newest.name, newest.version).files]

    def package(
        self, name: str, version: Version, *args: Any, repository_name: str | None = None, **kw: Any
    ) -> Package:
        """Return one package; Poetry 2.0 passes extras too."""
        if args and isinstance(args[-1], str):
            *args, repository_name = args  # type: ignore[assignment]
        found = self.find(name) if self.group is not None else None
        if repository_name is None and found is not None and self.group is not None:
            ours = self.family_repository(found[0], self.group.target)
            if self._is_ours(name, version, found[1], ours):
                return ours.package(name, version)
        kw["repository_name"] = repository_name
        if self.group is None:
            return super().package(name, version, *args, **kw)
        key = (name, version.text, repository_name, *map(str, args))
        if key not in self._released:
            self._released[key] = super().package(name, version, *args, **kw)
        is_all = self.is_exact or found is not None
        return platform_markers.apply(
            copied(self._released[key], self._substituted),
            self.group.platforms,
            lambda each: is_all or self.find(each.name) is not None,
        )

    def refresh(self, package: Package) -> Package:
        """Return a package as its source has it now, where the lock's files are others."""
        self._released.clear()
        return super().refresh(package)

    # ------------------------------------------------------------------------------------------

    def _substituted(self, dependency: Dependency) -> Dependency:
        """Return what the group at work has for what a package requires: that itself, mostly."""
        rule = self.project.substitution
        is_known = dependency.name in rule.always and not dependency.is_direct_origin()
        if self.group is None or not is_known:
            return dependency
        asked = Requirement(dependency.complete_name)
        row = rule.row_for_others(asked, self.group.target, self.group.platforms[0])
        return dependency if row is None else root.substituted(dependency, row)

    def _is_ours(
        self, name: str, version: Version, package: FamilyPackage, ours: FamilyRepository
    ) -> bool:
        if package.is_family_only:
            return True
        has = ours.labelled(canonicalize_name(name), version) is not None
        is_first = package.lookup[0] == "family"
        if not has or (is_first and not package.runtime):
            return has
        mine = self._covered(ours.package(name, version)) if is_first else frozenset()
        if is_first and mine == self._spots():
            return True
        try:
            other = super().package(name, version)
        except PackageNotFoundError:
            return True
        return is_first and not mine < self._covered(other)

    def _covered(self, package: Package) -> frozenset[Spot]:
        """Return the platforms and Pythons of the group at work that have a file of a package."""
        from accelock.resolve.serving import covered

        names = [str(file["file"]) for file in package.files]
        return covered(names, self._spots(), self.project.config.levels)

    def _spots(self) -> frozenset[Spot]:
        platforms = self.group.platforms if self.group is not None else ()
        return frozenset((p, python) for p in platforms for python in self.project.pythons)

    def _of_family(
        self, dependency: Dependency, family: Family, package: FamilyPackage
    ) -> list[Package]:
        """Return what a family has for the group at work.

        Between solves `poetry add torch` chooses from the versions that all targets have. They
        carry no label, so that none gets into pyproject.toml.
        """
        if self.group is None:
            from accelock.hosts.poetry.cells import common_versions

            with shown():
                versions = common_versions(self, dependency)
            return [Package(dependency.name, version) for version in versions]
        ours = self.family_repository(family, self.group.target)
        found = ours.find_packages(dependency)
        if package.runtime and len(found) == 1:
            found = [p for p in found if self._is_ours(p.name, p.version, package, ours)]
        return found

    def _for_all_targets(self, dependency: Dependency) -> list[Package]:
        """Return an ordinary project's releases, none newer than a target has by its own name.

        Between solves `poetry add onnxruntime` makes the newest of them its lower bound.
        """
        packages = super().find_packages(dependency)
        substituted = self.project.substitution.projects.get(canonicalize_name(dependency.name))
        if substituted is None or dependency.is_direct_origin():
            return packages
        from accelock.hosts.poetry.cells import cells_of

        with shown():
            required, optional = cells_of(self.project)
        rows = {substituted.row(cell.target, cell.platform) for cell in (*required, *optional)}
        others = (root.substituted(dependency, row) for row in rows if row is not None)
        for other in [super(TargetPool, self).find_packages(each) for each in others]:
            newest = max((package.version for package in other), default=None)
            packages = [p for p in packages if newest is None or p.version <= newest]
        return packages

    def _of_default(self, dependency: Dependency) -> list[Package]:
        """Return what the user's sources, or PyPI, have of a family's package.

        :raises UserError: a page of it cannot be read.
        """
        found = super().find_packages(dependency)
        if not found or len(self.repositories) > 1:
            with shown():
                self._require_read(dependency.name)
        return found

    def _require_read(self, name: str) -> None:
        """Look at each source's page of a family's package: Poetry takes one that fails for none.

        An index on S3 answers 403 for a project that it lacks, which is believed where another one
        has it.
        """
        from accelock.sources.http import ADVICE, FORBIDDEN

        urls = [sources.index_of(repository) for repository in self.repositories]
        pages = [self.supply.reader.project(url, name) for url in urls if url]
        forbidden = next((page for page in pages if page.absent == FORBIDDEN), None)
        if forbidden is not None and not any(page.files for page in pages):
            raise SourceError(
                f"{redact(forbidden.url)} could not be read: it answered 403. {ADVICE}"
            )

    def _names_of(self, target: Target) -> set[str]:
        families = self.project.catalogue.families
        return {self.family_repository(family, target).name.lower() for family in families}

    def _make_repository(self, family: Family, target: Target) -> FamilyRepository:
        from accelock.hosts.poetry.repository import FamilyRepository

        declared = super().all_repositories
        name = sources.name_in_lock(self.project, family, target, declared)
        url = sources.address(self.project, family, target)
        return FamilyRepository(name, url, target, self)


def copied(
    package: Package, change: Callable[[Dependency], Dependency] = lambda each: each
) -> Package:
    """Return a package with requirements of its own: a solve writes what it finds into them.

    :param change: returns a requirement, or another in its place.
    """
    copy = package.with_dependency_groups([], only=True)
    for dependency in package.requires:
        copy.add_dependency(change(dependency).clone())
    # By their names Poetry finds the requirements of an extra.
    copy.extras = {extra: [*map(change, own)] for extra, own in package.extras.items()}
    return copy


def _public(version: Version) -> PublicVersion:
    return PublicVersion(PublicVersion(version.text).public)
