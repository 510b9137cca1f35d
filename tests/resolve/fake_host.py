"""A host with an index of made-up packages and a small resolver of its own, to test the search.

It is to the search what pip-tools and Poetry are: it reads inputs, it resolves, and it decides
nothing about versions that cells share.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.resolve.host import Available, Demand, Group, NoSolution
from accelock.resolve.knowledge import Knowledge
from accelock.resolve.search import Result, Search
from accelock.targets import PLATFORMS, Cell, PythonVersion, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from accelock.resolve.lockstep import Decision

KNOWN = load_catalogue().targets


def cell(target: str, platform: str = "linux-x86_64", python: int = 11) -> Cell:
    """Return a cell of a known target."""
    return Cell(parse_target(target, KNOWN), PLATFORMS[platform], PythonVersion(3, python))


@dataclass(frozen=True)
class Release:
    """A version of a package: what it requires, and the cells that have a build; None for all."""

    requires: tuple[str, ...] = ()
    cells: frozenset[Cell] | None = None

    def serves(self, each: Cell) -> bool:
        """Return whether a cell has a build."""
        return self.cells is None or each in self.cells


def release(*requires: str, only: Collection[Cell] | None = None) -> Release:
    """Return a release; `only` names the cells that have a build of it."""
    return Release(requires, None if only is None else frozenset(only))


@dataclass(frozen=True)
class Pinned:
    """What a group was solved to: a version of each package, and the cells that need it."""

    pins: Mapping[str, Version]
    needing: Mapping[str, frozenset[Cell]]
    asking: Mapping[str, frozenset[str]]

    def at(self, each: Cell) -> dict[str, str]:
        """Return the versions of a cell, as text."""
        return {n: str(v) for n, v in self.pins.items() if each in self.needing[n]}


@dataclass
class FakeHost:
    """A host of made-up packages.

    :param index: package -> version -> release.
    :param inputs: requirements of the project, with markers.
    :param constraints: what it says of packages without asking for them.
    :param places: where the project asks for the versions of a package.
    :param labelled: the packages in lockstep that a family's source alone has.
    :param loose: those that are in lockstep too, and that any index has.
    :param libraries: those of the family that are in no lockstep.
    :param locked: the versions that are locked now, for all cells.
    :param missing: (package, version, cell): a build that is listed and turns out to have no file.
    :param built: package -> release of torch -> the versions that are built for it.
    :param cluster: tells the group of a cell by its picks; each cell is its own where it is None.
    """

    index: Mapping[str, Mapping[str, Release]]
    inputs: Sequence[str]
    constraints: Sequence[str] = ()
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labelled: Collection[str] = ("torch", "torchvision", "torchaudio")
    loose: Collection[str] = ("torchtext",)
    libraries: Collection[str] = ("triton",)
    locked: Mapping[str, str] = field(default_factory=dict)
    missing: Collection[tuple[str, str, Cell]] = ()
    cluster: Callable[[Cell, Mapping[tuple[str, Cell], Version]], object] | None = None
    built: Mapping[str, Mapping[str, frozenset[Version]]] = field(default_factory=dict)
    bound: Mapping[str, Version] = field(default_factory=dict)
    read: list[tuple[str, str, Cell]] = field(default_factory=list)
    solved: list[tuple[Cell, ...]] = field(default_factory=list)
    preferred: list[tuple[Group, ...]] = field(default_factory=list)

    def demands(self, each: Cell) -> dict[str, Demand]:
        """Join the specifiers of the inputs and constraints whose markers hold in a cell."""
        found: dict[str, Demand] = {}
        for texts, is_root in ((self.inputs, True), (self.constraints, False)):
            for requirement in applying(texts, each):
                before = found.get(requirement.name, Demand(SpecifierSet(), is_root=False))
                assert isinstance(before.wanted, SpecifierSet)
                found[requirement.name] = Demand(
                    before.wanted & requirement.specifier,
                    before.is_root or is_root,
                    places=self.places.get(requirement.name, ()),
                )
        return found

    def prefetch(self, names: Sequence[str], cells: Sequence[Cell]) -> None:
        """Nothing has to be fetched."""

    def available(self, name: str, each: Cell) -> Available:
        """Return the builds of a cell, each with the label of its target."""
        assert name in self.labelled
        return Available(
            {
                Version(text): Version(f"{text}+{each.target}")
                for text, one in self.index.get(name, {}).items()
                if one.serves(each)
            },
            where=f"{each.target}/{name}",
        )

    def builds_for(
        self, name: str, each: Cell, releases: Iterable[Version]
    ) -> dict[Version, frozenset[Version]]:
        """Return the versions that a cell has beside each release of torch."""
        del each
        return {release: self.built[name].get(str(release), frozenset()) for release in releases}

    def bind(self, releases: Mapping[str, Version]) -> None:
        """Note the release of torch of each target."""
        self.bound = dict(releases)

    def requires(self, name: str, version: Version, each: Cell) -> list[Requirement]:
        """Return what a release requires of its family: of labelled packages and libraries."""
        self.read.append((name, str(version), each))
        one = self.index.get(name, {}).get(str(version))
        family = {*self.labelled, *self.libraries}
        return [r for r in applying(one.requires, each) if r.name in family] if one else []

    def has_library(self, requirement: Requirement, each: Cell, _by: tuple[str, Version]) -> bool:
        """Return whether a cell has a release of a library that a requirement allows."""
        return any(
            one.serves(each) and requirement.specifier.contains(text)
            for text, one in self.index.get(requirement.name, {}).items()
        )

    def previous(self, name: str, _each: Cell) -> Version | None:
        """Return what is locked, the same for all cells."""
        return Version(self.locked[name]) if name in self.locked else None

    def groups(
        self, cells: Sequence[Cell], picks: Mapping[tuple[str, Cell], Version]
    ) -> tuple[Group, ...]:
        """Return a group for each cell, or as the clusters are."""
        clusters: dict[object, list[Cell]] = {}
        for each in cells:
            clusters.setdefault(self.cluster(each, picks) if self.cluster else each, []).append(
                each
            )
        return tuple(Group(tuple(members)) for members in clusters.values())

    def solve(
        self, group: Group, decision: Decision, found: Mapping[Group, Pinned]
    ) -> Pinned | NoSolution:
        """Solve a group: one version of each package for the cells of the group that need it."""
        self.solved.append(group.cells)
        self.preferred.append(tuple(found))
        resolver = Resolver(self, group.cells, decision, tuple(found.values()))
        return resolver.search({}) or NoSolution(resolver.reason)

    def taken(self, solution: Pinned) -> dict[str, frozenset[Version]]:
        """Return the version of each package in lockstep."""
        return {
            name: frozenset([version])
            for name, version in solution.pins.items()
            if name in self.labelled or name in self.loose
        }

    def askers(self, solution: Pinned, name: str) -> frozenset[str]:
        """Return the packages that require another."""
        return solution.asking[name]

    def comes_to_need(self, solution: Pinned, name: str, each: Cell) -> bool:
        """Walk from the inputs, with the versions of a solution."""
        agenda, seen = applying(self.inputs, each), set[str]()
        while agenda:
            met = agenda.pop().name
            if met not in seen and met in solution.pins:
                agenda += applying(self.index[met][str(solution.pins[met])].requires, each)
            seen.add(met)
        return name in seen

    def unserved(self, solution: Pinned, group: Group) -> dict[Cell, str]:
        """Return the cells of a group that lack a build of what they need."""
        return {
            each: name
            for each in group.cells
            for name, version in solution.pins.items()
            if each in solution.needing[name] and not self.has_file(name, version, each)
        }

    def has_file(self, name: str, version: Version, each: Cell) -> bool:
        """Return whether a cell has a build that is really there."""
        listed = self.index[name][str(version)].serves(each)
        return listed and (name, str(version), each) not in self.missing


@functools.cache
def applies(text: str, each: Cell) -> Requirement | None:
    """Read a requirement; None where its marker does not hold in a cell."""
    requirement = Requirement(text)
    environment = each.platform.marker_environment(each.python)
    holds = requirement.marker is None or requirement.marker.evaluate(environment)
    return requirement if holds else None


def applying(texts: Sequence[str], each: Cell) -> list[Requirement]:
    """Return the requirements whose markers hold in a cell."""
    return [found for text in texts if (found := applies(text, each)) is not None]


class Resolver:
    """Backtracks over the packages of a group: those in lockstep first, and the newest first."""

    def __init__(
        self,
        host: FakeHost,
        cells: Sequence[Cell],
        decision: Decision,
        found: Sequence[Pinned],
    ) -> None:
        self.host = host
        self.cells = cells
        self.decision = decision
        self.found = found
        self.reason = ""

    def search(self, pins: dict[str, Version]) -> Pinned | None:
        """Return pins that satisfy all that is required, beginning with some."""
        needs = self._needs(pins)
        if needs is None:
            return None
        open_names = [name for name in needs if name not in pins]
        if not open_names:
            return Pinned(
                pins={name: pins[name] for name in needs},
                needing={name: frozenset(c for _, c, _ in asked) for name, asked in needs.items()},
                asking={n: frozenset(a for *_, a in asked if a) for n, asked in needs.items()},
            )
        name = min(open_names, key=self._is_ordinary)
        for version in self._candidates(name, [(r, c) for r, c, _ in needs[name]]):
            if (solution := self.search({**pins, name: version})) is not None:
                return solution
        return None

    def _is_ordinary(self, name: str) -> bool:
        return name not in self.host.labelled and name not in self.host.loose

    def _needs(
        self, pins: Mapping[str, Version]
    ) -> dict[str, list[tuple[Requirement, Cell, str]]] | None:
        """Walk from the inputs; None where a pin does not do what is required of it."""
        needs: dict[str, list[tuple[Requirement, Cell, str]]] = {}
        for each in self.cells:
            agenda = [(requirement, "") for requirement in applying(self.host.inputs, each)]
            walked: set[str] = set()
            while agenda:
                requirement, asker = agenda.pop(0)
                name = requirement.name
                needs.setdefault(name, []).append((requirement, each, asker))
                if name not in pins:
                    continue
                if not self._is_good(pins[name], requirement, each):
                    self.reason = self.reason or f"No matching distribution found for {requirement}"
                    return None
                if name not in walked:
                    walked.add(name)
                    of = self.host.index[name][str(pins[name])]
                    agenda += [(r, name) for r in applying(of.requires, each)]
        return needs

    def _is_good(self, version: Version, requirement: Requirement, each: Cell) -> bool:
        constraints = applying(self.host.constraints, each)
        asked = [requirement, *(one for one in constraints if one.name == requirement.name)]
        return self._may_take(requirement.name, version, each) and all(
            one.specifier.contains(version, prereleases=True) for one in asked
        )

    def _candidates(self, name: str, asked: list[tuple[Requirement, Cell]]) -> list[Version]:
        wanted = SpecifierSet()
        for requirement, each in asked:
            wanted &= requirement.specifier
            for constraint in applying(self.host.constraints, each):
                if constraint.name == name:
                    wanted &= constraint.specifier
        cells = {each for _, each in asked}
        there = [
            version
            for version in map(Version, self.host.index.get(name, {}))
            if any(self._may_take(name, version, each) for each in cells)
        ]
        fits = sorted(wanted.filter(there), reverse=True)
        if not fits:
            self.reason = self.reason or f"No matching distribution found for {name}{wanted}"
        return sorted(fits, key=lambda version: not self._is_preferred(name, version, cells))

    def _may_take(self, name: str, version: Version, each: Cell) -> bool:
        has_build = self.host.index[name][str(version)].serves(each)
        return has_build and self.decision.takes(name, each, version)

    def _is_preferred(self, name: str, version: Version, cells: Collection[Cell]) -> bool:
        if not self._is_ordinary(name):
            return any(self.decision.picks.get((name, each)) == version for each in cells)
        return next((f.pins[name] == version for f in self.found if name in f.pins), False)


#: torch and what is released with it.
FAMILY = ("torch", "torchvision", "torchaudio")


@dataclass(frozen=True)
class FakePackages:
    """What a catalogue says of the packages of a fake host."""

    host: FakeHost

    def in_lockstep(self, name: str) -> bool:
        """Return whether all cells have one version of a package."""
        return name in self.host.labelled or name in self.host.loose

    def is_family_only(self, name: str) -> bool:
        """Return whether no ordinary index has a package."""
        return name in self.host.labelled

    def companions(self, name: str) -> list[str]:
        """Return the packages that are released with one of the family."""
        return [each for each in FAMILY if each != name] if name in FAMILY else []

    def release_of(self, name: str) -> str | None:
        """Return torch, of what is built for one release of it at a time."""
        return "torch" if name in self.host.built else None


def search(
    host: FakeHost,
    *required: Cell,
    optional: Sequence[Cell] = (),
    excluded: Mapping[Cell, str] | None = None,
    together: bool = True,
    leaves_out: bool = True,
    steps: int = 50,
    announce: Callable[[Group, int, int], None] = lambda _group, _number, _of: None,
) -> Result[Pinned]:
    """Run a search over the cells of a lock for the packages in lockstep that the inputs name."""
    known = Knowledge(
        host,
        required=required,
        optional=tuple(optional),
        packages=FakePackages(host),
        anything=SpecifierSet(),
        together=together,
        excluded=excluded or {},
    )
    search = Search(host, known, leaves_out=leaves_out, steps=steps, announce=announce)
    return search.run()


def locked(result: Result[Pinned]) -> dict[Cell, dict[str, str]]:
    """Return the versions of each cell that is in a lock."""
    return {
        each: solution.at(each)
        for group, solution in result.solutions.items()
        for each in group.cells
    }
