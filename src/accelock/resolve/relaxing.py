"""Which default platforms are in the way of what the rest of the graph needs.

Lockstep keeps to what all cells have before anything is solved, and knows what the inputs ask for.
What another package asks for (``torch==2.8.0`` of ``-e .``) only a solver finds: where it finds no
solution, cells that hide versions from it may be the reason. The same order of say as for what the
inputs ask for: a default platform is left out where no solution is left with it, and not before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.resolve.lockstep import CellDroppedError, Lockstep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from packaging.version import Version

    from accelock.targets import Cell


@dataclass(frozen=True, slots=True)
class Trial:
    """A solution that was found while some cells had no say.

    :param versions: lockstep package -> the public versions that it took.
    :param askers: lockstep package -> the projects that require it.
    """

    versions: Mapping[str, Collection[Version]]
    askers: Mapping[str, Collection[str]] = field(default_factory=dict)


def make_way(
    lockstep: Lockstep, mine: Collection[Cell], solve: Callable[[], Trial | None]
) -> str | None:
    """Find out whether other cells are the reason that some have no solution.

    :param mine: the cells that have none, solved by themselves.
    :param solve: solves them again, under `Lockstep.waived`; None where there is no solution. A
        CellDroppedError names one more cell to do without.
    :returns: the reason, where the user named the platforms that are in the way; None where no
        cell is, and what the solver itself said is all there is to say.
    :raises CellDroppedError: cells of default platforms are in the way, and are to be left out.
    """
    lockstep.unsettle()
    search = _Search(lockstep, tuple(mine), solve)
    try:
        return search.run()
    finally:
        lockstep.waived = frozenset()


@dataclass(frozen=True)
class _Search:
    lockstep: Lockstep
    mine: tuple[Cell, ...]
    solve: Callable[[], Trial | None]
    stopped: list[Cell] = field(default_factory=list)

    def run(self) -> str | None:
        own = [cell for cell in self.mine if not self._is_optional(cell)] or self.mine
        tried: list[Cell] = []
        while optional := self._in_the_way(own, tried):
            tried = [cell for cell in self.lockstep.cells if cell in tried or cell in optional]
            found = self._without(tried)
            if found is not None:
                self._leave_out(tried, found)
                return None
        named = [cell for cell in self._hiding(own) if not self._is_optional(cell)]
        found = self._without([*tried, *named]) if named else None
        return self._reason(named, found) if found is not None else None

    def _in_the_way(self, own: Sequence[Cell], tried: Collection[Cell]) -> list[Cell]:
        """Return more cells to do without: a trial gets to packages that none got to before."""
        found = [*self._hiding(own), *self.stopped]
        return [cell for cell in found if self._is_optional(cell) and cell not in tried]

    def _hiding(self, own: Sequence[Cell]) -> list[Cell]:
        return [cell for cell in self.lockstep.cells if cell not in own and self._hides(cell, own)]

    def _leave_out(self, optional: Sequence[Cell], found: Trial) -> None:
        """Let the cells have their say again, one after another, and leave out those that cannot.

        One that has no more than a cell that could not either is not tried.
        """
        refused: list[Cell] = []
        for number, cell in enumerate(optional, 1):
            if not self._lacking(cell, found):
                continue
            waived = [*refused, *optional[number:]]
            hopeless = not waived or any(self._has_no_more(cell, other) for other in refused)
            again = None if hopeless else self._without(waived)
            if again is None:
                refused.append(cell)
            else:
                found = again
        errors = [
            CellDroppedError(cell, self._said(cell, lacks, found))
            for cell in refused
            if (lacks := self._lacking(cell, found))
        ]
        if errors:
            raise CellDroppedError(errors[0].cell, str(errors[0]), tuple(errors[1:]))

    def _without(self, waived: Collection[Cell]) -> Trial | None:
        self.lockstep.waived = frozenset(waived)
        try:
            return self.solve()
        except CellDroppedError as error:
            self.stopped.append(error.cell)
            return None

    def _reason(self, named: Sequence[Cell], found: Trial) -> str:
        said = [self._said(c, lacks, found) for c in named if (lacks := self._lacking(c, found))]
        return " ".join(["One version has to serve all cells (lockstep).", *said]) if said else ""

    def _said(self, cell: Cell, lacks: Mapping[str, Version], found: Trial) -> str:
        name, version = next(iter(sorted(lacks.items())))
        askers = ", ".join(sorted(found.askers.get(name, ())))
        needed = f"{name} {version} is needed" + (f" by {askers}" if askers else "")
        if version in self.lockstep.available(name, cell):
            asked = f"{name}{self.lockstep.wanted(name, cell)}"
            return f"{needed}, and for {cell} the input asks for {asked}."
        return f"{needed}, and {cell} has no {version}: {self.lockstep.having(name, cell)}."

    def _is_optional(self, cell: Cell) -> bool:
        """Return whether a cell may be left out, and others have their say before it."""
        lockstep = self.lockstep
        return lockstep.may_drop(cell) and not any(
            cell in lockstep.weighty(name, lockstep.group(name, cell))
            for name in lockstep.looked_up()
        )

    def _hides(self, cell: Cell, own: Sequence[Cell]) -> bool:
        """Return whether a cell keeps a version of a package from one of ours."""
        fitting = self.lockstep.fitting
        return any(
            cell in self.lockstep.group(name, mine)
            and not fitting(name, mine) <= fitting(name, cell)
            for name in self.lockstep.looked_up()
            for mine in own
        )

    def _has_no_more(self, cell: Cell, other: Cell) -> bool:
        fitting = self.lockstep.fitting
        return all(fitting(n, cell) <= fitting(n, other) for n in self.lockstep.looked_up())

    def _lacking(self, cell: Cell, found: Trial) -> dict[str, Version]:
        """Return the packages of a solution that a cell shares, and the newest that it lacks."""
        lockstep = self.lockstep
        lacks = {
            name: set(found.versions[name]) - lockstep.fitting(name, cell)
            for name in lockstep.looked_up() & found.versions.keys()
            if any(cell in lockstep.group(name, mine) for mine in self.mine)
        }
        return {name: max(versions) for name, versions in lacks.items() if versions}
