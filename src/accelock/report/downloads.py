"""The file of each locked package that a place installs, and how large it is."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelock.catalogue import Source, load_catalogue
from accelock.errors import AccelockError
from accelock.settings.settings import sources_from_environment
from accelock.sources.filename import parse_filename
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from packaging.tags import Tag

    from accelock.catalogue import Family
    from accelock.locks.markers import Place
    from accelock.report.locked import LockedPackage
    from accelock.report.project import Project
    from accelock.sources.cache import Sizes
    from accelock.sources.model import IndexFile, ProjectPage
    from accelock.sources.reader import IndexReader
    from accelock.targets import Target

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Fetching:
    """What reads indexes here: a host tool's session, and its default indexes (URLs, in order)."""

    reader: IndexReader
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Download:
    """What one package costs: its file at the place, and bytes; None is what is not known."""

    package: LockedPackage
    filename: str | None = None
    size: int | None = None


@dataclass
class Downloads:
    """Finds files and sizes; a page is read once, and one that cannot be read is said once.

    :param sources: by family, where it is read, where the caller knows better.
    :param open_reader: called when the first page is wanted, and not before.
    :param faults: why something is not known.
    """

    open_reader: Callable[[], Fetching]
    project: Project
    sources: Mapping[str, Source] = field(default_factory=dict)
    faults: dict[str, None] = field(default_factory=dict)
    _opened: Fetching | None = None
    _is_closed: bool = False
    _dead: set[str] = field(default_factory=set)
    _sizes: Sizes | None = None

    def of(
        self, packages: Iterable[LockedPackage], target: Target, place: Place
    ) -> dict[str, Download]:
        """Return the download of each package, by name."""
        found = {}
        for package in packages:
            file = self.file(package, target, place)
            name = file.filename if file else self.filename(package, target, place)
            found[package.name] = Download(package, name, self._size(file))
        if self._sizes is not None:
            self._sizes.keep()
        return found

    def _size(self, file: IndexFile | None) -> int | None:
        if file is None or self._opened is None:
            return None
        self._sizes = self._sizes or self._opened.reader.sizes()
        size = self._sizes.of(file)
        if size is None:
            self.faults[f"{urlsplit(file.url).hostname} tells no size of some files"] = None
        return size

    def filename(self, package: LockedPackage, target: Target, place: Place) -> str | None:
        """Return the name of that file: as the lock has it, and else as an index does."""
        if package.files:
            return _best_name(package.files, self._tags(place))
        file = self.file(package, target, place)
        return file.filename if file is not None else None

    def file(self, package: LockedPackage, target: Target, place: Place) -> IndexFile | None:
        """Return the file of a package that a place installs, or None where it cannot be told."""
        tags = self._tags(place)
        wanted = _best_name(package.files, tags)
        for page in self._pages(package, target):
            files = [each for each in page.files_of(package.name) if _is_meant(each, package)]
            if package.files:
                files = [each for each in files if each.filename == wanted]
            if files:
                return _best(files, tags)
        return None

    def _pages(self, package: LockedPackage, target: Target) -> Iterator[ProjectPage]:
        fetching = None if package.url is not None else self._open()
        if fetching is None:
            return
        for url in dict.fromkeys(self._urls(package, target, fetching)):
            page = self._page(url, package.name, fetching.reader)
            if page is not None:
                yield page

    def _page(self, url: str, name: str, reader: IndexReader) -> ProjectPage | None:
        """Return a page of an index; one that did not answer once is asked no more."""
        if url in self._dead:
            return None
        try:
            is_page = Source(url).is_find_links
            return reader.find_links(url) if is_page else reader.project(url, name)
        except AccelockError as error:
            self.faults[str(error)] = None
            self._dead.add(url)
            return None

    def _open(self) -> Fetching | None:
        if self._opened is None and not self._is_closed:
            try:
                self._opened = self.open_reader()
            except AccelockError as error:
                self.faults[f"no index was read: {error}"] = None
                self._is_closed = True
        return self._opened

    def _urls(self, package: LockedPackage, target: Target, fetching: Fetching) -> Iterator[str]:
        """Yield where to look: a family's package at its source first, or last (`lookup`)."""
        known = self.project.catalogue.family_of(package.name)
        family = known[0] if known else None
        own = CPU if package.label == CPU.name else target
        named = self._named(family, own) if family else None
        source = (named or Source(family.index)).url(own) if family else None
        if known and source and known[1].lookup[0] == "family":
            # What nothing here names may have been named on the command line of the lock.
            yield source if named or not package.index else _of_lock(package.index, known[0], own)
            return
        if package.index is not None:
            yield source if family and source and family.recognise(package.index) else package.index
        yield from fetching.indexes
        if source:
            yield source

    def _named(self, family: Family, target: Target) -> Source | None:
        """Return where this machine reads a family: environment, or table; None: as usual."""
        if family.name in self.sources:
            return self.sources[family.name]
        named = sources_from_environment(os.environ, load_catalogue())
        return named.get(family.name) or self.project.config.named_source(family, target)

    def _tags(self, place: Place) -> Mapping[Tag, int]:
        tags = place.platform.tags(place.python, self.project.config.levels)
        return {tag: rank for rank, tag in enumerate(tags)}


def _is_meant(file: IndexFile, package: LockedPackage) -> bool:
    """Tell whether a file is one of those that are locked: by version, and by hash where known."""
    if file.version != package.parsed:
        return False
    return not (package.hashes and file.sha256) or file.sha256 in package.hashes


def _best(files: Iterable[IndexFile], tags: Mapping[Tag, int]) -> IndexFile | None:
    """Return the file that an installer takes: the best wheel that fits, else a source archive."""
    wheels = [(_rank(each.tags, tags), each) for each in files if each.is_wheel]
    fitting = [(rank, each) for rank, each in wheels if rank is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    return next((each for each in files if not each.is_wheel), None)


def _best_name(names: Iterable[str], tags: Mapping[Tag, int]) -> str | None:
    parsed = [(name, parse_filename(name)) for name in names]
    wheels = [(_rank(p.tags, tags), name) for name, p in parsed if p is not None and p.tags]
    fitting = [(rank, name) for rank, name in wheels if rank is not None]
    if fitting:
        return min(fitting)[1]
    return next((name for name, p in parsed if p is not None and p.tags is None), None)


def _rank(of_file: frozenset[Tag] | None, tags: Mapping[Tag, int]) -> int | None:
    ranks = [tags[tag] for tag in of_file or () if tag in tags]
    return min(ranks, default=None)


def total(downloads: Iterable[Download]) -> tuple[int, int]:
    """Return the bytes of downloads, and of how many of them the size is not known."""
    sizes = [each.size for each in downloads]
    return sum(size or 0 for size in sizes), sum(size is None for size in sizes)


def megabytes(size: int | None) -> str:
    """Return bytes as MB (1,000,000 bytes) for people: "766.7 MB", or "? MB"."""
    return "? MB" if size is None else f"{size / MEGABYTE:,.1f} MB"


def spell_total(size: int, unknown: int) -> str:
    """Return a sum in MB, which some sizes may be missing from."""
    return f"at least {megabytes(size)}, {unknown} not known" if unknown else megabytes(size)


def _of_lock(index: str, family: Family, target: Target) -> str:
    """Return the index that a lock names, as it is for the target of a build."""
    template = family.recognise(index)
    return index if template is None else Source(template).url(target)
