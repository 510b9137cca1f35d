"""The hashes behind a pin: those of exactly its files, from the index, not from downloads.

pip-tools ignores ``#sha256=`` fragments and downloads every wheel of a version where the index has
no JSON API, and for a pin ``torch==2.6.0`` it takes the first matching version's files, which may
be those of ``2.6.0+cpu`` (``matching_versions[0]`` in its ``_get_matching_candidates``).

pip takes a file in which every line has hashes, or none has ("hash-checking mode"). Where nobody
asked for them, a file has them if that costs no download, and else none at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import Version
from pip._vendor.packaging.utils import canonicalize_name

from accelock.errors import SourceError
from accelock.hosts.piptools.candidates import listing, scope_of
from accelock.hosts.piptools.files import pins_of
from accelock.locks.compiled import is_ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.sources.model import IndexFile
    from accelock.targets import Cell

# How many of the lines that stop the hashes a message names.
_NAMED = 3


def of_pin(run: Run, cell: Cell, ireq: Any, repository: Any) -> set[str]:
    """Return the hashes (``sha256:...``) of the files of a pin that fit a cell.

    :param repository: the cell's repository, in which all platforms' wheels are allowed now.
    :returns: nothing where a download would have to tell, and hashes are there by default alone.
    :raises SourceError: the index publishes no hash for a file that the cell needs.
    """
    name = canonicalize_name(ireq.name)
    version = Version(next(iter(ireq.specifier)).version)
    files = run.routed.files_of_version(name, cell, version)
    if files and _from_family(run, ireq):
        return _published(run, cell, files, ireq)
    key = (str(version), *scope_of(repository.finder, name))
    if key not in run.memo.hashes:
        run.memo.hashes[key] = _ordinary(run, name, version, ireq, repository)
    return run.memo.hashes[key]


def of_url(run: Run, ireq: Any, repository: Any) -> set[str]:
    """Return the hash of what an input names itself; nothing as in `of_pin`, and of a directory."""
    if _is_directory(ireq):
        return set()
    link = ireq.link
    if link is None or link.is_vcs or link.is_file or run.may_download:
        return set(repository.get_ordinary_hashes(ireq))
    return {f"sha256:{link.hash}"} if link.hash_name == "sha256" else set()


def settle(run: Run, captures: Mapping[Cell, Capture], outputs: Mapping[str, str]) -> None:
    """Take the hashes out of each file that cannot have them on all lines, and say why.

    :param outputs: target name -> the path of its file, or ``-``.
    """
    if not run.hashes_by_default:
        return
    for target in run.plan.targets:
        own = [captures[cell] for cell in run.plan.cells_of(target)]
        name = outputs[target.name]
        stops = list(dict.fromkeys(reason for capture in own for reason in _bare(capture)))
        if stops:
            for capture in own:
                capture.hashes = None
            more = f", and {len(stops) - _NAMED} more" if len(stops) > _NAMED else ""
            run.plan.say(
                f"NOTE: {name} has no hashes, because pip wants them on all lines or on none: "
                f"{'; '.join(stops[:_NAMED])}{more}."
            )
        elif _had_none(Path(name)) and any(capture.results for capture in own):
            run.plan.say(
                f"NOTE: {name} had no hashes, and has them now. pip then refuses to install "
                "anything without a hash in the same command. To leave the hashes out, use "
                "--no-generate-hashes."
            )


def _bare(capture: Capture) -> Iterator[str]:
    """Yield what keeps a cell's result from having a hash on every line."""
    hashes = capture.hashes or {}
    for ireq in sorted(capture.results, key=lambda each: str(each.name)):
        if not hashes.get(ireq):
            yield f"{ireq.name} {_why_bare(ireq)}"
    for name in sorted({each.name for each in capture.unsafe_requirements}):
        if not capture.writer["allow_unsafe"]:
            yield f"{name} is left out by --no-allow-unsafe"


def _is_directory(ireq: Any) -> bool:
    """Return whether an input names a directory; pip-tools 7.5.3 makes its link ``./seed[web]``."""
    links = (ireq.original_link, ireq.link)
    return any(link is not None and link.is_existing_dir() for link in links)


def _why_bare(ireq: Any) -> str:
    if ireq.editable:
        return "is editable"
    if ireq.original_link is not None and ireq.link.is_vcs:
        return "is a clone"
    if _is_directory(ireq):
        return "is a local directory"
    if ireq.original_link is not None:
        return "has no #sha256= in its URL"
    return "has files whose index publishes no sha256 (--allow-downloads hashes them)"


def _had_none(path: Path) -> bool:
    """Return whether a file is one that accelock wrote, with pins and without hashes."""
    pins = pins_of(path)
    return bool(pins) and is_ours(path) and not any(pin.hashes for pin in pins)


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
    if run.hashes_by_default and not run.may_download:
        return set()
    if not run.plan.allow_downloads:
        names = ", ".join(file.filename for file in bare)
        raise SourceError(
            f"The index publishes no sha256 for {ireq.req} on {cell}: {names} "
            f"({bare[0].page_url}). To hash it, accelock would have to download the whole wheel. "
            "Pin a version whose files have hashes, compile without --generate-hashes, or allow "
            "the download with --allow-downloads."
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
        is_here = bool(links) and all(link.hash_name == "sha256" or link.is_file for link in links)
        return set(repository.get_ordinary_hashes(ireq)) if is_here or run.may_download else set()
    return {f"sha256:{link.hash}" for link in links}
