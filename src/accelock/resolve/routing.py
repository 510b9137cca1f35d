"""What a cell can take of the accelerated packages, and where: the one rule of routing.

An accelerated name is looked up where the catalogue says, and nowhere else: torch at its family's
source alone, in builds that carry the target's label; a library that PyPI has the original of
(nvidia-*) or a copy of (triton) at the first of its two places that has what is asked for. A place
lacks a project if it says so (403, 404, 410); one that cannot be read ends the run, and is never
taken for one that lacks it. This keeps a CUDA build of PyPI out of a cpu file, and it closes the
door that dependency confusion comes through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from accelock.catalogue.source import TARGET_FIELD, Source, redact
from accelock.errors import AccelockError, SourceError
from accelock.resolve.serving import public_versions, serving
from accelock.sources.wheel_metadata import parse_requirement
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from accelock.catalogue import Catalogue, Family, FamilyPackage
    from accelock.catalogue.model import Lookup
    from accelock.sources.model import IndexFile
    from accelock.sources.reader import IndexReader
    from accelock.sources.wheel_metadata import CoreMetadata
    from accelock.targets import Cell, Levels, Target


Found = TypeVar("Found")


def look_up(
    package: FamilyPackage, at: Mapping[Lookup, Callable[[], Sequence[Found]]]
) -> Sequence[Found]:
    """Return what the first place that has any of what is asked for has of it.

    The places behind it are not asked then.

    :param at: what a place has of what is asked for (of the versions that the requirements at hand
        and lockstep allow); it raises where the place cannot be read.
    """
    for place in package.lookup:
        if found := at[place]():
            return found
    return ()


@dataclass(frozen=True, slots=True)
class Accelerated:
    """An accelerated package and the family that it belongs to."""

    family: Family
    package: FamilyPackage


class Routing:
    """The accelerated files of a run, by cell. Each page is read once, whatever asks for it.

    :param sources: by family, where this run reads it; a family that it lacks has its own index.
    :param cpuonly: families that take their CPU build on every target.
    :param hashed: take only versions of which a sha256 is published, because a file with hashes is
        being made; hashing the others means to download GBs. `unhashed` tells which they are.
    """

    def __init__(
        self,
        reader: IndexReader,
        catalogue: Catalogue,
        *,
        sources: Mapping[str, Source],
        levels: Levels,
        cpuonly: frozenset[str] = frozenset(),
        hashed: bool = False,
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._sources = sources
        self._levels = levels
        self._cpuonly = cpuonly
        self._hashed = hashed
        self._siblings_read: dict[tuple[str, str], dict[str, IndexFile]] = {}
        self._unhashed: dict[tuple[str, Cell], frozenset[Version]] = {}
        self._files: dict[tuple[str, Cell], tuple[IndexFile, ...]] = {}
        self._found: dict[str, Accelerated | None] = {}
        self._releases: dict[str, Version] = {}

    def find(self, name: str) -> Accelerated | None:
        """Return what the catalogue knows of a project, or None for an ordinary one."""
        if name not in self._found:
            found = self._catalogue.family_of(name)
            self._found[name] = None if found is None else Accelerated(*found)
        return self._found[name]

    def variant(self, family: Family, target: Target) -> Target:
        """Return the target whose builds a family takes: the target itself, or cpu if marked so."""
        return CPU if family.name in self._cpuonly else target

    def bind(self, releases: Mapping[str, Version]) -> None:
        """Read families with a page for each release of torch at these, by target's name."""
        self._releases = dict(releases)
        paged = {key for key in self._files if self._is_paged(key[0])}
        self._files = {key: files for key, files in self._files.items() if key not in paged}

    def release(self, family: Family, target: Target) -> Version | None:
        """Return the release of torch whose page a family is read at for a target, if any is."""
        return self.release_at(target) if family.release_of else None

    def release_at(self, target: Target) -> Version | None:
        """Return the release of torch that is bound for a target."""
        return self._releases.get(target.name)

    def require_release(self, name: str, target: Target) -> None:
        """Refuse a package with pages per release of torch where none is decided.

        :raises AccelockError: only other packages ask for it, so that nobody chose the release.
        """
        found = self.find(name)
        if found is None or not found.family.release_of or target.name in self._releases:
            return
        of = found.family.release_of
        raise AccelockError(
            f"{name} is built for one release of {of} at a time, and only other packages require "
            f"it. Add {name} (and {of}) to the project's own requirements; accelock then takes a "
            f"release of {of} that has builds of {name}."
        )

    def source(self, family: Family, target: Target) -> Source:
        """Return where this run reads a family for a target, which may have a source of its own."""
        source = self._sources[family.name].at(self.variant(family, target))
        return source.of_release(self.release(family, target))

    def url(self, family: Family, target: Target) -> str:
        """Return the URL of a family's index or find-links page for one target."""
        return self.source(family, target).url(self.variant(family, target))

    def _is_paged(self, name: str) -> bool:
        found = self.find(name)
        return found is not None and found.family.release_of is not None

    def builds_for(
        self, name: str, cell: Cell, releases: Iterable[Version]
    ) -> dict[Version, frozenset[Version]]:
        """Return the public versions that a cell can take beside each release of torch.

        :raises SourceError: a page cannot be read, or has no hashes and the file needs them.
        """
        found = self.find(name)
        if found is None:
            return {}
        builds = {}
        pages = self._pages(found.family, cell.target, releases)
        if self.source(found.family, cell.target).is_find_links:
            self._reader.prefetch(find_links=pages.values())
        for release in pages:
            files = self._of_page(found, name, cell, release)
            if self._hashed and files and not any(file.sha256 for file in files):
                raise SourceError(
                    f"{redact(pages[release])} publishes no sha256, and {name} cannot be locked "
                    "here without one. To hash it, accelock would have to download whole wheels: "
                    "allow that (--allow-downloads, or allow-downloads = true in [tool.accelock])."
                )
            builds[release] = frozenset(public_versions(files))
        return builds

    def _pages(
        self, family: Family, target: Target, releases: Iterable[Version]
    ) -> dict[Version, str]:
        """Return the URL of the page for each release of torch."""
        variant = self.variant(family, target)
        source = self._sources[family.name].at(variant)
        return {release: source.of_release(release).url(variant) for release in releases}

    def _of_page(
        self, found: Accelerated, name: str, cell: Cell, release: Version
    ) -> tuple[IndexFile, ...]:
        """Return what the page for a release of torch has for a cell."""
        url = self._pages(found.family, cell.target, [release])[release]
        return self._fitting(found, self._files_at(url, name), cell, release)

    def _fitting(
        self,
        found: Accelerated,
        files: Iterable[IndexFile],
        cell: Cell,
        release: Version | None = None,
    ) -> tuple[IndexFile, ...]:
        """Return those of the files of a page that serve a cell (`labels.serving`)."""
        variant = self.variant(found.family, cell.target)
        source = self._sources[found.family.name].at(variant)
        return serving(
            files,
            package=found.package,
            family=found.family,
            target=variant,
            platform=cell.platform,
            tags=frozenset(cell.platform.tags(cell.python, self._levels)),
            is_find_links=not source.has_target,
            is_of_one_target=source.is_of_one_target,
            release=release,
        )

    def _files_at(self, url: str, name: str) -> tuple[IndexFile, ...]:
        """Return what a page has of a project; one that is not there has nothing."""
        if Source(url).is_find_links:
            return self._reader.page(url).files_of(name)
        return self._reader.project(url, name).files

    def _all_releases(self, family: Family, target: Target) -> list[Version]:
        """Return the releases of torch whose pages are read for a target: all, if none is bound."""
        bound = self.release(family, target)
        if bound is not None:
            return [bound]
        return sorted(public_versions(self.listed(family.release_of or "", target)))

    def describe(self, cell: Cell, name: str) -> str:
        """Return where a cell's builds of a project are looked for, for messages.

        It tells a project that the source does not have at all (a mirror's wrong URL) from one that
        has no build for the cell.
        """
        found = self.find(name)
        if found is None:
            return "no family's source"
        source = self.source(found.family, cell.target)
        url = source.redacted.replace(TARGET_FIELD, self.variant(found.family, cell.target).name)
        if self.listed(name, cell.target):
            return url
        return f"{url} (it has no {canonicalize_name(name)} at all; check the URL)"

    def prefetch(self, names: Iterable[str], targets: Iterable[Target]) -> None:
        """Fetch the families' pages of some projects for all targets, several at once.

        A page that fails, fails when it is asked for.
        """
        projects: dict[tuple[str, str], None] = {}
        pages: dict[str, None] = {}
        for target in targets:
            for name in names:
                found = self.find(name)
                if found is None:
                    continue
                if found.family.release_of:  # its pages are known once torch's releases are
                    continue
                url = self.url(found.family, target)
                if self.source(found.family, target).is_find_links:
                    pages[url] = None
                else:
                    projects[url, name] = None
        self._reader.prefetch(projects, pages)

    def files(self, name: str, cell: Cell) -> tuple[IndexFile, ...]:
        """Return the wheels of an accelerated project that serve one cell.

        :raises SourceError: the source cannot be read.
        """
        key, found = (canonicalize_name(name), cell), self.find(name)
        if found is None or key in self._files:
            return self._files.get(key, ())
        source = self.source(found.family, cell.target)
        if found.family.release_of:
            releases = self._all_releases(found.family, cell.target)
            pages = (self._of_page(found, key[0], cell, release) for release in releases)
            files = tuple({file.url: file for page in pages for file in page}.values())
        else:
            files = self._fitting(found, self.listed(key[0], cell.target), cell)
        if self._hashed or source.is_find_links:
            files = tuple(self.completed(file, found.family, cell.target) for file in files)
        if self._hashed:
            hashed = {file.version for file in files if file.sha256}
            self._unhashed[key] = frozenset(
                public_versions(file for file in files if file.version not in hashed)
            )
            files = tuple(file for file in files if file.version in hashed)
        self._files[key] = files
        return files

    def metadata(self, file: IndexFile) -> CoreMetadata:
        """Return the metadata of an accelerated file, and what it should ask for and does not.

        torchaudio asks for no torch since 2.11, and crashes with another than its own: what the
        catalogue's tables say of a labelled package's release is added to its Requires-Dist.

        :raises MetadataError: it cannot be had.
        """
        found = self._reader.metadata(file)
        entry = self.find(file.name)
        wanted = self._catalogue.companion_requires(file.name, file.version)
        if wanted is None or entry is None or not entry.package.labelled:
            return found
        of = canonicalize_name(Requirement(wanted).name)
        if any(canonicalize_name(parse_requirement(each).name) == of for each in found.requires):
            return found
        headers, end, body = found.raw.partition(b"\n\n")
        line = f"\nRequires-Dist: {wanted}".encode()
        raw = headers.rstrip(b"\n") + line + (end or b"\n") + body
        return replace(found, raw=raw, requires=(*found.requires, wanted))

    def versions(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the public versions of an accelerated project that a cell can take."""
        return frozenset(public_versions(self.files(name, cell)))

    def unhashed(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the public versions that were passed over because no sha256 of them is published.

        :raises SourceError: the source cannot be read.
        """
        self.files(name, cell)
        return self._unhashed.get((canonicalize_name(name), cell), frozenset())

    def files_of_version(self, name: str, cell: Cell, version: Version) -> tuple[IndexFile, ...]:
        """Return the wheels of exactly this version that fit the cell's platform, on any Python.

        These are the files whose hashes belong behind the pin: pip-compile's files serve more
        Pythons than the one that made them, and so do ours.
        """
        found = self.find(name)
        if found is None:
            return ()
        platforms = {*cell.platform.wheel_platforms(self._levels), "any"}
        return tuple(
            self.completed(file, found.family, cell.target)
            for file in self.listed(name, cell.target)
            if file.version == version
            and file.tags is not None
            and any(tag.platform in platforms for tag in file.tags)
        )

    def listed(self, name: str, target: Target) -> tuple[IndexFile, ...]:
        """Return every file of a project on its family's page for a target, of any label."""
        found = self.find(name)
        if found is None:
            return ()
        if found.family.release_of:
            pages = self._pages(
                found.family, target, self._all_releases(found.family, target)
            ).values()
            listed = (file for page in pages for file in self._files_at(page, name))
            return tuple({file.url: file for file in listed}.values())
        url = self.url(found.family, target)
        if not self.source(found.family, target).is_find_links:
            return self._reader.project(url, name).files
        wanted = canonicalize_name(name)
        return tuple(file for file in self._reader.find_links(url).files if file.name == wanted)

    def completed(self, file: IndexFile, family: Family, target: Target) -> IndexFile:
        """Return the file with the hash and metadata that another page of its family gives it.

        A target's own page lacks some hashes that the page of all targets has, and a find-links
        page has none at all, nor metadata. Only the identical path counts: a file of the same name
        elsewhere can have other bytes.
        """
        path = urlsplit(file.url).path
        for url in self._siblings(family, target):
            if file.sha256 and (
                file.core_metadata is not None or not self.source(family, target).is_find_links
            ):
                break
            other = self._paths_of_sibling(url, file.name).get(path, file)
            file = replace(
                file,
                sha256=file.sha256 or other.sha256,
                core_metadata=file.core_metadata or other.core_metadata,
            )
        return file

    def _siblings(self, family: Family, target: Target) -> Iterator[str]:
        """Yield the indexes that list the same files: of the target, and of all targets."""
        source = self.source(family, target)
        if family.release_of:
            return
        base, slash, last = source.template.rpartition("/")
        if slash and source.is_find_links:
            base = base.removesuffix(f"/{TARGET_FIELD}")
            yield f"{base}/{self.variant(family, target).name}"
            yield base
        elif slash and last == TARGET_FIELD:
            yield base

    def _paths_of_sibling(self, url: str, name: str) -> dict[str, IndexFile]:
        if (url, name) not in self._siblings_read:
            try:
                files = self._reader.project(url, name).files
            except SourceError:  # a mirror need not have that page
                files = ()
            self._siblings_read[url, name] = {urlsplit(file.url).path: file for file in files}
        return self._siblings_read[url, name]
