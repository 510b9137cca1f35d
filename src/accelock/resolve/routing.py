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

from accelock.catalogue.source import TARGET_FIELD
from accelock.errors import SourceError
from accelock.resolve.labels import public_versions, serving
from accelock.sources.wheel_metadata import parse_requirement
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from accelock.catalogue import Catalogue, Family, FamilyPackage, Source
    from accelock.catalogue.model import Place
    from accelock.sources.model import IndexFile
    from accelock.sources.reader import IndexReader
    from accelock.sources.wheel_metadata import CoreMetadata
    from accelock.targets import Cell, Levels, Target


Found = TypeVar("Found")


def look_up(
    package: FamilyPackage, at: Mapping[Place, Callable[[], Sequence[Found]]]
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


class Shelf:
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

    def find(self, name: str) -> Accelerated | None:
        """Return what the catalogue knows of a project, or None for an ordinary one."""
        found = self._catalogue.family_of(name)
        return None if found is None else Accelerated(*found)

    def variant(self, family: Family, target: Target) -> Target:
        """Return the target whose builds a family takes: the target itself, or cpu if marked so."""
        return CPU if family.name in self._cpuonly else target

    def source(self, family: Family, target: Target) -> Source:
        """Return where this run reads a family for a target, which may have a source of its own."""
        return self._sources[family.name].at(self.variant(family, target))

    def url(self, family: Family, target: Target) -> str:
        """Return the URL of a family's index or find-links page for one target."""
        return self._sources[family.name].url(self.variant(family, target))

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
        return f"{url} (it has no {canonicalize_name(name)} at all; is the address right?)"

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
        key = (canonicalize_name(name), cell)
        if key not in self._files:
            self._files[key] = self._serving(*key)
        return self._files[key]

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
        url = self.url(found.family, target)
        if not self.source(found.family, target).is_find_links:
            return self._reader.project(url, name).files
        wanted = canonicalize_name(name)
        return tuple(file for file in self._reader.find_links(url).files if file.name == wanted)

    def _serving(self, name: str, cell: Cell) -> tuple[IndexFile, ...]:
        found = self.find(name)
        if found is None:
            return ()
        source = self.source(found.family, cell.target)
        files = serving(
            self.listed(name, cell.target),
            package=found.package,
            family=found.family,
            target=self.variant(found.family, cell.target),
            platform=cell.platform,
            tags=frozenset(cell.platform.tags(cell.python, self._levels)),
            is_find_links=not source.has_target,
            is_of_one_target=source.is_of_one_target,
        )
        if self._hashed or source.is_find_links:
            files = tuple(self.completed(file, found.family, cell.target) for file in files)
        if not self._hashed:
            return files
        hashed = {file.version for file in files if file.sha256}
        self._unhashed[name, cell] = frozenset(
            public_versions(file for file in files if file.version not in hashed)
        )
        return tuple(file for file in files if file.version in hashed)

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
