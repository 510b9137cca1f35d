"""Telling what a killed run left from what a run at work still needs.

A run locks the file or the folder that stands for its work, and the system ends the lock with the
process, however that ends. A process's number would say nothing of a container, or of another
machine that has the same disk. Where there are no such locks (Windows, some network disks) the age
has to do.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def holding(make: Callable[[], Path]) -> Iterator[Path]:
    """Make a file or folder of a name that no other run makes, and hold it while the block runs.

    :param make: makes it; called again where another run swept it before it was held.
    """
    if sys.platform == "win32":
        yield make()
        return
    path, handle = _held(make)
    try:
        yield path
    finally:
        os.close(handle)


@contextlib.contextmanager
def seized(path: Path, age: float) -> Iterator[bool]:
    """Yield whether no run holds a file or folder; while the block runs none can begin to.

    :param age: the seconds for which a run may need it, where there are no locks.
    :raises OSError: it is gone, or another user's.
    """
    if sys.platform == "win32":
        yield _is_older(path.stat(), age)
        return
    handle = _open(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_left = True
        except BlockingIOError:
            is_left = False
        except OSError:
            is_left = _is_older(os.fstat(handle), age)
        yield is_left
    finally:
        os.close(handle)


def _held(make: Callable[[], Path]) -> tuple[Path, int]:
    while True:
        path = make()
        with contextlib.suppress(FileNotFoundError):
            handle = _open(path)
            with contextlib.suppress(OSError):  # no locks here: others go by the age as well
                fcntl.flock(handle, fcntl.LOCK_EX)
            if path.exists():
                return path, handle
            os.close(handle)


def _is_older(status: os.stat_result, age: float) -> bool:
    return time.time() - status.st_mtime > age


def _open(path: Path) -> int:
    """Open a file for writing, without which NFS does not lock it, and a folder for reading."""
    return os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
