"""Which files a project has for a cell: the hooks on pip's finder.

An accelerated project's candidates come from where `accelock.resolve.routing` has it looked up;
every other project's come from the user's own indexes through pip, which never sees that source.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version as PipVersion

from accelock.hosts.piptools import pages
from accelock.hosts.piptools.best import Best
from accelock.hosts.piptools.state import place_of_files
from accelock.resolve.routing import look_up
from accelock.sources.model import parse_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelock.catalogue.model import Lookup
    from accelock.hosts.piptools.state import Run
    from accelock.resolve.routing import Accelerated
    from accelock.sources.model import IndexFile
    from accelock.targets import Cell, Levels

# What pip's evaluator has of pre-releases and of sources (24.0 to 26.3), beside what is asked.
_RULES = frozenset({"_allow_all_prereleases", "_prefer_binary", "_release_control"})


def target_python(cell: Cell, python: tuple[int, int, int], levels: Levels) -> TargetPython:
    """Return pip's description of the interpreter that a cell is for (PEP 425 tags, Python).

    :param python: the release that Requires-Python is judged for.
    """
    return TargetPython(
        platforms=list(cell.platform.wheel_platforms(levels)),
        py_version_info=python,
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


def listing(run: Run, finder: Any, name: str) -> Listing:
    """Return the links that a finder has of an ordinary project; collected once a run."""
    key = scope_of(finder, name)
    if key not in run.memo.listings:
        run.memo.listings[key] = Listing(name, finder)
    return run.memo.listings[key]


class Listing:
    """The links of an ordinary project by version, which pip evaluates when they are asked for.

    pip evaluates every link of a project for each platform: hundreds, of which a cell whose pins
    are known needs those of one version.

    :param finder: pip's, which tells the pages; any other one of the same scope tells the same.
    """

    def __init__(self, name: str, finder: Any) -> None:
        self.name = name
        self._links: dict[PipVersion | None, list[list[Any]]] = {}
        self._finders: dict[object, Any] = {}
        self._found: dict[tuple[object, PipVersion | None], list[Any]] = {}
        self._yanked: set[PipVersion | None] = set()
        # pip evaluates the links of each page, then the files of local folders, which come first.
        *pages_, files = _collected(name, finder)
        for number, links in enumerate([files, *pages_]):
            for link in links:
                version = _version_of(link.filename, canonicalize_name(name))
                groups = self._links.setdefault(version, [])
                groups += [[] for _ in range(number + 1 - len(groups))]
                groups[number].append(link)
                if pages.is_yanked(link):
                    self._yanked.add(version)

    def best(self, finder: Any, place: object, wanted: Any, evaluator: Any) -> Best | None:
        """Return pip's choice among the wanted versions; None where their names do not tell them.

        :param evaluator: pip's for what is wanted, without hashes.
        """
        self._finders[place] = finder
        if None in self._links and self._evaluated(place, None):
            return None
        versions = [each for each in self._versions(wanted) if each is not None]
        return Best(evaluator, versions, self._yanked, functools.partial(self._evaluated, place))

    def candidates(self, finder: Any, place: object, wanted: Any = None) -> list[Any]:
        """Return pip's candidates for a place.

        :param place: `place_of_files` of the cell that the finder is for; None where all
            platforms' files count.
        :param wanted: a specifier of pip's: other versions are not evaluated. None for all.
        """
        self._finders[place] = finder
        versions = self._versions(wanted)
        return [each for version in versions for each in self._evaluated(place, version)]

    def looked_up(self, place: object) -> list[Any]:
        """Return all candidates of a place that was looked at; nothing of another one."""
        finder = self._finders.get(place)
        return [] if finder is None else self.candidates(finder, place)

    def _versions(self, wanted: Any) -> list[PipVersion | None]:
        return [
            version
            for version in self._links
            if version is None or wanted is None or wanted.contains(version, prereleases=True)
        ]

    def _evaluated(self, place: object, version: PipVersion | None) -> list[Any]:
        key = (place, version)
        if key not in self._found:
            finder = self._finders[place]
            evaluator = finder.make_link_evaluator(self.name)
            self._found[key] = [
                candidate
                for links in self._links[version]
                for candidate in finder.evaluate_links(evaluator, map(pages.link_of, links))
            ]
        return self._found[key]


def _version_of(filename: str, name: str) -> PipVersion | None:
    """Return the version in the name of a file; None where it says none."""
    if filename.endswith(".whl"):  # PEP 427: the second component; the tags are not for us to read
        return _version(filename.split("-", 2)[1]) if "-" in filename else None
    parsed = parse_filename(filename, name)
    return None if parsed is None else _version(str(parsed.version))


@functools.lru_cache(maxsize=65_536)
def _version(text: str) -> PipVersion | None:
    try:
        return PipVersion(text)
    except ValueError:
        return None


def _collected(name: str, finder: Any) -> list[list[Any]]:
    """Return the links that pip would evaluate: those of each page, and those of local folders."""
    found: list[list[Any]] = []

    def collect(_evaluator: Any, links: Iterable[Any]) -> list[Any]:
        found.append(list(links))
        return []

    finder.evaluate_links = collect
    try:
        type(finder).find_all_candidates(finder, name)
    finally:
        del finder.evaluate_links
    return found


def route(run: Run, finder: Any, cell: Cell, *, all_wheels: Callable[[], bool]) -> None:
    """Make a finder answer for its cell: accelerated names by the catalogue's rule.

    :param all_wheels: whether pip-tools is collecting hashes, when every platform's files count.
    """
    router = _Router(run, finder, cell, all_wheels)
    hooks: dict[str, Callable[..., Any]] = {
        "find_all_candidates": router.find_all_candidates,
        "find_best_candidate": router.find_best_candidate,
    }
    for name, answer in hooks.items():
        hook = functools.partial(answer)
        # pip before 25.1 has an lru_cache on both, and pip-tools clears it by this name.
        vars(hook)["cache_clear"] = getattr(getattr(finder, name), "cache_clear", lambda: None)
        setattr(finder, name, hook)


class _Router:
    """A finder's answers. While a project is built, outside of a cell, no name is a family's."""

    def __init__(self, run: Run, finder: Any, cell: Cell, all_wheels: Callable[[], bool]) -> None:
        self._run = run
        self._finder = finder
        self._cell = cell
        self._all_wheels = all_wheels

    def find_all_candidates(self, name: str) -> list[Any]:
        accelerated = self._places(name)
        return self._ordinary(name) if accelerated is None else accelerated.all()

    def find_best_candidate(
        self, project_name: str, specifier: Any = None, hashes: Any = None
    ) -> Any:
        evaluator = self._finder.make_candidate_evaluator(
            project_name, specifier=specifier, hashes=hashes
        )
        accelerated = self._places(project_name)
        if accelerated is not None:
            found = accelerated.wanted(specifier, evaluator.get_applicable_candidates)
            return evaluator.compute_best_candidate(found)
        place = None if self._all_wheels() else place_of_files(self._cell)
        # Targets differ in no ordinary project: what decides is the place, and what is asked.
        rules = [(n, repr(v)) for n, v in sorted(vars(evaluator).items()) if n in _RULES]
        key = (scope_of(self._finder, project_name), place, str(specifier), hashes, *rules)
        if key not in self._run.memo.bests:
            best = None
            if not hashes and not evaluator._prefer_binary:
                project = listing(self._run, self._finder, project_name)
                best = project.best(self._finder, place, specifier, evaluator)
            self._run.memo.bests[key] = best or evaluator.compute_best_candidate(
                self._ordinary(project_name, specifier)
            )
        return self._run.memo.bests[key]

    def _places(self, name: str) -> _Places | None:
        found = self._run.routed.find(name) if self._run.active is not None else None
        if found is None:
            return None
        return _Places(self._run, found, canonicalize_name(name), self._cell, self._ordinary)

    def _ordinary(self, name: str, wanted: Any = None) -> list[Any]:
        place = None if self._all_wheels() else place_of_files(self._cell)
        return listing(self._run, self._finder, name).candidates(self._finder, place, wanted)


@dataclass(frozen=True, slots=True)
class _Places:
    """The places that have a family's package, and what a cell can take of it at each."""

    run: Run
    found: Accelerated
    name: str
    cell: Cell
    ordinary: Callable[[str, Any], list[Any]]

    def wanted(self, specifier: Any, fitting: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """Return the candidates of the one place for what is asked; if none fits, all there are.

        pip then says what versions there are.

        :param specifier: what is asked.
        :param fitting: which of some candidates fit that.
        """
        at: dict[Lookup, Callable[[], list[Any]]] = {
            "family": lambda: fitting(self._of_family()),
            "default": lambda: fitting(self._of_default(specifier)),
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
        self.run.routed.require_release(self.name, self.cell.target)
        files = self.run.routed.files(self.name, self.cell)
        return self._in_lockstep([_candidate(self.run, file) for file in files])

    def _of_default(self, specifier: Any = None) -> list[Any]:
        candidates = self.ordinary(self.name, specifier)
        is_found = bool(candidates or self.ordinary(self.name, None))
        pages.require_read(self.run, self.name, is_found=is_found)
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
