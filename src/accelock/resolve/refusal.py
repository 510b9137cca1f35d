"""One round of a search, and what it does with a group that has no solution in it.

What the group's graph refuses is ruled out for the rounds that follow, or cells are left out. The
order in which that is tried is `Round.refuse`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from accelock.errors import ResolutionError
from accelock.resolve import messages
from accelock.resolve.host import Group, NoSolution, Solution
from accelock.resolve.lockstep import Decision, Refused, decide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.resolve.question import Question, Slot
    from accelock.resolve.search import Search
    from accelock.targets import Cell


class NoSolutionError(ResolutionError):
    """A group that has to be in the lock has no solution.

    :param said: the host's own words.
    :param hints: what cells that share a version with it have to do with that; may be empty.
    """

    def __init__(self, group: Group, said: NoSolution, hints: Sequence[str]) -> None:
        super().__init__("\n  ".join((said.reason, *hints)))
        self.group = group
        self.said = said
        self.hints = tuple(hints)


@dataclass(frozen=True)
class Round(Generic[Solution]):
    """What a search knew and decided before a solve.

    :param search: is told what the round learns.
    """

    search: Search[Solution]
    question: Question
    decision: Decision

    def expect(self, group: Group, solution: Solution) -> None:
        """Note what a solution took: the cells that share with its group are to take it too."""
        known, question = self.search.known, self.question
        taken = self.search.host.taken(solution)
        known.meet(taken)
        leads = any(cell in known.required for cell in group.cells)
        cells = (*question.required, *question.optional) if leads else question.optional
        for name, versions in taken.items():
            for cell in cells:
                if len(versions) == 1 and self._shares(question, name, cell, group):
                    known.expected[name, cell] = next(iter(versions))

    def _shares(self, question: Question, name: str, cell: Cell, group: Group) -> bool:
        if name not in question.names and name not in question.loose:
            return True
        cells = {cell, *question.sharing(name, cell, self.search.split)}
        return bool(cells.intersection(group.cells))

    def cannot_follow(self, group: Group) -> bool:
        """Leave optional cells out that lack what they need with the versions that others took.

        A resolver would look for releases old enough to do without it, of all that asks for it.
        """
        search = self.search
        if not search.leaves_out or any(cell in search.known.required for cell in group.cells):
            return False
        new: dict[Cell, str] = {}
        for name, cell in self.decision.lacking:
            if cell not in group.cells or cell in new:
                continue
            for solution in search.found.values():
                if name in search.host.taken(solution):
                    if search.host.comes_to_need(solution, name, cell):
                        new[cell] = self._lacks_what_others_took(name, cell)
                    break
        search.known.failed |= new
        return bool(new)

    def refuse(self, group: Group, said: NoSolution) -> None:
        """Rule out what a group's graph refuses, or leave the group out.

        :raises NoSolutionError: it has to be in the lock, and has no solution whatever others take.
        """
        search = self.search
        if search.leaves_out and not any(cell in search.known.required for cell in group.cells):
            self._leave_out((), group.cells, said)
            return
        search.step_back()
        if self._goes_without_optional(group, said):
            return
        bound = {name for each in search.found.values() for name in search.host.taken(each)}
        if bound and self._rule_out(group):
            return
        if search.split_apart(self.question):
            return
        lacking = self._lacking(group)
        if self._assume_without(lacking):
            return
        own = {self._why(cell, said) for cell in group.cells} - {said.reason}
        hints = self._hints(group, [*sorted(own), *lacking.values()])
        error = search.first_error or NoSolutionError(group, said, hints)
        if not self._takes_an_older_release(group):
            raise error
        search.first_error = error

    def _takes_an_older_release(self, group: Group) -> bool:
        """Rule out the release of torch that a group was bound to; False where it is the last."""
        search = self.search
        for cell in group.cells:
            for of in dict.fromkeys(search.known.releases.asked.values()):
                pick = self.decision.picks.get((of, cell))
                if pick is None or len(search.choices.get((of, cell), ())) < 2:  # noqa: PLR2004
                    continue
                cells = frozenset({cell, *self.question.sharing(of, cell, search.split)})
                search.refused.append(Refused(of, pick, cells, cell))
                search.start_again()
                return True
        return False

    def _goes_without_optional(self, group: Group, said: NoSolution) -> bool:
        """Solve the required cells of a mixed group by themselves: the others never stop a lock.

        What they take is expected of all; where the group was refused that already, its optional
        cells are left out.
        """
        search = self.search
        cells = tuple(cell for cell in group.cells if cell in search.known.required)
        if not cells or len(cells) == len(group.cells):
            return False
        outcome = search.host.solve(Group(cells), self.decision, search.found)
        if isinstance(outcome, NoSolution):
            return False
        before = dict(search.known.expected)
        self.expect(Group(cells), outcome)
        if search.known.expected == before:
            others = tuple(cell for cell in group.cells if cell not in cells)
            self._leave_out(cells, others, said)
        return True

    def _leave_out(
        self, cells: tuple[Cell, ...], optional: tuple[Cell, ...], said: NoSolution
    ) -> None:
        """Leave out the optional cells that spoil a group: each by itself, or else all."""
        search = self.search
        spoil = dict.fromkeys(optional, said)
        if len(optional) > 1:
            tried = {
                cell: search.host.solve(Group((*cells, cell)), self.decision, search.found)
                for cell in optional
            }
            spoil = {c: o for c, o in tried.items() if isinstance(o, NoSolution)} or spoil
        for cell, its in spoil.items():
            search.known.failed[cell] = self._why(cell, its)

    def _why(self, cell: Cell, said: NoSolution) -> str:
        """Return why a cell is left out: what it lacks that others took, or the host's words."""
        for name in self.question.names:
            if (name, cell) not in self.decision.lacking or name not in said.reason:
                continue
            if any(name in self.search.host.taken(each) for each in self.search.found.values()):
                return self._lacks_what_others_took(name, cell)
        return said.reason

    def _lacks_what_others_took(self, name: str, cell: Cell) -> str:
        host, found = self.search.host, self.search.found
        solution = next(each for each in found.values() if name in host.taken(each))
        if host.taken(solution)[name] & self.question.available[name, cell].builds.keys():
            return self.decision.lacking[name, cell]
        return self.search.lacks(name, solution, cell)

    def _rule_out(self, group: Group) -> bool:
        """Rule out versions of the groups before that this one, solved by itself, does not take.

        And those between them, which it passed over: a resolver takes the newest that it can.
        """
        search, question = self.search, self.question
        alone = decide(question, refused=search.refused, split=search.split)
        outcome = search.host.solve(group, alone, search.found)
        if isinstance(outcome, NoSolution):
            return False
        taken = search.host.taken(outcome)
        search.known.learn(group.cells, taken)
        new = [
            Refused(
                name, version, frozenset({cell, *question.sharing(name, cell, search.split)}), cell
            )
            for name, own in taken.items()
            for cell in group.cells
            for other, solution in search.found.items()
            if self._shares(question, name, cell, other)
            for taken_there in search.host.taken(solution).get(name, frozenset()) - own
            for version in {
                taken_there,
                *(v for v in alone.allowed.get((name, cell), ()) if max(own) < v < taken_there),
            }
        ]
        search.refused += new
        if new:
            search.start_again()
        return bool(new)

    def _lacking(self, group: Group) -> dict[Slot, str]:
        """Return the required cells that lack what a group would take by itself, and in what words.

        Solves the group without regard to what other cells take.
        """
        search = self.search
        if not search.known.together or set(search.known.required) <= set(group.cells):
            return {}
        own = {
            (name, cell): self.question.fitting(name, cell)
            for name in self.question.names
            for cell in group.cells
        }
        free = Decision(allowed=own, barred={}, picks={}, left_out={}, lacking={})
        outcome = search.host.solve(group, free, {})
        if isinstance(outcome, NoSolution):
            return {}
        taken = search.host.taken(outcome)
        search.known.meet(taken)
        wider = search.ask()
        return {
            (name, cell): messages.lacks_what_is_needed(
                name, max(versions), sorted(search.host.askers(outcome, name)), cell, wider
            )
            for name, versions in taken.items()
            for cell in search.known.required
            if name in wider.names
            and self._shares(wider, name, cell, group)
            and max(versions) not in wider.fitting(name, cell)
        }

    def _assume_without(self, lacking: Mapping[Slot, str]) -> bool:
        """Take it that cells that are not asked for a package do without; once for each.

        Whether one needs it only its solve can tell: torchaudio, which another package requires on
        Linux alone, does not have to be there on Windows.
        """
        search = self.search
        new = {
            place: why
            for place, why in lacking.items()
            if place not in search.assumed and not search.known.is_root(*place)
        }
        if not new:
            return False
        search.assumed |= new
        search.known.needed |= dict.fromkeys(new, False)
        search.start_again()
        return True

    def _hints(self, group: Group, lacking: Sequence[str]) -> list[str]:
        """Say which cells keep a group from a solution that it would have by itself.

        Or what another needs, where it was taken that this one does without, and it does not.
        """
        own = [why for (_, cell), why in self.search.assumed.items() if cell in group.cells]
        hints = list(dict.fromkeys([*lacking, *own, *messages.ruled_out(self.search.refused)]))
        hints += self.search.asked_at(hints)
        return ["One version has to serve all cells (lockstep).", *hints] if hints else []
