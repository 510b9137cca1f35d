"""Pages of indexes, kept between runs: a server that says 304 spares their transfer and parse.

A page is never taken without the server's word that it is still the same (RFC 9110, ETag and
Last-Modified), but for an offline run, which asks nobody.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from accelock.catalogue.source import redact
from accelock.errors import OfflineError
from accelock.sources.cache import cache_folder, path_of_key, write_whole
from accelock.sources.http import ABSENT, OK, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Pages", "conditions", "go_offline", "is_same"]

NOT_MODIFIED = 304
_FORMAT = 1  # of what is kept; other ones are not found
_MOST_BYTES = 2_000_000  # of the pages in each of 256 folders, beyond the last one that came
_KEPT_HEADERS = ("Content-Type", "ETag", "Last-Modified")
_CONDITIONS = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}


class Pages:
    """What URLs answered, in files that are known by their content: a damaged one is not there.

    Several runs may read and write them at once: a file is replaced whole.

    :param folder: where they are kept; the user's cache directory by default.
    :param kind: tells apart what is kept of one URL in different forms.
    :param offline: nobody is to be asked: what is kept is taken as it is.
    """

    def __init__(
        self, folder: Path | None = None, *, kind: str = "", offline: bool = False
    ) -> None:
        self._folder = (folder or cache_folder()) / "pages"
        self._kind = kind
        self.offline = offline

    def get(self, url: str) -> Reply | None:
        """Return what a URL answered, of status 200, or of 403, 404 or 410; None if unknown."""
        path = self._path(url)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            found = json.loads(head)
            if found["sha256"] != hashlib.sha256(body).hexdigest():
                return None
            came_from = str(found["url"]) or url
            answer = Reply(int(found["status"]), dict(found["headers"]), came_from, body)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the ones that nobody asks for are forgotten first
        return answer

    def put(self, url: str, answer: Reply) -> None:
        """Keep an answer."""
        if answer.status != OK and answer.status not in ABSENT:
            return
        if "no-store" in answer.headers.get("Cache-Control", "").lower():
            return
        # The URL that was asked may have a password or a token, which no cache is to have.
        redirected = "" if answer.url == url else answer.url
        if redirected != redact(redirected):
            return
        body = answer.body if answer.status == OK else b""
        head = {
            "status": answer.status,
            "url": redirected,
            "headers": {n: v for n in _KEPT_HEADERS if (v := answer.headers.get(n)) is not None},
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        path = self._path(url)
        with contextlib.suppress(OSError):
            _make_room(path.parent)
        write_whole(path, json.dumps(head).encode() + b"\n" + body)

    def _path(self, url: str) -> Path:
        # With its credentials: another user's page may list other files.
        return path_of_key(self._folder, f"{_FORMAT} {self._kind} {url}")


def conditions(known: Reply | None) -> dict[str, str]:
    """Return the headers that ask a server whether a kept page is still the same."""
    if known is None or known.status != OK:
        return {}
    return {n: v for n, mark in _CONDITIONS.items() if (v := known.headers.get(mark))}


def is_same(known: Reply | None, status: int, etag: str | None) -> bool:
    """Tell whether an answer says that a kept page, which it was asked about, is the same.

    A host tool's session may have a cache of its own, and answer 200 out of that.
    """
    if known is None:
        return False
    mark = known.headers.get("ETag")
    return status == NOT_MODIFIED or (status == OK and bool(etag) and etag == mark)


def go_offline(session: Any) -> None:
    """Let a session of `requests` refuse whatever it would ask of the network."""
    session.get_adapter = _Adapters(session.get_adapter)


class _Adapters:
    """A session's `get_adapter`: files are still read."""

    def __init__(self, original: Callable[[str], Any]) -> None:
        self._original = original

    def __call__(self, url: str) -> Any:
        return self if urlsplit(url).scheme in {"http", "https"} else self._original(url)

    def send(self, request: Any, **_options: Any) -> NoReturn:
        """Refuse a request.

        :raises OfflineError: always.
        """
        raise OfflineError(
            f"{redact(request.url)} is not in accelock's cache, and --offline forbids a request. "
            "Nothing was written. Run the command once without --offline."
        )


def _make_room(folder: Path) -> None:
    """Remove the pages of a folder that were not asked for for the longest time."""
    there = [(path.stat(), path) for path in folder.iterdir()]
    size = sum(each.st_size for each, _path in there)
    for each, path in sorted(there, key=lambda one: one[0].st_mtime):
        if size <= _MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        size -= each.st_size
