"""The file of each locked package that a place installs, how large it is, and what targets cost."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from packaging.version import Version

from accelock.catalogue import Source, redact
from accelock.catalogue.source import RELEASE_OF, fields_in, sources_from_environment
from accelock.errors import AccelockError, BudgetError
from accelock.locks.budget import Cost, Download, denied, spell_total, total
from accelock.locks.markers import Place
from accelock.sources.model import IndexFile, parse_filename
from accelock.targets import CPU, PythonVersion, host_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.tags import Tag

    from accelock.catalogue import Family
    from accelock.locks.model import Lock, Pin, TargetLock
    from accelock.settings.project import Settings
    from accelock.sources.cache import Sizes
    from accelock.sources.model import ProjectPage
    from accelock.sources.reader import IndexReader
    from accelock.targets import Target

File = TypeVar("File")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TABLE = "[tool.accelock.target.<target>]"
_WITHOUT_DENIED = (
    "require versions or builds that do without it, remove what requires it, or take it out "
    f"of `deny` in {_TABLE}"
)
_WITHIN_MB = f"require less, choose smaller builds, or raise max-mb in {_TABLE}"


@dataclass(frozen=True, slots=True)
class Fetching:
    """What reads indexes here: a host tool's session, and its default indexes (URLs, in order)."""

    reader: IndexReader
    indexes: tuple[str, ...]


@dataclass
class Downloads:
    """Finds files and sizes; a page is read once, and one that cannot be read is said once.

    :param sources: by family, where it is read, where the caller knows better.
    :param open_reader: called when the first page is wanted, and not before.
    :param is_strict: whether a page that cannot be read is an error, and not a fault to tell.
    :param faults: why something is not known.
    """

    open_reader: Callable[[], Fetching]
    settings: Settings
    sources: Mapping[str, Source] = field(default_factory=dict)
    is_strict: bool = False
    faults: dict[str, None] = field(default_factory=dict)
    _opened: Fetching | None = None
    _is_closed: bool = False
    _dead: set[str] = field(default_factory=set)
    _sizes: Sizes | None = None

    def of(self, pins: Iterable[Pin], target: Target, place: Place) -> dict[str, Download]:
        """Return the download of each package, by name."""
        found = {}
        for pin in pins:
            file = self.file(pin, target, place) if pin.url is None else _linked(pin)
            name = file.filename if file else self.filename(pin, target, place)
            found[pin.name] = Download(pin, name, self.size(file))
        self.keep_sizes()
        return found

    def keep_sizes(self) -> None:
        """Write what was learnt of sizes to the user's cache."""
        if self._sizes is not None:
            self._sizes.keep()

    def size(self, file: IndexFile | None) -> int | None:
        """Return the bytes of a file, as its index or its server tells them; None: neither does."""
        if file is not None and file.size is not None:
            return file.size
        fetching = self._open() if file is not None else None
        if file is None or fetching is None:
            return None
        self._sizes = self._sizes or fetching.reader.sizes()
        size = self._sizes.of(file)
        if size is None:
            self.faults[
                f"{urlsplit(file.url).hostname} does not publish the size of some files"
            ] = None
        return size

    def filename(self, pin: Pin, target: Target, place: Place) -> str | None:
        """Return the name of that file: as the lock has it, and else as an index does."""
        if pin.files:
            return _best_name(pin.files, self._tags(place))
        file = self.file(pin, target, place)
        return file.filename if file is not None else None

    def file(self, pin: Pin, target: Target, place: Place) -> IndexFile | None:
        """Return the file of a package that a place installs, or None where it cannot be told."""
        tags = self._tags(place)
        if pin.listed:
            return _best([(each, each.tags) for each in pin.listed], tags)
        wanted = _best_name(pin.files, tags)
        for _, page in self._pages(pin, target):
            files = [each for each in page.files_of(pin.name) if _is_meant(each, pin)]
            if pin.files:
                files = [each for each in files if each.filename == wanted]
            if files:
                return _best([(each, each.tags) for each in files], tags)
        return None

    def files(self, pin: Pin, target: Target) -> Iterator[tuple[str | None, tuple[IndexFile, ...]]]:
        """Yield each index that has files of a pin, and all that are locked, with their hashes.

        Of a page of links there is no index. A sha256 that neither lock nor page has stays None.

        :raises AccelockError: a page cannot be read.
        """
        for url, page in self._pages(pin, target):
            meant = (each for each in page.files_of(pin.name) if _is_meant(each, pin))
            files = [self._hashed(each, pin, target, url) for each in meant]
            if pin.files:
                files = [each for each in files if each.filename in pin.files]
            if files := [each for each in files if _is_meant(each, pin)]:
                unique = {each.filename: each for each in reversed(files)}
                index = None if Source(url).is_find_links else url
                yield index, tuple(unique[name] for name in sorted(unique))

    def _hashed(self, file: IndexFile, pin: Pin, target: Target, url: str) -> IndexFile:
        known = self.settings.catalogue.family_of(pin.name)
        if file.sha256 or self._opened is None:
            return file
        if pin.files:
            noted = pin.files.get(file.filename, "")
            return replace(file, sha256=noted if _SHA256.fullmatch(noted) else None)
        if known is None:
            return file
        from accelock.resolve.routing import Routing  # noqa: PLC0415 - `why` starts without it

        named = self._named(known[0], target) or Source(known[0].index)
        own = CPU if pin.label == CPU.name else target
        source = named if named.url(own) == url else Source(url)
        routing = Routing(
            self._opened.reader,
            self.settings.catalogue,
            sources={known[0].name: source},
            levels=self.settings.config.levels,
        )
        return routing.completed(file, known[0], own)

    def looked_at(self, pin: Pin, target: Target) -> str:
        """Return where a pin is looked for, without credentials."""
        fetching = self._open()
        urls = self._urls(pin, target, fetching) if fetching else ()
        return ", ".join(dict.fromkeys(map(redact, urls))) or "no index"

    def prefetch(self, pins: Iterable[Pin], target: Target) -> None:
        """Fetch the first page that each pin is looked up on, several at once."""
        listed = [pin for pin in pins if pin.url is None]
        fetching = self._open() if listed else None
        if fetching is not None:
            first = ((next(self._urls(pin, target, fetching), None), pin.name) for pin in listed)
            wanted = [(url, name) for url, name in first if url and not Source(url).is_find_links]
            fetching.reader.prefetch(wanted)

    def _pages(self, pin: Pin, target: Target) -> Iterator[tuple[str, ProjectPage]]:
        fetching = None if pin.url is not None else self._open()
        if fetching is None:
            return
        for url in dict.fromkeys(self._urls(pin, target, fetching)):
            page = self._page(url, pin.name, fetching.reader)
            if page is not None:
                yield url, page

    def _page(self, url: str, name: str, reader: IndexReader) -> ProjectPage | None:
        """Return a page of an index; one that did not answer once is asked no more."""
        if url in self._dead:
            return None
        try:
            is_page = Source(url).is_find_links
            return reader.find_links(url) if is_page else reader.project(url, name)
        except AccelockError as error:
            if self.is_strict:
                raise
            self.faults[str(error)] = None
            self._dead.add(url)
            return None

    def _open(self) -> Fetching | None:
        if self._opened is None and not self._is_closed:
            try:
                self._opened = self.open_reader()
            except AccelockError as error:
                if self.is_strict:
                    raise
                self.faults[f"no index was read: {error}"] = None
                self._is_closed = True
        return self._opened

    def _urls(self, pin: Pin, target: Target, fetching: Fetching) -> Iterator[str]:
        """Yield where to look: a family's package at its source first, or last (`lookup`)."""
        known = self.settings.catalogue.family_of(pin.name)
        family = known[0] if known else None
        own = CPU if pin.label == CPU.name else target
        named = self._named(family, own) if family else None
        source = (named or Source(family.index)).url(own) if family else None
        if family and source and family.release_of:
            source = Source(source).of_release(_release(family, pin, source)).template
        if known and source and known[1].lookup[0] == "family":
            # What nothing here names may have been named on the command line of the lock.
            yield source if named or not pin.index else _of_lock(pin.index, known[0], own)
            if "default" in known[1].lookup:
                yield from fetching.indexes
            return
        if pin.index is not None:
            yield source if family and source and family.recognise(pin.index) else pin.index
        yield from fetching.indexes
        if source:
            yield source

    def _named(self, family: Family, target: Target) -> Source | None:
        """Return where this machine reads a family: environment, or table; None: as usual."""
        if family.name in self.sources:
            return self.sources[family.name]
        named = sources_from_environment(os.environ, self.settings.catalogue)
        return named.get(family.name) or self.settings.config.named_source(family, target)

    def _tags(self, place: Place) -> Mapping[Tag, int]:
        tags = place.platform.tags(place.python, self.settings.config.levels)
        return {tag: rank for rank, tag in enumerate(tags)}


def _release(family: Family, pin: Pin, source: str) -> Version | None:
    """Return the release of torch whose page a lock names for a pin; None where it names none."""
    index = unquote(pin.index or "")
    templates = filter(None, (source, family.recognise(index)))
    found = (fields_in(template, index) for template in templates)
    return next((Version(each[RELEASE_OF]) for each in found if each), None)


def _linked(pin: Pin) -> IndexFile | None:
    """Return the file that a package's own URL is of; None of a folder or a repository."""
    url = urlsplit(pin.url or "")._replace(fragment="")
    filename = unquote(url.path.rpartition("/")[2])
    parsed = parse_filename(filename, pin.name)
    if parsed is None:
        return None
    return IndexFile(filename, url.geturl(), parsed.name, parsed.version, parsed.tags)


def _is_meant(file: IndexFile, pin: Pin) -> bool:
    """Tell whether a file is one of those that are locked: by version, and by hash where known."""
    if file.version != pin.parsed:
        return False
    return not (pin.hashes and file.sha256) or file.sha256 in pin.hashes


def _best(
    files: Iterable[tuple[File, frozenset[Tag] | None]], tags: Mapping[Tag, int]
) -> File | None:
    """Return the file that an installer takes: the best wheel that fits, else a source archive.

    :param files: each with the tags of its name; None of a source archive.
    :param tags: those of the place, each with its rank.
    """
    ranked = [
        (min((tags[t] for t in own or () if t in tags), default=None), file, own)
        for file, own in files
    ]
    fitting = [(rank, file) for rank, file, _own in ranked if rank is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    return next((file for _rank, file, own in ranked if own is None), None)


def _best_name(names: Iterable[str], tags: Mapping[Tag, int]) -> str | None:
    parsed = ((name, parse_filename(name)) for name in sorted(names))
    return _best([(name, each.tags) for name, each in parsed if each is not None], tags)


def _of_lock(index: str, family: Family, target: Target) -> str:
    """Return the index that a lock names, as it is for the target of a build."""
    template = family.recognise(index)
    return index if template is None else Source(template).url(target)


def sizes(
    locks: Sequence[TargetLock], downloads: Downloads, python: PythonVersion | None = None
) -> Iterator[str]:
    """Yield the MB of each target on one platform, and of all together, each file once.

    The platform is this machine's where the target has it, else the target's first one.
    """
    every: dict[tuple[str, str | None], Download] = {}
    for lock in locks:
        place = _place(lock, python or PythonVersion.host())
        if place is None:
            continue
        cost = _cost(lock, downloads, place)
        every |= {(each.pin.name, each.filename): each for each in cost.downloads}
        yield str(cost)
    if len(locks) > 1:
        yield f"all targets together: {spell_total(*total(every.values()))}"
    for fault in downloads.faults:
        yield f"sizes: {fault}"


def hold(lock: Lock, downloads: Downloads, warn: Callable[[str], None]) -> dict[Target, Cost]:
    """Return what each target with a max-mb downloads: where, of its platforms, that is most.

    No page is read for other targets, nor where a package is denied.

    :param warn: gets what the sum lacks, because nobody tells its size.
    :raises BudgetError: a target has what the project denies it, or downloads more than max-mb.
    """
    config = downloads.settings.config
    limits = {target: config.of(target) for target in lock.targets}
    faults = [why for t, each in lock.targets.items() for why in denied(each, limits[t])]
    if faults:
        raise BudgetError(faults, _WITHOUT_DENIED)
    found: dict[Target, Cost] = {}
    for target, each in lock.targets.items():
        max_mb = limits[target].max_mb
        costs = [_cost(each, downloads, p) for p in _places(each)] if max_mb is not None else []
        if max_mb is None or not costs:
            continue
        found[target] = cost = max(costs, key=lambda cost: cost.size)
        if unknown := _unknown(costs):
            warn(f"{target}: no index publishes the size of {unknown}; max-mb does not count it.")
        if fault := cost.above(max_mb):
            faults.append(fault)
    if faults:
        raise BudgetError(faults, _WITHIN_MB)
    return found


def _cost(lock: TargetLock, downloads: Downloads, place: Place) -> Cost:
    found = downloads.of(lock.at(place).values(), lock.target, place)
    return Cost(lock.target, place, tuple(found.values()))


def _unknown(costs: Iterable[Cost]) -> str:
    """Return the packages whose size nobody tells, each with the platforms where that is so."""
    found: dict[str, dict[str, None]] = {}
    for cost in costs:
        for pin in (each.pin for each in cost.downloads if each.size is None):
            found.setdefault(str(pin), {})[cost.place.platform.name] = None
    return ", ".join(f"{pin} ({', '.join(platforms)})" for pin, platforms in found.items())


def _places(lock: TargetLock) -> Iterator[Place]:
    """Yield where a target may be installed: of a range of Pythons, on the oldest.

    Files for Pythons to come are not there yet, and what this machine runs decides nothing.
    """
    for platform in lock.platforms or ():
        for python in lock.pythons or lock.supported[:1]:
            yield Place(platform, python)


def _place(lock: TargetLock, python: PythonVersion) -> Place | None:
    here = host_platform()
    there = lock.platforms or (() if here is None else (here,))
    if not there:
        return None
    return Place(here if here in there and here is not None else there[0], python)
