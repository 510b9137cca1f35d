"""What a project has locked, target by target: out of poetry.lock, or of compiled files."""

from __future__ import annotations

from accelock.report.locked.find import find_locks, read_locks
from accelock.report.locked.model import LockedPackage, Locks, TargetLock

__all__ = ["LockedPackage", "Locks", "TargetLock", "find_locks", "read_locks"]
