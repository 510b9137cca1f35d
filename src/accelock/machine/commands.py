"""Asking the machine: small files and short commands. A probe answers None; it never raises."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Runner(Protocol):
    """Runs a command and returns its stdout, or None where it fails in any way."""

    def __call__(self, command: Sequence[str], *, timeout: float) -> str | None:
        """Run `command` for at most `timeout` seconds."""
        ...


def run_command(command: Sequence[str], *, timeout: float) -> str | None:
    """Run `command` on this machine; None where it is missing, fails, or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - the commands are this package's own
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")


def read_file(path: Path) -> str | None:
    """Return the text of a small file, as of /proc and /sys, or None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
