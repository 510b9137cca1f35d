"""Pins that exist on some platforms only, in a file that was made on one and does not say so.

`pip freeze` on Linux has `uvloop` and no marker. No wheel of it fits Windows; and uvicorn, which
asks for it, does so elsewhere only: its marker is taken over. What no metadata explains is left
alone: then there is no solution for that platform, and the user has to name his.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from accelock.hosts.piptools.asks import Ask, Asks
    from accelock.hosts.piptools.rewrite.roots import Root, Roots
    from accelock.hosts.piptools.rewrite.scope import Scope
    from accelock.hosts.piptools.state import Capture, Memo
    from accelock.locks.requirements import Pin
    from accelock.targets import Cell


@dataclass(frozen=True)
class Narrowing:
    """What is known when a direct requirement may have to be left out of a cell.

    :param pins: the pins of the file, by name.
    """

    pins: Mapping[str, Pin]
    asks: Asks
    scope: Scope
    memo: Memo

    def after_failure(self, roots: Roots, cell: Cell) -> Roots:
        """Leave out of a cell what has no file at all there; the roots as they are if nothing."""
        for root in self._open(roots):
            if self._files_are_missing(root.name, cell):
                roots = self._without(roots, root, cell)
        return roots

    def after_success(self, roots: Roots, captures: Mapping[Cell, Capture]) -> Roots:
        """Leave out of cells what has only an sdist there, and wheels elsewhere.

        It is the sdist of a package that does not build on that platform. Where an annotation says
        that the user asked for it, it stays.
        """
        for root in self._open(roots):
            wheels = {c: _has_wheel(capture, root.name) for c, capture in captures.items()}
            bare = [cell for cell, wheel in wheels.items() if wheel is False]
            if bare and True in wheels.values() and not root.told:
                roots = self._without(roots, root, bare[0])
        return roots

    def _open(self, roots: Roots) -> Iterator[Root]:
        """Yield the direct requirements that nothing says the platforms of."""
        for root in roots.direct:
            if (root.marker is None or root.narrowed) and root.name in self.pins:
                yield root

    def _without(self, roots: Roots, root: Root, cell: Cell) -> Roots:
        """Leave a requirement out of a cell, and of others in which nothing asks for it."""
        asks = list(self._asks(root.name))
        if not self._are_for_others(asks, cell):
            return roots
        cells = [
            other
            for other in self.scope.cells
            if other != cell
            and other in self.scope.where(root.marker)
            and (root.told or any(a.holds_with_any(self.scope.environments[other]) for a in asks))
        ]
        return roots.narrowed(root.name, self.scope.marker(cells)) if cells else roots

    def _files_are_missing(self, name: str, cell: Cell) -> bool:
        looked = self.memo.looked_up(name, cell)
        return bool(looked) and not any(looked)

    def _are_for_others(self, asks: Collection[Ask], cell: Cell) -> bool:
        """Return whether all that ask for a package do so elsewhere, and not in this cell."""
        here = self.scope.environments[cell]
        elsewhere = any(ask.holds_with_any(e) for ask in asks for e in self.scope.elsewhere)
        return elsewhere and not any(ask.holds_with_any(here) for ask in asks)

    def _asks(self, name: str) -> Iterator[Ask]:
        for parent, pin in self.pins.items():
            if pin.version is not None:
                yield from (ask for ask in self.asks.by(parent, pin.version) if ask.name == name)


def _has_wheel(capture: Capture, name: str) -> bool | None:
    """Return whether a cell takes a wheel of a package; None where it does not have the package."""
    for ireq in (*capture.results, *capture.unsafe_requirements):
        if ireq.name and canonicalize_name(ireq.name) == name and ireq.link is not None:
            return bool(ireq.link.is_wheel)
    return None
