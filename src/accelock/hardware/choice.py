"""Which target a machine gets: the only place that chooses.

`eligible` says what there is to choose among, `tell` what needs no look at the machine, and
`choose_for` what its hardware says, given what the lock has there.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError, UnknownWordError
from accelock.hardware import probes
from accelock.hardware.context import run_command
from accelock.hardware.detection import detect, surroundings
from accelock.hardware.probes import apple
from accelock.hardware.vendor import VARIABLE, Fit, LockedTarget, Reason
from accelock.targets import Kind, newest_of, sort_targets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from accelock.catalogue import Catalogue, HardwareTables
    from accelock.hardware.context import Runner
    from accelock.hardware.machine import Machine
    from accelock.targets import Platform, Target


__all__ = [
    "ORDER",
    "VARIABLE",
    "Candidate",
    "Choice",
    "NoTargetError",
    "NotLockedError",
    "Rule",
    "candidates",
    "choose",
    "choose_for",
    "eligible",
    "tell",
]

#: The rule where GPUs of several makers are there, and the order in which targets are tried.
ORDER = "CUDA before ROCm before XPU, each the newest first, then cpu"
CONTAINER_WARNING = (
    "This container has no GPU (an image build never has one). If the image is for a machine with "
    f"a GPU, set {VARIABLE} (for example: ENV {VARIABLE}=cu126)."
)
_NAMES = {Kind.CUDA: "CUDA", Kind.ROCM: "ROCm", Kind.XPU: "XPU", Kind.CPU: "cpu"}


class Rule(enum.Enum):
    """By what a target was chosen; in this order (the words are those of the JSON output)."""

    ONLY = "only-target"
    VARIABLE = "environment-variable"
    SAVED = "saved-choice"
    DETECTED = "detected"
    LAST_RESORT = "last-resort"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A declared target: whether it fits the machine, whether it was taken, and why or why not."""

    target: Target
    fits: bool
    reason: str
    taken: bool = False
    cause: Reason | None = None

    def __str__(self) -> str:
        return f"{self.target}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The target for this machine, why it was taken, and every candidate in the order of trying.

    There are no candidates where nothing had to be detected. `in_container` is the machine's, where
    the hardware chose.
    """

    target: Target
    reason: str
    candidates: tuple[Candidate, ...] = ()
    rule: Rule = Rule.TOLD
    in_container: bool = False

    @property
    def container_warning(self) -> str | None:
        """Return what to say of a choice of cpu for want of a GPU that a container may not show.

        `docker build` sees no GPU, so that a GPU image would silently be a cpu image. A target that
        has no builds for the platform, or is not locked for it, says nothing of GPUs. Any other
        reason tells of one: a driver that is too old, a GPU that is hidden or has no code.
        """
        if self.rule is not Rule.LAST_RESORT or not self.in_container:
            return None
        of_the_lock = {Reason.NO_BUILDS, Reason.NOT_LOCKED}
        causes = {each.cause for each in self.candidates if not each.fits} - of_the_lock
        is_blind = causes and all(cause and cause.is_of_nothing_seen for cause in causes)
        return CONTAINER_WARNING if is_blind else None

    def __str__(self) -> str:
        return f"{self.target} ({self.reason})"


class NoTargetError(AccelockError):
    """No declared target fits the machine; `candidates` tell why not."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = tuple(candidates)
        passed_over = _unfit(self.candidates)
        names = ", ".join(str(refusal.target) for refusal in passed_over)
        reasons = "".join(f"\n  {refusal}" for refusal in passed_over)
        super().__init__(
            f"none of the declared targets fits this machine:{reasons}\nSet {VARIABLE} to one of "
            f"them ({names}) to choose it anyway, or declare `cpu` too."
        )


class NotLockedError(AccelockError):
    """The variable names a target that the project declares, or may have, and the lock lacks."""

    def __init__(self, wanted: str, targets: Sequence[Target]) -> None:
        self.wanted = wanted
        self.targets = tuple(targets)
        super().__init__(
            f"{VARIABLE} is {wanted!r}, which is not locked; these are: "
            f"{', '.join(map(str, targets))}. Lock it, or change {VARIABLE}."
        )


def eligible(declared: Sequence[Target], locked: Collection[Target]) -> tuple[Target, ...]:
    """Return the targets to choose among.

    They are the declared ones that are locked; where none is, all that are locked; where nothing
    is, those declared.
    """
    both = tuple(target for target in declared if target in locked)
    return both or tuple(locked) or tuple(declared)


def choose(
    targets: Sequence[Target],
    *,
    environ: Mapping[str, str],
    catalogue: Catalogue,
    platform: Platform | None,
    saved: str | None = None,
    locked: Mapping[str, LockedTarget] | None = None,
    declared: Sequence[Target] | None = None,
    root: Path = Path("/"),
    run: Runner = run_command,
) -> Choice:
    """Return the target, of those that are `eligible`, that fits this machine.

    What `tell` says; else what the hardware chooses, as `choose_for` has it. `platform` is this
    machine's, None where accelock has no name for it; `root` and `run` are where the probes look,
    which they do only where nothing else decides.

    :raises UnknownWordError: the variable names none of the targets.
    :raises NoTargetError: none fits; it lists why each target was passed over.
    """
    told = tell(targets, environ, saved, declared)
    if told is not None:
        return told
    around = replace(surroundings(environ), root=root, run=run)
    return choose_for(targets, detect(around, platform), catalogue.hardware, locked)


def tell(
    targets: Sequence[Target],
    environ: Mapping[str, str],
    saved: str | None = None,
    declared: Sequence[Target] | None = None,
) -> Choice | None:
    """Return the choice that needs no look at the machine, or None.

    The only target; else what the variable ACCELOCK_TARGET says; else the `saved` choice of the
    environment, as long as it is one of the targets.

    :param declared: the targets of the project, where those to choose among are what is locked. A
        variable that says what another project declares does not bind one that has one target.
    :raises UnknownWordError: the variable names none of the targets.
    :raises NotLockedError: it names one that the lock lacks.
    """
    if not targets:
        raise AccelockError("no target is declared; list them in [tool.accelock] as `targets`")
    wanted = environ.get(VARIABLE, "").strip()
    names = [target.name for target in targets]
    if wanted and wanted not in names and declared is not None:
        is_declared = wanted in {target.name for target in declared}
        if is_declared or (len(targets) == 1 and not declared):
            raise NotLockedError(wanted, targets)
    if len(targets) == 1:
        is_all = declared is None or len(declared) == 1
        reason = "the only target declared" if is_all else "the only target that is locked"
        return Choice(targets[0], reason, rule=Rule.ONLY)
    if wanted and wanted not in names:
        note = f"{VARIABLE} says so, but only declared targets count"
        raise UnknownWordError("target", wanted, names, note=note)
    for name, reason, rule in (
        (wanted, f"{VARIABLE} says so", Rule.VARIABLE),
        (saved, "chosen for this environment", Rule.SAVED),
    ):
        if name in names:
            return Choice(targets[names.index(name)], reason, rule=rule)
    return None


def choose_for(
    declared: Sequence[Target],
    machine: Machine,
    tables: HardwareTables,
    locked: Mapping[str, LockedTarget] | None = None,
) -> Choice:
    """Return the declared target that fits a machine, by its hardware alone.

    :raises NoTargetError: none fits.
    """
    found = candidates(declared, machine, tables, locked)
    taken = next((candidate for candidate in found if candidate.fits), None)
    if taken is None:
        raise NoTargetError(found)
    reason = taken.reason
    rule = Rule.LAST_RESORT if taken.target.kind is Kind.CPU else Rule.DETECTED
    if rule is Rule.LAST_RESORT and len(found) > 1 and not machine.of(apple.NAME):
        reason = f"no other declared target fits: {_in_short(_unfit(found))}"
    told = tuple(_beside(candidate, taken) for candidate in found)
    return Choice(taken.target, reason, told, rule, machine.container is not None)


def candidates(
    declared: Sequence[Target],
    machine: Machine,
    tables: HardwareTables,
    locked: Mapping[str, LockedTarget] | None = None,
) -> tuple[Candidate, ...]:
    """Return every declared target with whether it fits the machine, in the order of trying."""
    found = []
    for target in sorted(declared, key=_eagerness, reverse=True):
        its = fit(target, machine, tables, (locked or {}).get(target.name))
        found.append(Candidate(target, its.fits, its.reason, cause=its.cause))
    return tuple(found)


def _eagerness(target: Target) -> tuple[int, tuple[int, ...]]:
    """Order targets for trying, highest first: CUDA, ROCm, XPU, each the newest first; then cpu."""
    kinds = [Kind.CPU, Kind.XPU, Kind.ROCM, Kind.CUDA]
    return kinds.index(target.kind), target.version


def _beside(candidate: Candidate, taken: Candidate) -> Candidate:
    """Return a candidate as it stands once one was taken; the others that fit came too late."""
    if candidate is taken:
        return replace(candidate, taken=True)
    if not candidate.fits:
        return candidate
    if candidate.target.kind is taken.target.kind:
        why = f"{taken.target} is newer"
    else:
        why = f"{_NAMES[taken.target.kind]} comes before {_NAMES[candidate.target.kind]}"
    return replace(candidate, reason=f"fits too; {why}")


def _unfit(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(each for each in found if not each.fits)


def _in_short(passed_over: Sequence[Candidate]) -> str:
    """Return the reasons, each once with all of its targets."""
    targets: dict[str, list[str]] = {}
    for refusal in passed_over:
        targets.setdefault(refusal.reason, []).append(refusal.target.name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in targets.items())


def fit(
    target: Target, machine: Machine, tables: HardwareTables, locked: LockedTarget | None = None
) -> Fit:
    """Return whether `target` runs on `machine`, as the lock has it where there is one.

    Where several vendors' GPUs run targets of one kind, one of them is enough; where none fits,
    the reason is of a GPU that is there.
    """
    lock = locked or LockedTarget()
    platform = machine.platform
    has_builds = target.exists_on(platform) if platform else target.kind is Kind.CPU
    if not has_builds:
        return Fit.no(Reason.NO_BUILDS, f"there are no builds for {machine.where}")
    if lock.platforms is not None and machine.where not in lock.platforms:
        has = ", ".join(sorted(lock.platforms)) or "no platform"
        what = f"the lock has it for {has}, and this is {machine.where}"
        return Fit.no(Reason.NOT_LOCKED, what)
    found = [
        vendor.fit(target, machine, tables, lock)
        for vendor in probes.VENDORS
        if vendor.kind is target.kind
    ]
    if target.kind is Kind.CPU:
        found.append(Fit(fits=True, reason="runs on every machine"))
    return min(
        found, key=lambda each: (not each.fits, bool(each.cause and each.cause.is_of_nothing_seen))
    )


def newest_that_runs(
    kind: Kind, catalogue: Catalogue, declared: Collection[Target] = ()
) -> str | None:
    """Return the name of the newest target of a kind that is declared, or that this machine runs.

    None where there is neither. Nothing is said of a target whose GPUs the tables do not know.
    """
    if name := newest_of(kind, declared):
        return name
    machine, tables = detect(surroundings()), catalogue.hardware
    known = [each for each in sort_targets(catalogue.targets) if each.kind is kind]
    found = [
        each.name for each in known if tables.is_reviewed(each) and fit(each, machine, tables).fits
    ]
    return found[-1] if found else None
