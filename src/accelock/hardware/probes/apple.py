"""Apple's GPUs: every Mac with an Apple processor has one, and the cpu builds of torch use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.hardware.commands import printable
from accelock.hardware.edge import Found
from accelock.hardware.model import Gpu, Vendor

if TYPE_CHECKING:
    from accelock.hardware.edge import Edge

_SYSCTL = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")


def look(edge: Edge) -> Found:
    """Return the GPU of an Apple processor, by the processor's name (Apple M3)."""
    around = edge.around
    if around.system != "darwin" or around.machine.lower() != "arm64":
        return Found()
    name = printable(edge.ask(*_SYSCTL, name="sysctl") or "")[:100]
    gpu = Gpu(Vendor.APPLE, name=name or "Apple GPU", integrated=True, source="sysctl")
    return Found(gpus=(gpu,))
