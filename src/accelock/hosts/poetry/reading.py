"""Poetry's own session and indexes, for commands that read an index and lock nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.commands.downloads import Fetching
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleo.io.io import IO
    from poetry.poetry import Poetry


def fetching(poetry: Poetry, io: IO) -> Fetching:
    """Return what reads indexes as the project is set to: credentials, certificates, sources."""
    from poetry.utils.authenticator import Authenticator

    from accelock.hosts.poetry import sources
    from accelock.hosts.poetry.pool import TargetPool

    if isinstance(poetry.pool, TargetPool):
        sources.register_credentials(poetry.pool.project)
    session: Any = Authenticator(config=poetry.config, io=io)
    return Fetching(IndexReader(session), tuple(_indexes(poetry)))


def _indexes(poetry: Poetry) -> Iterator[str]:
    """Yield the indexes that Poetry asks for every package; explicit ones are for some alone."""
    from poetry.repositories.pypi_repository import PyPiRepository

    for repository in poetry.pool.repositories:
        if isinstance(repository, PyPiRepository):
            # Private in Poetry 2.0.1 to 2.5.1: the host, below which the simple index is.
            yield f"{repository._base_url.rstrip('/')}/simple"
        elif url := getattr(repository, "url", None):
            yield str(url)
