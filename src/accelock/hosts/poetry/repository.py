"""A family's files as a Poetry repository: the versions, requirements and links of one slice."""

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

from accelock.hosts.poetry import labels
from accelock.hosts.poetry.errors import shown
from accelock.resolve.labels import without_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.utils import NormalizedName
    from poetry.core.constraints.version import VersionConstraint

    from accelock.hosts.poetry.slices import Slice
    from accelock.hosts.poetry.supply import Needs, Supply
    from accelock.sources.model import IndexFile
    from accelock.targets import Target


class FamilyRepository(Repository):
    """What a slice has of a family, by public versions: a solve is not to meet labels.

    :param name: of the source in the lock (``source.reference``), and of its credentials.
    :param url: of the source in the lock.
    :param whole: the slice at work, None between solves.
    :param allows: tells whether lockstep leaves the slice at work a public version.
    :param needs: which platforms of a slice may come to need a version.
    """

    def __init__(
        self,
        name: str,
        url: str,
        target: Target,
        *,
        supply: Callable[[], Supply],
        whole: Callable[[], Slice | None],
        allows: Callable[[str, PackagingVersion], bool],
        needs: Needs,
    ) -> None:
        super().__init__(name)
        self.url = url
        self.target = target
        self._supply = supply
        self._whole = whole
        self._allows = allows
        self._needs = needs

    def __bool__(self) -> bool:
        # A Poetry repository without cached packages has length 0, and would be false.
        return True

    def _find_packages(self, name: NormalizedName, constraint: VersionConstraint) -> list[Package]:
        whole = self._whole()
        if whole is None:
            return []
        versions = self._supply().in_slice(name, whole, self._needs)
        found = []
        for public in sorted(versions):
            parsed = Version.parse(str(public))
            if self._allows(name, public) and constraint.allows(parsed):
                found.append(self._bare(name, parsed))
        return found

    def has_version(self, name: NormalizedName, version: Version) -> bool:
        """Return whether the slice at work has this version of a project, with label or without."""
        return self.labelled(name, version) is not None

    def labelled(self, name: str, version: Version) -> PackagingVersion | None:
        """Return a version of the slice at work as its files spell it; None where it has none.

        :param version: the public one, or the very one with the label.
        """
        whole = self._whole()
        if whole is None:
            return None
        wanted = PackagingVersion(version.text)
        solved = without_target(wanted)
        found = self._supply().in_slice(name, whole, self._needs).get(solved)
        return found if wanted in {found, solved} else None

    def as_solved(self, package: Package) -> Package | None:
        """Return a locked package as the slice at work solves it, or None if it cannot take it."""
        name, version = package.name, without_target(PackagingVersion(package.version.text))
        if str(self.labelled(name, package.version)) != package.version.text:
            return None
        if not self._find_packages(name, Version.parse(str(version))):
            return None
        return labels.relabelled(package, version)

    def as_locked(self, package: Package) -> Package:
        """Return a solved package with the label that the slice at work has it with."""
        version = self.labelled(package.name, package.version)
        return package if version is None else labels.relabelled(package, version)

    def package(self, name: str, version: Version, *_args: Any) -> Package:
        """Return a version with its requirements and files for the slice at work.

        Poetry 2.0 passes extras too, which need nothing here.

        Between solves it is a version's files alone, with their URLs.

        :raises PackageNotFoundError: the slice has no such version.
        """
        project = canonicalize_name(name)
        whole = self._whole()
        if whole is None:
            return self._with_files(project, version)
        labelled = self.labelled(project, version)
        if labelled is None:
            raise PackageNotFoundError(f"Package {name} ({version}) not found.")
        release = self._supply().release(project, labelled, whole)
        info = PackageInfo(
            name=project,
            version=version.text,
            summary=release.summary,
            requires_dist=list(release.requires),
            requires_python=release.requires_python,
            files=[_entry(file) for file in release.files],
        )
        package = info.to_package(name=name)
        return self._sourced(package)

    def _with_files(self, name: str, version: Version) -> Package:
        from accelock.hosts.poetry import exporting

        with shown():
            return exporting.with_files(
                name, version, self._supply().shelf.listed(name, self.target)
            )

    def find_links_for_package(self, package: Package) -> list[Link]:
        """Return the links of a locked package's files, as Poetry's chooser wants them.

        A file whose index publishes no hash has the lock's: what is downloaded is checked against
        it, and nothing is downloaded to be hashed.
        """
        locked = {entry["file"]: entry["hash"] for entry in package.files}
        with shown():
            listed = self._supply().shelf.listed(package.name, self.target)
        return [_link(file, locked) for file in listed if file.filename in locked]

    def search(self, query: str | list[str]) -> list[Package]:
        """Return nothing: ``poetry search`` is not about variants."""
        del query
        return []

    def _bare(self, name: str, version: Version) -> Package:
        return Package(
            name,
            version,
            source_type="legacy",
            source_url=self.url,
            source_reference=self.name,
        )

    def _sourced(self, package: Package) -> Package:
        # As Poetry's own LegacyRepository.package does (2.0.1 to 2.5.1).
        package._source_type = "legacy"
        package._source_url = self.url
        package._source_reference = self.name
        return package


def _entry(file: IndexFile) -> Any:
    return {"file": file.filename, "hash": f"sha256:{file.sha256}"}


def _link(file: IndexFile, locked: dict[str, str]) -> Link:
    kind, _, digest = locked[file.filename].partition(":")
    fragment = f"sha256={file.sha256}" if file.sha256 else f"{kind}={digest}"
    return Link(f"{file.url}#{fragment}", requires_python=file.requires_python)
