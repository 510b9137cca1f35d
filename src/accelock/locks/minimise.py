"""The shortest formula for a set of points: the algorithm behind `accelock.locks.markers`.

Two-level minimisation, as for a truth table (Quine-McCluskey): list every conjunction of up to
three comparisons that is true on nothing but wanted points, then cover all of these points at the
lowest cost. The tables are small (platforms times Pythons), so that this is exact.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

Field = Literal["sys_platform", "platform_machine", "python_version"]
Operator = Literal["==", "!=", "<", ">="]
Version = tuple[int, int]

FIELDS: tuple[Field, ...] = ("sys_platform", "platform_machine", "python_version")
_OPPOSITE: dict[Operator, Operator] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<"}
_TESTS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, ">=": operator.ge}
_LONGEST = 3  # one comparison of each field names a point exactly, so that a cover always exists
_OPERATORS: tuple[tuple[Field, tuple[Operator, ...]], ...] = (
    ("sys_platform", ("==", "!=")),
    ("platform_machine", ("==", "!=")),
    ("python_version", ("<", ">=", "==", "!=")),
)


class Point(NamedTuple):
    """What markers can see of a platform and a Python; points sort by `rank`, then Python."""

    rank: int
    system: str
    machine: str
    python: Version

    def value(self, field: Field) -> str | Version:
        """Return what the environment of this point holds for `field`."""
        if field == "python_version":
            return self.python
        return self.system if field == "sys_platform" else self.machine


@dataclass(frozen=True, slots=True)
class Atom:
    """One comparison, such as `sys_platform == "linux"`."""

    field: Field
    operator: Operator
    value: str | Version

    def holds(self, point: Point) -> bool:
        """Tell whether the comparison is true at `point`."""
        return bool(_TESTS[self.operator](point.value(self.field), self.value))

    def negated(self) -> Atom:
        """Return the comparison that is true exactly where this one is false."""
        return Atom(self.field, _OPPOSITE[self.operator], self.value)

    def __str__(self) -> str:
        text = self.value if isinstance(self.value, str) else "{}.{}".format(*self.value)
        return f'{self.field} {self.operator} "{text}"'


Clause = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """Clauses joined by `outer`: alternatives of conjunctions, or (with "and") the dual."""

    clauses: tuple[Clause, ...]
    outer: Literal["or", "and"] = "or"

    @classmethod
    def none_of(cls, formulas: Iterable[Formula]) -> Formula:
        """Return the exact negation of all `formulas` (alternatives of conjunctions), shortened."""
        terms = (term for formula in formulas for term in formula.clauses)
        clauses = dict.fromkeys(tuple(atom.negated() for atom in term) for term in terms)
        return cls(tuple(clauses), "and").irredundant()

    def holds(self, point: Point) -> bool:
        """Tell whether the formula is true at `point`."""
        if self.outer == "or":
            return any(all(atom.holds(point) for atom in clause) for clause in self.clauses)
        return all(any(atom.holds(point) for atom in clause) for clause in self.clauses)

    def __str__(self) -> str:
        inner = "and" if self.outer == "or" else "or"
        several = len(self.clauses) > 1
        texts = (
            f"({text})" if several and len(clause) > 1 else text
            for clause in self.clauses
            for text in [f" {inner} ".join(map(str, clause))]
        )
        return f" {self.outer} ".join(texts)

    def irredundant(self) -> Formula:
        """Return this formula without what changes its truth on no machine at all."""
        points = tuple(_told_apart(atom for clause in self.clauses for atom in clause))
        formula, truth = self, [self.holds(point) for point in points]
        while True:
            for smaller in formula._one_smaller():
                if [smaller.holds(point) for point in points] == truth:
                    formula = smaller
                    break
            else:
                return formula

    def _one_smaller(self) -> Iterator[Formula]:
        """Yield this formula without one clause, then without one atom, longest first."""
        numbers = sorted(range(len(self.clauses)), key=lambda n: -len(self.clauses[n]))
        for number in numbers:
            yield self._replaced(number, ())
        for number in numbers:
            clause = self.clauses[number]
            for atom in clause if len(clause) > 1 else ():
                yield self._replaced(number, (tuple(a for a in clause if a != atom),))

    def _replaced(self, number: int, clauses: tuple[Clause, ...]) -> Formula:
        return Formula(self.clauses[:number] + clauses + self.clauses[number + 1 :], self.outer)


def _told_apart(atoms: Iterable[Atom]) -> Iterator[Point]:
    """Yield a point for each combination of values that `atoms` name, and of others."""
    values: dict[Field, set[str | Version]] = {field: set() for field in FIELDS}
    for atom in atoms:
        values[atom.field].add(atom.value)
    named = [value for value in values["python_version"] if isinstance(value, tuple)]
    pythons = {(major, minor + step) for major, minor in named for step in (-1, 0, 1)} or {(3, 0)}
    systems, machines = (["", *map(str, values[field])] for field in FIELDS[:2])
    for system, machine, python in product(systems, machines, pythons):
        yield Point(0, system, machine, python)


class _Cost(NamedTuple):
    """What makes a formula long, most important first; the costs of its parts add up."""

    atoms: int = 0
    fields: int = 0
    negations: int = 0
    terms: int = 0
    ranks: tuple[tuple[int, ...], ...] = ()

    def plus(self, other: _Cost) -> _Cost:
        return _Cost(
            self.atoms + other.atoms,
            self.fields + other.fields,
            self.negations + other.negations,
            self.terms + other.terms,
            tuple(sorted(self.ranks + other.ranks)),
        )


class _Term(NamedTuple):
    """A conjunction, its cost, and the points where it is true, as bits."""

    cost: _Cost
    mask: int
    atoms: Clause


def shortest(
    inside: Collection[Point], universe: Collection[Point], shared: Mapping[str, frozenset[str]]
) -> Formula:
    """Return the shortest formula that is true on `inside` and false on the rest of `universe`.

    `shared` holds the machine names that several systems use, with these systems. Such a name says
    nothing alone, unless the universe has it on all of them: "x86_64" then comes with its system.
    Neither collection is empty, and `inside` is a proper part of `universe`.
    """
    points = sorted(universe)
    wanted = _bits(points, inside.__contains__)
    terms = _largest(_terms(points, wanted, _vague(points, shared)))
    return Formula(tuple(term.atoms for term in _cheapest_cover(terms, wanted)))


def _bits(points: list[Point], holds: Callable[[Point], bool]) -> int:
    return sum(1 << number for number, point in enumerate(points) if holds(point))


def _vague(points: list[Point], shared: Mapping[str, frozenset[str]]) -> frozenset[str]:
    present = {(point.system, point.machine) for point in points}
    if len({system for system, _ in present}) == 1:
        return frozenset()
    return frozenset(
        machine
        for machine, systems in shared.items()
        if not all((system, machine) in present for system in systems)
    )


def _atoms(points: list[Point]) -> Iterator[Atom]:
    """Yield every comparison that tells some points from others, the preferred ones first."""
    for field, operators in _OPERATORS:
        by_rank = [point.value(field) for point in points]
        in_order = sorted({p.python for p in points}) if field == "python_version" else by_rank
        for sign in operators:
            for value in dict.fromkeys(in_order):
                atom = Atom(field, sign, value)
                if len({atom.holds(point) for point in points}) > 1:
                    yield atom


def _terms(points: list[Point], wanted: int, vague: frozenset[str]) -> Iterator[_Term]:
    """Yield every conjunction that is true somewhere inside and nowhere else."""
    masks = {atom: _bits(points, atom.holds) for atom in _atoms(points)}
    ranks = {atom: rank for rank, atom in enumerate(masks)}
    for length in range(1, _LONGEST + 1):
        for atoms in combinations(masks, length):
            mask = (1 << len(points)) - 1
            for atom in atoms:
                mask &= masks[atom]
            if mask and mask & ~wanted == 0 and not _is_vague(atoms, vague):
                yield _Term(_cost(atoms, ranks), mask, atoms)


def _is_vague(atoms: Clause, vague: frozenset[str]) -> bool:
    if any(atom.field == "sys_platform" and atom.operator == "==" for atom in atoms):
        return False
    return any(atom.field == "platform_machine" and atom.value in vague for atom in atoms)


def _cost(atoms: Clause, ranks: Mapping[Atom, int]) -> _Cost:
    return _Cost(
        atoms=len(atoms),
        fields=sum(FIELDS.index(atom.field) for atom in atoms),
        negations=sum(atom.operator == "!=" for atom in atoms),
        terms=1,
        ranks=(tuple(ranks[atom] for atom in atoms),),
    )


def _largest(terms: Iterable[_Term]) -> list[_Term]:
    """Keep the terms that no term of the same or a lower cost covers, the cheapest first."""
    kept: list[_Term] = []
    for term in sorted(terms):
        if not any(term.mask & ~other.mask == 0 for other in kept):
            kept.append(term)
    return kept


def _cheapest_cover(terms: list[_Term], wanted: int) -> tuple[_Term, ...]:
    """Return the cheapest terms that together are true on all `wanted` points, in rank order."""

    @cache
    def cover(rest: int) -> tuple[_Cost, tuple[_Term, ...]]:
        if not rest:
            return _Cost(), ()
        lowest = rest & -rest
        choices = (
            (term.cost.plus(cost), (*chosen, term))
            for term in terms
            if term.mask & lowest
            for cost, chosen in [cover(rest & ~term.mask)]
        )
        return min(choices)

    return tuple(sorted(cover(wanted)[1], key=lambda term: term.cost.ranks))
