"""Apple's GPUs: every Mac with an Apple processor has one, and the cpu builds of torch use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.hardware.context import Found, printable
from accelock.hardware.machine import Gpu
from accelock.hardware.vendor import Fit, Reason, Vendor, add_gpus
from accelock.targets import Kind

if TYPE_CHECKING:
    from accelock.catalogue import HardwareTables
    from accelock.hardware.context import ProbeContext
    from accelock.hardware.machine import Machine
    from accelock.hardware.vendor import LockedTarget
    from accelock.targets import Target

NAME = "apple"
_SYSCTL = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")


def probe(context: ProbeContext) -> Found:
    """Return the GPU of an Apple processor, by the processor's name (Apple M3)."""
    around = context.around
    if around.system != "darwin" or around.machine.lower() != "arm64":
        return Found()
    name = printable(context.ask(*_SYSCTL, name="sysctl") or "")[:100]
    gpu = Gpu(NAME, name=name or "Apple GPU", integrated=True, source="sysctl")
    return Found(gpus=(gpu,))


def _fit(_target: Target, machine: Machine, _tables: HardwareTables, _locked: LockedTarget) -> Fit:
    gpus = machine.of(NAME)
    if gpus:
        return Fit(fits=True, reason=f"{gpus[0]}: the cpu builds use its GPU (MPS)")
    return Fit.no(Reason.NO_GPU, "no Apple GPU found")


VENDOR = Vendor(NAME, Kind.CPU, {"apple": probe}, add_gpus("apple"), _fit)
