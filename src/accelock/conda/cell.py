"""One environment on one platform: solving it under the guard, and saying why it cannot be had."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelock.conda import builds, guarantee, overlap
from accelock.conda import rattler as adapter
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.record import Request, VirtualPackage
from accelock.conda.solve import UnsatisfiableError
from accelock.conda.spec import Spec
from accelock.errors import nearest_word
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from accelock.conda.config import Overlap
    from accelock.conda.guarantee import Violation
    from accelock.conda.overlap import Pins
    from accelock.conda.record import Record
    from accelock.conda.solve import Solver
    from accelock.targets import Levels, Platform, Target

_ANY_GPU = VirtualPackage("__cuda", "999")
_CUDA_VERSION = "cuda-version"
_PYTHON = ("python", "python_abi")
_SHOWN = 5  # requirements in a message
_ROUNDS = 50  # far more than any channel has needed; each one excludes something for good


class NoSuchPackageError(UnsatisfiableError):
    """No channel has a package that is asked for, for this platform."""


class BoundError(UnsatisfiableError):
    """A cell cannot have the versions that it is bound to; `free` are those it would have."""

    def __init__(self, message: str, free: Mapping[str, str]) -> None:
        self.free = free
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class CondaCell:
    """What one environment on one platform is to be.

    `python` is the constraint of the project's Python. `pins` are pip's on this platform. `locked`
    are the environment's own records, which stay where they can, and `followed` those of others,
    such as the leader's, whose versions it takes where it can. `bound` are further constraints.
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
    followed: tuple[Record, ...] = ()
    bound: tuple[Spec, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the names of the packages that the project asks for."""
        return tuple(spec.name for spec in self.specs)

    def request(self, locked: tuple[Record, ...] = (), *, guarded: bool = True) -> Request:
        """Return the request; without the guarantee, it is what a machine with any GPU would get.

        :param locked: the records that stay where they can.
        """
        system = guarantee.virtual_packages(self.target, self.platform, self.levels)
        if guarded:
            constraints = guarantee.constraints(self.target, self.platform)
        else:
            constraints = ()
            system = (*(each for each in system if each.name != "__cuda"), _ANY_GPU)
        if self.python is not None:
            constraints = (*constraints, self.python)
        return Request(self.platform, self.specs, (*constraints, *self.bound), system, locked)

    def __str__(self) -> str:
        target = f"{self.target}, " if self.target is not None else ""
        group = f" (group {self.group})" if self.group is not None else ""
        return f"{target}{self.platform}{group}"


def solve_cell(
    solver: Solver, cell: CondaCell, warn: Callable[[str], None] = lambda _text: None
) -> tuple[Record, ...]:
    """Return the records of a cell, of which `guarantee.verify` has seen every one.

    :param warn: gets what pip has in another version, where that is allowed, and what computes on
        the CPU because no channel has a build for the target.

    Raises GuaranteeError where the target's guarantee cannot be kept, OverlapError where pip's pins
    cannot be, NoSuchPackageError and UnsatisfiableError where something else is in the way.
    """
    guarantee.refuse_requested(cell.specs, cell.target, cell.platform)
    _refuse_unknown(solver, cell)
    records = _settled(solver, cell)
    guarantee.verify(records, cell.target, cell.platform, cell.specs)
    for record in _without_gpu(solver, cell, records):
        warn(f"{cell}: {record} is a CPU build: no channel has a build of it for this target")
    if cell.pins is not None:
        overlap.refuse_exclusive(cell.pins, records, cell.asked)
        for difference in overlap.differences(cell.pins, records, cell.asked):
            warn(f"{cell}: {difference}")
    return records


def _settled(solver: Solver, cell: CondaCell) -> tuple[Record, ...]:
    """Solve until nothing that was chosen asks for another constraint.

    Names alone do not tell which packages come in builds for some hardware, nor which are pip's
    too: what a solution has, and must not have, becomes a constraint of the next one.
    """
    request = cell.request(_kept(solver, cell))
    binding = cell.pins if cell.overlap == "constrain" else None
    pinned = overlap.constraints(binding) if binding else ()
    excluded: tuple[Spec, ...] = ()
    preferred: dict[str, Spec | None] = {}  # None: tried, and not to be had beside the rest
    told: tuple[Violation, ...] = ()
    for _ in range(_ROUNDS):
        own = tuple(filter(None, preferred.values()))
        whole = replace(request, constraints=(*request.constraints, *pinned, *excluded, *own))
        try:
            records = solver.solve(whole)
        except UnsatisfiableError as error:
            if own:
                preferred[own[-1].name] = None
                continue
            if cell.bound:
                raise _of_bound(solver, cell) from None
            raise _explained(solver, cell, pinned, told, error) from None
        of_target = _of_target(solver, cell, records)
        found = guarantee.violations(records, cell.target, cell.platform, cell.specs, of_target)
        more = overlap.constraints(binding, records) if binding else ()
        better = {
            record.name: spec
            for record in records
            if record.name not in preferred
            and (spec := guarantee.own_build(record, cell.target, of_target)) is not None
        }
        if not found and not better and set(more) <= set(pinned):
            return records
        pinned = tuple(dict.fromkeys((*pinned, *more)))
        told = found or told
        excluded = tuple(dict.fromkeys((*excluded, *_exclusions(found, cell))))
        if not found:  # of the versions that stay
            preferred |= better
    some = ", ".join(map(str, excluded[-_SHOWN:])) or ", ".join(map(str, pinned[-_SHOWN:]))
    raise UnsatisfiableError(
        f"{cell}: after {_ROUNDS} solves there are still packages that this environment must not "
        f"have, the last: {some}. Require versions or builds that exist for this environment.",
        cell.specs,
    )


def _of_bound(solver: Solver, cell: CondaCell) -> BoundError:
    """Return the error for a cell that has a solution but for what it is bound to.

    Raises what is in the way otherwise.
    """
    names = {spec.name for spec in cell.bound}
    records = _settled(solver, replace(cell, bound=()))
    free = {record.name: record.version for record in records if record.name in names}
    told = ", ".join(f"{name} {version}" for name, version in free.items())
    bound = ", ".join(str(spec) for spec in cell.bound if spec.name in free)
    return BoundError(f"{cell}: the solution has {told}, and the target promises {bound}", free)


def _kept(solver: Solver, cell: CondaCell) -> tuple[Record, ...]:
    """Return the records that stay if they can: the cell's own, and what it follows of others.

    A version is handed on, and a build for some hardware never: in its place comes the target's own
    build of that version, so that it is this version that the solver tries first.
    """
    kept = {record.name: record for record in cell.locked}
    followed = {record.name: record for record in cell.followed if record.name not in kept}
    if cell.target is None or not followed:
        return (*kept.values(), *followed.values())
    beside = {name: found for name, found in {**followed, **kept}.items() if name in _PYTHON}
    hardware = solver.hardware(followed, cell.platform, cell.specs)
    for name, record in followed.items():
        others = [each for each in hardware.get(name, ()) if fits(each, cell.target, beside)]
        same = [each for each in others if each.version == record.version]
        if not others and builds.kind_of(record.build, record.depends) in (Kind.CPU, None):
            kept[name] = record
        elif same:
            own = cell.target.version
            kept[name] = max(
                same,
                key=lambda one: (
                    builds.cuda_of(one.build) == own, one == record, one.build_number,
                    one.timestamp or 0, one.build,
                ),
            )  # fmt: skip
    return tuple(kept[name] for name in sorted(kept))


def _of_target(
    solver: Solver, cell: CondaCell, records: Collection[Record]
) -> dict[str, tuple[Record, ...]]:
    """Return the builds for the target's hardware that there are of what was chosen, by name."""
    if cell.target is None or cell.target.kind is Kind.CPU:
        return {}
    beside = {record.name: record for record in records if record.name in _PYTHON}
    hardware = solver.hardware([record.name for record in records], cell.platform, cell.specs)
    found = {
        name: tuple(each for each in every if fits(each, cell.target, beside))
        for name, every in hardware.items()
    }
    return {name: every for name, every in found.items() if every}


def _without_gpu(solver: Solver, cell: CondaCell, records: Collection[Record]) -> list[Record]:
    """Return what computes on the CPU, though there are builds of it for other hardware."""
    if cell.target is None or cell.target.kind is Kind.CPU:
        return []
    hardware = solver.hardware([record.name for record in records], cell.platform, cell.specs)
    meant = {spec.name for spec in cell.specs if spec.build is not None}
    return [
        record
        for record in records
        if record.name in hardware.keys() - meant
        and any(
            builds.kind_of(each.build, each.depends) is cell.target.kind
            for each in hardware[record.name]
            if each.version == record.version
        )
        and not guarantee.fits(record, cell.target)
    ]


def fits(record: Record, target: Target, beside: Mapping[str, Record]) -> bool:
    """Tell whether a build is one for a target, and for what else an environment has (Python)."""
    if not guarantee.fits(record, target):
        return False
    system = {each.name: each for each in guarantee.stand_ins(target)}
    for depend in record.depends:
        name = re.split(r"[^\w.-]", depend, maxsplit=1)[0]
        given = beside.get(name) or system.get(name)
        if given is not None and not adapter.admits(depend, given):
            return False
    return True


def _exclusions(found: tuple[Violation, ...], cell: CondaCell) -> Iterator[Spec]:
    if cell.target is None:
        return
    for violation in found:
        yield guarantee.exclusion(violation, cell.target)
    # All that depends on it is a violation too, so that nothing right is lost with it.
    if cell.target.kind is not Kind.CUDA and _CUDA_VERSION not in cell.asked:
        needed = (re.split(r"[^\w.-]", spec)[0] for each in found for spec in each.record.depends)
        if _CUDA_VERSION in needed:
            yield Spec(_CUDA_VERSION, guarantee.NEVER)


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
    subdir, lacking = cell.platform.conda_subdir, solver.lacking(cell.platform)
    channels = ", ".join(
        f"{channel} has no packages for {subdir}" if channel in lacking else channel
        for channel in solver.channels
    )
    raise NoSuchPackageError(
        f"{cell}: no channel has these packages for {subdir} ({channels}):"
        f"{''.join(lines)}\nRequire them only on other platforms "
        '({ version = "...", platforms = [...] }), or add a channel that has them.',
        tuple(unknown),
    )


def _explained(
    solver: Solver,
    cell: CondaCell,
    pinned: tuple[Spec, ...],
    told: tuple[Violation, ...],
    error: UnsatisfiableError,
) -> Exception:
    """Return the error for a request that cannot be satisfied, and find out whose fault it is."""
    if told and cell.target is not None:
        return GuaranteeError.of_records(told, cell.target, cell.platform)
    request = cell.request()
    if pinned and (records := _try(solver, request)) is not None and cell.pins is not None:
        return overlap.unsolvable(overlap.differences(cell.pins, records, cell.asked), str(cell))
    if cell.target is not None and (records := _try(solver, cell.request(guarded=False))):
        found = guarantee.violations(records, cell.target, cell.platform, cell.specs)
        if found:
            return GuaranteeError.of_records(found, cell.target, cell.platform)
    return _unsatisfiable(solver, cell, error)


def _unsatisfiable(solver: Solver, cell: CondaCell, error: UnsatisfiableError) -> Exception:
    request = cell.request()
    core = list(request.specs)  # in the end none of it can be left out
    for spec in request.specs:
        fewer = tuple(each for each in core if each != spec)
        if _try(solver, replace(request, specs=fewer)) is None:
            core.remove(spec)
    specs = "".join(f"\n  - {spec}" for spec in core)
    if cell.python is not None:
        without = tuple(each for each in request.constraints if each != cell.python)
        if _try(solver, replace(request, constraints=without)) is not None:
            specs += f"\n  - {cell.python}, the project's own"
    hint = ""
    if lacking := solver.lacking(cell.platform):
        hint = f"\n{', '.join(lacking)}: no channel has it for {cell.platform.conda_subdir}."
    return UnsatisfiableError(
        f"{cell}: no packages satisfy all of these:{specs}\n{error}{hint}\nLoosen one of them in "
        "[tool.accelock.conda.dependencies], or add a channel that has what is missing.",
        tuple(core),
    )


def _try(solver: Solver, request: Request) -> tuple[Record, ...] | None:
    try:
        return solver.solve(request)
    except UnsatisfiableError:
        return None
