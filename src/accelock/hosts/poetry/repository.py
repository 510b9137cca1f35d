"""A family's files as a Poetry repository: the versions, requirements and links of one group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import Version as PackagingVersion
from poetry.core.constraints.version import Version
from poetry.core.packages.package import Package
from poetry.core.packages.utils.link import Link
from poetry.inspection.info import PackageInfo
from poetry.repositories.exceptions import PackageNotFoundError
from poetry.repositories.repository import Repository

from accelock.catalogue.source import Source
from accelock.hosts.poetry.errors import shown
from accelock.resolve.serving import without_target

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from poetry.core.constraints.version import VersionConstraint

    from accelock.hosts.poetry.pool import TargetPool
    from accelock.sources.model import IndexFile
    from accelock.targets import Target


class FamilyRepository(Repository):
    """What a group has of a family, by public versions: a solve is not to meet labels.

    :param name: of the source in the lock (``source.reference``), and of its credentials.
    :param url: of the source in the lock.
    :param pool: tells the group at work, None between solves, and what that may take.
    """

    def __init__(self, name: str, url: str, target: Target, pool: TargetPool) -> None:
        super().__init__(name)
        self.url = url
        self.target = target
        self.pool = pool

    @property
    def page(self) -> str:
        """Return the URL for a lock: of the page for the release of torch, where each has one."""
        if not Source(self.url).has_release:
            return self.url
        self._settle_release()
        return (
            Source(self.url).of_release(self.pool.supply.routing.release_at(self.target)).template
        )

    def _settle_release(self) -> None:
        """Read the page for the release of torch that is locked, where none was decided."""
        routing = self.pool.supply.routing
        if Source(self.url).has_release and routing.release_at(self.target) is None:
            routing.bind(self.pool.locked_releases())

    def __bool__(self) -> bool:
        # A Poetry repository without cached packages has length 0, and would be false.
        return True

    def _find_packages(self, name: NormalizedName, constraint: VersionConstraint) -> list[Package]:
        return [
            Package(
                name,
                parsed,
                source_type="legacy",
                source_url=self.page,
                source_reference=self.name,
            )
            for public in sorted(self._versions(name))
            if self.pool.allows(name, public)
            and constraint.allows(parsed := Version.parse(str(public)))
        ]

    def _versions(self, name: str) -> dict[PackagingVersion, PackagingVersion]:
        """Return what the group at work has: the version without its label -> the one with it."""
        group = self.pool.group
        if group is None:
            return {}
        with shown():
            self.pool.supply.routing.require_release(name, group.target)
        return self.pool.supply.in_group(name, group, self.pool.must_have)

    def labelled(self, name: str, version: Version) -> PackagingVersion | None:
        """Return a version of the group at work as its files spell it; None where it has none.

        :param version: the public one, or the very one with the label.
        """
        wanted = PackagingVersion(version.text)
        solved = without_target(wanted)
        found = self._versions(name).get(solved)
        return found if wanted in {found, solved} else None

    def as_solved(self, package: Package) -> Package | None:
        """Return a locked package as the group at work solves it, or None if it cannot take it."""
        name, version = package.name, without_target(PackagingVersion(package.version.text))
        if str(self.labelled(name, package.version)) != package.version.text:
            return None
        if not self._find_packages(name, Version.parse(str(version))):
            return None
        return _relabelled(package, version)

    def as_locked(self, package: Package) -> Package:
        """Return a solved package with the label that the group at work has it with."""
        version = self.labelled(package.name, package.version)
        return package if version is None else _relabelled(package, version)

    def package(self, name: str, version: Version, *_args: Any) -> Package:
        """Return a version with its requirements and files for the group at work.

        Poetry 2.0 passes extras too, which need nothing here.

        Between solves it is a version's files alone, with their URLs.

        :raises PackageNotFoundError: the group has no such version.
        """
        project = canonicalize_name(name)
        if self.pool.group is None:
            return self._with_files(project, version)
        labelled = self.labelled(project, version)
        if labelled is None:
            raise PackageNotFoundError(f"Package {name} ({version}) not found.")
        release = self.pool.supply.release(project, labelled, self.pool.group)
        info = PackageInfo(
            name=project,
            version=version.text,
            summary=release.summary,
            requires_dist=list(release.requires),
            requires_python=release.requires_python,
            files=[_entry(file) for file in release.files],
        )
        package = info.to_package(name=name)
        # As Poetry's own LegacyRepository.package does (2.0.1 to 2.5.1).
        package._source_type = "legacy"
        package._source_url = self.page
        package._source_reference = self.name
        return package

    def _with_files(self, name: str, version: Version) -> Package:
        """Return a package with the URLs of its files: `poetry export` asks for it (PEP 751).

        :raises PackageNotFoundError: the source lists no file of that version.
        """
        self._settle_release()
        with shown():
            listed = self.pool.supply.routing.listed(name, self.target)
        package = Package(name, version)
        package.files = [
            _entry(file, url=file.url, size=file.size, upload_time=file.upload_time or None)
            for file in listed
            if file.version == PackagingVersion(version.text)
        ]
        if not package.files:
            raise PackageNotFoundError(f"Package {name} ({version}) not found.")
        return package

    def find_links_for_package(self, package: Package) -> list[Link]:
        """Return the links of a locked package's files, as Poetry's chooser wants them.

        A file whose index publishes no hash has the lock's: what is downloaded is checked against
        it, and nothing is downloaded to be hashed.
        """
        locked = {entry["file"]: entry["hash"] for entry in package.files}
        self._settle_release()
        with shown():
            listed = self.pool.supply.routing.listed(package.name, self.target)
        return [_link(file, locked) for file in listed if file.filename in locked]

    def search(self, query: str | list[str]) -> list[Package]:
        """Return nothing: ``poetry search`` is not about variants."""
        del query
        return []


def _relabelled(package: Package, version: PackagingVersion) -> Package:
    """Return a package with another spelling of its version; the very same one where it is it."""
    if package.version.text == str(version):
        return package
    # As `Package.with_features` does; private in Poetry 2.0.1 to 2.5.1.
    clone = package.clone()
    clone._set_version(Version.parse(str(version)))
    return clone


def _entry(file: IndexFile, **more: Any) -> Any:
    told = {key: value for key, value in more.items() if value is not None}
    return {"file": file.filename, "hash": f"sha256:{file.sha256}", **told}


def _link(file: IndexFile, locked: dict[str, str]) -> Link:
    kind, _, digest = locked[file.filename].partition(":")
    fragment = f"sha256={file.sha256}" if file.sha256 else f"{kind}={digest}"
    return Link(f"{file.url}#{fragment}", requires_python=file.requires_python)
