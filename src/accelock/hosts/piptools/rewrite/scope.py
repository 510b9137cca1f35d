"""The cells that a compiled file is turned for, and which of its lines hold there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import Marker

from accelock.hosts.piptools.merge import place_of
from accelock.locks import markers
from accelock.targets import PLATFORMS, Cell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from accelock.hosts.piptools.plan import Plan
    from accelock.locks.requirements import Pin


@dataclass(frozen=True)
class Scope:
    """The cells of one target, each with its PEP 508 environment.

    :param elsewhere: the environments of all platforms that there are, for the same Pythons.
    """

    environments: Mapping[Cell, Mapping[str, str]]
    elsewhere: tuple[Mapping[str, str], ...]

    @classmethod
    def of(cls, plan: Plan) -> Scope:
        """Return the scope of a plan's only target."""
        (target,) = plan.targets
        cells = plan.cells_of(target)
        pythons = dict.fromkeys(cell.python for cell in cells)
        known = (Cell(target, each, python) for each in PLATFORMS.values() for python in pythons)
        return cls(
            environments={cell: plan.environment(cell) for cell in cells},
            elsewhere=tuple(plan.environment(cell) for cell in known),
        )

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Return the cells in their order."""
        return tuple(self.environments)

    def where(self, marker: str | None) -> frozenset[Cell]:
        """Return the cells that a marker holds in."""
        return frozenset(cell for cell in self.cells if holds(marker, self.environments[cell]))

    def has(self, pin: Pin) -> bool:
        """Return whether a line holds in any cell: what else it is for is not turned."""
        return bool(self.where(pin.marker))

    def covered_by(self, lines: Iterable[Pin]) -> bool:
        """Return whether one of the lines holds on every platform there is.

        Then their markers tell builds apart; they are none of the user's.
        """
        own = [pin.marker for pin in lines]
        return all(any(holds(marker, each) for marker in own) for each in self.elsewhere)

    def marker(self, cells: Collection[Cell]) -> str | None:
        """Return the shortest marker of some of the cells; None where it is all of them."""
        return markers.simplest(
            [place_of(cell) for cell in cells], [place_of(cell) for cell in self.cells]
        )


def holds(marker: str | None, environment: Mapping[str, str]) -> bool:
    """Return whether a marker (PEP 508) holds in an environment; no marker does."""
    return marker is None or _parsed(marker).evaluate({**environment, "extra": ""})


@lru_cache(maxsize=4096)
def _parsed(marker: str) -> Marker:
    return Marker(marker)
