"""A progress bar for downloads that the user has allowed: click's, on standard error."""

from __future__ import annotations

import sys
from typing import Any

import click


class DownloadBar:
    """Shows (bytes so far, bytes in all) of one file after another; nothing off a terminal."""

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
