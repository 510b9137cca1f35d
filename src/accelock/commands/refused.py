"""What the system refuses while a command runs, as a line: a full disk, a folder that is gone.

Loaded only then. What a command itself expects to fail is an AccelockError, and none of this.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.sources.http import hide_credentials

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["RefusedError", "give_up_broken", "refused"]


class RefusedError(AccelockError):
    """The system refused something that no command can do without."""


def refused(error: OSError) -> RefusedError | None:
    """Return what to say of an error of the system; None of a pipe that nobody reads any more."""
    broken = give_up_broken()
    if isinstance(error, BrokenPipeError):
        return None
    if not _has_working_folder():
        return RefusedError("the working folder is gone; change into one that is there")
    reason = error.strerror or hide_credentials(str(error))
    where = error.filename if error.filename is not None else broken
    return RefusedError(f"{os.fsdecode(where)}: {reason}" if where else reason)


def give_up_broken() -> str | None:
    """Give up the streams that cannot be written to, and return the name of one, or None."""
    broken = None
    if not _flushes(sys.stderr):
        broken = "standard error"
    if not _flushes(sys.stdout):
        broken = "standard output"
    return broken


def _flushes(stream: TextIO) -> bool:
    """Tell whether a stream takes what was written; if not, it goes nowhere from now on.

    Python would fail over it when it ends: https://docs.python.org/3/library/signal.html
    """
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


def _has_working_folder() -> bool:
    try:
        return bool(Path.cwd())
    except OSError:
        return False
