"""A package server on 127.0.0.1 that counts what it is asked for."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.support.answers import Answer, absent, basic, spoilt, wants_json, whole_or_part
from tests.support.pages import (
    JSON_TYPE,
    Page,
    find_links,
    project_html,
    project_json,
    release_json,
    root_html,
    root_json,
)
from tests.support.threaded import Threaded

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.support.sites import Index, Options, Site

PYPI = "/simple"
PYPI_RELEASE = re.compile(r"/pypi/(?P<name>[^/]+)/(?P<version>[^/]+)/json")


@dataclass(frozen=True, slots=True)
class Request:
    """One request and its answer; `path` is unquoted, `body` counts its bytes."""

    method: str
    path: str
    status: int
    body: int
    range: str | None
    accept: str | None
    login: str | None = None

    @property
    def is_file(self) -> bool:
        return self.path.endswith((".whl", ".tar.gz"))


class IndexServer(Threaded):
    """Serves a `Site` while the `with` block lasts; `site` may be replaced at any time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._files = site.hosted()
        self._log: list[Request] = []
        self._waiting = 0
        self.most_at_once = 0
        """How many requests were waiting for a delayed answer at the same time."""
        self._errors: list[BaseException] = []
        self._http = HttpServer(self)
        super().__init__(self._http)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        if self._errors and kind is None:
            raise self._errors[0]

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def url(self) -> str:
        """The address without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The same server under another host name."""
        return f"http://localhost:{self.port}"

    @property
    def site(self) -> Site:
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site, self._files = site, site.hosted()

    def configure(self, prefix: str = "/", **options: Any) -> None:
        """Change the options of everything under a path (see `Site.configured`)."""
        self.site = self.site.configured(prefix, **options)

    # What was asked for

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(self._log)

    def reset(self) -> None:
        """Forget the requests so far."""
        self._log.clear()
        self.most_at_once = 0

    def pages(self, path: str | None = None) -> tuple[Request, ...]:
        """Requests for pages of indexes and find-links pages; or for the one page at `path`."""
        return self._asked(path, lambda request: not request.is_file and not is_metadata(request))

    def metadata(self, path: str | None = None) -> tuple[Request, ...]:
        """Requests for PEP 658 metadata; or for that of the file at `path`."""
        return self._asked(path and f"{path}.metadata", is_metadata)

    def ranges(self, path: str | None = None) -> tuple[Request, ...]:
        """Requests that got a part of a file."""
        return self._asked(path, lambda request: request.is_file and request.status == 206)

    def bodies(self, path: str | None = None) -> tuple[Request, ...]:
        """Requests that got a whole wheel or sdist."""
        return self._asked(path, lambda each: each.is_file and each.status == 200 and each.body > 0)

    def bodies_of_wheels(self) -> tuple[Request, ...]:
        """Requests that got a whole wheel."""
        return tuple(each for each in self.bodies() if each.path.endswith(".whl"))

    def _asked(self, path: str | None, wanted: Callable[[Request], bool]) -> tuple[Request, ...]:
        return tuple(r for r in self._log if wanted(r) and (path is None or r.path == path))

    # Answering

    def answer(self, handler: Handler) -> Answer | None:
        """What to send; None: close the connection."""
        path = unquote(urlsplit(handler.path).path)
        options = self._site.options(path)
        if options.delay:
            self._waiting += 1
            self.most_at_once = max(self.most_at_once, self._waiting)
            time.sleep(options.delay)
            self._waiting -= 1
        if options.login and handler.headers.get("Authorization") != basic(options.login):
            return Answer(401, b"", headers={"WWW-Authenticate": 'Basic realm="index"'})
        if options.moved:
            return Answer(302, headers={"Location": f"{options.moved}{quote(path)}"})
        if options.fault == "unavailable":
            return Answer(503, b"Service Unavailable")
        if options.fault == "drop":
            return None
        return spoilt(self._found(path, options, handler), options)

    def _found(self, path: str, options: Options, handler: Handler) -> Answer:
        if path.endswith(".metadata"):
            return self._metadata(path.removesuffix(".metadata"), options)
        if path in self._files:
            content = self._files[path].distribution.content
            return whole_or_part(content, handler.headers.get("Range", ""), options)
        for page in self._site.pages:
            if page.path == path:
                text = find_links(page.files, self._page(path, options))
                return Answer(200, text.encode(), "text/html")
        if release := PYPI_RELEASE.fullmatch(path):
            return self._release(release["name"], release["version"], options)
        for index in sorted(self._site.indexes, key=lambda each: len(each.path), reverse=True):
            if f"{path}/".startswith(f"{index.path}/"):
                return self._of_index(index, path, options, handler)
        return absent(options)

    def _metadata(self, path: str, options: Options) -> Answer:
        file = self._files.get(path)
        if file is None or options.metadata in {"off", "gone"} or not file.distribution.is_wheel:
            return absent(options)
        return Answer(200, file.distribution.metadata, "application/octet-stream")

    def _release(self, name: str, version: str, options: Options) -> Answer:
        """Answer as PyPI's own JSON does, for the index that stands where PyPI's is."""
        files = self._site.index(PYPI).projects.get(name, ())
        found = tuple(file for file in files if file.distribution.version == version)
        if not found:
            return absent(options)
        text = release_json(found, self._page(f"{PYPI}/{name}/", options))
        return Answer(200, text.encode(), "application/json")

    def _of_index(self, index: Index, path: str, options: Options, handler: Handler) -> Answer:
        as_json = wants_json(options, handler.headers.get("Accept", ""))
        inner = path.removeprefix(index.path).strip("/")
        wanted = f"{index.path}/{canonicalize_name(inner)}/" if inner else f"{index.path}/"
        if "/" in inner or (inner and canonicalize_name(inner) not in index.projects):
            return absent(options)
        if path != wanted:
            return Answer(301, headers={"Location": quote(wanted)})
        if not inner:
            text = root_json(index) if as_json else root_html(index)
        else:
            write = project_json if as_json else project_html
            text = write(inner, index.projects[inner], self._page(path, options))
        kind = JSON_TYPE if as_json else "text/html; charset=utf-8"
        return Answer(200, text.encode(), kind, {"Vary": "Accept"})

    def _page(self, path: str, options: Options) -> Page:
        return Page(path, options, self.other_url, self.url)

    def note(self, handler: Handler, status: int, body: int) -> None:
        path = unquote(urlsplit(handler.path).path)
        headers = handler.headers
        asked = (headers.get(each) for each in ("Range", "Accept", "Authorization"))
        self._log.append(Request(handler.command, path, status, body, *asked))

    def note_error(self, error: BaseException) -> None:
        self._errors.append(error)


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: IndexServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Keep the error for the test, unless it is only a client that hung up."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.owner.note_error(error)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds until the thread of a kept connection ends
    server: HttpServer
    # Headers and body leave in one segment: in two, each answer on a kept connection stalls 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        owner = self.server.owner
        answer = owner.answer(self)
        if answer is None:
            owner.note(self, 0, 0)
            self.close_connection = True
            return
        body = b"" if self.command == "HEAD" else answer.body
        owner.note(self, answer.status, len(body))
        self.send_response(answer.status)
        headers = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))}
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if int((headers | answer.headers)["Content-Length"]) != len(answer.body):
            self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the requests are in the log."""


def is_metadata(request: Request) -> bool:
    return request.path.endswith(".metadata")
