"""The NVIDIA driver of this machine: its version, from the kernel or from nvidia-smi."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.machine.commands import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.machine.commands import Runner

_SMI = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
_SMI_LIMIT = 2.0  # seconds; nvidia-smi waits for ever where the driver hangs
_VERSION = re.compile(r"\b\d{2,}(?:\.\d+)+\b")


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver version such as (550, 54, 15), as it is written, and where it was read."""

    version: tuple[int, ...]
    text: str
    source: str


def find_driver(root: Path, run: Runner) -> Driver | None:
    """Return the NVIDIA driver of the machine whose file system is at `root`, or None.

    The kernel's word comes first: it needs no command and no GPU that answers.
    """
    for source, text in _sources(root, run):
        found = _VERSION.search(text or "")
        if found:
            version = tuple(int(part) for part in found[0].split("."))
            return Driver(version, found[0], source)
    return None


def _sources(root: Path, run: Runner) -> Iterator[tuple[str, str | None]]:
    yield "/sys/module/nvidia/version", read_file(root / "sys/module/nvidia/version")
    # "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar ...", then gcc's version.
    lines = (read_file(root / "proc/driver/nvidia/version") or "").splitlines()
    told = next((line for line in lines if line.startswith("NVRM")), None)
    yield "/proc/driver/nvidia/version", told
    yield "nvidia-smi", run(_SMI, timeout=_SMI_LIMIT)
