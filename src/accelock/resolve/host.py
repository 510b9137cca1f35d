"""The port between the search and a host: what a host tells, and what it is asked to solve.

pip-tools and Poetry implement `Host` (`accelock.hosts`), and a fake one tests the search. A host
reads its inputs and its indexes and runs its own resolver; it decides nothing about versions that
cells share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.version import Version

    from accelock.resolve.lockstep import Decision
    from accelock.targets import Cell, Platform, PythonVersion, Target

Solution = TypeVar("Solution")


class Wanted(Protocol):
    """The versions that are asked for: `packaging.specifiers.SpecifierSet`, or as good."""

    def filter(self, versions: Iterable[Version], /) -> Iterable[Version]:
        """Return the versions that fit; pre-releases where they are asked for, or all there is."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Demand:
    """What the project itself says of a package in a cell.

    :param is_root: the project asks for the package there; else it only constrains it.
    :param is_direct: it says where the package is to come from (a URL, a path, a source by hand),
        so that there is nothing to decide.
    :param places: where it says which versions are wanted, in words: "constraints.txt, line 2".
    """

    wanted: Wanted
    is_root: bool = True
    is_direct: bool = False
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Available:
    """What a cell has of a package.

    :param builds: public version -> the version of its build, label and all.
    :param unhashed: public versions that are passed over because no sha256 of them is published.
    :param where: the index that was looked at, for messages.
    :param holes: public versions that are passed over because the cell, which is of several
        Pythons, has no file of them for these, for which others have one.
    """

    builds: Mapping[Version, Version]
    unhashed: frozenset[Version] = frozenset()
    where: str = "its index"
    holes: Mapping[Version, Sequence[PythonVersion]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that a host solves at once: one for pip, those of one target and label for Poetry."""

    cells: tuple[Cell, ...]

    @property
    def target(self) -> Target:
        """Return the target of its cells."""
        return self.cells[0].target

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return the platforms of its cells."""
        return tuple(cell.platform for cell in self.cells)


@dataclass(frozen=True, slots=True)
class NoSolution:
    """A host found none.

    :param reason: its own words, complete for a user.
    """

    reason: str
    cause: Exception | None = field(default=None, compare=False)


class Packages(Protocol):
    """What the search asks of the catalogue (`accelock.catalogue.Catalogue`), by canonical name."""

    def in_lockstep(self, name: str, /) -> bool:
        """Return whether all cells have one version of a package."""

    def is_family_only(self, name: str, /) -> bool:
        """Return whether a family's source alone has it."""

    def companions(self, name: str, /) -> Collection[str]:
        """Return the packages that are released with it."""

    def release_of(self, name: str, /) -> str | None:
        """Return the package for each of whose releases it is built; None for others."""


class Host(Protocol[Solution]):
    """What the search asks of pip-tools or Poetry."""

    def demands(self, cell: Cell) -> Mapping[str, Demand]:
        """Return what the project says of each package in a cell, by canonical name."""

    def prefetch(self, names: Sequence[str], cells: Sequence[Cell]) -> None:
        """Fetch the pages of packages that `available` is about to read, several at once."""

    def available(self, name: str, cell: Cell) -> Available:
        """Return the builds of a labelled package of a family that serve a cell.

        :raises SourceError: the family's source cannot be read.
        """

    def builds_for(
        self, name: str, cell: Cell, releases: Iterable[Version]
    ) -> Mapping[Version, Collection[Version]]:
        """Return the public versions that a cell has beside each release of torch.

        Of a package that is built for one release of torch at a time.

        :raises SourceError: a page of the family cannot be read.
        """

    def bind(self, releases: Mapping[str, Version]) -> None:
        """Read such packages, from now on, as they are built for these releases, by target."""

    def requires(self, name: str, version: Version, cell: Cell) -> Sequence[Requirement]:
        """Return what a labelled package of a family requires of its family in a cell.

        Of the release's own metadata; nothing where that cannot be had.
        """

    def has_library(self, requirement: Requirement, cell: Cell, by: tuple[str, Version]) -> bool:
        """Return whether a cell has a file that such a requirement of a library allows.

        :param by: the release that requires it: it is to be there for the same Pythons.
        """

    def previous(self, name: str, cell: Cell) -> Version | None:
        """Return the public version that is locked for a cell and need not move."""

    def groups(
        self, cells: Sequence[Cell], picks: Mapping[tuple[str, Cell], Version]
    ) -> Sequence[Group]:
        """Return the groups to solve, the leader first.

        :param picks: the public version that each cell is expected to take of a package.
        """

    def solve(
        self, group: Group, decision: Decision, found: Mapping[Group, Solution]
    ) -> Solution | NoSolution:
        """Solve a group by the host's own resolver.

        :param decision: what each cell may take of a package of a family.
        :param found: the solutions whose versions are preferred.
        """

    def taken(self, solution: Solution) -> Mapping[str, frozenset[Version]]:
        """Return the public versions that a solution has of each package in lockstep.

        Several of one package, where the user's markers ask for them.
        """

    def askers(self, solution: Solution, name: str) -> Collection[str]:
        """Return the projects that require a package in a solution."""

    def comes_to_need(self, solution: Solution, name: str, cell: Cell) -> bool:
        """Return whether a cell needs a package, with the versions of others' solution.

        False where that cannot be told.
        """

    def unserved(self, solution: Solution, group: Group) -> Mapping[Cell, str]:
        """Return the cells of a group that need a package of which a solution has no file for them.

        By cell, the name of the package.
        """
