"""Reading indexes and find-links pages over the host tool's session, each page once a run."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import unquote, urldefrag, urlsplit

from mousebender.simple import create_project_url
from packaging.utils import canonicalize_name

from accelock.catalogue.source import redact
from accelock.errors import AccelockError, MetadataError, SourceError
from accelock.sources.cache import Digests, Metadata, Sizes
from accelock.sources.http import (
    ABSENT,
    ADVICE,
    OK,
    Http,
    Response,
    Session,
    cap_waits,
    describe_status,
    hide_credentials,
    path_of,
)
from accelock.sources.kept import Pages, conditions, is_same
from accelock.sources.model import IndexFile, ProjectPage, parse_filename
from accelock.sources.page import ACCEPT, JSON, as_json, collect, is_html, parse_page
from accelock.sources.wheel_metadata import CoreMetadata, checked, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


__all__ = ["IndexReader", "Response", "Session"]

HTML_SUFFIXES = frozenset({".html", ".htm"})

# As pip asks: JSON first, and a page out of a cache only after the server confirmed it.
HEADERS = {"Accept": ACCEPT, "Cache-Control": "max-age=0"}

Value = TypeVar("Value")


class IndexReader:
    """Pages and metadata of a whole run, each fetched and parsed once, whatever asks for it.

    What failed once is not asked again either: the same error is raised at once.

    :param session: the host tool's session, with its proxies, certificates and credentials.
    :param timeout: how long to wait for a server to connect or to go on, in seconds.
    :param cache: the folder of what is kept between runs; the user's by default.
    :param offline: pages are taken as they are kept; the session refuses what else is asked for.
    """

    def __init__(
        self,
        session: Session,
        *,
        timeout: float = 60.0,
        cache: Path | None = None,
        offline: bool = False,
    ) -> None:
        cap_waits(session)
        self._pages = Pages(cache, offline=offline)
        self._http = Http(session, timeout)
        self._kept = Metadata(cache)
        self._projects: _Memo[ProjectPage] = _Memo()
        self._find_links: _Memo[ProjectPage] = _Memo()
        self._metadata: _Memo[CoreMetadata] = _Memo()

    @property
    def fetched(self) -> list[str]:
        """Return the URLs that were asked for, in order, without credentials."""
        return self._http.fetched

    def project(self, index_url: str, name: str) -> ProjectPage:
        """Return a project's page of an index (PEP 503 or 691), which may be a `file:` URL.

        An index that answers 403, 404 or 410 has no such project: the page is empty and `absent`
        holds the status.

        :raises SourceError: the index cannot be read, or its answer is no index page.
        """
        project = canonicalize_name(name)
        url = create_project_url(index_url, project)
        if (directory := _local(index_url)) is not None:
            return self._projects.get(url, partial(_read_local_project, directory, project))
        return self._projects.get(url, partial(self._read_remote, url, project))

    def find_links(self, page_url: str) -> ProjectPage:
        """Return all files of a find-links location: an HTML page, a directory, or one file.

        :param page_url: a URL, a `file:` URL or a local path, as pip's `--find-links` takes it.
        :raises SourceError: it cannot be read or is no such place.
        """
        page = self.page(page_url)
        if page.absent is not None:
            status = describe_status(page.absent, {})
            raise SourceError(f"{redact(page_url)} could not be read: {status}. {ADVICE}")
        return page

    def page(self, page_url: str) -> ProjectPage:
        """Return a find-links page, which need not be there: it is empty then, and `absent`.

        :raises SourceError: it cannot be read otherwise.
        """
        return self._find_links.get(page_url, partial(self._read_find_links, page_url))

    def prefetch(
        self,
        projects: Iterable[tuple[str, str]] = (),
        find_links: Iterable[str] = (),
        files: Iterable[IndexFile] = (),
    ) -> None:
        """Fetch what will be asked for, several requests at once.

        What fails, fails when it is asked for.

        :param projects: (URL of an index, project).
        :param find_links: URLs of pages.
        :param files: of which to fetch the metadata.
        """
        work: dict[object, tuple[str, Callable[[], object]]] = {}
        for index, name in projects:
            work[index, name] = index, partial(self.project, index, name)
        for page in find_links:
            work[page] = page, partial(self.page, page)
        for file in files:
            key = f"{file.url} {file.core_metadata}"
            work[key] = file.url, partial(self.metadata, file)
        fetch_at_once(work.values())

    def metadata(self, file: IndexFile) -> CoreMetadata:
        """Return the core metadata of a file: by PEP 658, else out of the wheel by ranges.

        Read once for a file, and parsed once a run for it and what its page announces: another page
        of the same file can know more (a PEP 658 hash) than the one that led to a failure.

        :raises MetadataError: neither has it; the file itself is never downloaded.
        """
        key = f"{file.url} {file.core_metadata}"
        return self._metadata.get(key, partial(self._read_metadata, file))

    def digests(
        self,
        say: Callable[[str], None],
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        folder: Path | None = None,
    ) -> Digests:
        """Return what hashes files by downloading them, over this reader's session.

        :param say: gets the line that announces the downloads.
        :param progress: gets (bytes so far, bytes in all).
        :param folder: of the cache; the user's by default.
        """
        return Digests(self._http, say, progress, folder)

    def sizes(self, folder: Path | None = None) -> Sizes:
        """Return what tells how large files are, over this reader's session."""
        return Sizes(self._http, folder)

    def _read_metadata(self, file: IndexFile) -> CoreMetadata:
        if (known := self._kept.get(file)) is not None:
            with suppress(MetadataError):
                return checked(known, file)
        found = read_metadata(file, self._http)
        self._kept.put(file, found.raw)
        return found

    def _read_find_links(self, location: str) -> ProjectPage:
        if (path := _local(location)) is not None:
            return _read_local_find_links(path)
        url = urldefrag(location).url
        filename = unquote(urlsplit(url).path.rpartition("/")[2])
        if parse_filename(filename) is not None:
            return _single_file(location, filename)
        return self._read_remote(url, None)

    def _read_remote(self, url: str, project: str | None) -> ProjectPage:
        """Read a page, or take the kept one if the server says that it is the same."""
        known = answer = self._pages.get(url)
        if answer is None or not self._pages.offline:
            answer = self._http.get(url, {**HEADERS, **conditions(known)})
            if known is not None and is_same(known, answer.status, answer.headers.get("ETag")):
                answer = known
        if answer.status in ABSENT:
            if known is None or known.status != answer.status:
                self._pages.put(url, answer)
            return ProjectPage(answer.url, absent=answer.status)
        if answer.status != OK:
            status = describe_status(answer.status, answer.headers)
            raise SourceError(f"{redact(url)} could not be read: {status}. {ADVICE}")
        content_type = answer.headers.get("Content-Type", "")
        if is_html(content_type):  # which takes ten times as long to parse
            body = as_json(answer.body, content_type, answer.url)
            content_type = JSON
            answer = replace(answer, body=body, headers={**answer.headers, "Content-Type": JSON})
        page = parse_page(answer.body, content_type, answer.url, project)
        if answer is not known:
            self._pages.put(url, answer)
        return page


def _local(location: str) -> Path | None:
    """Return the path of a local place, None for a URL of the network.

    :raises SourceError: it is neither.
    """
    try:
        path, host = path_of(location), urlsplit(location).hostname
    except ValueError:  # http://[
        path, host = None, None
    if path is None and host is None:
        raise SourceError(
            f"{hide_credentials(location)} is neither a URL with a host nor an existing path. "
            "Check the spelling."
        )
    return path


def _read_local_project(directory: Path, project: str) -> ProjectPage:
    """Read `<project>/index.html`, which pip takes for the page of a local index."""
    page = directory / project / "index.html"
    if directory.is_dir() and not page.exists():
        return ProjectPage(page.as_uri(), absent=404)
    return parse_page(_read_file(page), "text/html", page.as_uri(), project)


def _read_local_find_links(path: Path) -> ProjectPage:
    """Read a directory (its files, and the HTML pages among them), a page, or name one file."""
    if path.is_dir():
        return _read_directory(path)
    if path.suffix.lower() in HTML_SUFFIXES:
        return parse_page(_read_file(path), "text/html", path.as_uri(), None)
    _read_file(path)
    return _single_file(path.as_uri(), path.name)


def _read_directory(path: Path) -> ProjectPage:
    found = list(_list_directory(path))
    pages = [_read_local_find_links(one) for one in found if one.suffix.lower() in HTML_SUFFIXES]
    entries = [
        {"filename": one.name, "url": one.as_uri()}
        for one in found
        if one.suffix.lower() not in HTML_SUFFIXES
    ]
    url = path.as_uri()
    pages.append(collect(entries, url, url, None))
    return ProjectPage(
        url,
        tuple(file for page in pages for file in page.files),
        tuple(name for page in pages for name in page.skipped),
    )


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(_unreadable(path, error)) from error


def _list_directory(path: Path) -> Iterator[Path]:
    """Yield the files of a find-links directory by name, not those of its subdirectories."""
    try:
        yield from sorted(entry for entry in path.iterdir() if entry.is_file())
    except OSError as error:
        raise SourceError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{path} could not be read: {reason}. Check the path and its permissions."


def _single_file(location: str, filename: str) -> ProjectPage:
    url, fragment = urldefrag(location)
    kind, _, digest = fragment.partition("=")
    entry = {"filename": filename, "url": url, "hashes": {kind: digest}}
    return collect([entry], url, url, None)


class _Memo(Generic[Value]):
    """Results by key, errors among them: a dead index is waited for once, not once a cell."""

    def __init__(self) -> None:
        self._results: dict[str, Value | AccelockError] = {}

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        if key not in self._results:
            try:
                self._results[key] = make()
            except AccelockError as error:
                self._results[key] = error
        result = self._results[key]
        if isinstance(result, AccelockError):
            raise result
        return result


MOST = 8
"""How many requests are on their way at the same time."""


def fetch_at_once(work: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Fetch what will be asked for, several requests at once.

    What fails, fails when it is asked for, with the same error, and not here. The first request to
    each host goes alone, because it may find or ask for credentials.

    :param work: URLs, each with the function that fetches it and keeps what came.
    """
    hosts: dict[str, list[Callable[[], object]]] = {}
    for url, fetch in work:
        with suppress(ValueError):
            hosts.setdefault(urlsplit(url).netloc, []).append(fetch)
    for fetches in hosts.values():
        _quietly(fetches[0])
    rest = list(itertools.chain.from_iterable(fetches[1:] for fetches in hosts.values()))
    if rest:
        with ThreadPoolExecutor(min(MOST, len(rest))) as pool:
            list(pool.map(_quietly, rest))


def _quietly(fetch: Callable[[], object]) -> None:
    with suppress(AccelockError):
        fetch()
