"""AMD's GPUs by architecture: the kernel's compute topology (KFD), else rocm_agent_enumerator."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.hardware.edge import Found
from accelock.hardware.model import Gpu, Vendor, gfx_of, parse_gfx

if TYPE_CHECKING:
    from accelock.hardware.edge import Edge

_NODES = "sys/class/kfd/kfd/topology/nodes"
_TARGET = re.compile(r"^gfx_target_version (\d{1,6})$", re.MULTILINE)
_UUID = re.compile(r"^unique_id (\d{1,20})$", re.MULTILINE)
_ENUMERATOR = "rocm_agent_enumerator"
_MOST = 1024  # GPUs of one machine


def look(edge: Edge) -> Found:
    """Return the GPUs in the order of their nodes; processors are nodes too, with version 0."""
    nodes = edge.entries(_NODES)
    if nodes:
        found = (_node(edge, name) for name in nodes[:_MOST])
        gpus = tuple(gpu for gpu in found if gpu is not None)
    else:
        gpus = _enumerated(edge)
    return Found(gpus=gpus, has_device=edge.exists("dev/kfd") or not nodes)


def _node(edge: Edge, name: str) -> Gpu | None:
    text = edge.read(f"{_NODES}/{name}/properties") or ""
    told, unique = _TARGET.search(text), _UUID.search(text)
    gfx = gfx_of(int(told[1])) if told else None
    if gfx is None:
        return None
    # ROCR_VISIBLE_DEVICES takes GPU- and the 16 hexadecimal digits of the unique id.
    uuid = f"GPU-{int(unique[1]):016x}" if unique and int(unique[1]) else None
    return Gpu(Vendor.AMD, gfx=gfx, source="/sys/class/kfd", uuid=uuid)


def _enumerated(edge: Edge) -> tuple[Gpu, ...]:
    """Ask ROCm's own command: under WSL there is no KFD. gfx000 is the processor."""
    lines = (edge.ask(_ENUMERATOR) or "").splitlines()[:_MOST]
    words = [gfx for gfx in map(parse_gfx, lines) if gfx is not None]
    return tuple(Gpu(Vendor.AMD, gfx=gfx, source=_ENUMERATOR) for gfx in words)
