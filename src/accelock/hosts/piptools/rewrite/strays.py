"""Pins that nothing asks for once a file's direct requirements are resolved: they stay, or go.

A pin goes only with what asked for it. What else is left over was asked for by an extra that the
maker stripped from the file (`uvloop`, by `uvicorn[standard]`): the metadata tell by which, and
where.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.hosts.piptools.rewrite.roots import Root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from accelock.hosts.piptools.asks import Ask, Asks
    from accelock.hosts.piptools.rewrite.roots import Roots
    from accelock.hosts.piptools.rewrite.scope import Scope
    from accelock.locks.requirements import Pin
    from accelock.targets import Cell


@dataclass(frozen=True)
class Found:
    """A package of the solution: its public version in each cell that has it."""

    name: str
    versions: Mapping[Cell, str]


@dataclass(frozen=True)
class Strays:
    """What is known when it is to be decided.

    :param pins: all pins of the file, by name.
    :param turned: names of the packages that are another build now, whose requirements differ.
    """

    roots: Roots
    pins: Mapping[str, Pin]
    found: Mapping[str, Found]
    asks: Asks
    scope: Scope
    turned: frozenset[str]

    def wanted(self) -> list[Root]:
        """Return the direct requirements to add, so that what is to stay stays; none when done.

        What a package brings with it is left to the next resolution: only the pins nearest to the
        solution are decided here.
        """
        left = self._left()
        names = {pin.name for pin in left}
        nearest = [pin for pin in left if not names & set(parents_of(pin))] or left
        extras = list(self._extras(nearest))
        covered = {name for _root, members in extras for name in members}
        kept = [self._kept(pin) for pin in nearest if pin.name not in covered]
        return [root for root, _members in extras] + kept

    def _left(self) -> list[Pin]:
        """Return the pins that were lost, less those that went with what asked for them."""
        lost = [pin for pin in self.roots.others if pin.name not in self.found]
        gone = {pin.name for pin in lost if pin.name in self.roots.runtime}
        while True:
            more = {pin.name for pin in lost if self._is_left_alone(pin, gone)} - gone
            if not more:
                return [pin for pin in lost if pin.name not in gone]
            gone |= more

    def _is_left_alone(self, pin: Pin, gone: Collection[str]) -> bool:
        parents = parents_of(pin)
        return bool(parents) and all(
            parent in gone or self._asks_no_more(parent, pin.name) for parent in parents
        )

    def _asks_no_more(self, parent: str, name: str) -> bool:
        """Return whether a package is not what its annotation says any more.

        It is another version or build that does not ask for that pin, or asks for it on other
        platforms only.
        """
        if parent not in self.found or not self._knows(parent):
            return False
        asks = self._asks(parent, name)
        if not asks:
            return parent in self.turned or self._has_moved(parent)
        return not any(self._where(ask) for ask in asks)

    def _has_moved(self, name: str) -> bool:
        pin = self.pins.get(name)
        if pin is None or pin.version is None:
            return False
        return Version(pin.version).public not in self.found[name].versions.values()

    def _knows(self, parent: str) -> bool:
        return all(
            self.asks.knows(parent, each) for each in set(self.found[parent].versions.values())
        )

    def _asks(self, parent: str, name: str) -> list[Ask]:
        if parent not in self.found:
            return []
        versions = sorted(set(self.found[parent].versions.values()))
        return [a for each in versions for a in self.asks.by(parent, each) if a.name == name]

    def _where(self, ask: Ask) -> list[Cell]:
        """Return the cells in which a package asks for another, be it by an extra."""
        cells = self.found[ask.parent].versions
        return [
            cell
            for cell in self.scope.cells
            if cell in cells and ask.holds_with_any(self.scope.environments[cell])
        ]

    def _kept(self, pin: Pin) -> Root:
        """Return a pin as a direct requirement, where its parents can ask for it."""
        asks = [ask for parent in parents_of(pin) for ask in self._asks(parent, pin.name)]
        cells = {cell for ask in asks for cell in self._where(ask)}
        marker = pin.marker or (self.scope.marker(cells) if cells else None)
        return Root(pin.name, pin.name, marker)

    def _extras(self, left: Collection[Pin]) -> Iterator[tuple[Root, Collection[str]]]:
        """Yield the extras that explain pins, each with the pins that it explains."""
        by_parent: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
        for pin in left:
            for parent in parents_of(pin):
                for ask in self._asks(parent, pin.name):
                    for extra in self._extras_of(ask):
                        by_parent[parent].setdefault(extra, set()).add(pin.name)
        done: set[str] = set()
        for parent, extras in sorted(by_parent.items()):
            whole = {extra: set(n) for extra, n in extras.items() if self._is_whole(parent, extra)}
            while any(names - done for names in whole.values()):
                extra = min(whole, key=lambda e: (-len(whole[e] - done), len(whole[e]), e))
                yield self._with_extra(parent, extra), whole[extra]
                done |= whole[extra]

    def _extras_of(self, ask: Ask) -> frozenset[str]:
        environments = self.scope.environments
        return frozenset().union(*(ask.extras_at(environments[cell]) for cell in self._where(ask)))

    def _with_extra(self, parent: str, extra: str) -> Root:
        marker = self.scope.marker(list(self.found[parent].versions))
        return Root(f"{parent}[{extra}]", parent, marker)

    def _is_whole(self, parent: str, extra: str) -> bool:
        """Return whether the file has all that an extra asks for on some platform, from there."""
        return any(
            members and all(self._is_from(parent, name) for name in members)
            for members in (
                self._members(parent, frozenset({extra}), each) for each in self.scope.elsewhere
            )
        )

    def _members(
        self, parent: str, extras: frozenset[str], environment: Mapping[str, str]
    ) -> set[str]:
        """Return what extras ask for in an environment; an extra may name others of its package."""
        version = next(iter(self.found[parent].versions.values()))
        asks = [ask for ask in self.asks.by(parent, version) if extras & ask.extras_at(environment)]
        inner = frozenset(e for ask in asks if ask.name == parent for e in ask.requirement.extras)
        members = {ask.name for ask in asks if ask.name != parent}
        if inner - extras:
            members |= self._members(parent, inner | extras, environment)
        return members

    def _is_from(self, parent: str, name: str) -> bool:
        return name in self.pins and parent in (parents_of(self.pins[name]) or (parent,))


def parents_of(pin: Pin) -> tuple[str, ...]:
    """Return the canonical names of the packages that an annotation says ask for a pin."""
    return tuple(
        canonicalize_name(word.partition("[")[0])
        for word in pin.via
        if not word.startswith("-") and " (" not in word
    )
