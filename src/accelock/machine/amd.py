"""The AMD GPUs of this machine, by architecture, from the kernel's compute topology (KFD)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.machine.commands import read_file

if TYPE_CHECKING:
    from pathlib import Path

_NODES = "sys/class/kfd/kfd/topology/nodes"
_TARGET = re.compile(r"^gfx_target_version (\d+)$", re.MULTILINE)


def find_architectures(root: Path) -> tuple[str, ...]:
    """Return the architectures (`gfx90a`) of the GPUs, each once, in the order of their nodes.

    Processors are nodes too, with version 0.
    """
    found: dict[str, None] = {}
    for node in _nodes(root / _NODES):
        told = _TARGET.search(read_file(node / "properties") or "")
        if told and int(told[1]):
            found[_gfx(int(told[1]))] = None
    return tuple(found)


def _nodes(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir(), key=lambda path: (len(path.name), path.name))
    except OSError:
        return []


def _gfx(version: int) -> str:
    """Return the name of 90010, which is major 9, minor 0, stepping 10: gfx90a."""
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"
