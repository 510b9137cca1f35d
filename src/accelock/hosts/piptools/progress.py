"""The line that moves on a terminal while a cell is solved: its name, packages seen, seconds.

Off a terminal the line of each cell, which the run says, is all there is. Quiet (`-q`) is quiet.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click
from pip._internal.network import auth
from piptools.logging import log

from accelock.progress import MovingLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hosts.piptools.patches import Patches
    from accelock.hosts.piptools.state import Run
    from accelock.targets import Cell


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


class _Watch:
    """Which cell is solved now: the last one, where none is."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._cell: Cell | None = None

    def look(self) -> tuple[str, int] | None:
        """Return the cell and how many packages were looked at; None under a download's bar."""
        if self._run.active is not None:
            self._cell = self._run.active.cell
        bar = self._run.plan.show_bytes
        if self._cell is None or (isinstance(bar, DownloadBar) and bar.is_shown):
            return None
        # A list first: the run goes on adding to it.
        return str(self._cell), len({name for name, *_ in list(self._run.memo.listings)})


@contextlib.contextmanager
def shown(run: Run, patches: Patches) -> Iterator[None]:
    """Show a line of the run where somebody watches; all that writes there makes it give way."""
    if not sys.stderr.isatty() or log.verbosity < 0:
        yield
        return
    line = MovingLine(_Watch(run).look)
    patches.wrap(log, "log", line.make_way)
    for name in ("ask_input", "ask_password"):
        patches.wrap(auth, name, line.make_way)
    with line.shown():
        yield
