"""Which files a project has for a cell: the hooks on pip's finder.

An accelerated project's candidates come from where `accelock.resolve.routing` has it looked up;
every other project's come from the user's own indexes through pip, which never sees that source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython
from pip._vendor.packaging.utils import canonicalize_name

from accelock.hosts.piptools import pages
from accelock.hosts.piptools.state import place_of_files
from accelock.resolve.routing import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.catalogue.model import Place
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
    """Make a finder answer for its cell: accelerated names by the catalogue's rule, once per key.

    :param all_wheels: whether pip-tools is collecting hashes, when every platform's files count.
    """
    ordinary, best = finder.find_all_candidates, finder.find_best_candidate

    def find_ordinary(name: str) -> list[Any]:
        active = run.active
        if active is None:
            return list(ordinary(name))
        place = None if all_wheels() else place_of_files(active.cell)
        key = (place, *scope_of(finder, name))
        if key not in run.memo.candidates:
            run.memo.candidates[key] = list(ordinary(name))
        return run.memo.candidates[key]

    def places(name: str) -> _Places | None:
        active = run.active
        found = run.shelves.find(name) if active is not None else None
        if active is None or found is None:
            return None
        return _Places(run, found, canonicalize_name(name), active.cell, find_ordinary)

    def find_all_candidates(name: str) -> list[Any]:
        accelerated = places(name)
        return find_ordinary(name) if accelerated is None else accelerated.all()

    def find_best_candidate(project_name: str, specifier: Any = None, hashes: Any = None) -> Any:
        accelerated = places(project_name)
        if accelerated is None:
            return best(project_name, specifier, hashes)
        evaluator = finder.make_candidate_evaluator(
            project_name, specifier=specifier, hashes=hashes
        )
        found = accelerated.wanted(evaluator.get_applicable_candidates)
        return evaluator.compute_best_candidate(found)

    # pip before 25.1 has an lru_cache on both, and pip-tools clears it by this name.
    for hook, original in ((find_all_candidates, ordinary), (find_best_candidate, best)):
        vars(hook)["cache_clear"] = getattr(original, "cache_clear", lambda: None)
    finder.find_all_candidates = find_all_candidates
    finder.find_best_candidate = find_best_candidate


@dataclass(frozen=True, slots=True)
class _Places:
    """The places that have a family's package, and what a cell can take of it at each."""

    run: Run
    found: Accelerated
    name: str
    cell: Cell
    ordinary: Callable[[str], list[Any]]

    def wanted(self, fitting: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """Return the candidates of the one place for what is asked; if none fits, all there are.

        pip then says what versions there are.

        :param fitting: which of some candidates fit what is asked.
        """
        at: dict[Place, Callable[[], list[Any]]] = {
            "family": lambda: fitting(self._of_family()),
            "default": lambda: fitting(self._of_default()),
        }
        return list(look_up(self.found.package, at)) or self.all()

    def all(self) -> list[Any]:
        """Return the candidates of all places; of a version those of the first that has it."""
        at = {"family": self._of_family, "default": self._of_default}
        first, *others = (at[place]() for place in self.found.package.lookup)
        had = {candidate.version.public for candidate in first}
        second = [each for other in others for each in other if each.version.public not in had]
        return [*first, *second]

    def _of_family(self) -> list[Any]:
        files = self.run.shelves.files(self.name, self.cell)
        return self._in_lockstep([_candidate(self.run, file) for file in files])

    def _of_default(self) -> list[Any]:
        candidates = self.ordinary(self.name)
        pages.require_read(self.run, self.name, is_found=bool(candidates))
        return self._in_lockstep(candidates)

    def _in_lockstep(self, candidates: list[Any]) -> list[Any]:
        """Return what was decided that the cell may take, of a package in lockstep."""
        decision = self.run.decision
        if decision is None or not self.found.package.lockstep:
            return candidates
        return [
            each
            for each in candidates
            if decision.takes(self.name, self.cell, Version(each.version.public))
        ]


def _candidate(run: Run, file: IndexFile) -> Any:
    """Return pip's candidate for one of our files, and remember the file by its URL."""
    run.files[file.url] = file
    url = f"{file.url}#sha256={file.sha256}" if file.sha256 else file.url
    link = Link(url, comes_from=file.page_url, requires_python=file.requires_python)
    return InstallationCandidate(file.name, str(file.version), link)
