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
from accelock.resolve.refusal import NoSolutionError, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.version import Version

    from accelock.resolve.family import FamilyPlan
    from accelock.resolve.knowledge import Knowledge
    from accelock.resolve.question import Question, Slot
    from accelock.targets import Cell

_STEPS = 50


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
    :param refused: what some cell's graph was found to refuse.
    :param assumed: what cells are taken to do without, and why.
    :param found: the solutions that stand.
    :param choices: what was allowed before a release of torch was bound.
    :param first_error: of the newest release, which was passed over for it.
    """

    host: Host[Solution]
    known: Knowledge[Solution]
    split: frozenset[str] = frozenset()
    leaves_out: bool = True
    steps: int = _STEPS
    announce: Callable[[Group, int, int], None] = lambda _group, _number, _of: None
    refused: list[Refused] = field(default_factory=list)
    assumed: dict[Slot, str] = field(default_factory=dict)
    found: dict[Group, Solution] = field(default_factory=dict)
    choices: dict[Slot, frozenset[Version]] = field(default_factory=dict)
    first_error: NoSolutionError | None = None
    _taken_back: int = 0

    def run(self) -> Result[Solution]:
        """Return a solution for each group of cells.

        :raises LockstepError: the cells that have to be in the lock have no version in common.
        :raises NoSolutionError: one of them has no solution.
        :raises ResolutionError: none was found in so many steps.
        """
        self.known.read()
        while True:
            question = self.ask()
            decision = self._decide(question)
            left_out = self.known.left_out(decision)
            groups = self.host.groups(self.known.cells(left_out), decision.picks)
            if not self._stands(groups, decision):
                self.step_back()
                continue
            pending = [group for group in groups if group not in self.found]
            if not pending:
                self.known.keep_what_is_asked(left_out)
                solutions = {group: self.found[group] for group in groups}
                notes = tuple(self.known.releases.notes(question, decision))
                return Result(solutions, left_out, question, decision, notes)
            now = Round(self, question, decision)
            if now.cannot_follow(pending[0]):
                continue
            self.announce(pending[0], len(groups) - len(pending) + 1, len(groups))
            self._solve(pending[0], now)

    def ask(self) -> Question:
        """Return what is to be decided, with what the solutions that stand have taught."""
        for group, solution in self.found.items():
            self.known.learn(group.cells, self.host.taken(solution))
        return self.known.question()

    def _decide(self, question: Question) -> Decision:
        """Return a decision that the family's own metadata bears out."""
        while True:
            bound = [Bound(group.cells, self.host.taken(s)) for group, s in self.found.items()]
            decision = decide(question, bound=bound, refused=self.refused, split=self.split)
            if decision.failure is None:
                plan = family.plan(question, decision, self.host, self.split)
                if plan.refused:
                    self.refused += plan.refused
                elif plan.picks.items() <= decision.picks.items() | self.known.expected.items():
                    return self._planned(decision, plan)
                else:
                    self.known.expected |= plan.picks
                    question = self.ask()
            elif bound:  # what was taken before the package was met is in the way
                self.start_again()
                self.step_back()
            elif not self.split_apart(question):
                raise self.first_error or self._undecided(question, decision.failure)

    def _undecided(self, question: Question, failure: str) -> LockstepError:
        said = [failure, *messages.ruled_out(self.refused)]
        said += self.known.releases.nearest(question)
        return LockstepError("\n  ".join((*said, *self.asked_at(said))))

    def _planned(self, decision: Decision, plan: FamilyPlan) -> Decision:
        """Return a decision with what a plan leaves out, its releases of torch bound."""
        planned = replace(
            decision,
            allowed={**decision.allowed, **dict.fromkeys(plan.lacking, frozenset())},
            left_out={**plan.left_out, **decision.left_out},
            lacking={**plan.lacking, **decision.lacking},
        )
        bound, releases = self.known.releases.bound(planned)
        self.choices = dict(planned.allowed)
        if self.known.releases.asked:
            self.host.bind(releases)
        return bound

    def _stands(self, groups: Sequence[Group], decision: Decision) -> bool:
        """Forget solutions that the decision does not allow, and those after them."""
        kept: dict[Group, Solution] = {}
        for group in groups:
            if group not in self.found or not self._is_allowed(group, decision):
                break
            kept[group] = self.found[group]
        stands = len(kept) == len(self.found)
        self.found = kept
        return stands

    def _is_allowed(self, group: Group, decision: Decision) -> bool:
        return all(
            any(decision.takes(name, cell, version) for cell in group.cells)
            for name, versions in self.host.taken(self.found[group]).items()
            for version in versions
        )

    def _solve(self, group: Group, now: Round[Solution]) -> None:
        """Solve a group, and note what that teaches."""
        outcome = self.host.solve(group, now.decision, self.found)
        if isinstance(outcome, NoSolution):
            now.refuse(group, outcome)
            return
        now.expect(group, outcome)
        unserved = self.host.unserved(outcome, group)
        for cell, name in unserved.items():
            reason = self.lacks(name, outcome, cell)
            if cell not in self.known.optional:
                raise LockstepError(reason)
            self.known.failed[cell] = reason
        if served := tuple(cell for cell in group.cells if cell not in unserved):
            self.found[Group(served)] = outcome

    def lacks(self, name: str, solution: Solution, cell: Cell) -> str:
        """Say that a cell lacks what a solution has of a package."""
        self.known.meet([name])
        version = max(self.host.taken(solution)[name])
        askers = sorted(self.host.askers(solution, name))
        return messages.lacks_what_is_needed(name, version, askers, cell, self.ask())

    def start_again(self) -> None:
        """Forget what was found, and what depends on it."""
        self.found.clear()
        self.known.expected.clear()
        self.known.failed.clear()

    def split_apart(self, question: Question) -> bool:
        """Part the cells for which the project asks in other words; False where none do.

        For when the rest of the graph has no solution: ``torch<2.8 ; sys_platform == "darwin"``
        beside ``torch``, of which another package requires 2.8.0 on Linux.
        """
        names = (*question.names, *question.loose)
        new = {name for name in names if question.is_mixed(name)} - self.split
        if not self.known.together or not new:
            return False
        self.split |= new
        self.refused.clear()
        self.start_again()
        return True

    def asked_at(self, said: Iterable[str]) -> list[str]:
        """Return where the project asks for the packages that messages name."""
        return messages.asked_at(self.known.demands, self.known.required, " ".join(said))

    def step_back(self) -> None:
        """Count that something is given up.

        :raises ResolutionError: it was too often.
        """
        self._taken_back += 1
        if self._taken_back > self.steps:
            why = "".join(f"{line} " for line in messages.ruled_out(self.refused))
            raise ResolutionError(
                f"accelock found no common versions in {self.steps} steps over "
                f"{len(self.known.required)} cells. {why}Pin one of the packages that have to "
                "agree, or set `lockstep = false` in [tool.accelock]."
            )
