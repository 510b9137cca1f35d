"""Commands of GPU drivers that write down that they were started: who looks at the machine?"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("nvidia-smi", "rocm_agent_enumerator")
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="the fakes are shell scripts")


@dataclass(frozen=True, slots=True)
class Fakes:
    """The commands' folder, and what they wrote."""

    folder: Path

    @property
    def path(self) -> str:
        """The value of PATH with which they are found first."""
        return f"{self.folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"

    def asked(self) -> list[str]:
        """Which were started since this was called last; each once, by name."""
        log = self.folder / "log"
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted(set(names))


def fakes(folder: Path) -> Fakes:
    """Make the commands, which fail, in a folder below this one.

    Detection starts at least one of them wherever not both makers' GPUs are there.
    """
    made = folder / "fakes"
    made.mkdir()
    for name in NAMES:
        (made / name).write_text(f"#!/bin/sh\necho {name} >> '{made}/log'\nexit 1\n")
        (made / name).chmod(0o755)
    return Fakes(made)
