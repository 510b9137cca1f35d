"""One environment on one platform: solving it under the guard, and saying why it cannot be had."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelock.conda import guard, overlap
from accelock.conda.errors import UnsatisfiableError
from accelock.conda.intruders import GuardError
from accelock.conda.request import Request, VirtualPackage
from accelock.conda.spec import Spec
from accelock.errors import nearest_word
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelock.conda.config import Overlap
    from accelock.conda.intruders import Intruder
    from accelock.conda.pins import Pins
    from accelock.conda.record import Record
    from accelock.conda.solve import Solver
    from accelock.targets import Levels, Platform, Target

__all__ = ["CondaCell", "NoSuchPackageError", "solve_cell"]

_ANY_GPU = VirtualPackage("__cuda", "999")
_CUDA_VERSION = "cuda-version"
_SHOWN = 5  # requirements in a message
_ROUNDS = 50  # far more than any channel has needed; each one excludes something for good


class NoSuchPackageError(UnsatisfiableError):
    """No channel has a package that is asked for, for this platform."""


@dataclass(frozen=True, slots=True)
class CondaCell:
    """What one environment on one platform is to be.

    `python` is the constraint of the project's Python. `pins` are pip's on this platform, and
    `locked` the records that stay where they can.
    """

    target: Target | None
    platform: Platform
    group: str | None
    specs: tuple[Spec, ...]
    levels: Levels
    python: Spec | None = None
    pins: Pins | None = None
    overlap: Overlap = "constrain"
    locked: tuple[Record, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the names of the packages that the project asks for."""
        return tuple(spec.name for spec in self.specs)

    def request(self, *, guarded: bool = True) -> Request:
        """Return the request; without the guard, it is what a machine with any GPU would get."""
        system = guard.virtual_packages(self.target, self.platform, self.levels)
        if guarded:
            constraints = guard.constraints(self.target, self.platform)
        else:
            constraints = ()
            system = (*(each for each in system if each.name != "__cuda"), _ANY_GPU)
        if self.python is not None:
            constraints = (*constraints, self.python)
        return Request(self.platform, self.specs, constraints, system, self.locked)

    def __str__(self) -> str:
        target = f"{self.target}, " if self.target is not None else ""
        group = f" (group {self.group})" if self.group is not None else ""
        return f"{target}{self.platform}{group}"


def solve_cell(
    solver: Solver, cell: CondaCell, warn: Callable[[str], None] = lambda _text: None
) -> tuple[Record, ...]:
    """Return the records of a cell, of which `guard.verify` has seen every one.

    :param warn: gets what pip has in another version, where that is allowed.

    Raises GuardError where the target's guarantee cannot be kept, OverlapError where pip's pins
    cannot be, NoSuchPackageError and UnsatisfiableError where something else is in the way.
    """
    guard.refuse_requested(cell.specs, cell.target, cell.platform)
    _refuse_unknown(solver, cell)
    records = _settled(solver, cell)
    guard.verify(records, cell.target, cell.platform, cell.asked)
    if cell.pins is not None:
        overlap.refuse_exclusive(cell.pins, records, cell.asked)
        for difference in overlap.differences(cell.pins, records, cell.asked):
            warn(f"{cell}: {difference}")
    return records


def _settled(solver: Solver, cell: CondaCell) -> tuple[Record, ...]:
    """Solve until nothing that was chosen asks for another constraint.

    Names alone do not tell which packages come in CUDA builds, nor which are pip's too: what a
    solution has, and must not have, becomes a constraint of the next one.
    """
    request = cell.request()
    binding = cell.pins if cell.overlap == "constrain" else None
    pinned = overlap.constraints(binding) if binding else ()
    excluded: tuple[Spec, ...] = ()
    intruders: tuple[Intruder, ...] = ()
    for _ in range(_ROUNDS):
        whole = replace(request, constraints=(*request.constraints, *pinned, *excluded))
        try:
            records = solver.solve(whole)
        except UnsatisfiableError as error:
            raise _explained(solver, cell, pinned, intruders, error) from None
        found = guard.find_intruders(records, cell.target, cell.platform, cell.asked)
        more = overlap.constraints(binding, records) if binding else ()
        if not found and set(more) <= set(pinned):
            return records
        pinned = tuple(dict.fromkeys((*pinned, *more)))
        intruders = found or intruders
        excluded = (*excluded, *_exclusions(found, cell))
    some = ", ".join(map(str, excluded[-_SHOWN:])) or ", ".join(map(str, pinned[-_SHOWN:]))
    raise UnsatisfiableError(
        f"{cell}: after {_ROUNDS} solves there is still more to leave out, at last: {some}. "
        "Ask for versions, or builds, of which there are such for this environment.",
        cell.specs,
    )


def _exclusions(intruders: tuple[Intruder, ...], cell: CondaCell) -> Iterator[Spec]:
    if cell.target is None:
        return
    for intruder in intruders:
        yield guard.exclusion(intruder, cell.target)
    # All that depends on it is an intruder, so that nothing right is lost with it.
    if cell.target.kind is not Kind.CUDA and _CUDA_VERSION not in cell.asked:
        needed = (
            re.split(r"[^\w.-]", spec)[0] for each in intruders for spec in each.record.depends
        )
        if _CUDA_VERSION in needed:
            yield Spec(_CUDA_VERSION, guard.NEVER)


def _refuse_unknown(solver: Solver, cell: CondaCell) -> None:
    """Refuse packages that no channel has, which a solver would tell one at a time."""
    names = solver.names(cell.platform)
    unknown = [spec for spec in cell.specs if spec.name not in names]
    if not unknown:
        return
    lines = []
    for spec in unknown:
        near = nearest_word(spec.name, sorted(name for name in names if name[:1] == spec.name[:1]))
        lines.append(f"\n  - {spec.name}" + (f"; did you mean {near}?" if near else ""))
    subdir = cell.platform.conda_subdir
    raise NoSuchPackageError(
        f"{cell}: no channel has these packages for {subdir} ({_channels(solver, cell)}):"
        f"{''.join(lines)}\nAsk for them on other platforms alone "
        '({ version = "...", platforms = [...] }), or add a channel that has them.',
        tuple(unknown),
    )


def _channels(solver: Solver, cell: CondaCell) -> str:
    lacking = solver.lacking(cell.platform)
    subdir = cell.platform.conda_subdir
    return ", ".join(
        f"{channel} has nothing for {subdir} at all" if channel in lacking else channel
        for channel in solver.channels
    )


def _explained(
    solver: Solver,
    cell: CondaCell,
    pinned: tuple[Spec, ...],
    intruders: tuple[Intruder, ...],
    error: UnsatisfiableError,
) -> Exception:
    """Return the error for a request that cannot be satisfied, and find out whose fault it is."""
    if intruders and cell.target is not None:
        return GuardError.of_records(intruders, cell.target, cell.platform)
    request = cell.request()
    if pinned and (records := _try(solver, request)) is not None and cell.pins is not None:
        return overlap.unsolvable(overlap.differences(cell.pins, records, cell.asked), str(cell))
    if cell.target is not None and (records := _try(solver, cell.request(guarded=False))):
        found = guard.find_intruders(records, cell.target, cell.platform, cell.asked)
        if found:
            return GuardError.of_records(found, cell.target, cell.platform)
    return _unsatisfiable(solver, cell, error)


def _unsatisfiable(solver: Solver, cell: CondaCell, error: UnsatisfiableError) -> Exception:
    request = cell.request()
    core = _core(solver, request)
    specs = "".join(f"\n  - {spec}" for spec in core)
    if cell.python is not None:
        without = tuple(each for each in request.constraints if each != cell.python)
        if _try(solver, replace(request, constraints=without)) is not None:
            specs += f"\n  - {cell.python}, the project's own"
    lacking = solver.lacking(cell.platform)
    hint = (
        f"\n{', '.join(lacking)}: nothing is there for {cell.platform.conda_subdir}."
        if lacking
        else ""
    )
    return UnsatisfiableError(
        f"{cell}: nothing satisfies together:{specs}\n{error}{hint}\nLoosen one of them in "
        "[tool.accelock.conda.dependencies], or add a channel that has what is missing.",
        core,
    )


def _core(solver: Solver, request: Request) -> tuple[Spec, ...]:
    """Return requirements that cannot be had together, none of which can be left out of that."""
    core = list(request.specs)
    for spec in request.specs:
        fewer = tuple(each for each in core if each != spec)
        if _try(solver, replace(request, specs=fewer)) is None:
            core.remove(spec)
    return tuple(core)


def _try(solver: Solver, request: Request) -> tuple[Record, ...] | None:
    try:
        return solver.solve(request)
    except UnsatisfiableError:
        return None
