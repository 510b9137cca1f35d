"""What each target of a lock downloads: for the end of a verbose `compile` or `lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.locks.markers import Place
from accelock.report.downloads import spell_total, total
from accelock.targets import PythonVersion, host_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from accelock.report.downloads import Download, Downloads
    from accelock.report.locked import TargetLock


def sizes(
    locks: Sequence[TargetLock], downloads: Downloads, python: PythonVersion | None = None
) -> Iterator[str]:
    """Yield the MB of each target on one platform, and of all together, each file once.

    The platform is this machine's where the target has it, else the target's first one.
    """
    every: dict[tuple[str, str | None], Download] = {}
    for lock in locks:
        place = _place(lock, python or PythonVersion.host())
        if place is None:
            continue
        found = downloads.of(lock.at(place).values(), lock.target, place)
        every |= {(name, each.filename): each for name, each in found.items()}
        size = spell_total(*total(found.values()))
        yield f"{lock.target} downloads {size} on {place.platform}, Python {place.python}"
    if len(locks) > 1:
        yield f"all targets together: {spell_total(*total(every.values()))}"
    for fault in downloads.faults:
        yield f"sizes: {fault}"


def _place(lock: TargetLock, python: PythonVersion) -> Place | None:
    here = host_platform()
    there = lock.platforms or (() if here is None else (here,))
    if not there:
        return None
    return Place(here if here in there and here is not None else there[0], python)
