"""pip's own session and indexes: as its configuration has them, and what it is told beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from piptools.locations import CACHE_DIR
from piptools.repositories.pypi import PyPIRepository

from accelock.commands.downloads import Fetching
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from collections.abc import Iterable


def fetching() -> Fetching:
    """Return what reads indexes as pip is set to: proxies, certificates, credentials, indexes.

    It is for commands that compile nothing.

    pip's settings come from its configuration files and variables, as in pip-compile.
    """
    repository = PyPIRepository([], cache_dir=CACHE_DIR)
    options = repository.options
    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    reader = IndexReader(repository.session, timeout=repository.session.timeout)
    return Fetching(reader, tuple(indexes))


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


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
