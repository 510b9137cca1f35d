"""Solve the cells one after another, and bring them into lockstep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pip._vendor.packaging.utils import canonicalize_name
from piptools.utils import is_pinned_requirement, is_url_requirement

from accelock.errors import AccelockError, ResolutionError
from accelock.hosts.piptools.calling import Command, NoSolutionError, OutputName, call_cell
from accelock.resolve import relaxing
from accelock.resolve.lockstep import CellDroppedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.targets import Cell

# How often a version that some cell refuses is ruled out before we give up.
_ROUNDS = 25


def pins(capture: Capture) -> dict[str, Any]:
    """Return the pins of a cell's result by canonical name; no URLs, no editables."""
    return {
        canonicalize_name(ireq.name): ireq
        for ireq in (*capture.results, *capture.unsafe_requirements)
        if not ireq.editable and not is_url_requirement(ireq) and is_pinned_requirement(ireq)
    }


def version_of(ireq: Any) -> Version:
    """Return the version of a pinned requirement."""
    return Version(next(iter(ireq.specifier)).version)


class Solver:
    """Solves the cells of a run in order, each with the earlier ones' versions as preferences."""

    def __init__(self, run: Run, command: Command, outputs: Mapping[str, str | None]) -> None:
        self.run = run
        self.command = command
        self.outputs = outputs

    def solve(self) -> dict[Cell, Capture]:
        """Return the result of every cell.

        :raises CellDroppedError: a default platform's cell has no wheel of a package.
        :raises ResolutionError: no solution, or none in lockstep.
        """
        for _ in range(_ROUNDS):
            found = self._round()
            if found is not None:
                return found
        raise ResolutionError(
            f"No common set of versions was found in {_ROUNDS} rounds over "
            f"{len(self.run.plan.cells)} cells. Pin one of the lockstep packages, or set "
            "`lockstep = false` in [tool.accelock]."
        )

    def _round(self) -> dict[Cell, Capture] | None:
        """Solve all cells once; None when a version had to be ruled out for all of them."""
        found: dict[Cell, Capture] = {}
        lockstep = self.run.lockstep
        if lockstep is not None:
            lockstep.unsettle()
        for number, cell in enumerate(self.run.plan.cells, 1):
            self._announce(cell, number)
            try:
                found[cell] = self._cell(cell, found)
            except ResolutionError as error:
                if self._rule_out(cell, found) or (lockstep is not None and lockstep.part()):
                    return None
                if reason := self._reason(error, found):
                    raise ResolutionError(f"{error}\n  {reason}") from error
                raise
            if lockstep is not None:
                versions = self._lockstep_versions(found[cell])
                lockstep.settle({name: (v,) for name, v in versions.items()}, (cell,))
        return found

    def _announce(self, cell: Cell, number: int) -> None:
        self.run.plan.say_progress(
            f"Resolving {cell.target.name}, {cell.platform.name}"
            + (f", Python {cell.python}" if self.run.plan.many_pythons else "")
            + f" ({number}/{len(self.run.plan.cells)})"
        )

    def _cell(self, cell: Cell, found: Mapping[Cell, Capture]) -> Capture:
        name = self.outputs[cell.target.name]
        preferences, moved = _preferences(self.run, cell, found)
        return call_cell(
            self.run,
            self.command,
            cell,
            output=OutputName(name) if name is not None else self.command.params["output_file"],
            probing=False,
            preferences=preferences,
            moved=moved,
        )

    def _lockstep_versions(self, capture: Capture) -> dict[str, Version]:
        return {
            name: Version(version_of(ireq).public)
            for name, ireq in pins(capture).items()
            if (entry := self.run.shelves.find(name)) and entry.package.lockstep
        }

    def _rule_out(self, cell: Cell, found: Mapping[Cell, Capture]) -> bool:
        """Rule out the leader's versions that this cell's graph refuses; False if none is.

        The cell is solved by itself: where it then takes another version of a lockstep package,
        the leader's is the one that cannot be had in common.
        """
        lockstep = self.run.lockstep
        settled = lockstep.binding(cell) if lockstep is not None else {}
        if lockstep is None or not settled:
            return False
        lockstep.unsettle()
        try:
            alone = self._lockstep_versions(self._cell(cell, found))
        except ResolutionError:
            return False
        refused = {n: taken - {alone[n]} for n, taken in settled.items() if n in alone}
        refused = {name: versions for name, versions in refused.items() if versions}
        for name, versions in refused.items():
            for version in versions:
                lockstep.exclude(name, version, cell)
        return bool(refused)

    def _reason(self, error: ResolutionError, found: Mapping[Cell, Capture]) -> str | None:
        """Return why a cell has no solution, where cells of platforms that the user named are why.

        :raises CellDroppedError: cells of default platforms are, and there is one without them.
        """
        lockstep = self.run.lockstep
        # `accelock rewrite` has means of its own: it lets go of the lines that are in the way.
        if lockstep is None or not isinstance(error, NoSolutionError) or self.run.reports_moves:
            return None
        cell = error.cell
        return relaxing.make_way(lockstep, (cell,), lambda: self._trial(cell, found))

    def _trial(self, cell: Cell, found: Mapping[Cell, Capture]) -> relaxing.Trial | None:
        try:
            capture = self._cell(cell, found)
        except CellDroppedError:
            raise
        except AccelockError:  # it was a trial: what counts is what was said before it
            return None
        versions = self._lockstep_versions(capture)
        askers = {
            name: getattr(ireq, "_required_by", ())
            for name, ireq in pins(capture).items()
            if name in versions
        }
        return relaxing.Trial({name: (taken,) for name, taken in versions.items()}, askers)


def asked_for(capture: Capture, name: str) -> bool:
    """Return whether the inputs of a cell ask for a project themselves; a constraint does not."""
    return any(
        not ireq.constraint and ireq.name and canonicalize_name(ireq.name) == name
        for ireq in capture.constraints
    )


def specifiers_of(capture: Capture, name: str) -> SpecifierSet:
    """Return what the inputs of a cell ask of a project, all of them together."""
    parts = [
        str(ireq.req.specifier)
        for ireq in capture.constraints
        if ireq.req is not None and ireq.name and canonicalize_name(ireq.name) == name
    ]
    text = ",".join(sorted({part for part in parts if part}))
    return SpecifierSet(text, prereleases=capture.prereleases or None)


def _preferences(
    run: Run, cell: Cell, found: Mapping[Cell, Capture]
) -> tuple[dict[str, str], frozenset[str]]:
    """Return the versions that a cell takes if it can, and the names that this run has moved.

    The leader's cell of the same place counts most, then the first cell of the same target. A name
    that the leader kept as its file had it does not override what this cell's own file has.
    """
    versions: dict[str, str] = {}
    moved: set[str] = set()
    for capture in _models(cell, {c: found[c] for c in found if not _is_apart(run, c, cell)}):
        for name, ireq in pins(capture).items():
            version = version_of(ireq)
            accelerated = run.shelves.find(name) is not None
            versions[name] = version.public if accelerated else str(version)
            existing = capture.existing.get(name)
            if existing is None or Version(version_of(existing).public) != Version(version.public):
                moved.add(name)
    return versions, frozenset(moved)


def _is_apart(run: Run, other: Cell, cell: Cell) -> bool:
    """Tell whether a cell's target pins for itself what puts it out of lockstep with another.

    What its torch wants (an older sympy) is then no preference: it would cost the other its own.
    """
    own = run.plan.dependencies.get(other.target.name, ())
    names = {canonicalize_name(each.name) for each in own} & run.plan.pinned_alone
    lockstep = run.lockstep
    return lockstep is not None and any(other not in lockstep.group(n, cell) for n in names)


def _models(cell: Cell, found: Mapping[Cell, Capture]) -> Iterator[Capture]:
    """Yield the results that a cell follows, those that count most last."""
    cells = list(found)
    if not cells:
        return
    leader = cells[0].target
    yield found[cells[0]]
    yield from (found[other] for other in cells if other.target == cell.target)
    yield from (
        found[other]
        for other in cells
        if other.target == leader and (other.platform, other.python) == (cell.platform, cell.python)
    )
