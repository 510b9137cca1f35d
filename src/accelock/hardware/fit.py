"""Whether a target fits a machine, and why: pure, from the tables of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.hardware import probes
from accelock.hardware.detection import detect, surroundings
from accelock.hardware.vendor import Fit, LockedTarget, Reason
from accelock.targets import Kind, newest_of, sort_targets

if TYPE_CHECKING:
    from collections.abc import Collection

    from accelock.catalogue import Catalogue, HardwareTables
    from accelock.hardware.machine import Machine
    from accelock.targets import Target


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
