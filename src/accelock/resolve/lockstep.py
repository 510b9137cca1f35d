"""Lockstep: one public version of torch, torchvision, ... over the cells of a lock.

A pure function over tables. Required cells have a say: those of platforms that the user named, and
of the first default platform that each target has. The cells of other default platforms never lower
a version and never stop a lock: where they lack what the others take, they are left out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.resolve import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.version import Version

    from accelock.resolve.question import Question, Slot
    from accelock.targets import Cell


@dataclass(frozen=True)
class Bound:
    """What solved cells have taken: the cells that share a version with them take it too."""

    cells: tuple[Cell, ...]
    versions: Mapping[str, frozenset[Version]]


@dataclass(frozen=True)
class Refused:
    """A version that some cell's graph refuses: ruled out for all that share it with that cell.

    :param by: the cell whose graph it is.
    :param why: what in it refuses the version, where that is known.
    """

    name: str
    version: Version
    cells: frozenset[Cell]
    by: Cell
    why: str = ""


@dataclass(frozen=True)
class Decision:
    """What each cell may take.

    :param allowed: the public versions that a cell may take of a package.
    :param barred: those that it may not take, of a package that `allowed` does not name.
    :param picks: the one that it is expected to take.
    :param left_out: optional cells that cannot follow, and why.
    :param lacking: why a cell has nothing of a package that no input asks for there: it matters
        only where another package does.
    :param failure: why there is no lock, complete for a user.
    """

    allowed: Mapping[Slot, frozenset[Version]]
    barred: Mapping[Slot, frozenset[Version]]
    picks: Mapping[Slot, Version]
    left_out: Mapping[Cell, str]
    lacking: Mapping[Slot, str]
    failure: str | None = None

    def takes(self, name: str, cell: Cell, version: Version) -> bool:
        """Return whether a cell may take a public version of a package."""
        allowed = self.allowed.get((name, cell))
        if allowed is not None:
            return version in allowed
        return version not in self.barred.get((name, cell), ())


def decide(
    question: Question,
    *,
    bound: Collection[Bound] = (),
    refused: Collection[Refused] = (),
    split: frozenset[str] = frozenset(),
) -> Decision:
    """Return what the cells may take of the packages in lockstep.

    :param bound: what the groups that are solved took, in their order.
    :param refused: versions that a solve ruled out.
    :param split: packages of which cells that the project asks in other words have other versions,
        though one would do for all: the rest of the graph refuses that.
    """
    return _Decider(question, tuple(bound), tuple(refused), split).decide()


def passed_over(
    question: Question, alone: Decision, name: str, cell: Cell, chosen: Version
) -> Version | None:
    """Return the newest version that all could have but for want of a published sha256.

    None where that is not what keeps a package at the chosen one: the project or another package
    asks for no newer, or some cell has no such version at all.

    :param alone: what is decided of the question where no solve has taught anything.
    """
    newest = max(alone.allowed.get((name, cell), ()), default=None)
    if name not in question.names or chosen != newest:
        return None
    cells = [c for c in question.sharing(name, cell, frozenset()) if c in question.required]
    newer = [
        version
        for version in question.unhashed(name, cell)
        if version > chosen
        and all(version in {*question.fitting(name, c), *question.unhashed(name, c)} for c in cells)
    ]
    return max(newer, default=None)


class _Decider:
    """One decision: the rules above, package by package, over the cells."""

    def __init__(
        self,
        question: Question,
        bound: tuple[Bound, ...],
        refused: tuple[Refused, ...],
        split: frozenset[str],
    ) -> None:
        self.question = question
        self.bound = bound
        self.refused = refused
        self.split = split
        self.allowed: dict[Slot, frozenset[Version]] = {}
        self.barred: dict[Slot, frozenset[Version]] = {}
        self.picks: dict[Slot, Version] = {}
        self.left_out: dict[Cell, str] = {}
        self.lacking: dict[Slot, str] = {}

    def decide(self) -> Decision:
        question, failure = self.question, None
        for name in question.names:
            for cell in question.required:
                failure = failure or self._required(name, cell)
        for name in question.names:
            for cell in question.optional:
                self._optional(name, cell)
        for name in question.loose:
            for cell in (*question.required, *question.optional):
                if taken := self._taken_loose(name, cell):
                    self.allowed[name, cell] = taken
                self.barred[name, cell] = frozenset(self._ruled_out(name, cell))
        return Decision(self.allowed, self.barred, self.picks, self.left_out, self.lacking, failure)

    def _required(self, name: str, cell: Cell) -> str | None:
        """Decide for a required cell; return why nothing can serve it, where it has to be."""
        question = self.question
        cells = question.sharing(name, cell, self.split)
        common, stop = self._common(name, cell, cells)
        taken = self._taken(name, cells)
        if cell in question.asking(name, question.required):
            # What was taken before a package was met may be none of what all have: that goes.
            common = common & taken or common
        elif taken:
            common &= taken
        self._allow(name, cell, common)
        if common:
            return None
        reason = stop or self._explain(name, cell, (), taken)
        if question.is_root(name, cell):
            return reason
        self.lacking[name, cell] = reason
        return None

    def _common(
        self, name: str, cell: Cell, cells: Iterable[Cell]
    ) -> tuple[frozenset[Version], str | None]:
        """Return what a cell and those that share with it have in common, and what stops it.

        Another cell that has nothing in common with those before it has no say. Where it has to
        have the package, it stops the decision itself; else only its solve can tell whether it
        needs the package at all.
        """
        question = self.question
        common: frozenset[Version] | None = None
        served: list[Cell] = []
        for other in cells:
            own = question.fitting(name, other) - self._ruled_out(name, other)
            joined = own if common is None else common & own
            if not joined:
                if other == cell:
                    return frozenset(), self._explain(name, other, served)
                continue
            common = joined
            served.append(other)
        return common or frozenset(), None

    def _optional(self, name: str, cell: Cell) -> None:
        """Let a cell follow those with a say, or leave it out."""
        question = self.question
        if peers := self._peers(name, cell):
            allowed, stop = self._common(name, cell, peers)
            allowed = allowed & self._taken(name, peers) or allowed
            reason = stop or self._explain(name, cell, ())
        else:
            cells = self._leading(name, cell)
            own = question.fitting(name, cell)
            taken = self._followed(name, cell)
            allowed = own & taken if taken else own - self._ruled_out(name, cell)
            reason = self._explain(name, cell, cells, taken)
        self._allow(name, cell, allowed)
        if allowed:
            return
        if question.is_root(name, cell):
            self.left_out.setdefault(cell, reason)
        else:
            self.lacking[name, cell] = reason

    def _peers(self, name: str, cell: Cell) -> tuple[Cell, ...]:
        """Return the optional cells that decide by themselves, this one among them; () for none.

        They are those that the project asks in words of their own, which forbid what the required
        cells take (``torch==2.7.1 ; sys_platform == "win32"``), also of a companion; and those that
        alone ask for a package.
        """
        question = self.question
        if not question.together:
            return ()
        names = self._released_together(name)
        alone = question.is_root(name, cell) and not self._leading(name, cell)
        if not alone and not any(self._is_asked_apart(each, cell) for each in names):
            return ()
        return tuple(
            other
            for other in self._alike(name, cell)
            if question.is_root(name, other) or not question.is_root(name, cell)
        )

    def _released_together(self, name: str) -> list[str]:
        question = self.question
        companions = question.companions.get(name, ())
        return [name, *(each for each in companions if each in question.names)]

    def _alike(self, name: str, cell: Cell) -> tuple[Cell, ...]:
        """Return the optional cells that the project asks as this one, of companions too."""
        question, names = self.question, self._released_together(name)

        def asked(one: Cell) -> list[str]:
            return [question.wanted_text(each, one) for each in names]

        return tuple(other for other in question.optional if asked(other) == asked(cell))

    def _is_asked_apart(self, name: str, cell: Cell) -> bool:
        """Return whether the project's words for a cell forbid what the required ones take."""
        question = self.question
        mine, own = question.wanted_text(name, cell), question.fitting(name, cell)
        leading = self._leading(name, cell)
        if not mine or not own or own & self._followed(name, cell):
            return False
        others = leading or question.asking(name, question.required)
        return any(question.wanted_text(name, other) != mine for other in others)

    def _leading(self, name: str, cell: Cell) -> tuple[Cell, ...]:
        """Return the required cells that an optional one shares a version with."""
        cells = self.question.sharing(name, cell, self.split)
        return tuple(other for other in cells if other != cell and self.allowed.get((name, other)))

    def _followed(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return what an optional cell has to follow: what others took, or are expected to take."""
        leading = self._leading(name, cell)
        if taken := self._taken(name, (cell, *leading)):
            return taken
        if leading:
            return frozenset(self.picks[name, other] for other in leading)
        return self._taken(name, self._alike(name, cell)) if self.question.together else frozenset()

    def _allow(self, name: str, cell: Cell, versions: frozenset[Version]) -> None:
        """Note what a cell may take, and what it is expected to: the newest, or what is locked."""
        self.allowed[name, cell] = versions
        if versions:
            locked = self.question.previous.get((name, cell))
            stable = [version for version in versions if not version.is_prerelease]
            self.picks[name, cell] = locked if locked in versions else max(stable or versions)

    def _taken(self, name: str, cells: Collection[Cell]) -> frozenset[Version]:
        """Return what the first solved group with one of these cells took; empty for none."""
        for each in self.bound:
            if name in each.versions and not frozenset(cells).isdisjoint(each.cells):
                return each.versions[name]
        return frozenset()

    def _taken_loose(self, name: str, cell: Cell) -> frozenset[Version]:
        """Return what a cell has to take of a loose package, after what others took."""
        question = self.question
        cells = {*question.sharing(name, cell, self.split), cell}
        taken = self._taken(name, cells)
        if cell in question.required:
            return taken
        demand = question.demands.get((name, cell))
        apart = taken and demand is not None and not set(demand.wanted.filter(taken))
        if taken and not apart:
            return taken
        return self._taken(name, self._alike(name, cell)) if question.together else frozenset()

    def _ruled_out(self, name: str, cell: Cell) -> set[Version]:
        """Return the versions that are ruled out for a cell and all that share with it."""
        refused = [each for each in self.refused if each.name == name]
        if not refused:
            return set()
        mine = {*self.question.sharing(name, cell, self.split), cell}
        return {each.version for each in refused if mine & each.cells}

    def _explain(
        self,
        name: str,
        cell: Cell,
        served: Collection[Cell],
        wanted: Collection[Version] = (),
    ) -> str:
        question, has = self.question, self.question.available[name, cell]
        those = {v for other in served for v in question.fitting(name, other)}
        return messages.cannot_be_locked(
            name,
            cell,
            has,
            asked=question.wanted_text(name, cell),
            elsewhere={other: question.fitting(name, other) for other in served},
            wanted=wanted or those,
            unhashed=question.unhashed(name, cell),
            ruled_out=question.fitting(name, cell) & self._ruled_out(name, cell),
            words=question.words,
            holes=question.holes(name, cell),
        )
