"""Lockstep: one public version of torch, torchvision, ... over all cells that exist.

A cell that has no version of a package in common with the cells before it stops the lock where the
user named its platform, and is left out, with a warning, where the platform is one of the default
list. Pure: it takes what each cell has and returns what all may take.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.errors import LockstepError
from accelock.resolve.messages import HeldBack, Words, newest, versions_there

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from accelock.targets import Cell, Target


# A package, and cells that share a version of it.
_Key = tuple[str, "tuple[Cell, ...]"]


class CellDroppedError(LockstepError):
    """A cell of the default platforms has no wheel for a package and is to be left out.

    :param others: more such cells, each with its own reason.
    """

    def __init__(self, cell: Cell, message: str, others: tuple[CellDroppedError, ...] = ()) -> None:
        super().__init__(message)
        self.cell = cell
        self.others = others


@dataclass
class Lockstep:
    """The versions that the cells of a run may take of each lockstep package.

    :param cells: the cells of the run, in the order in which they are solved.
    :param available: (name, cell) -> the public versions that the cell has.
    :param wanted: (name, cell) -> the specifiers of the inputs for that name in that cell.
    :param may_drop: whether a cell's platform is a default one, not named by the user.
    :param together: False where the user has turned lockstep off: then each cell is by itself.
    :param unhashed: (name, cell) -> versions that were passed over for want of a published hash.
    :param asks: (name, cell) -> whether the inputs themselves ask for the package in that cell;
        a marker of the user's may keep it out (``torch ; platform_machine == "x86_64"``).
    :param source: (cell, name) -> where the cell's builds are looked for, for messages.
    :param preferred: (name, cell) -> the version that is locked now. It stays if it can: a default
        platform that alone has not got it is left out, as for a version that the input pins.
    :param companions: name -> the lockstep packages of its family: they require each other's
        versions, so that what splits one of them over the cells splits all.
    :param words: what messages tell the user to do.
    :param waived: cells that have no say for now (`accelock.resolve.relaxing`).
    :param parted: packages of which cells with other specifiers have other versions, though one
        version would do for all: the rest of the graph refuses that.

    What is settled or excluded is so for the cells of one group.
    """

    cells: tuple[Cell, ...]
    available: Callable[[str, Cell], frozenset[Version]]
    wanted: Callable[[str, Cell], SpecifierSet]
    may_drop: Callable[[Cell], bool]
    together: bool = True
    unhashed: Callable[[str, Cell], frozenset[Version]] = lambda _name, _cell: frozenset()
    asks: Callable[[str, Cell], bool] = lambda _name, _cell: True
    source: Callable[[Cell, str], str] = lambda _cell, _name: "its index"
    preferred: Callable[[str, Cell], Version | None] = lambda _name, _cell: None
    companions: Callable[[str], Collection[str]] = lambda _name: ()
    words: Words = field(default_factory=Words)
    waived: frozenset[Cell] = frozenset()
    parted: frozenset[str] = frozenset()
    _excluded: dict[_Key, frozenset[Version]] = field(default_factory=dict)
    _settled: dict[_Key, frozenset[Version]] = field(default_factory=dict)
    _common: dict[_Key, frozenset[Version]] = field(default_factory=dict)
    _groups: dict[tuple[str, Cell], tuple[Cell, ...]] = field(default_factory=dict)
    _say: dict[str, tuple[Cell, ...]] = field(default_factory=dict)

    def allowed(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the public versions of ``name`` that ``cell`` may take.

        :raises CellDroppedError: a default platform's cell is in the way.
        :raises LockstepError: the cells have no common version.
        """
        group = tuple(c for c in self.group(name, cell) if c == cell or c not in self.waived)
        key = (name, group)
        if key not in self._common:
            self._common[key] = self._intersect(name, group)
        common = self._common[key] - self.excluded(name, cell)
        settled = self.settled(name, cell) if len(group) > 1 else frozenset()
        return common & settled or common

    def exclude(self, name: str, version: Version, cell: Cell) -> None:
        """Rule a version out for the group of a cell: the rest of some cell's graph refuses it."""
        key = self._key(name, cell)
        self._excluded[key] = self._excluded.get(key, frozenset()) | {version}

    def excluded(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the versions that are ruled out for a cell."""
        return self._excluded.get(self._key(name, cell), frozenset())

    def ruled_out(self) -> dict[str, frozenset[Version]]:
        """Return what is ruled out for any cells, by package."""
        found: dict[str, frozenset[Version]] = {}
        for (name, _group), versions in self._excluded.items():
            found[name] = found.get(name, frozenset()) | versions
        return found

    def settle(self, versions: Mapping[str, Collection[Version]], cells: Iterable[Cell]) -> None:
        """Bind the cells that follow to the versions that cells, solved together, took.

        Of one package there may be several, where the user's markers ask for them.
        """
        for cell in cells:
            for name, taken in versions.items():
                self._settled.setdefault(self._key(name, cell), frozenset(taken))

    def settled(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the versions that a cell of the same group took before; empty where none did."""
        return self._settled.get(self._key(name, cell), frozenset())

    def binding(self, cell: Cell) -> dict[str, frozenset[Version]]:
        """Return the versions that cells solved before bind this one to, by package."""
        found = {name: self.settled(name, cell) for name, _group in self._settled}
        return {name: versions for name, versions in found.items() if versions}

    def unsettle(self) -> None:
        """Forget what the leader took, for another round."""
        self._settled.clear()

    def part(self) -> bool:
        """Part the cells for which the inputs ask for versions in other words; False where none do.

        For when the rest of the graph has no solution: ``torch<2.8 ; sys_platform == "darwin"``
        beside ``torch``, of which another package requires 2.8.0 on Linux.
        """
        new = {name for name in self.looked_up() if self._is_mixed(name)} - self.parted
        if not self.together or not new:
            return False
        self.parted |= new
        for found in (self._groups, self._common, self._settled, self._excluded):
            found.clear()
        return True

    def _key(self, name: str, cell: Cell) -> _Key:
        """Return what tells the group of a cell from others: a cell without a say follows one."""
        group, say = self.group(name, cell), self._having_say(name)
        return name, tuple(other for other in group if other in say) or group

    def _is_mixed(self, name: str) -> bool:
        return len({str(self.wanted(name, cell)) for cell in self._having_say(name)}) > 1

    def held_back(self, name: str, chosen: Version) -> HeldBack | None:
        """Return what all cells but a default platform's could have, and those cells.

        None where no default platform is the reason that ``chosen`` is not newer. Nobody asked for
        these platforms by name, so that the user is to hear of it.
        """
        if not self.together:
            return None
        asking = [cell for cell in self.cells if self.asks(name, cell)] or list(self.cells)
        optional = [cell for cell in asking if self.may_drop(cell)]
        binding = [cell for cell in asking if cell not in optional] or optional[:1]
        fitting = [self.fitting(name, cell) for cell in asking]
        if any(v > chosen and not v.is_prerelease for v in frozenset.intersection(*fitting)):
            return None  # it is the rest of the graph that wants an older one
        rest = frozenset.intersection(*(self.fitting(name, cell) for cell in binding))
        newer = {v for v in rest if v > chosen and not v.is_prerelease}
        newer -= self.ruled_out().get(name, frozenset())
        for version in sorted(newer, reverse=True):
            lacking = tuple(c for c in optional if version not in self.fitting(name, c))
            platforms = {cell.platform for cell in lacking}
            if lacking and len(platforms) == 1:
                rest_of = {cell.target for cell in asking if cell not in lacking}
                alone = any(cell.target not in rest_of for cell in lacking)
                return HeldBack(version, lacking, alone)
        return None

    def looked_up(self) -> frozenset[str]:
        """Return the packages that some cell was asked for so far."""
        return frozenset(name for name, _group in self._common)

    def group(self, name: str, cell: Cell) -> tuple[Cell, ...]:
        """Return the cells that share a version with this one.

        All of them, unless the input itself asks for versions by platform that cannot be one
        (``torch==2.2.2 ; sys_platform == "darwin"`` beside ``torch==2.9.1``): the user's word wins.
        torchvision then has no version for all either, whether the input names it or not.
        """
        if not self.together:
            return (cell,)
        key = (name, cell)
        if key not in self._groups:
            cells = self._sharing(name, cell)
            for other in self.companions(name):
                tied, say = self._sharing(other, cell), self._having_say(other)
                cells = tuple(each for each in cells if each in tied or each not in say)
            self._groups[key] = cells
        return self._groups[key]

    def _sharing(self, name: str, cell: Cell) -> tuple[Cell, ...]:
        """Return the cells that share a version with this one by what the inputs ask for."""
        say = self._having_say(name)
        cells = tuple(other for other in self.cells if other in say or other == cell)
        specifiers = {str(self.wanted(name, other)) for other in cells}
        if len(specifiers) == 1 or (name not in self.parted and self._meets(name, cells)):
            return cells
        mine = str(self.wanted(name, cell))
        return tuple(other for other in cells if str(self.wanted(name, other)) == mine)

    def _having_say(self, name: str) -> tuple[Cell, ...]:
        """Return the cells that want the package: all, where only other packages ask for it."""
        if name not in self._say:
            asking = tuple(cell for cell in self.cells if self.asks(name, cell))
            self._say[name] = asking or self.cells
        return self._say[name]

    def _meets(self, name: str, cells: Iterable[Cell]) -> bool:
        sets = [self.fitting(name, cell) for cell in cells]
        return bool(frozenset.intersection(*sets))

    def _intersect(self, name: str, cells: Collection[Cell]) -> frozenset[Version]:
        common: frozenset[Version] | None = None
        served: list[Cell] = []
        for cell in self._by_weight(name, cells):
            fitting = self.fitting(name, cell)
            joined = fitting if common is None else common & fitting
            if not joined:
                self._stop(name, cell, served)
            common = joined
            served.append(cell)
        self._keep_preferred(name, cells, common or frozenset())
        return common or frozenset()

    def _keep_preferred(
        self, name: str, cells: Collection[Cell], common: frozenset[Version]
    ) -> None:
        """Leave out a default platform that alone makes a locked version move."""
        locked = (version for cell in cells if (version := self.preferred(name, cell)))
        wish = next(locked, None)
        if wish is None or wish in common or wish in self.ruled_out().get(name, ()):
            return
        having = [cell for cell in cells if wish in self.fitting(name, cell)]
        lacking = [cell for cell in cells if cell not in having]
        targets = {cell.target for cell in having}
        droppable = (self.may_drop(cell) and cell.target in targets for cell in lacking)
        # What the user asks for there may be the reason: that is no ground to leave it out.
        if all(droppable) and not any(wish in self.available(name, cell) for cell in lacking):
            cell = lacking[0]
            raise CellDroppedError(cell, f"{name} {wish} is locked, and {cell} has no {wish}.")

    def _by_weight(self, name: str, cells: Collection[Cell]) -> list[Cell]:
        """Return the cells in the order in which they have a say."""
        weighty = self.weighty(name, cells)
        return [*weighty, *(cell for cell in cells if cell not in weighty)]

    def weighty(self, name: str, cells: Collection[Cell]) -> list[Cell]:
        """Return the cells that have a say before the others.

        Those whose platform the user named, and one of each target: a default platform of one
        target (linux-aarch64, where CUDA builds are few) must not cost another target all of its.
        """
        homes: dict[Target, Cell] = {}
        for cell in cells:
            if self.fitting(name, cell):
                homes.setdefault(cell.target, cell)
        return [c for c in cells if not self.may_drop(c) or homes.get(c.target) == c]

    def fitting(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return the versions that a cell has, of those that the inputs ask for."""
        specifiers = self.wanted(name, cell)
        return frozenset(specifiers.filter(self.available(name, cell)))

    def _stop(self, name: str, cell: Cell, served: list[Cell]) -> None:
        message = self._explain(name, cell, served)
        if self.may_drop(cell) and len(self.cells) > 1:
            raise CellDroppedError(cell, message)
        raise LockstepError(message)

    def having(self, name: str, cell: Cell, wanted: Collection[Version] = ()) -> str:
        """Say which versions a cell has, where others are wanted, and where it was looked."""
        has = self.available(name, cell)
        what = versions_there(name, has, wanted) if has else f"there is no wheel of {name} for it"
        return f"{what}, at {self.source(cell, name)}"

    def _explain(self, name: str, cell: Cell, served: list[Cell]) -> str:
        asked = str(self.wanted(name, cell))
        has = self.available(name, cell)
        what = f"{name}{asked}" if asked else name
        allowed = {v for other in served for v in self.fitting(name, other)}
        lines = [f"{what} cannot be locked for {cell}: {self.having(name, cell, allowed)}."]
        if has and served:
            lines.append(
                "One version has to serve all cells (lockstep), and these have it up to: "
                + "; ".join(f"{other}: {newest(self.fitting(name, other))}" for other in served)
                + "."
            )
        bare = sorted(self.wanted(name, cell).filter(self.unhashed(name, cell)))
        if bare:
            lines.append(
                f"{name} {', '.join(map(str, bare))} is there, but its index publishes no sha256 "
                f"of it: {self.words.downloads}."
            )
        return " ".join(lines)
