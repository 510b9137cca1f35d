"""The family problem: which releases of torch, torchvision, ... all cells can have together.

Packages of a family pin each other, and the compilers that they ship with (triton). Their graph is
small, so that it is solved first, from the wheels' own metadata and before any host's resolver
runs: a resolver finds out late and dearly that no torchvision goes with the newest torch, or that
no triton is built for one platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from accelock.resolve.lockstep import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.version import Version

    from accelock.resolve.lockstep import Decision
    from accelock.resolve.question import Question
    from accelock.targets import Cell

# How many releases are looked at before the rest is left to the host's resolver.
_MOST = 400


class FamilyMetadata(Protocol):
    """What the family problem reads of a host."""

    def requires(self, name: str, version: Version, cell: Cell) -> Sequence[Requirement]:
        """Return what the wheel of a release requires in a cell, of its family alone."""

    def has_library(self, requirement: Requirement, cell: Cell, by: tuple[str, Version]) -> bool:
        """Return whether a cell has a file for what a release requires of no lockstep package."""


@dataclass(frozen=True)
class FamilyPlan:
    """What the family's own metadata says of a decision.

    :param picks: the releases that go together, for each cell that shares them.
    :param refused: releases that no cell with a say can take, newest first, and why.
    :param left_out: optional cells that cannot have what the others take, and why.
    :param lacking: packages that no input asks for and that an optional cell cannot have, and why.
    """

    picks: Mapping[tuple[str, Cell], Version]
    refused: Sequence[Refused]
    left_out: Mapping[Cell, str]
    lacking: Mapping[tuple[str, Cell], str]


def plan(
    question: Question,
    decision: Decision,
    metadata: FamilyMetadata,
    split: frozenset[str] = frozenset(),
) -> FamilyPlan:
    """Return the newest releases that go together in every cell that has a say.

    Only packages that the project itself asks for in a cell count there: what other packages ask
    for is the host's to find. A release that is locked comes before newer ones.

    :param split: as in `lockstep.decide`.
    """
    planner = _Planner(question, decision, metadata, split)
    for cell in question.required:
        planner.required(cell)
    for cell in question.optional:
        planner.optional(cell)
    return FamilyPlan(planner.picks, tuple(planner.refused), planner.left_out, planner.lacking)


@dataclass
class _Planner:
    question: Question
    decision: Decision
    metadata: FamilyMetadata
    split: frozenset[str]
    picks: dict[tuple[str, Cell], Version] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    left_out: dict[Cell, str] = field(default_factory=dict)
    lacking: dict[tuple[str, Cell], str] = field(default_factory=dict)
    _looked_at: int = 0

    def required(self, cell: Cell) -> None:
        """Plan for a cell with a say and all that share with it, unless that is done."""
        names = [name for name in self._asked(cell) if (name, cell) not in self.picks]
        if not names:
            return
        first, *_rest = names
        for version in self._candidates(first, cell):
            found = self._complete(cell, names, {first: version})
            if isinstance(found, dict):
                self._pick(cell, found)
                return
            if self._looked_at > _MOST:
                return
            cells = frozenset({cell, *self.question.sharing(first, cell, self.split)})
            self.refused.append(Refused(first, version, cells, cell, found))

    def optional(self, cell: Cell) -> None:
        """Leave a cell out that cannot have what those it shares with take.

        Whether it needs a package that no input asks for only its solve can tell: it has none then.
        """
        chosen: dict[str, Version] = {}
        if names := [name for name in self._asked(cell) if self._allowed(name, cell)]:
            first, reason = names[0], ""
            for version in self._candidates(first, cell):
                found = self._complete(cell, names, {first: version})
                if isinstance(found, dict):
                    chosen = found
                    break
                reason = reason or found
            else:
                self.left_out[cell] = f"{reason}."
                return
        self.picks |= {(name, cell): version for name, version in chosen.items()}
        asked = {name for c in self.question.required for name in self._asked(c)}
        for name in self.question.names:
            if name not in asked and name not in chosen and self._allowed(name, cell):
                self._met(name, cell, chosen)

    def _met(self, name: str, cell: Cell, chosen: dict[str, Version]) -> None:
        """Note which release of a package that others require an optional cell can have, if any."""
        reason = None
        for version in self._candidates(name, cell):
            stop = self._stops(name, version, cell, {**chosen, name: version})
            if stop is None:
                chosen[name] = version
                return
            reason = reason or stop
        self.lacking[name, cell] = f"{reason}."

    def _allowed(self, name: str, cell: Cell) -> frozenset[Version]:
        return self.decision.allowed.get((name, cell), frozenset())

    def _asked(self, cell: Cell) -> list[str]:
        return [name for name in self.question.names if self.question.is_root(name, cell)]

    def _candidates(self, name: str, cell: Cell) -> list[Version]:
        """Return what a cell may take: what it is expected to, then the newest first."""
        allowed = self._allowed(name, cell)
        expected = self.decision.picks.get((name, cell))
        ordered = sorted(allowed, key=lambda v: (v == expected, not v.is_prerelease, v))
        return ordered[::-1]

    def _complete(
        self, cell: Cell, names: Sequence[str], chosen: dict[str, Version]
    ) -> dict[str, Version] | str:
        """Return releases of all names that go with those chosen, or why there are none."""
        *_others, last = chosen
        if reason := self._stops_anywhere(last, chosen, cell):
            return reason
        if len(chosen) == len(names):
            return chosen
        following, reason = names[len(chosen)], ""
        for version in self._candidates(following, cell):
            found = self._complete(cell, names, {**chosen, following: version})
            if isinstance(found, dict):
                return found
            reason = reason or found
            if self._looked_at > _MOST:
                break
        said = ", ".join(f"{name} {version}" for name, version in chosen.items())
        asked = self.question.wanted_text(following, cell)
        narrowest = self._narrowest(following, cell)
        return f"no {following}{asked} goes with {said} ({reason}{narrowest})"

    def _narrowest(self, name: str, cell: Cell) -> str:
        """Say which of the cells that share a package keeps the others at older releases."""
        cells = dict.fromkeys((cell, *self.question.sharing(name, cell, self.split)))
        newest = {each: max(self.question.fitting(name, each), default=None) for each in cells}
        there = {each: version for each, version in newest.items() if version is not None}
        if len(set(there.values())) == 1:
            return ""
        last = min(there, key=there.__getitem__)
        return f"; {last} has {name} up to {there[last]}"

    def _stops_anywhere(self, name: str, chosen: Mapping[str, Version], cell: Cell) -> str | None:
        """Return why a release cannot be had in some cell that shares it."""
        cells = (cell, *self.question.sharing(name, cell, self.split))
        for each in dict.fromkeys(cells):
            has_a_say = each in self.question.required and name in self._asked(each)
            if (each == cell or has_a_say) and (
                reason := self._stops(name, chosen[name], each, chosen)
            ):
                return reason
        return None

    def _stops(
        self, name: str, version: Version, cell: Cell, chosen: Mapping[str, Version]
    ) -> str | None:
        """Return why a release does not go with others in a cell."""
        self._looked_at += 1
        for requirement in self.metadata.requires(name, version, cell):
            other = requirement.name
            if other in chosen:
                if not requirement.specifier.contains(chosen[other], prereleases=True):
                    return f"{name} {version} requires {requirement} for {cell}"
            elif not self._may_have(requirement, cell, (name, version)):
                return (
                    f"{name} {version} requires {requirement}, {self._why_not(requirement, cell)}"
                )
        for other, own in chosen.items():
            if other == name:
                continue
            for requirement in self.metadata.requires(other, own, cell):
                fits = requirement.specifier.contains(version, prereleases=True)
                if requirement.name == name and not fits:
                    return f"{other} {own} requires {requirement} for {cell}"
        return None

    def _may_have(self, requirement: Requirement, cell: Cell, by: tuple[str, Version]) -> bool:
        """Return whether a cell may take something of what a release requires.

        Where the project asks for the package in no cell with a say, what a cell may take is
        narrowed by cells that may well do without. Only those that require it too do count.
        """
        name = requirement.name
        allowed = self.decision.allowed.get((name, cell))
        if allowed is None:
            return self.metadata.has_library(requirement, cell, by)
        if not any(name in self._asked(other) for other in self.question.required):
            allowed = self.question.fitting(name, cell).intersection(
                *(self.question.fitting(name, other) for other in self._requiring(name, by, cell))
            )
        return any(requirement.specifier.contains(v, prereleases=True) for v in allowed)

    def _requiring(self, name: str, by: tuple[str, Version], cell: Cell) -> list[Cell]:
        """Return the cells with a say that share a release and need what it requires."""
        return [
            other
            for other in self.question.sharing(by[0], cell, self.split)
            if by[0] in self._asked(other)
            and any(each.name == name for each in self.metadata.requires(*by, other))
        ]

    def _why_not(self, requirement: Requirement, cell: Cell) -> str:
        """Return why a cell has nothing of what a release requires."""
        name = requirement.name
        has = self.question.available.get((name, cell))
        there = has is not None and any(
            requirement.specifier.contains(version, prereleases=True) for version in has.builds
        )
        if not there:
            return f"which {cell} has no file of"
        if asked := self.question.wanted_text(name, cell):
            return f"and for {cell} the project requires {name}{asked}"
        return f"which {cell} may not take, because other cells cannot"

    def _pick(self, cell: Cell, found: Mapping[str, Version]) -> None:
        for name, version in found.items():
            cells = {cell, *self.question.sharing(name, cell, self.split)}
            everyone: Collection[Cell] = (*self.question.required, *self.question.optional)
            for other in everyone:
                if other in cells or cells & set(self.question.sharing(name, other, self.split)):
                    self.picks.setdefault((name, other), version)
