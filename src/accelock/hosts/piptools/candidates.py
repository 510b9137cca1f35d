"""Which files a project has for a cell: the hooks on pip's finder.

An accelerated project's candidates come from its family's source, through
`accelock.resolve.routing`; every other project's come from the user's own indexes through pip,
which never sees that source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython
from pip._vendor.packaging.utils import canonicalize_name

from accelock.hosts.piptools.state import place_of_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.hosts.piptools.state import Run
    from accelock.resolve.routing import Accelerated
    from accelock.sources.model import IndexFile
    from accelock.targets import Cell, Levels


def target_python(cell: Cell, levels: Levels) -> TargetPython:
    """Return pip's description of the interpreter that a cell is for (PEP 425 tags, Python)."""
    return TargetPython(
        platforms=list(cell.platform.wheel_platforms(levels)),
        py_version_info=(cell.python.major, cell.python.minor),
        abis=None,
        implementation="cp",
    )


def scope_of(finder: Any, name: str) -> tuple[object, ...]:
    """Return what decides which files a finder has of an ordinary name, whatever its platform.

    Each cell's layers may name other indexes and pages, or take other kinds of files.
    """
    scope = finder.search_scope
    formats = finder.format_control.get_allowed_formats(canonicalize_name(name))
    return (canonicalize_name(name), formats, (*scope.index_urls, None, *scope.find_links))


def route(run: Run, finder: Any, *, all_wheels: Callable[[], bool]) -> None:
    """Make a finder answer for its cell: accelerated names from their family, once per key.

    :param all_wheels: whether pip-tools is collecting hashes, when every platform's files count.
    """
    ordinary = finder.find_all_candidates

    def find_ordinary(name: str) -> list[Any]:
        active = run.active
        if active is None:
            return list(ordinary(name))
        place = None if all_wheels() else place_of_files(active.cell)
        key = (place, *scope_of(finder, name))
        if key not in run.memo.candidates:
            run.memo.candidates[key] = list(ordinary(name))
        return run.memo.candidates[key]

    def find_all_candidates(name: str) -> list[Any]:
        active = run.active
        found = run.shelves.find(name) if active is not None else None
        if active is None or found is None:
            return find_ordinary(name)
        return _accelerated(run, found, canonicalize_name(name), active.cell, find_ordinary)

    # pip before 25.1 has an lru_cache here, and pip-tools clears it by this name.
    find_all_candidates.cache_clear = getattr(  # type: ignore[attr-defined]
        ordinary, "cache_clear", lambda: None
    )
    finder.find_all_candidates = find_all_candidates


def _accelerated(
    run: Run,
    found: Accelerated,
    name: str,
    cell: Cell,
    ordinary: Callable[[str], list[Any]],
) -> list[Any]:
    """Return the candidates of a family's package, by the catalogue's rule for that package.

    A labelled package (torch) is never looked up anywhere but at its family's source. Of a library
    that both sources have (triton, nvidia-*), the preferred source's files count for each version
    that it has, and the other's for the versions that it lacks.
    """
    files = run.shelves.files(name, cell)
    decision = run.decision if found.package.lockstep else None
    if found.package.labelled:
        return [
            _candidate(run, file)
            for file in files
            if decision is None or decision.takes(name, cell, file.public)
        ]
    ours = [_candidate(run, file) for file in files]
    theirs = ordinary(name)
    first, second = (ours, theirs) if found.package.prefer == "family" else (theirs, ours)
    had = {candidate.version.public for candidate in first}
    both = first + [candidate for candidate in second if candidate.version.public not in had]
    return [
        candidate
        for candidate in both
        if decision is None or decision.takes(name, cell, Version(candidate.version.public))
    ]


def _candidate(run: Run, file: IndexFile) -> Any:
    """Return pip's candidate for one of our files, and remember the file by its URL."""
    run.files[file.url] = file
    url = f"{file.url}#sha256={file.sha256}" if file.sha256 else file.url
    link = Link(url, comes_from=file.page_url, requires_python=file.requires_python)
    return InstallationCandidate(file.name, str(file.version), link)
