"""The line that moves on a terminal while a cell is solved: its name, packages looked at, seconds.

Off a terminal the line of each cell, which the run says, is all there is. Quiet (`-q`) is quiet.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import click
from pip._internal.network import auth
from piptools.logging import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelock.hosts.piptools.patches import Patches
    from accelock.hosts.piptools.state import Run
    from accelock.targets import Cell

_EVERY = 0.25  # seconds
_CLEAR = "\r\x1b[K"  # to the first column, and erase the line (ECMA-48)


class DownloadBar:
    """A progress bar for downloads that the user has allowed, on standard error.

    It shows (bytes so far, bytes in all) of one file after another; nothing off a terminal.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._done = 0

    @property
    def is_shown(self) -> bool:
        """Tell whether a bar is on the terminal."""
        return self._bar is not None

    def __call__(self, done: int, total: int) -> None:
        """Move the bar; a file that begins anew gets a bar of its own."""
        if not total or not sys.stderr.isatty():
            return
        if self._bar is None or done < self._done:
            self._bar = click.progressbar(length=total, label="  hashing", file=sys.stderr)
            self._bar.render_progress()
            self._done = 0
        self._bar.update(done - self._done)
        self._done = done
        if done >= total:
            self._bar.render_finish()
            self._bar = None


class MovingLine:
    """Draws from a thread of its own, so that it moves while a server is waited for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._drawn = False
        self._cell: Cell | None = None
        self._since = 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw until the context ends, where somebody watches."""
        if not sys.stderr.isatty() or log.verbosity < 0:
            yield
            return
        thread = threading.Thread(target=self._keep_drawing, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self._clear()

    def make_way(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that writes to the terminal, or asks there, with no line in its way."""

        def write(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._clear()
                return original(*args, **kwargs)

        return write

    def _keep_drawing(self) -> None:
        while not self._ended.wait(_EVERY):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        active = self._run.active
        if active is not None and active.cell != self._cell:
            self._cell, self._since = active.cell, time.monotonic()
        elif self._cell is not None:
            if isinstance(bar := self._run.plan.show_bytes, DownloadBar) and bar.is_shown:
                return
            # A list first: the run goes on adding to it.
            looked_at = len({name for _place, name, *_ in list(self._run.memo.candidates)})
            seconds = int(time.monotonic() - self._since)
            text = f"  {self._cell}: {looked_at} packages looked at, {seconds} s"
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"{_CLEAR}{text[:width]}")
            sys.stderr.flush()
            self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._drawn = False


def install(run: Run, patches: Patches) -> MovingLine:
    """Return the line of a run; all that writes to the terminal makes it give way."""
    line = MovingLine(run)
    patches.wrap(log, "log", line.make_way)
    for name in ("ask_input", "ask_password"):
        patches.wrap(auth, name, line.make_way)
    return line
