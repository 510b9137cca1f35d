"""What is known before versions are decided: what the project asks for, and what cells have.

A table of values, and what follows from it alone: which of its versions a cell can take, and which
cells share one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from accelock.resolve import messages
from accelock.resolve.serving import Hole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.version import Version

    from accelock.resolve.host import Available, Demand, Wanted
    from accelock.targets import Cell

    #: A package in a cell.
    Slot = tuple[str, Cell]


@dataclass(frozen=True)
class Question:
    """What is known before versions are decided.

    :param required: the cells that have a say, in the order in which they are solved.
    :param optional: those that follow or are left out.
    :param names: the packages that are in lockstep and that the project needs.
    :param loose: those of them that may come from an ordinary index, so that what all cells have is
        not known beforehand: they follow the leader.
    :param demands: what the project says of a package in a cell; nothing where it is not here.
    :param available: what each cell has of each of `names`.
    :param previous: the version that is locked now. It stays where all that have a say have it.
    :param companions: name -> the packages that are released with it. They require each other's
        versions, so that what splits one of them over the cells splits all.
    :param needed: whether a cell's solution has a package that the project does not ask for there:
        such a cell has a say on it, or has none.
    :param together: False where the user has turned lockstep off: then each cell is by itself.
    :param anything: what a project that says nothing of a package takes: pre-releases or not.
    :param words: what messages tell the user to do.
    """

    required: tuple[Cell, ...]
    optional: tuple[Cell, ...]
    names: tuple[str, ...]
    demands: Mapping[Slot, Demand]
    available: Mapping[Slot, Available]
    loose: tuple[str, ...] = ()
    previous: Mapping[Slot, Version] = field(default_factory=dict)
    companions: Mapping[str, Collection[str]] = field(default_factory=dict)
    needed: Mapping[Slot, bool] = field(default_factory=dict)
    together: bool = True
    anything: Wanted = field(default_factory=SpecifierSet)
    words: messages.Words = field(default_factory=messages.Words)

    def is_mixed(self, name: str) -> bool:
        """Return whether the project asks for a package in other words in some cells."""
        cells = (*self.required, *self.optional)
        return len({self.wanted_text(name, cell) for cell in self.asking(name, cells)}) > 1

    def fitting(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the versions that a cell has, of those that the project allows there."""
        has = self.available[name, cell].builds
        return frozenset(self._wanted(name, cell).filter(has))

    def unhashed(self, name: str, cell: Cell) -> list[Version]:
        """Return the versions that would fit a cell, without a published sha256; oldest first."""
        has = self.available.get((name, cell))
        return sorted(self._wanted(name, cell).filter(has.unhashed)) if has is not None else []

    def holes(self, name: str, cell: Cell) -> list[Hole]:
        """Return what a cell lacks of versions that would fit it on other Pythons; oldest first."""
        has = self.available[name, cell].holes
        return [
            Hole(f"{name} {version}", cell.platform, tuple(has[version]))
            for version in sorted(self._wanted(name, cell).filter(has))
        ]

    def _wanted(self, name: str, cell: Cell) -> Wanted:
        demand = self.demands.get((name, cell))
        return self.anything if demand is None else demand.wanted

    def wanted_text(self, name: str, cell: Cell) -> str:
        """Return what the project asks of a package in a cell, as it is written; "" for nothing."""
        demand = self.demands.get((name, cell))
        return "" if demand is None else str(demand.wanted)

    def sharing(self, name: str, cell: Cell, split: frozenset[str]) -> tuple[Cell, ...]:
        """Return the cells with a say that share a version of a package with a cell.

        All of them, unless the project asks for versions by platform that cannot be one
        (``torch==2.2.2 ; sys_platform == "darwin"`` beside ``torch==2.9.1``): the user's word wins.
        torchvision then has no version for all either, whether the project names it or not.
        """
        if not self.together:
            return (cell,)
        cells = self._sharing_itself(name, cell, split)
        for other in self.companions.get(name, ()):
            if other in self.names:
                tied = self._sharing_itself(other, cell, split)
                say = self.asking(other, self.required)
                cells = tuple(each for each in cells if each in tied or each not in say)
        return cells or (cell,)

    def _sharing_itself(self, name: str, cell: Cell, split: frozenset[str]) -> tuple[Cell, ...]:
        say = self.asking(name, self.required)
        cells = say if cell in say else (*say, cell)
        mine = self.wanted_text(name, cell)
        if all(self.wanted_text(name, other) == mine for other in cells):
            return cells
        if name not in split:
            if name in self.loose:
                return cells
            having = [own for c in cells if (own := self.fitting(name, c))]
            if having and frozenset.intersection(*having):
                return cells
        return tuple(other for other in cells if self.wanted_text(name, other) == mine)

    def asking(self, name: str, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        """Return the cells that want the package: all, where no required cell is asked for it.

        Where another package is known to need it, or to do without, that is what counts.
        """
        some = any(self.is_root(name, cell) for cell in self.required)
        return tuple(
            cell
            for cell in cells
            if self.is_root(name, cell) or self.needed.get((name, cell), not some)
        )

    def is_root(self, name: str, cell: Cell) -> bool:
        """Return whether the project asks for a package in a cell, and names no URL for it."""
        demand = self.demands.get((name, cell))
        return demand is not None and demand.is_root and not demand.is_direct
