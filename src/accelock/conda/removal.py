"""Taking away what an install has begun: to the end, whoever presses Ctrl-C meanwhile."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

__all__ = ["remove", "without_interruption"]

_QUIET = 0.3  # seconds without a file of rattler's threads, which take milliseconds for one
_PATIENCE = 10.0  # seconds


def remove(folder: Path) -> None:
    """Remove a folder until it stays away.

    After an error, threads of rattler's that are linking other packages go on for a moment.
    """
    with without_interruption():
        deadline = time.monotonic() + _PATIENCE
        quiet_since = time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - quiet_since < _QUIET:
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
                quiet_since = time.monotonic()
            time.sleep(_QUIET / 10)


@contextmanager
def without_interruption() -> Iterator[None]:
    """Hold SIGINT back until the block is done; then it counts.

    Half of a removal leaves a folder that is no environment, into which nobody can install.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield  # it is ignored, or this thread gets none (and may not ask for any)
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            before(*held[-1])
