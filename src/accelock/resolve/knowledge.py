"""What a search knows of packages that have to agree: read from a host, and learned from solves."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from accelock.errors import LockstepError, ResolutionError
from accelock.resolve import messages
from accelock.resolve.host import Demand, Host, Packages, Solution, Wanted
from accelock.resolve.question import Question
from accelock.resolve.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.version import Version

    from accelock.resolve.host import Available
    from accelock.resolve.lockstep import Decision
    from accelock.resolve.question import Slot
    from accelock.targets import Cell


@dataclass
class Knowledge(Generic[Solution]):
    """The cells of a lock, the packages that have to agree over them, and what is known of these.

    :param host: is read: what the project asks for, and what cells have.
    :param required: the cells that have to be in the lock, leader first.
    :param optional: those of other default platforms.
    :param packages: tells what families say of a package.
    :param anything: what a project takes that says nothing of a package.
    :param together: False where the user has turned lockstep off.
    :param excluded: the optional cells for which no machine has what the project asks for, and why.
    :param words: what messages tell the user to do.
    :param failed: optional cells that were found to have no solution, and why.
    :param needed: whether a cell's solution has a package that the project does not ask for there.
    :param expected: what a cell is to take after what others took.
    """

    host: Host[Solution]
    required: tuple[Cell, ...]
    optional: tuple[Cell, ...]
    packages: Packages
    anything: Wanted
    together: bool = True
    excluded: Mapping[Cell, str] = field(default_factory=dict)
    words: messages.Words = field(default_factory=messages.Words)
    failed: dict[Cell, str] = field(default_factory=dict)
    needed: dict[Slot, bool] = field(default_factory=dict)
    expected: dict[Slot, Version] = field(default_factory=dict)
    demands: dict[Slot, Demand] = field(default_factory=dict)
    releases: Releases = field(init=False)
    _available: dict[Slot, Available] = field(default_factory=dict)
    _locked: dict[Slot, Version] = field(default_factory=dict)
    _names: dict[str, None] = field(default_factory=dict)
    _loose: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.releases = Releases(self.packages.release_of)

    def read(self) -> None:
        """Read what the project asks for.

        :raises ResolutionError: it asks for what is built per release of a package that it has from
            elsewhere than the family's source.
        """
        for cell in (*self.required, *self.optional):
            self.demands |= {(n, cell): each for n, each in self.host.demands(cell).items()}
        self.meet(
            name
            for (name, _cell), demand in self.demands.items()
            if demand.is_root and not demand.is_direct and self.packages.in_lockstep(name)
        )
        for of in sorted(self.releases.learn(self.demands)):
            if not self.packages.is_family_only(of):
                raise ResolutionError(self.releases.is_from_elsewhere(of))
            self.meet([of])

    def meet(self, names: Iterable[str]) -> None:
        """Note packages that have to agree."""
        for name in names:
            is_listed = self.packages.is_family_only(name)
            (self._names if is_listed else self._loose).setdefault(name)

    def learn(self, cells: Iterable[Cell], taken: Collection[str]) -> None:
        """Note which packages cells need, and which not, where their solution took some."""
        for name in (*self._names, *self._loose):
            self.needed |= {(name, cell): name in taken for cell in cells}

    def question(self) -> Question:
        """Return what is to be decided, after reading what cells have of packages newly met."""
        cells, out = (*self.required, *self.optional), {*self.failed, *self.excluded}
        new = [name for name in self._names if (name, self.required[0]) not in self._available]
        if new:
            self.host.prefetch(new, cells)
        for name, cell in itertools.product(new, cells):
            has = self.host.available(name, cell)
            self._available[name, cell] = self.releases.narrowed(
                (name, cell), has, self.demands, self.host
            )
            if (locked := self.host.previous(name, cell)) is not None:
                self._locked[name, cell] = locked
        return Question(
            required=self.required,
            optional=tuple(cell for cell in self.optional if cell not in out),
            names=tuple(self._names),
            loose=tuple(self._loose),
            demands=self.demands,
            available=self._available,
            previous={**self._locked, **self.expected},
            companions={n: self.packages.companions(n) for n in (*self._names, *self._loose)},
            needed=dict(self.needed),
            together=self.together,
            anything=self.anything,
            words=self.words,
        )

    def is_root(self, name: str, cell: Cell) -> bool:
        """Return whether the project itself asks for a package in a cell, by a URL or not."""
        demand = self.demands.get((name, cell))
        return demand is not None and demand.is_root

    def left_out(self, decision: Decision) -> dict[Cell, str]:
        """Return the cells that are left out: a platform of a target on all Pythons or on none."""
        first = {**self.excluded, **self.failed, **decision.left_out}
        platforms = {(cell.target, cell.platform): why for cell, why in reversed(first.items())}
        return {
            cell: first.get(cell) or platforms[cell.target, cell.platform]
            for cell in self.optional
            if (cell.target, cell.platform) in platforms
        }

    def cells(self, left_out: Collection[Cell]) -> list[Cell]:
        """Return the cells that are in the lock: the leader, the required ones, and the others.

        What an optional cell takes has no part in what a required one takes, not as a preference.
        """
        return [cell for cell in (*self.required, *self.optional) if cell not in left_out]

    def keep_what_is_asked(self, left_out: Mapping[Cell, str]) -> None:
        """Refuse to leave out a platform on which alone the project asks for a package.

        :raises LockstepError: it names the package, and why the platform would be left out.
        """
        for cell, reason in left_out.items():
            kept = [c for c in self.cells(left_out) if c.target == cell.target]
            for name, place in self.demands:
                if place != cell or not self.is_root(name, cell):
                    continue
                if not any(self.is_root(name, other) for other in kept):
                    raise LockstepError(
                        f"The project requires {name} on {cell.platform.name} and on no other "
                        f"platform of {cell.target.name}, but {cell.platform.name} cannot have "
                        f"it: {reason} It is a default platform: {self.words.platforms}."
                    )
