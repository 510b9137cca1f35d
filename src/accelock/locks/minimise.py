"""The shortest formula for a set of points: the algorithm behind `accelock.locks.markers`.

Two-level minimisation, as for a truth table (Quine-McCluskey): list every conjunction of up to
three comparisons that is true on nothing but wanted points, then cover all of these points at the
lowest cost. The tables are small (platforms times Pythons), so that this is exact.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from accelock.locks.terms import FIELDS, Atom, Clause, Field, Formula, Operator, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

_LONGEST = 3  # one comparison of each field names a point exactly, so that a cover always exists
_OPERATORS: tuple[tuple[Field, tuple[Operator, ...]], ...] = (
    ("sys_platform", ("==", "!=")),
    ("platform_machine", ("==", "!=")),
    ("python_version", ("<", ">=", "==", "!=")),
)


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
