"""The line that moves on a terminal while something is solved: its name, packages, seconds."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY = 0.25  # seconds
_CLEAR = "\r\x1b[K"  # to the first column, and erase the line (ECMA-48)


class MovingLine:
    """Draws from a thread of its own, so that it moves while a server is waited for.

    :param look: returns what is solved now, and how many packages were looked at for it; None
        where something else is on the terminal.
    """

    def __init__(self, look: Callable[[], tuple[str, int] | None]) -> None:
        self._look = look
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._drawn = False
        self._what = ""
        self._since = 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw on standard error until the context ends."""
        thread = threading.Thread(target=self._keep_drawing, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self._clear()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Keep the line away while something else is written, or asked, on the terminal."""
        with self._lock:
            self._clear()
            yield

    def make_way(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that writes to the terminal with no line in its way."""

        def write(*args: Any, **kwargs: Any) -> Any:
            with self.aside():
                return original(*args, **kwargs)

        return write

    def _keep_drawing(self) -> None:
        while not self._ended.wait(_EVERY):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if (now := self._look()) is None:
            return
        what, looked_at = now
        if what != self._what:
            self._what, self._since = what, time.monotonic()
        seconds = f"{int(time.monotonic() - self._since)} s"
        told = f"{looked_at} packages seen, {seconds}" if looked_at else seconds
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"{_CLEAR}{f'  {what}: {told}'[:width]}")
        sys.stderr.flush()
        self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._drawn = False
