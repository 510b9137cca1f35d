"""A command whose stderr is a terminal, as its progress is shown to somebody who watches it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run_on_terminal(*words: str, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run `python -m WORDS`, and return its exit code and what the terminal got."""
    outer, inner = os.openpty()  # there is none on Windows
    command = [sys.executable, "-m", *words]
    process = subprocess.Popen(
        command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=inner,
    )  # fmt: skip
    os.close(inner)
    got = b""
    try:
        while block := os.read(outer, 4096):
            got += block
    except OSError:  # EIO: Linux's word for the end, when nobody has the terminal any more
        pass
    finally:
        os.close(outer)
    return process.wait(60), got.decode()
