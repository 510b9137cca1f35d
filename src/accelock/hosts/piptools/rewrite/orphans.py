"""Pins that nothing asks for once a file's direct requirements are resolved: they stay, or go.

A pin goes only with what asked for it. What else is left over was asked for by an extra that the
maker stripped from the file (`uvloop`, by `uvicorn[standard]`): the metadata tell by which, and
where.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.hosts.piptools.rewrite.compiled_file import DirectRequirement, parents_of, public

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from accelock.hosts.piptools.asks import Ask
    from accelock.hosts.piptools.rewrite.resolve import Rewrite
    from accelock.locks.requirements import RequirementLine
    from accelock.targets import Cell


@dataclass(frozen=True)
class OrphanedPins:
    """The pins of a file that a result lacks.

    :param roots: what was resolved.
    """

    rewrite: Rewrite
    roots: Sequence[DirectRequirement]

    def wanted(self) -> list[DirectRequirement]:
        """Return the direct requirements to add, so that what is to stay stays; none when done.

        What a package brings with it is left to the next resolution: only the pins nearest to the
        solution are decided here.
        """
        left = self._left()
        names = {pin.name for pin in left}
        nearest = [pin for pin in left if not names & set(parents_of(pin))] or left
        extras = list(self._extras(nearest))
        explained = {name for _root, names in extras for name in names}
        kept = [self._kept(pin) for pin in nearest if pin.name not in explained]
        return [root for root, _names in extras] + kept

    def _left(self) -> list[RequirementLine]:
        """Return the pins that were lost, less those that went with what asked for them."""
        file = self.rewrite.file
        there = {root.name for root in self.roots} | self.rewrite.variants.keys()
        there |= self.rewrite.url_hashes.keys()
        lost = [p for p in file.file.pins if file.concerns(p) and p.name not in there]
        gone = {pin.name for pin in lost if file.is_runtime(pin)}
        while more := {p.name for p in lost if p.name not in gone and self._is_alone(p, gone)}:
            gone |= more
        return [pin for pin in lost if pin.name not in gone]

    def _is_alone(self, pin: RequirementLine, gone: Collection[str]) -> bool:
        parents = parents_of(pin)
        return bool(parents) and all(p in gone or self._asks_no_more(p, pin) for p in parents)

    def _asks_no_more(self, parent: str, pin: RequirementLine) -> bool:
        """Return whether a package is not what the annotation of a pin says any more.

        It is another version or build that does not ask for that pin, or asks for it on other
        platforms only.
        """
        found = self.rewrite.found(parent)
        if not found or not all(self.rewrite.asks.knows(parent, v) for v in found.values()):
            return False
        asks = self._asks(parent, pin.name)
        if asks:
            return not any(map(self._where, asks))
        package = self.rewrite.file.package(parent)
        if package is not None and not package.runtime:
            return True
        held = set(map(public, self.rewrite.file.held(parent).values()))
        return bool(held) and not held & set(map(public, found.values()))

    def _asks(self, parent: str, name: str) -> list[Ask]:
        versions = sorted({public(version) for version in self.rewrite.found(parent).values()})
        return [a for v in versions for a in self.rewrite.asks.by(parent, v) if a.name == name]

    def _where(self, ask: Ask) -> list[Cell]:
        """Return the cells in which a package asks for another, be it by an extra."""
        environments = self.rewrite.file.environments
        found = self.rewrite.found(ask.parent)
        return [c for c, env in environments.items() if c in found and ask.holds_with_any(env)]

    def _kept(self, pin: RequirementLine) -> DirectRequirement:
        """Return a pin as a direct requirement, where its parents can ask for it."""
        asks = [ask for parent in parents_of(pin) for ask in self._asks(parent, pin.name)]
        cells = {cell for ask in asks for cell in self._where(ask)}
        marker = pin.marker or (self.rewrite.file.marker_of(cells) if cells else None)
        return DirectRequirement(pin.name, pin.name, marker)

    def _extras(
        self, left: Collection[RequirementLine]
    ) -> Iterator[tuple[DirectRequirement, set[str]]]:
        """Yield the extras that explain pins, each with the pins that it explains.

        The file has all that such an extra asks for on some platform. Those that explain most come
        first; of equals the smallest.
        """
        file = self.rewrite.file
        explains: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for pin in left:
            for ask in (a for parent in parents_of(pin) for a in self._asks(parent, pin.name)):
                for cell in self._where(ask):
                    for extra in ask.extras_at(file.environments[cell]):
                        explains[ask.parent, extra].add(pin.name)
        whole = {key: names for key, names in explains.items() if self._is_whole(*key)}
        done: defaultdict[str, set[str]] = defaultdict(set)
        while any(names - done[parent] for (parent, _extra), names in whole.items()):
            parent, extra = min(
                whole, key=lambda k: (-len(whole[k] - done[k[0]]), len(whole[k]), k)
            )
            marker = file.marker_of(list(self.rewrite.found(parent)))
            yield DirectRequirement(f"{parent}[{extra}]", parent, marker), whole[parent, extra]
            done[parent] |= whole[parent, extra]

    def _is_whole(self, parent: str, extra: str) -> bool:
        """Return whether the file has all that an extra asks for on some platform, from there."""
        file = self.rewrite.file
        return any(
            (members := self._members(parent, frozenset({extra}), environment))
            and all(
                any(parent in (parents_of(pin) or (parent,)) for pin in file.file.named(name))
                for name in members
            )
            for environment in file.anywhere.values()
        )

    def _members(
        self, parent: str, extras: frozenset[str], environment: Mapping[str, str]
    ) -> set[str]:
        """Return what extras ask for in an environment; an extra may name others of its package."""
        version = next(iter(self.rewrite.found(parent).values()))
        asks = [
            ask
            for ask in self.rewrite.asks.by(parent, version)
            if extras & ask.extras_at(environment)
        ]
        inner = frozenset(e for ask in asks if ask.name == parent for e in ask.requirement.extras)
        members = {ask.name for ask in asks if ask.name != parent}
        if inner - extras:
            members |= self._members(parent, inner | extras, environment)
        return members
