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


class Releases(Protocol[Found_co]):
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
    releases: Releases[Found],
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
    limits: Mapping[str, SpecifierSet]
    preferred: Mapping[str, Version]
    releases: Releases[Found]
    taken: dict[str, Taken[Found]] = field(default_factory=dict)
    _wanted: dict[str, SpecifierSet] = field(default_factory=dict)
    _extras: dict[str, set[str]] = field(default_factory=dict)
    _parents: dict[str, set[str]] = field(default_factory=dict)
    # What is asked of a package whatever a resolver tries: by the project, and by packages of
    # which there is one version to try.
    _firm: dict[str, SpecifierSet] = field(default_factory=dict)
    _agenda: list[tuple[Requirement, str | None]] = field(default_factory=list)

    def goes_through(self, asked: Iterable[Requirement]) -> bool:
        self._agenda = [(requirement, None) for requirement in asked]
        while True:
            while self._agenda:
                if not self._meet(*self._agenda.pop(0)):
                    return False
            pending = [name for name in self._wanted if name not in self.taken]
            if not pending:
                return all(map(self._is_settled, self.taken))
            # What has one version first: it says more of what the others may be.
            first = next(filter(self._is_firm, pending), pending[0])
            if not self._take(first):
                return False

    def _meet(self, requirement: Requirement, parent: str | None) -> bool:
        """Note what is asked of a package; return False where that is the resolver's to judge."""
        name = canonicalize_name(requirement.name)
        if requirement.url or any(each.operator == "===" for each in requirement.specifier):
            return False
        limit = self.limits.get(name, SpecifierSet())
        self._wanted[name] = self._wanted.get(name, limit) & requirement.specifier
        if parent is None or self._is_firm(parent):
            self._firm[name] = self._firm.get(name, limit) & requirement.specifier
        if parent is not None and parent != name:
            self._parents.setdefault(name, set()).add(parent)
        extras = self._extras.setdefault(name, set())
        new = {canonicalize_name(extra) for extra in requirement.extras} - extras
        extras |= new
        if (taken := self.taken.get(name)) is None:
            return True
        self._require(name, taken.release, new)
        return requirement.specifier.contains(taken.release.version, prereleases=True)

    def _is_firm(self, name: str) -> bool:
        """Return whether a resolver has one version of a package to try."""
        return name in self.preferred or any(
            each.operator == "==" and not each.version.endswith(".*")
            for each in self._firm.get(name, ())
        )

    def _take(self, name: str) -> bool:
        wanted = self._wanted[name]
        if (version := self.preferred.get(name)) is not None:
            wanted &= SpecifierSet(f"=={version}")
        release = self.releases.best(name, wanted)
        if release is None:
            return False
        extras, parents = self._extras[name], self._parents.setdefault(name, set())
        self.taken[name] = Taken(release, extras, parents)
        self._require(name, release, {"", *extras})
        return True

    def _require(self, name: str, release: Found, extras: Iterable[str]) -> None:
        self._agenda += [
            (each, name) for extra in sorted(extras) for each in release.requires(extra)
        ]

    def _is_settled(self, name: str) -> bool:
        """Return whether a resolver takes this version whichever package it looks at first."""
        if self._is_firm(name):
            return True
        first = self.releases.best(
            name, self._firm.get(name, self.limits.get(name, SpecifierSet()))
        )
        return first is not None and first.version == self.taken[name].release.version
