"""The search for one lock of all cells: the same for pip-tools and for Poetry.

Versions of the packages in lockstep are decided first (`accelock.resolve.lockstep`), from tables.
Then the host solves the groups of cells, the leader first, and what it took binds those that
follow. What a solve teaches (a package that no input names, a version that some cell's graph
refuses) goes into the next decision. Every step back is counted, so that a search ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic

from accelock.errors import LockstepError, ResolutionError
from accelock.resolve import family, messages
from accelock.resolve.host import Group, Host, NoSolution, Solution
from accelock.resolve.lockstep import Bound, Decision, Refused, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.version import Version

    from accelock.resolve.knowledge import Knowledge
    from accelock.resolve.question import Question, Slot
    from accelock.targets import Cell

_STEPS = 50


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
class Result(Generic[Solution]):
    """What a search found.

    :param solutions: by group, the leader first.
    :param left_out: cells of default platforms that are not in the lock, and why.
    :param question: what was known in the end.
    :param decision: what was decided in the end.
    :param notes: what to tell the user of a choice that was not the newest.
    """

    solutions: Mapping[Group, Solution]
    left_out: Mapping[Cell, str]
    question: Question
    decision: Decision
    notes: tuple[str, ...] = ()


@dataclass
class Search(Generic[Solution]):
    """One search over the cells of a lock.

    :param host: solves, and tells what it took.
    :param known: what is known of the packages that have to agree.
    :param split: packages of which cells that the project asks in other words share no version.
    :param leaves_out: whether an optional cell that has no solution is left out.
    :param steps: how often something that was found is given up before the search gives up.
    :param announce: is called with a group, its number and how many there are before each solve.
    """

    host: Host[Solution]
    known: Knowledge[Solution]
    split: frozenset[str] = frozenset()
    leaves_out: bool = True
    steps: int = _STEPS
    announce: Callable[[Group, int, int], None] = lambda _group, _number, _of: None
    _refused: list[Refused] = field(default_factory=list)
    _assumed: dict[Slot, str] = field(default_factory=dict)
    _found: dict[Group, Solution] = field(default_factory=dict)
    _choices: dict[Slot, frozenset[Version]] = field(default_factory=dict)
    _first_error: NoSolutionError | None = None
    _taken_back: int = 0

    def run(self) -> Result[Solution]:
        """Return a solution for each group of cells.

        :raises LockstepError: the cells that have to be in the lock have no version in common.
        :raises NoSolutionError: one of them has no solution.
        :raises ResolutionError: none was found in so many steps.
        """
        self.known.read()
        while True:
            question = self._question()
            decision = self._decide(question)
            left_out = self.known.left_out(decision)
            groups = self.host.groups(self.known.cells(left_out), decision.picks)
            if not self._stands(groups, decision):
                self._step_back()
                continue
            pending = [group for group in groups if group not in self._found]
            if not pending:
                self.known.keep_what_is_asked(left_out)
                solutions = {group: self._found[group] for group in groups}
                notes = tuple(self.known.releases.notes(question, decision))
                return Result(solutions, left_out, question, decision, notes)
            if self._cannot_follow(pending[0], question, decision):
                continue
            self.announce(pending[0], len(groups) - len(pending) + 1, len(groups))
            self._solve(pending[0], question, decision)

    def _question(self) -> Question:
        for group, solution in self._found.items():
            self.known.learn(group.cells, self.host.taken(solution))
        return self.known.question()

    def _decide(self, question: Question) -> Decision:
        bound = [Bound(group.cells, self.host.taken(s)) for group, s in self._found.items()]
        decision = decide(question, bound=bound, refused=self._refused, split=self.split)
        if decision.failure is None:
            return self._planned(question, decision)
        if bound:  # what was taken before the package was met is in the way
            self._start_again()
            self._step_back()
            return self._decide(question)
        if self._split_apart(question):
            return self._decide(question)
        if self._first_error is not None:  # of the newest release, which was passed over for it
            raise self._first_error
        said = [decision.failure, *messages.ruled_out(self._refused)]
        said += self.known.releases.nearest(question)
        raise LockstepError("\n  ".join((*said, *self._asked_at(said))))

    def _planned(self, question: Question, decision: Decision) -> Decision:
        """Return a decision that the family's own metadata bears out."""
        plan = family.plan(question, decision, self.host, self.split)
        if plan.refused:
            self._refused += plan.refused
            return self._decide(question)
        if not plan.picks.items() <= decision.picks.items() | self.known.expected.items():
            self.known.expected |= plan.picks
            return self._decide(self._question())
        planned = replace(
            decision,
            allowed={**decision.allowed, **dict.fromkeys(plan.lacking, frozenset())},
            left_out={**plan.left_out, **decision.left_out},
            lacking={**plan.lacking, **decision.lacking},
        )
        bound, releases = self.known.releases.bound(planned)
        self._choices = dict(planned.allowed)
        if self.known.releases.asked:
            self.host.bind(releases)
        return bound

    def _stands(self, groups: Sequence[Group], decision: Decision) -> bool:
        """Forget solutions that the decision does not allow, and those after them."""
        kept: dict[Group, Solution] = {}
        for group in groups:
            if group not in self._found or not self._is_allowed(group, decision):
                break
            kept[group] = self._found[group]
        stands = len(kept) == len(self._found)
        self._found = kept
        return stands

    def _is_allowed(self, group: Group, decision: Decision) -> bool:
        return all(
            any(decision.takes(name, cell, version) for cell in group.cells)
            for name, versions in self.host.taken(self._found[group]).items()
            for version in versions
        )

    def _cannot_follow(self, group: Group, question: Question, decision: Decision) -> bool:
        """Leave optional cells out that lack what they need with the versions that others took.

        A resolver would look for releases old enough to do without it, of all that asks for it.
        """
        if not self.leaves_out or any(cell in self.known.required for cell in group.cells):
            return False
        new: dict[Cell, str] = {}
        for name, cell in decision.lacking:
            if cell not in group.cells or cell in new:
                continue
            for solution in self._found.values():
                if name in self.host.taken(solution):
                    if self.host.comes_to_need(solution, name, cell):
                        new[cell] = self._lacks_what_others_took(name, cell, question, decision)
                    break
        self.known.failed |= new
        return bool(new)

    def _solve(self, group: Group, question: Question, decision: Decision) -> None:
        """Solve a group, and note what that teaches."""
        outcome = self.host.solve(group, decision, self._found)
        if isinstance(outcome, NoSolution):
            self._refuse(group, question, decision, outcome)
            return
        self._expect(group, question, outcome)
        unserved = self.host.unserved(outcome, group)
        for cell, name in unserved.items():
            reason = self._lacks(name, outcome, cell)
            if cell not in self.known.optional:
                raise LockstepError(reason)
            self.known.failed[cell] = reason
        if served := tuple(cell for cell in group.cells if cell not in unserved):
            self._found[Group(served)] = outcome

    def _expect(self, group: Group, question: Question, solution: Solution) -> None:
        """Note what a solution took: the cells that share with its group are to take it too."""
        taken = self.host.taken(solution)
        self.known.meet(taken)
        leads = any(cell in self.known.required for cell in group.cells)
        cells = (*question.required, *question.optional) if leads else question.optional
        for name, versions in taken.items():
            for cell in cells:
                if len(versions) == 1 and self._shares(question, name, cell, group):
                    self.known.expected[name, cell] = next(iter(versions))

    def _shares(self, question: Question, name: str, cell: Cell, group: Group) -> bool:
        if name not in question.names and name not in question.loose:
            return True
        cells = {cell, *question.sharing(name, cell, self.split)}
        return bool(cells.intersection(group.cells))

    def _refuse(
        self, group: Group, question: Question, decision: Decision, said: NoSolution
    ) -> None:
        """Rule out what a group's graph refuses, or leave the group out.

        :raises NoSolutionError: it has to be in the lock, and has no solution whatever others take.
        """
        if self.leaves_out and not any(cell in self.known.required for cell in group.cells):
            self._leave_out((), group.cells, question, decision, said)
            return
        self._step_back()
        if self._goes_without_optional(group, question, decision, said):
            return
        bound = {name for each in self._found.values() for name in self.host.taken(each)}
        if bound and self._rule_out(group, question):
            return
        if self._split_apart(question):
            return
        lacking = self._lacking(group, question)
        if self._assume_without(lacking):
            return
        own = {self._why(cell, question, decision, said) for cell in group.cells} - {said.reason}
        hints = self._hints(group, [*sorted(own), *lacking.values()])
        error = self._first_error or NoSolutionError(group, said, hints)
        if not self._takes_an_older_release(group, question, decision):
            raise error
        self._first_error = error

    def _takes_an_older_release(self, group: Group, question: Question, decision: Decision) -> bool:
        """Rule out the release of torch that a group was bound to; False where it is the last."""
        for cell in group.cells:
            for of in dict.fromkeys(self.known.releases.asked.values()):
                pick = decision.picks.get((of, cell))
                if pick is None or len(self._choices.get((of, cell), ())) < 2:  # noqa: PLR2004
                    continue
                cells = frozenset({cell, *question.sharing(of, cell, self.split)})
                self._refused.append(Refused(of, pick, cells, cell))
                self._start_again()
                return True
        return False

    def _goes_without_optional(
        self, group: Group, question: Question, decision: Decision, said: NoSolution
    ) -> bool:
        """Solve the required cells of a mixed group by themselves: the others never stop a lock.

        What they take is expected of all; where the group was refused that already, its optional
        cells are left out.
        """
        cells = tuple(cell for cell in group.cells if cell in self.known.required)
        if not cells or len(cells) == len(group.cells):
            return False
        outcome = self.host.solve(Group(cells), decision, self._found)
        if isinstance(outcome, NoSolution):
            return False
        before = dict(self.known.expected)
        self._expect(Group(cells), question, outcome)
        if self.known.expected == before:
            others = tuple(cell for cell in group.cells if cell not in cells)
            self._leave_out(cells, others, question, decision, said)
        return True

    def _leave_out(
        self,
        cells: tuple[Cell, ...],
        optional: tuple[Cell, ...],
        question: Question,
        decision: Decision,
        said: NoSolution,
    ) -> None:
        """Leave out the optional cells that spoil a group: each by itself, or else all."""
        spoil = dict.fromkeys(optional, said)
        if len(optional) > 1:
            tried = {
                cell: self.host.solve(Group((*cells, cell)), decision, self._found)
                for cell in optional
            }
            spoil = {c: o for c, o in tried.items() if isinstance(o, NoSolution)} or spoil
        for cell, its in spoil.items():
            self.known.failed[cell] = self._why(cell, question, decision, its)

    def _why(self, cell: Cell, question: Question, decision: Decision, said: NoSolution) -> str:
        """Return why a cell is left out: what it lacks that others took, or the host's words."""
        for name in question.names:
            if (name, cell) not in decision.lacking or name not in said.reason:
                continue
            if any(name in self.host.taken(solution) for solution in self._found.values()):
                return self._lacks_what_others_took(name, cell, question, decision)
        return said.reason

    def _lacks_what_others_took(
        self, name: str, cell: Cell, question: Question, decision: Decision
    ) -> str:
        solution = next(s for s in self._found.values() if name in self.host.taken(s))
        if self.host.taken(solution)[name] & question.available[name, cell].builds.keys():
            return decision.lacking[name, cell]
        return self._lacks(name, solution, cell)

    def _lacks(self, name: str, solution: Solution, cell: Cell) -> str:
        """Say that a cell lacks what a solution has of a package."""
        self.known.meet([name])
        version = max(self.host.taken(solution)[name])
        askers = sorted(self.host.askers(solution, name))
        return messages.lacks_what_is_needed(name, version, askers, cell, self._question())

    def _rule_out(self, group: Group, question: Question) -> bool:
        """Rule out versions of the groups before that this one, solved by itself, does not take.

        And those between them, which it passed over: a resolver takes the newest that it can.
        """
        alone = decide(question, refused=self._refused, split=self.split)
        outcome = self.host.solve(group, alone, self._found)
        if isinstance(outcome, NoSolution):
            return False
        taken = self.host.taken(outcome)
        self.known.learn(group.cells, taken)
        new = [
            Refused(
                name, version, frozenset({cell, *question.sharing(name, cell, self.split)}), cell
            )
            for name, own in taken.items()
            for cell in group.cells
            for other, solution in self._found.items()
            if self._shares(question, name, cell, other)
            for taken_there in self.host.taken(solution).get(name, frozenset()) - own
            for version in {
                taken_there,
                *(v for v in alone.allowed.get((name, cell), ()) if max(own) < v < taken_there),
            }
        ]
        self._refused += new
        if new:
            self._start_again()
        return bool(new)

    def _start_again(self) -> None:
        """Forget what was found, and what depends on it."""
        self._found.clear()
        self.known.expected.clear()
        self.known.failed.clear()

    def _split_apart(self, question: Question) -> bool:
        """Part the cells for which the project asks in other words; False where none do.

        For when the rest of the graph has no solution: ``torch<2.8 ; sys_platform == "darwin"``
        beside ``torch``, of which another package requires 2.8.0 on Linux.
        """
        names = (*question.names, *question.loose)
        new = {name for name in names if question.is_mixed(name)} - self.split
        if not self.known.together or not new:
            return False
        self.split |= new
        self._refused.clear()
        self._start_again()
        return True

    def _lacking(self, group: Group, question: Question) -> dict[Slot, str]:
        """Return the required cells that lack what a group would take by itself, and in what words.

        Solves the group without regard to what other cells take.
        """
        if not self.known.together or set(self.known.required) <= set(group.cells):
            return {}
        own = {
            (name, cell): question.fitting(name, cell)
            for name in question.names
            for cell in group.cells
        }
        free = Decision(allowed=own, barred={}, picks={}, left_out={}, lacking={})
        outcome = self.host.solve(group, free, {})
        if isinstance(outcome, NoSolution):
            return {}
        taken = self.host.taken(outcome)
        self.known.meet(taken)
        wider = self._question()
        return {
            (name, cell): messages.lacks_what_is_needed(
                name, max(versions), sorted(self.host.askers(outcome, name)), cell, wider
            )
            for name, versions in taken.items()
            for cell in self.known.required
            if name in wider.names
            and self._shares(wider, name, cell, group)
            and max(versions) not in wider.fitting(name, cell)
        }

    def _assume_without(self, lacking: Mapping[Slot, str]) -> bool:
        """Take it that cells that are not asked for a package do without; once for each.

        Whether one needs it only its solve can tell: torchaudio, which another package requires on
        Linux alone, does not have to be there on Windows.
        """
        new = {
            place: why
            for place, why in lacking.items()
            if place not in self._assumed and not self.known.is_root(*place)
        }
        if not new:
            return False
        self._assumed |= new
        self.known.needed |= dict.fromkeys(new, False)
        self._start_again()
        return True

    def _hints(self, group: Group, lacking: Sequence[str]) -> list[str]:
        """Say which cells keep a group from a solution that it would have by itself.

        Or what another needs, where it was taken that this one does without, and it does not.
        """
        own = [why for (_, cell), why in self._assumed.items() if cell in group.cells]
        hints = list(dict.fromkeys([*lacking, *own, *messages.ruled_out(self._refused)]))
        hints += self._asked_at(hints)
        return ["One version has to serve all cells (lockstep).", *hints] if hints else []

    def _asked_at(self, said: Iterable[str]) -> list[str]:
        return messages.asked_at(self.known.demands, self.known.required, " ".join(said))

    def _step_back(self) -> None:
        self._taken_back += 1
        if self._taken_back > self.steps:
            why = "".join(f"{line} " for line in messages.ruled_out(self._refused))
            raise ResolutionError(
                f"No versions in common were found in {self.steps} steps over "
                f"{len(self.known.required)} cells. {why}Pin one of the packages that have to "
                "agree, or set `lockstep = false` in [tool.accelock]."
            )
