"""What a cell takes where nothing is in the way: its requirements walked, with no resolver.

Nearly every cell takes what the leader took, with builds and libraries of its own. Where each
preferred version fits all that is asked of it, and what is preferred nowhere has one newest version
whatever order it is looked at in, a resolver with these preferences finds exactly that. Of anything
else the walk tells nothing, and the host's resolver solves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.version import Version


class Release(Protocol):
    """The file of a package that a cell takes."""

    @property
    def version(self) -> Version:
        """Return its version, label and all."""

    def requires(self, extra: str) -> Sequence[Requirement]:
        """Return what it requires in the cell with one of its extras; with "", without any."""


Found = TypeVar("Found", bound=Release)
Found_co = TypeVar("Found_co", bound=Release, covariant=True)


class CellReleases(Protocol[Found_co]):
    """What a walk reads of a cell."""

    def best(self, name: str, wanted: SpecifierSet) -> Found_co | None:
        """Return what the host's resolver tries first of the versions that are wanted.

        None where there is none, or where it is the resolver's to judge: a yanked file, a source
        distribution that has to be built, metadata that cannot be read.
        """


@dataclass
class Taken(Generic[Found]):
    """What a cell takes of a package.

    :param extras: those that are asked for, canonical.
    :param parents: the packages that require it.
    """

    release: Found
    extras: set[str]
    parents: set[str]


def verify(
    asked: Iterable[Requirement],
    limits: Mapping[str, SpecifierSet],
    preferred: Mapping[str, Version],
    releases: CellReleases[Found],
) -> dict[str, Taken[Found]] | None:
    """Return what a cell takes of each package that it needs; None where a resolver has to tell.

    :param asked: the project's own requirements that hold in the cell.
    :param limits: what its constraints say of a package, needed or not.
    :param preferred: the version that the cell keeps or follows, by canonical name.
    """
    walk = _Walk(limits, preferred, releases)
    return walk.taken if walk.goes_through(asked) else None


@dataclass
class _Walk(Generic[Found]):
    """The walk; a package's extras are nodes of their own (``name[extra]``), as a resolver has it.

    `_asked` has what is asked of a node, and which node asks; the project itself is "".
    """

    limits: Mapping[str, SpecifierSet]
    preferred: Mapping[str, Version]
    releases: CellReleases[Found]
    taken: dict[str, Taken[Found]] = field(default_factory=dict)
    _wanted: dict[str, SpecifierSet] = field(default_factory=dict)
    _extras: dict[str, set[str]] = field(default_factory=dict)
    _asked: dict[str, list[tuple[str, SpecifierSet]]] = field(default_factory=dict)
    _agenda: list[tuple[Requirement, str]] = field(default_factory=list)

    def goes_through(self, asked: Iterable[Requirement]) -> bool:
        self._agenda = [(requirement, "") for requirement in asked]
        while True:
            while self._agenda:
                if not self._meet(*self._agenda.pop(0)):
                    return False
            pending = [name for name in self._wanted if name not in self.taken]
            if not pending:
                return self._is_settled()
            # What has one version first: it says more of what the others may be.
            first = next(filter(self._has_one_version, pending), pending[0])
            if not self._take(first):
                return False

    def _meet(self, requirement: Requirement, parent: str) -> bool:
        """Note what is asked of a package; return False where that is the resolver's to judge."""
        name, specifier = canonicalize_name(requirement.name), requirement.specifier
        if requirement.url or any(each.operator == "===" for each in specifier):
            return False
        limit = self.limits.get(name, SpecifierSet())
        self._wanted[name] = self._wanted.get(name, limit) & specifier
        extras = self._extras.setdefault(name, set())
        asked = {canonicalize_name(extra) for extra in requirement.extras}
        for node in (name, *(f"{name}[{extra}]" for extra in sorted(asked))):
            self._asked.setdefault(node, []).append((parent, specifier))
        new = asked - extras
        extras |= new
        if (taken := self.taken.get(name)) is None:
            return True
        self._require(name, taken.release, new)
        return specifier.contains(taken.release.version, prereleases=True)

    def _has_one_version(self, name: str) -> bool:
        return name in self.preferred or _pins(self._wanted[name])

    def _take(self, name: str) -> bool:
        wanted = self._wanted[name]
        if (version := self.preferred.get(name)) is not None:
            wanted &= SpecifierSet(f"=={version}")
        release = self.releases.best(name, wanted)
        if release is None:
            return False
        parents = {parent.partition("[")[0] for parent, _ in self._asked[name]}
        self.taken[name] = Taken(release, self._extras[name], parents)
        self._require(name, release, {"", *self._extras[name]})
        return True

    def _require(self, name: str, release: Found, extras: Iterable[str]) -> None:
        for extra in sorted(extras):
            node = f"{name}[{extra}]" if extra else name
            self._agenda += [(each, node) for each in release.requires(extra)]

    def _is_settled(self) -> bool:
        """Return whether a resolver takes these versions whichever package it looks at first."""
        above = self._above()
        for name, taken in self.taken.items():
            taken.parents.update(parent.partition("[")[0] for parent, _ in self._asked[name])
            taken.parents.difference_update(("", name))
        return all(
            name in self.preferred or self._is_newest(name, self._known(name, above[name]))
            for name in self.taken
        )

    def _is_newest(self, name: str, known: set[str]) -> bool:
        """Return whether a package has one newest version from when a resolver first meets it.

        :param known: the nodes whose requirements it has met by then.
        """
        asked = self._asked[name]
        wanted = self.limits.get(name, SpecifierSet())
        for parent, specifier in asked:
            if parent in known:
                wanted &= specifier
        if _pins(wanted):
            return True
        # Who asks first decides whether pre-releases count.
        if self._wanted[name].prereleases or self.taken[name].release.version.is_prerelease:
            return False
        others = {str(each): each for parent, each in asked if parent not in known}
        is_met = any(parent in known for parent, _ in asked)
        return all(
            (first := self.releases.best(name, wanted & other)) is not None
            and first.version == self.taken[name].release.version
            for other in ([SpecifierSet()] if is_met else others.values())
        )

    def _above(self) -> dict[str, set[str]]:
        """Return for each node those on every way to it from the project (its dominators)."""
        above = {node: {"", *self._asked} for node in self._asked}
        above[""] = {""}
        while True:
            changed = False
            for node, asked in self._asked.items():
                found = {node}.union(set.intersection(*(above[parent] for parent, _ in asked)))
                changed |= found != above[node]
                above[node] = found
            if not changed:
                return above

    def _known(self, name: str, above: set[str]) -> set[str]:
        """Return the nodes that a resolver has looked at before it looks at a package.

        Those above it, and what they pin: it looks first at what is pinned.
        """
        known = above - {name}
        while True:
            pinned = {
                node
                for node, asked in self._asked.items()
                if node not in known
                and node.partition("[")[0] != name
                and any(parent in known and _pins(specifier) for parent, specifier in asked)
            }
            if not pinned:
                return known
            known |= pinned


def _pins(specifier: SpecifierSet) -> bool:
    return any(each.operator == "==" and not each.version.endswith(".*") for each in specifier)
