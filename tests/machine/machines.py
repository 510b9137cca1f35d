"""Machines to detect: directories that stand for `/`, and commands that answer or fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROC_VERSION = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024
GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)
"""
PROC_VERSION_OPEN = """\
NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder)
GCC version:  gcc version 13.2.0 (Ubuntu 13.2.0-23ubuntu4)
"""


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below `root`, which is returned."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def with_driver(root: Path, version: str) -> Path:
    """Make a machine whose kernel has loaded an NVIDIA driver."""
    return write(root, {"sys/module/nvidia/version": f"{version}\n"})


def with_gpus(root: Path, *versions: int) -> Path:
    """Make a machine with a processor and AMD GPUs, by their `gfx_target_version`."""
    nodes = "sys/class/kfd/kfd/topology/nodes"
    return write(
        root,
        {
            f"{nodes}/{number}/properties": f"simd_count 8\ngfx_target_version {version}\nlds 64\n"
            for number, version in enumerate((0, *versions))
        },
    )


@dataclass
class Commands:
    """Answers commands by their first word; asks nothing of this machine."""

    answers: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[tuple[str, ...], float]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], *, timeout: float) -> str | None:
        self.asked.append((tuple(command), timeout))
        return self.answers.get(command[0])
