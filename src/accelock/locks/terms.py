"""Marker comparisons, formulas over them, and the points at which they are true or false."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Field = Literal["sys_platform", "platform_machine", "python_version"]
Operator = Literal["==", "!=", "<", ">="]
Version = tuple[int, int]

FIELDS: tuple[Field, ...] = ("sys_platform", "platform_machine", "python_version")
_OPPOSITE: dict[Operator, Operator] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<"}
_TESTS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, ">=": operator.ge}


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
