"""The search for one lock of all cells: the same for pip-tools and for Poetry.

Versions of the packages in lockstep are decided first (`accelock.resolve.lockstep`), from tables.
Then the host solves the groups of cells, the leader first, and what it took binds those that
follow. What a solve teaches (a package that no input names, a version that some cell's graph
refuses) goes into the next decision. Every step back is counted, so that a search ends.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic

from accelock.errors import LockstepError, ResolutionError
from accelock.resolve import family, messages
from accelock.resolve.host import Demand, Group, Host, NoSolution, Solution, Wanted
from accelock.resolve.lockstep import (
    Bound,
    Decision,
    Question,
    Refused,
    decide,
    fitting,
    is_mixed,
    sharing,
)
from accelock.resolve.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from packaging.version import Version

    from accelock.resolve.host import Available
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

    :param host: reads and solves.
    :param required: the cells that have to be in the lock, leader first.
    :param optional: those of other default platforms.
    :param excluded: those of these for which no machine has what the project asks for, and why.
    :param in_lockstep: tells the packages of which all cells have one version.
    :param listed: tells, of these, those that the family's source alone has.
    :param companions: name -> the packages that are released with it.
    :param together: False where the user has turned lockstep off.
    :param split: packages of which cells that the project asks in other words share no version.
    :param anything: what a project takes that says nothing of a package.
    :param release_of: name -> the package for each of whose releases it is built; None for others.
    :param leaves_out: whether an optional cell that has no solution is left out.
    :param steps: how often something that was found is given up before the search gives up.
    :param announce: is called with a group, its number and how many there are before each solve.
    """

    host: Host[Solution]
    required: tuple[Cell, ...]
    optional: tuple[Cell, ...]
    in_lockstep: Callable[[str], bool]
    listed: Callable[[str], bool]
    companions: Callable[[str], Collection[str]]
    anything: Wanted
    together: bool = True
    split: frozenset[str] = frozenset()
    release_of: Callable[[str], str | None] = lambda _name: None
    leaves_out: bool = True
    steps: int = _STEPS
    words: messages.Words = field(default_factory=messages.Words)
    excluded: Mapping[Cell, str] = field(default_factory=dict)
    announce: Callable[[Group, int, int], None] = lambda _group, _number, _of: None
    _demands: dict[tuple[str, Cell], Demand] = field(default_factory=dict)
    _available: dict[tuple[str, Cell], Available] = field(default_factory=dict)
    _locked: dict[tuple[str, Cell], Version] = field(default_factory=dict)
    _expected: dict[tuple[str, Cell], Version] = field(default_factory=dict)
    _names: dict[str, None] = field(default_factory=dict)
    _loose: dict[str, None] = field(default_factory=dict)
    _refused: list[Refused] = field(default_factory=list)
    _failed: dict[Cell, str] = field(default_factory=dict)
    _needed: dict[tuple[str, Cell], bool] = field(default_factory=dict)
    _assumed: dict[tuple[str, Cell], str] = field(default_factory=dict)
    _found: dict[Group, Solution] = field(default_factory=dict)
    _releases: Releases = field(init=False)
    _choices: dict[tuple[str, Cell], frozenset[Version]] = field(default_factory=dict)
    _first_error: NoSolutionError | None = None
    _taken_back: int = 0

    def __post_init__(self) -> None:
        self._releases = Releases(self.release_of)

    def run(self) -> Result[Solution]:
        """Return a solution for each group of cells.

        :raises LockstepError: the cells that have to be in the lock have no version in common.
        :raises NoSolutionError: one of them has no solution.
        :raises ResolutionError: none was found in so many steps.
        """
        for cell in (*self.required, *self.optional):
            self._demands |= {(n, cell): each for n, each in self.host.demands(cell).items()}
        self._meet(
            name
            for (name, _cell), demand in self._demands.items()
            if demand.is_root and not demand.is_direct and self.in_lockstep(name)
        )
        for of in sorted(self._releases.learn(self._demands)):
            if not self.listed(of):
                raise ResolutionError(self._releases.is_from_elsewhere(of))
            self._meet([of])
        while True:
            question = self._question()
            decision = self._decide(question)
            left_out = self._all_left_out(decision)
            groups = self.host.groups(self._cells(left_out), decision.picks)
            if not self._stands(groups, decision):
                self._step_back()
                continue
            pending = [group for group in groups if group not in self._found]
            if not pending:
                self._keep_what_is_asked(left_out)
                solutions = {group: self._found[group] for group in groups}
                notes = tuple(self._releases.notes(question, decision))
                return Result(solutions, left_out, question, decision, notes)
            if self._cannot_follow(pending[0], question, decision):
                continue
            self.announce(pending[0], len(groups) - len(pending) + 1, len(groups))
            self._solve(pending[0], question, decision)

    def _meet(self, names: Iterable[str]) -> bool:
        """Note packages that have to agree; return whether one of them is new."""
        known = len(self._names) + len(self._loose)
        for name in names:
            (self._names if self.listed(name) else self._loose).setdefault(name)
        return len(self._names) + len(self._loose) > known

    def _question(self) -> Question:
        cells, out = (*self.required, *self.optional), {*self._failed, *self.excluded}
        for group, solution in self._found.items():
            self._learn(group, solution)
        new = [name for name in self._names if (name, self.required[0]) not in self._available]
        if new:
            self.host.prefetch(new, cells)
        for name, cell in itertools.product(new, cells):
            has = self.host.available(name, cell)
            self._available[name, cell] = self._releases.narrowed(
                (name, cell), has, self._demands, self.host
            )
            if (locked := self.host.previous(name, cell)) is not None:
                self._locked[name, cell] = locked
        return Question(
            required=self.required,
            optional=tuple(cell for cell in self.optional if cell not in out),
            names=tuple(self._names),
            loose=tuple(self._loose),
            demands=self._demands,
            available=self._available,
            previous={**self._locked, **self._expected},
            companions={name: self.companions(name) for name in (*self._names, *self._loose)},
            needed=dict(self._needed),
            together=self.together,
            anything=self.anything,
            words=self.words,
        )

    def _learn(self, group: Group, solution: Solution) -> None:
        """Note which packages the cells of a group need, and which not."""
        taken = self.host.taken(solution)
        for name in (*self._names, *self._loose):
            self._needed |= {(name, cell): name in taken for cell in group.cells}

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
        said += self._releases.nearest(question)
        raise LockstepError("\n  ".join((*said, *self._asked_at(said))))

    def _planned(self, question: Question, decision: Decision) -> Decision:
        """Return a decision that the family's own metadata bears out."""
        plan = family.plan(question, decision, self.host, self.split)
        if plan.refused:
            self._refused += plan.refused
            return self._decide(question)
        if not plan.picks.items() <= decision.picks.items() | self._expected.items():
            self._expected |= plan.picks
            return self._decide(self._question())
        planned = replace(
            decision,
            allowed={**decision.allowed, **dict.fromkeys(plan.lacking, frozenset())},
            left_out={**plan.left_out, **decision.left_out},
            lacking={**plan.lacking, **decision.lacking},
        )
        bound, releases = self._releases.bound(planned)
        self._choices = dict(planned.allowed)
        if self._releases.asked:
            self.host.bind(releases)
        return bound

    def _all_left_out(self, decision: Decision) -> dict[Cell, str]:
        """Return the cells that are left out: a platform of a target on all Pythons or on none."""
        first = {**self.excluded, **self._failed, **decision.left_out}
        platforms = {(cell.target, cell.platform): why for cell, why in reversed(first.items())}
        return {
            cell: first.get(cell) or platforms[cell.target, cell.platform]
            for cell in self.optional
            if (cell.target, cell.platform) in platforms
        }

    def _keep_what_is_asked(self, left_out: Mapping[Cell, str]) -> None:
        """Refuse to leave out a platform on which alone the project asks for a package.

        :raises LockstepError: it names the package, and why the platform would be left out.
        """
        for cell, reason in left_out.items():
            kept = [c for c in self._cells(left_out) if c.target == cell.target]
            for name, place in self._demands:
                if place != cell or not self._is_root(name, cell):
                    continue
                if not any(self._is_root(name, other) for other in kept):
                    raise LockstepError(
                        f"The project asks for {name} on {cell.platform.name} and on no other "
                        f"platform of {cell.target.name}, and {cell.platform.name} would have to "
                        f"be left out: {reason} It is one of the default platforms: "
                        f"{self.words.platforms}."
                    )

    def _is_root(self, name: str, cell: Cell) -> bool:
        demand = self._demands.get((name, cell))
        return demand is not None and demand.is_root

    def _cells(self, left_out: Mapping[Cell, str]) -> list[Cell]:
        """Return the cells that are in the lock: the leader, the required ones, and the others.

        What an optional cell takes has no part in what a required one takes, not as a preference.
        """
        return [cell for cell in (*self.required, *self.optional) if cell not in left_out]

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
        if not self.leaves_out or any(cell in self.required for cell in group.cells):
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
        self._failed |= new
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
            if cell not in self.optional:
                raise LockstepError(reason)
            self._failed[cell] = reason
        if served := tuple(cell for cell in group.cells if cell not in unserved):
            self._found[Group(served)] = outcome

    def _expect(self, group: Group, question: Question, solution: Solution) -> None:
        """Note what a solution took: the cells that share with its group are to take it too."""
        taken = self.host.taken(solution)
        self._meet(taken)
        leads = any(cell in self.required for cell in group.cells)
        cells = (*question.required, *question.optional) if leads else question.optional
        for name, versions in taken.items():
            for cell in cells:
                if len(versions) == 1 and self._shares(question, name, cell, group):
                    self._expected[name, cell] = next(iter(versions))

    def _shares(self, question: Question, name: str, cell: Cell, group: Group) -> bool:
        if name not in question.names and name not in question.loose:
            return True
        cells = {cell, *sharing(question, name, cell, self.split)}
        return bool(cells.intersection(group.cells))

    def _refuse(
        self, group: Group, question: Question, decision: Decision, said: NoSolution
    ) -> None:
        """Rule out what a group's graph refuses, or leave the group out.

        :raises NoSolutionError: it has to be in the lock, and has no solution whatever others take.
        """
        if self.leaves_out and not any(cell in self.required for cell in group.cells):
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
            for of in dict.fromkeys(self._releases.asked.values()):
                pick = decision.picks.get((of, cell))
                if pick is None or len(self._choices.get((of, cell), ())) < 2:  # noqa: PLR2004
                    continue
                cells = frozenset({cell, *sharing(question, of, cell, self.split)})
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
        cells = tuple(cell for cell in group.cells if cell in self.required)
        if not cells or len(cells) == len(group.cells):
            return False
        outcome = self.host.solve(Group(cells), decision, self._found)
        if isinstance(outcome, NoSolution):
            return False
        before = dict(self._expected)
        self._expect(Group(cells), question, outcome)
        if self._expected == before:
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
            self._failed[cell] = self._why(cell, question, decision, its)

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
        self._meet([name])
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
        self._learn(group, outcome)
        taken = self.host.taken(outcome)
        new = [
            Refused(
                name, version, frozenset({cell, *sharing(question, name, cell, self.split)}), cell
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
        self._expected.clear()
        self._failed.clear()

    def _split_apart(self, question: Question) -> bool:
        """Part the cells for which the project asks in other words; False where none do.

        For when the rest of the graph has no solution: ``torch<2.8 ; sys_platform == "darwin"``
        beside ``torch``, of which another package requires 2.8.0 on Linux.
        """
        names = (*question.names, *question.loose)
        new = {name for name in names if is_mixed(question, name)} - self.split
        if not self.together or not new:
            return False
        self.split |= new
        self._refused.clear()
        self._start_again()
        return True

    def _lacking(self, group: Group, question: Question) -> dict[tuple[str, Cell], str]:
        """Return the required cells that lack what a group would take by itself, and in what words.

        Solves the group without regard to what other cells take.
        """
        if not self.together or set(self.required) <= set(group.cells):
            return {}
        own = {
            (name, cell): fitting(question, name, cell)
            for name in question.names
            for cell in group.cells
        }
        free = Decision(allowed=own, barred={}, picks={}, left_out={}, lacking={})
        outcome = self.host.solve(group, free, {})
        if isinstance(outcome, NoSolution):
            return {}
        taken = self.host.taken(outcome)
        self._meet(taken)
        wider = self._question()
        return {
            (name, cell): messages.lacks_what_is_needed(
                name, max(versions), sorted(self.host.askers(outcome, name)), cell, wider
            )
            for name, versions in taken.items()
            for cell in self.required
            if name in wider.names
            and self._shares(wider, name, cell, group)
            and max(versions) not in fitting(wider, name, cell)
        }

    def _assume_without(self, lacking: Mapping[tuple[str, Cell], str]) -> bool:
        """Take it that cells that are not asked for a package do without; once for each.

        Whether one needs it only its solve can tell: torchaudio, which another package requires on
        Linux alone, does not have to be there on Windows.
        """
        new = {
            place: why
            for place, why in lacking.items()
            if place not in self._assumed and not self._is_root(*place)
        }
        if not new:
            return False
        self._assumed |= new
        self._needed |= dict.fromkeys(new, False)
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
        return messages.asked_at(self._demands, self.required, " ".join(said))

    def _step_back(self) -> None:
        self._taken_back += 1
        if self._taken_back > self.steps:
            why = "".join(f"{line} " for line in messages.ruled_out(self._refused))
            raise ResolutionError(
                f"No versions in common were found in {self.steps} steps over "
                f"{len(self.required)} cells. {why}Pin one of the packages that have to agree, or "
                "set `lockstep = false` in [tool.accelock]."
            )
