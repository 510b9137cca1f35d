"""pip's own session and indexes, for commands that read an index and compile nothing."""

from __future__ import annotations

from piptools.locations import CACHE_DIR
from piptools.repositories.pypi import PyPIRepository

from accelock.index.reader import IndexReader
from accelock.report.downloads import Fetching


def fetching() -> Fetching:
    """Return what reads indexes as pip is set to: proxies, certificates, credentials, indexes.

    pip's settings come from its configuration files and variables, as in pip-compile.
    """
    repository = PyPIRepository([], cache_dir=CACHE_DIR)
    options = repository.options
    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    reader = IndexReader(repository.session, timeout=repository.session.timeout)
    return Fetching(reader, tuple(indexes))
