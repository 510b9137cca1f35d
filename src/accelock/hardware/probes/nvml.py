"""NVIDIA's GPUs by NVML, the driver's own library, asked in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelock.hardware.commands import printable
from accelock.hardware.edge import Found
from accelock.hardware.model import Driver, Gpu, Vendor, parse_capability

if TYPE_CHECKING:
    from accelock.hardware.edge import Edge

NAME = "NVML"
CHILD = Path(__file__).with_name("nvml_child.py")
_NAME = 100  # characters
_MOST = 1024  # GPUs of one machine


def look(edge: Edge) -> Found:
    """Return the driver and the GPUs with their compute capabilities.

    That there is no library is no finding: every Windows, WSL and Jetson is asked for one.
    """
    if not sys.executable:
        return Found()
    # -I: neither the working directory nor PYTHONPATH has a say in what it imports.
    text = edge.ask(sys.executable, "-I", "-W", "ignore", str(CHILD), name=NAME)
    if text is None:
        return Found()
    try:
        # Its last line: what an interpreter's site packages say at the start stands above it.
        said = json.loads(text.strip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        edge.note("probe", f"{NAME} gave no answer that can be read", "nvidia-smi is asked instead")
        return Found()
    if said.get("missing") is True:
        return Found()
    if "error" in said:
        what = f"{NAME} failed: {printable(str(said['error']))[:200]}"
        edge.note("probe", what, _todo(what))
        return Found()
    return _read(said)


def _read(said: dict[str, Any]) -> Found:
    listed = said.get("gpus")
    gpus = listed[:_MOST] if isinstance(listed, list) else []
    return Found(
        driver=Driver.find(str(said.get("driver", "")), NAME),
        gpus=tuple(_gpu(gpu) for gpu in gpus if isinstance(gpu, dict)),
    )


def _gpu(said: dict[str, Any]) -> Gpu:
    name, uuid = said.get("name"), said.get("uuid")
    return Gpu(
        Vendor.NVIDIA,
        name=printable(name)[:_NAME] or None if isinstance(name, str) else None,
        capability=_capability(said.get("capability")),
        source=NAME,
        uuid=printable(uuid) or None if isinstance(uuid, str) else None,
    )


def _capability(said: object) -> tuple[int, int] | None:
    if isinstance(said, list) and all(type(part) is int for part in said):
        return parse_capability(".".join(map(str, said[:3])))
    return None


def _todo(what: str) -> str:
    if "mismatch" in what.lower():
        return "the driver was upgraded under the running kernel: restart the machine"
    return "nvidia-smi is asked instead"
