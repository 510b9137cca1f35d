"""pip-tools as a host of the search: one cell at a time, solved by its own command."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pip._vendor.packaging.specifiers import SpecifierSet as PipSpecifierSet
from pip._vendor.packaging.utils import canonicalize_name
from piptools.utils import is_pinned_requirement, is_url_requirement

from accelock.errors import MetadataError, SourceError
from accelock.hosts.piptools import inputs
from accelock.hosts.piptools.calling import CompileCall, OutputName, PipNoSolutionError
from accelock.hosts.piptools.dependencies import Dependencies
from accelock.hosts.piptools.merge import requirers
from accelock.hosts.piptools.state import Active
from accelock.resolve.host import Available, Demand, Group, NoSolution
from accelock.sources.wheel_metadata import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.resolve.lockstep import Decision
    from accelock.targets import Cell


def pins(capture: Capture) -> dict[str, Any]:
    """Return the pins of a cell's result by canonical name; no URLs, no editables."""
    return {
        canonicalize_name(ireq.name): ireq
        for ireq in (*capture.results, *capture.unsafe_requirements)
        if not ireq.editable and not is_url_requirement(ireq) and is_pinned_requirement(ireq)
    }


def version_of(ireq: Any) -> Version:
    """Return the version of a pinned requirement."""
    return Version(next(iter(ireq.specifier)).version)


def specifiers_of(capture: Capture, name: str) -> SpecifierSet:
    """Return what the inputs of a cell ask of a project, all of them together."""
    named = (each for each in capture.constraints if each.name)
    return _wanted([each for each in named if canonicalize_name(each.name) == name], capture)


@dataclass
class PipHost:
    """What `accelock.resolve.search` asks of pip-tools.

    :param probes: what the inputs say in each cell.
    :param outputs: target name -> the file whose pins are to stay, or None for the command's own.
    :param locked: (target name, project name) -> the public version that its file has.
    """

    run: Run
    command: CompileCall
    probes: Mapping[Cell, Capture]
    outputs: Mapping[str, str | None]
    locked: Mapping[tuple[str, str], Version]
    _requires: dict[tuple[str, Version, Cell], tuple[Requirement, ...]] = field(
        default_factory=dict
    )
    _libraries: dict[tuple[str, str, Cell], bool] = field(default_factory=dict)

    def demands(self, cell: Cell) -> dict[str, Demand]:
        """Return what the inputs say of each project in a cell, by the name that they say."""
        capture, found = self.probes[cell], dict[str, list[Any]]()
        for ireq in capture.constraints:
            if ireq.name:
                name = canonicalize_name(ireq.name)
                found.setdefault(capture.substituted.get(name, name), []).append(ireq)
        return {
            name: Demand(
                _wanted(ireqs, capture),
                is_root=any(not each.constraint for each in ireqs),
                is_direct=any(is_url_requirement(each) or each.editable for each in ireqs),
                places=tuple(dict.fromkeys(self._places(ireqs, cell))),
            )
            for name, ireqs in found.items()
        }

    def _places(self, ireqs: Sequence[Any], cell: Cell) -> Iterator[str]:
        for ireq in ireqs:
            if ireq.comes_from and ireq.specifier:
                place = inputs.place_of(self.run, cell.target, ireq)
                yield f"{place} (a constraint)" if ireq.constraint else place

    def prefetch(self, names: Sequence[str], cells: Sequence[Cell]) -> None:
        """Fetch the families' pages of some packages for all targets, several at once."""
        self.run.routed.prefetch(names, dict.fromkeys(cell.target for cell in cells))

    def available(self, name: str, cell: Cell) -> Available:
        """Return the builds of a family's package that serve a cell."""
        routing = self.run.routed
        return Available(
            {file.public: file.version for file in routing.files(name, cell)},
            routing.unhashed(name, cell),
            routing.describe(cell, name),
        )

    def builds_for(
        self, name: str, cell: Cell, releases: Iterable[Version]
    ) -> Mapping[Version, frozenset[Version]]:
        """Return the versions that serve a cell beside each release of torch."""
        return self.run.routed.builds_for(name, cell, releases)

    def bind(self, releases: Mapping[str, Version]) -> None:
        """Read packages that are built per release of torch for these releases, by target."""
        self.run.routed.bind(releases)

    def requires(self, name: str, version: Version, cell: Cell) -> tuple[Requirement, ...]:
        """Return what a release of a family requires of its family in a cell, by its metadata."""
        key = (name, version, cell)
        if key in self._requires:
            return self._requires[key]
        self._requires[key] = ()
        files = [f for f in self.run.routed.files(name, cell) if f.public == version]
        environment = {**self.run.plan.environment(cell), "extra": ""}
        with contextlib.suppress(MetadataError, SourceError):  # pip meets the same, and says it
            for file in files[-1:]:
                self._requires[key] = tuple(
                    each
                    for each in map(parse_requirement, self.run.routed.metadata(file).requires)
                    if self.run.routed.find(each.name) is not None
                    and (each.marker is None or each.marker.evaluate(environment))
                )
        return self._requires[key]

    def has_library(self, requirement: Requirement, cell: Cell, _by: tuple[str, Version]) -> bool:
        """Return whether pip finds a file for a library in a cell, asked as it will be.

        What the family has is not asked for anywhere else.

        CUDA's own libraries are not looked up: they are there wherever the builds are.
        """
        found = self.run.routed.find(requirement.name)
        if found is None or found.package.lookup[0] != "family":
            return True
        key = (str(requirement.name), str(requirement.specifier), cell)
        if key not in self._libraries:
            finder = self.probes[cell].finder
            specifier = PipSpecifierSet(str(requirement.specifier), prereleases=True)
            self.run.active = Active(cell, self.run.plan.environment(cell), None, probing=False)
            try:
                best = finder.find_best_candidate(requirement.name, specifier)
            finally:
                self.run.active = None
            self._libraries[key] = best.best_candidate is not None
        return self._libraries[key]

    def previous(self, name: str, cell: Cell) -> Version | None:
        """Return the public version that the target's file has, unless it is to be upgraded."""
        if self.command.params["upgrade"] or name in self.run.upgraded:
            return None
        return self.locked.get((cell.target.name, name))

    def groups(self, cells: Sequence[Cell], _picks: Mapping[Any, Any]) -> list[Group]:
        """Return each cell by itself."""
        return [Group((cell,)) for cell in cells]

    def solve(
        self, group: Group, decision: Decision, found: Mapping[Group, Capture]
    ) -> Capture | NoSolution:
        """Run pip-tools' command for one cell."""
        (cell,) = group.cells
        try:
            if found and _is_open(cell, decision):
                # The family first: what other cells have of other packages must not lower it.
                alone = self._solved(cell, decision, {})
                bound = {(name, cell): vs for name, vs in self.taken(alone).items()}
                decision = replace(decision, allowed={**decision.allowed, **bound})
            return self._solved(cell, decision, found)
        except PipNoSolutionError as error:
            return NoSolution(str(error), error)

    def _solved(self, cell: Cell, decision: Decision, found: Mapping[Group, Capture]) -> Capture:
        name = self.outputs[cell.target.name]
        preferences, moved = self._preferences(cell, found)
        bound = {each for capture in found.values() for each in self.taken(capture)}
        self.run.decision = decision
        try:
            return self.command.call(
                self.run,
                cell,
                output=OutputName(name) if name is not None else self.command.params["output_file"],
                probing=False,
                preferences=preferences,
                moved=moved,
                bound=frozenset(bound if self.run.plan.lockstep else ()),
            )
        finally:
            self.run.decision = None

    def taken(self, solution: Capture) -> dict[str, frozenset[Version]]:
        """Return the public versions of the packages in lockstep."""
        return {
            name: frozenset({Version(version_of(ireq).public)})
            for name, ireq in pins(solution).items()
            if (entry := self.run.routed.find(name)) and entry.package.lockstep
        }

    def askers(self, solution: Capture, name: str) -> set[str]:
        """Return the projects that require a package."""
        return requirers(pins(solution)[name])

    def comes_to_need(self, solution: Capture, name: str, cell: Cell) -> bool:
        """Return whether a cell needs a package, by the metadata that the run has read."""
        asks, versions = Dependencies.of(self.run.memo.metadata.values()), pins(solution)
        environment = self.run.plan.environment(cell)
        roots = [r for r in self.probes[cell].constraints if r.name and not r.constraint]
        agenda = [(canonicalize_name(r.name), extra) for r in roots for extra in ("", *r.extras)]
        seen = set(agenda)
        while agenda:
            parent, extra = agenda.pop()
            version = str(version_of(versions[parent])) if parent in versions else None
            for ask in asks.by(parent, version) if version else ():
                if ask.holds(environment, extra):
                    wanted = {(ask.name, each) for each in ("", *ask.requirement.extras)} - seen
                    seen |= wanted
                    agenda += wanted
        return (name, "") in seen

    def unserved(self, _solution: Capture, _group: Group) -> dict[Cell, str]:
        """Return nothing: pip solves for one cell, and takes files that serve it."""
        return {}

    def _preferences(
        self, cell: Cell, found: Mapping[Group, Capture]
    ) -> tuple[dict[str, str], frozenset[str]]:
        """Return the versions that a cell takes if it can, and the names that this run has moved.

        A name that the leader kept as its file had it does not override what this cell's own file
        has.
        """
        versions: dict[str, str] = {}
        moved: set[str] = set()
        for capture in _models(cell, {group.cells[0]: each for group, each in found.items()}):
            for name, ireq in pins(capture).items():
                version = version_of(ireq)
                accelerated = self.run.routed.find(name) is not None
                versions[name] = version.public if accelerated else str(version)
                had = _public(capture.existing.get(name))
                if had != Version(version.public):
                    moved.add(name)
        # pip-tools takes no line that names a file for a pin.
        for target, name in self.locked:
            had = self.previous(name, cell) if target == cell.target.name else None
            if had is not None and name not in moved and self.run.routed.find(name):
                versions[name] = str(had)
        return versions, frozenset(moved)


def _public(pin: Any) -> Version | None:
    """Return the public version that a file has; None for no pin, or one that is a text (`===`)."""
    with contextlib.suppress(ValueError):
        return None if pin is None else Version(version_of(pin).public)
    return None


def _is_open(cell: Cell, decision: Decision) -> bool:
    """Return whether a cell has a choice of its own of a package in lockstep."""
    return any(len(vs) > 1 for (_name, other), vs in decision.allowed.items() if other == cell)


def _wanted(ireqs: Sequence[Any], capture: Capture) -> SpecifierSet:
    """Return what the inputs of a cell ask of a project, all of them together."""
    parts = {str(ireq.req.specifier) for ireq in ireqs if ireq.req is not None}
    return SpecifierSet(
        ",".join(sorted(part for part in parts if part)), prereleases=capture.prereleases or None
    )


def _models(cell: Cell, found: Mapping[Cell, Capture]) -> Iterator[Capture]:
    """Yield the results that a cell follows, those that count most last.

    The leader's cell of the same place counts most, then the first of the same target: a later one
    may have what only its own platform's markers force on it.
    """
    if not found:
        return
    first, *_rest = found
    yield found[first]
    yield from (found[other] for other in reversed(list(found)) if other.target == cell.target)
    yield from (
        found[other]
        for other in found
        if other.target == first.target
        and (other.platform, other.python) == (cell.platform, cell.python)
    )
