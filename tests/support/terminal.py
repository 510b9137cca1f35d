"""A command whose stderr is a terminal, as its progress is shown to somebody who watches it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_LIMIT = 300  # seconds


def run_on_terminal(*words: str, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run `python -m WORDS`, and return its exit code and what the terminal got.

    The terminal is no dumb one, whatever the tests themselves run on.
    """
    outer, inner = os.openpty()  # there is none on Windows
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env={**env, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=inner,
    )
    os.close(inner)
    got = b""
    limit = threading.Timer(_LIMIT, process.kill)
    limit.start()
    try:
        while block := os.read(outer, 4096):
            got += block
    except OSError:  # EIO: Linux's word for the end, when nobody has the terminal any more
        pass
    finally:
        os.close(outer)
        code = process.wait()
        limit.cancel()
    return code, got.decode()
