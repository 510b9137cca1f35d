"""The hashes behind a pin: those of exactly its files, from the index, not from downloads.

pip-tools ignores ``#sha256=`` fragments and downloads every wheel of a version where the index has
no JSON API, and for a pin ``torch==2.6.0`` it takes the first matching version's files, which may
be those of ``2.6.0+cpu`` (``matching_versions[0]`` in its ``_get_matching_candidates``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version
from pip._vendor.packaging.utils import canonicalize_name

from accelock.errors import SourceError
from accelock.hosts.piptools.candidates import listing, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelock.hosts.piptools.state import Run
    from accelock.sources.model import IndexFile
    from accelock.targets import Cell


def of_pin(run: Run, cell: Cell, ireq: Any, repository: Any) -> set[str]:
    """Return the hashes (``sha256:...``) of the files of a pin that fit a cell.

    :param repository: the cell's repository, in which all platforms' wheels are allowed now.
    :raises SourceError: the index publishes no hash for a file that the cell needs.
    """
    name = canonicalize_name(ireq.name)
    version = Version(next(iter(ireq.specifier)).version)
    files = run.shelves.files_of_version(name, cell, version)
    if files and _from_family(run, ireq):
        return _published(run, cell, files, ireq)
    key = (str(version), *scope_of(repository.finder, name))
    if key not in run.memo.hashes:
        run.memo.hashes[key] = _ordinary(run, name, version, ireq, repository)
    return run.memo.hashes[key]


def complete(hashes: dict[Any, set[str]], repository: Any) -> dict[Any, set[str]]:
    """Make sure that each pin has the hash of the file that the cell chose.

    pip-tools reuses the hashes of an existing file, which may lack a platform that is new to it or
    a wheel that was uploaded since.
    """
    inner = getattr(repository, "repository", repository)
    for ireq, found in hashes.items():
        link = ireq.link
        own = f"sha256:{link.hash}" if link is not None and link.hash_name == "sha256" else None
        if found and own is not None and own not in found:
            with inner.allow_all_wheels():
                hashes[ireq] = inner.get_hashes(ireq)
    return hashes


def _from_family(run: Run, ireq: Any) -> bool:
    link = ireq.link
    return link is not None and link.url_without_fragment in run.files


def _published(run: Run, cell: Cell, files: Iterable[IndexFile], ireq: Any) -> set[str]:
    """Return the hashes that the family's index publishes, those of this cell's files at least."""
    tags = frozenset(cell.platform.tags(cell.python, run.plan.levels))
    hashes = {f"sha256:{file.sha256}" for file in files if file.sha256}
    bare = [file for file in files if not file.sha256 and file.fits(tags)]
    if bare and not any(file.sha256 and file.fits(tags) for file in files):
        hashes |= _without_fragment(run, cell, bare, ireq)
    return hashes


def _without_fragment(run: Run, cell: Cell, bare: list[IndexFile], ireq: Any) -> set[str]:
    if not run.plan.allow_downloads:
        names = ", ".join(file.filename for file in bare)
        raise SourceError(
            f"The index publishes no sha256 for {ireq.req} on {cell}: {names} "
            f"({bare[0].page_url}). To hash it, the whole wheel would have to be downloaded. "
            "Pin a version whose files carry hashes, compile without --generate-hashes, "
            "or allow the download with --allow-downloads."
        )
    return {f"sha256:{digest}" for digest in run.sha256_of(bare).values()}


def _ordinary(run: Run, name: str, version: Version, ireq: Any, repository: Any) -> set[str]:
    """Return the hashes of all files of exactly this version, from the links' fragments."""
    finder = repository.finder
    links = [
        candidate.link
        for candidate in listing(run, finder, name).candidates(finder, None, ireq.specifier)
        if str(candidate.version) == str(version)
    ]
    if not links or any(link.hash_name != "sha256" for link in links):
        return set(repository.get_ordinary_hashes(ireq))
    return {f"sha256:{link.hash}" for link in links}
