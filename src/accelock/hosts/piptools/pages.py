"""The user's own indexes: their credentials, and their pages, once a run (pip's collector)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pip._internal.index import collector, package_finder
from pip._internal.models.link import Link
from pip._vendor.packaging.utils import canonicalize_name

from accelock.catalogue import redact
from accelock.errors import SourceError
from accelock.hosts.piptools.patches import Patches
from accelock.sources.http import OK, Http, Reply, hide_credentials
from accelock.sources.kept import Pages, conditions, is_same
from accelock.sources.page import JSON, cut_off, strange
from accelock.sources.reader import fetch_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from accelock.hosts.piptools.state import Run

_ADVICE = (
    "Check the address of the index (--index-url, --extra-index-url, pip's configuration) and the "
    "network (proxy, certificates)."
)
# An index that lacks a project says so in this way: no fault of its page.
_ABSENT = frozenset({404, 410})
_FORBIDDEN = "it answered 403 "
_VERSION = re.compile(rb'"api-version"\s*:\s*"(\d+)[."]')
_AFTER_PATH = re.compile(r"[?#].*", re.DOTALL)
# What `Link.from_json` reads of a file of a page.
_KEYS = (
    "url", "hashes", "requires-python", "yanked", "core-metadata", "dist-info-metadata",
    "upload-time",
)  # fmt: skip


def install(run: Run, patches: Patches) -> None:
    """Fetch and parse each index page once a run, for the time of ``patches``."""
    patches.wrap(collector, "_get_index_content", lambda old: _fetch_once(run, old))
    patches.wrap(collector, "_handle_get_simple_fail", lambda old: _listen(run, old))
    patches.wrap(package_finder, "parse_links", lambda old: _parse_once(run, old))


def prefetch(run: Run, finder: Any, names: Iterable[str]) -> None:
    """Fetch pages of ordinary projects that pip's resolver will ask for, several at once.

    :param finder: pip's, which knows the indexes.
    :param names: of projects; a family's has its own pages, and is left out.
    """
    work = {}
    for name in dict.fromkeys(map(canonicalize_name, names)):
        if run.routing is None or run.routing.find(name) is not None:
            continue
        for url in finder.search_scope.get_index_urls_locations(name):
            link = Link(url)
            if link.url in run.memo.pages or link.scheme not in ("http", "https"):
                continue
            if link.scheme == "https" or run.session.is_secure_origin(link):
                get = functools.partial(collector._get_index_content, link, session=run.session)
                work[link.url] = get
    fetch_at_once(work.items())


def faults(run: Run, reason: str) -> list[str]:
    """Return what was wrong with the pages of the projects that a failure is about.

    pip passes over a page that it cannot fetch, or that has no links, as if the index lacked the
    project: "from versions: none" is all that it says then.

    :param reason: pip's words, in which the names of the projects are.
    """
    about = canonicalize_name(reason)
    return [
        f"{redact(url)} {fault}"
        for url, page in run.memo.pages.items()
        if _project_of(url) in about and (fault := _fault(run, url, page))
    ]


def require_read(run: Run, name: str, *, is_found: bool) -> None:
    """Refuse to go on where a page of a family's package could not be read.

    What its other place has of it would fill the gap, with other files and other hashes. An index
    on S3 answers 403 for a project that it lacks, which is believed where another one has it.

    :param name: canonical.
    :param is_found: an index has files of the project.
    :raises SourceError: such a page.
    """
    for url, why in run.memo.unread.items():
        if _project_of(url) == name and not (is_found and why.startswith(_FORBIDDEN)):
            raise SourceError(f"{redact(url)} could not be read: {why}. {_ADVICE}")


def introduce(session: Any, urls: Iterable[str]) -> None:
    """Tell pip's session of more indexes: it asks keyring for the credentials of those it knows.

    An input file that names indexes makes the session forget all others, so that this is for each
    cell to do. pip takes the credentials of the nearest index that it knows on a host: one without
    a user name must not stand before the user's own.
    """
    known = session.auth.index_urls or []
    hosts = {_host(url) for url in known}
    new = (url for url in sorted(urls) if urlsplit(url).username or _host(url) not in hosts)
    session.update_index_urls([*known, *(url for url in new if url not in known)])


def _project_of(url: str) -> str:
    """Return the project whose page this is; of a find-links page nothing, which is in any text."""
    path = urlsplit(url).path
    return canonicalize_name(path.rstrip("/").rpartition("/")[2]) if path.endswith("/") else ""


def _fault(run: Run, url: str, page: Any) -> str | None:
    if page is None:
        why = run.memo.unread.get(url)
        return f"could not be read: {why}." if why else None
    filenames = [link.filename for link in run.memo.links.get(_key(page), ())]
    odd = strange(page.content, page.content_type, filenames)
    return f"has no files: {odd}." if odd else None


def _fetch_once(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    def fetch(link: Any, **kwargs: Any) -> Any:
        if link.url not in run.memo.pages:
            # pip turns what keeps it from an answer into None, but not what ends one too early.
            http = Http(run.session, run.session.timeout, advice=_ADVICE)
            with http.failures(link.url):
                asking = _Asking(http, run.kept)
                page = original(link, **{**kwargs, "session": asking})
                if page is None and asking.kind is not None:
                    why = f"it is not an index page; its type is {asking.kind or '(none)'}"
                    run.memo.unread.setdefault(link.url, why)
                run.memo.pages[link.url] = page
        return run.memo.pages[link.url]

    return fetch


@dataclass(frozen=True, slots=True)
class _Page:
    """What pip reads of an answer (24.0 to 26.3)."""

    status_code: int
    headers: Mapping[str, str]
    url: str
    content: bytes
    reason: str = "as it was kept"
    request: Any = None


class _Asking:
    """What pip asks for pages: its session, by which only those come that have changed.

    A page is read within our limits: pip has none, for what drips in without an end. `kind` is the
    Content-Type of what was there, of which pip takes some for no page.
    """

    def __init__(self, http: Http, kept: Pages) -> None:
        self._http = http
        self._session: Any = http.session
        self._kept = kept
        self.kind: str | None = None

    def head(self, url: str, **options: Any) -> Any:
        """Ask as pip does."""
        with self._http.in_time(url):
            return self._session.head(url, **options)

    def get(self, url: str, *, headers: Mapping[str, str], **options: Any) -> Any:
        """Return the answer for a page, or what stands for it."""
        if urlsplit(url).scheme not in {"http", "https"}:
            return self._session.get(url, headers=headers, **options)
        known = self._kept.get(url)
        if known is None or not self._kept.offline:
            asked = {**headers, **conditions(known)}
            with self._http.in_time(url):
                said = self._session.get(url, headers=asked, stream=True, **options)
            body = self._http.read(said, url)
            if said.status_code == OK:
                self.kind = said.headers.get("Content-Type", "")
            if not is_same(known, said.status_code, said.headers.get("ETag")):
                if known is None or OK in {known.status, said.status_code}:
                    self._kept.put(url, Reply(said.status_code, said.headers, said.url, body))
                return _Page(
                    said.status_code, said.headers, said.url, body, said.reason, said.request
                )
        if known is None:
            raise RuntimeError("what was not asked for is kept")
        return _Page(known.status, known.headers, known.url, known.body)


def _listen(run: Run, original: Callable[..., None]) -> Callable[..., None]:
    """Hear why pip passes over a page: it says so only at a level that nobody turns on."""

    def failed(link: Any, reason: Any, *args: Any, **kwargs: Any) -> None:
        response = getattr(reason, "response", None)
        if response is None:
            run.memo.unread[link.url] = hide_credentials(str(reason)).rstrip(".")
        elif response.status_code not in _ABSENT:
            run.memo.unread[link.url] = f"it answered {response.status_code} {response.reason}"
        original(link, reason, *args, **kwargs)

    return failed


def _parse_once(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    def parse(page: Any) -> list[Any]:
        key = _key(page)
        if key not in run.memo.links:
            run.memo.links[key] = _links(page, original)
        return run.memo.links[key]

    return parse


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a page (PEP 691), of which pip's link is made when it is looked at.

    pip makes one of each: a tenth of a second for a project of some thousand files, of which a lock
    looks at a few.
    """

    said: Mapping[str, Any]
    page_url: str

    @classmethod
    def read(cls, said: Mapping[str, Any], page_url: str) -> Entry | None:
        """Stand in for `Link.from_json` of pip 24.0 to 26.3, with the keys that it reads.

        :raises TypeError: this is not a file of a page.
        """
        if said.get("url") is None:
            return None
        if not isinstance(said["url"], str) or not isinstance(said.get("hashes", {}), dict):
            raise TypeError(f"{said!r} is not a file of a page")
        return cls({key: said[key] for key in _KEYS if key in said}, page_url)

    @property
    def filename(self) -> str:
        """Return what pip calls the file: the last part of its URL."""
        last = _AFTER_PATH.sub("", self.said["url"]).rpartition("/")[2]
        return unquote(last) if "%" in last else last

    @property
    def sha256(self) -> str | None:
        """Return the hash that the page publishes."""
        digest = self.said.get("hashes", {}).get("sha256")
        return None if digest is None else str(digest)


class _Links(Link):  # type: ignore[misc]
    """What pip's `parse_links` makes links with: entries, where the page is JSON."""

    from_json = Entry.read


def link_of(each: Any) -> Any:
    """Return pip's link of an entry, or a link as it is."""
    return Link.from_json(each.said, each.page_url) if isinstance(each, Entry) else each


def sha256_of(each: Any) -> str | None:
    """Return the hash that is published of an entry or a link."""
    if isinstance(each, Entry):
        return each.sha256
    return str(each.hash) if each.hash_name == "sha256" else None


def is_yanked(each: Any) -> bool:
    """Return whether an entry or a link is of a yanked file (PEP 592), as pip has it."""
    if isinstance(each, Entry):
        return bool(each.said.get("yanked"))
    return bool(each.is_yanked)


def _key(page: Any) -> str:
    """Return a key by the content object, not by its URL alone: pip's own cache is process-wide."""
    return f"{id(page)}:{page.url}"


def _links(page: Any, original: Callable[..., Any]) -> list[Any]:
    """Return the links of a page; of half a page of HTML, pip would read half of them."""
    if cut := cut_off(page.content, page.content_type):
        raise SourceError(
            f"{redact(page.url)} could not be read: the page is cut off ({cut}). {_ADVICE}"
        )
    version = _VERSION.search(page.content) if page.content_type.lower().startswith(JSON) else None
    if version is not None and version[1] != b"1":  # of which pip takes no notice (PEP 691)
        raise SourceError(
            f"{redact(page.url)} could not be read: the page is of version {version[1].decode()} "
            f"of its format, and accelock knows version 1. {_ADVICE}"
        )
    # Not through pip's cache, which lasts as long as the process and is for links alone.
    parse = getattr(original, "__wrapped__", original)
    try:
        with Patches() as patches:
            patches.replace(collector, "Link", _Links)
            return list(parse(page))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # What pip lets through of a page that is neither the HTML nor the JSON it says it is.
        raise SourceError(
            f"{redact(page.url)} is not a page of a package index ({type(error).__name__}: "
            f"{error}). {_ADVICE}"
        ) from error


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
