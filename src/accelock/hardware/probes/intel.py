"""Intel's GPUs, as Linux's graphics drivers list them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.hardware.context import Found
from accelock.hardware.machine import Gpu, listed
from accelock.hardware.vendor import VARIABLE, Fit, Reason, Vendor, add_gpus, not_passed_in
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.catalogue import HardwareTables
    from accelock.hardware.context import ProbeContext, Surroundings
    from accelock.hardware.machine import Machine
    from accelock.hardware.vendor import LockedTarget
    from accelock.targets import Target

NAME = "intel"
_CARDS = "sys/class/drm"
_CARD = re.compile(r"card\d{1,3}")
_FIELD = re.compile(r"^(DRIVER|PCI_ID|PCI_SLOT_NAME)=(\S+)$", re.MULTILINE)
_PCI_VENDOR = "8086"
# A processor's own GPU is always this device of the root bus (Intel's graphics manuals), and its
# functions beside the first are virtual ones (SR-IOV).
_INTEGRATED = re.compile(r"[0-9a-f]{4}:00:02\.[0-7]")


def probe(context: ProbeContext) -> Found:
    """Return Intel's GPUs; one on a bus of its own is discrete."""
    cards = [name for name in context.entries(_CARDS) if _CARD.fullmatch(name)]
    found = (_gpu(context, name) for name in cards)
    gpus = tuple(gpu for gpu in found if gpu is not None)
    return Found(gpus=gpus, has_device=context.exists("dev/dri"))


def _gpu(context: ProbeContext, card: str) -> Gpu | None:
    text = context.read(f"{_CARDS}/{card}/device/uevent") or ""
    fields = dict(_FIELD.findall(text))
    vendor, _, device = fields.get("PCI_ID", "").upper().partition(":")
    if vendor != _PCI_VENDOR:
        return None
    slot = fields.get("PCI_SLOT_NAME", "").lower()
    return Gpu(
        NAME,
        name=f"Intel GPU 8086:{device[:4]}, driver {fields.get('DRIVER', 'unknown')[:20]}",
        # In doubt it is the processor's, which chooses nothing.
        integrated=not slot or _INTEGRATED.fullmatch(slot) is not None,
        source=f"/{_CARDS}/{card}",
    )


def _add(machine: Machine, found: Mapping[str, Found], around: Surroundings) -> Machine:
    """Add what the kernel lists, which every container sees, whether it may use it or not."""
    discrete = [gpu for gpu in found["drm"].gpus or () if not gpu.integrated]
    if discrete and machine.container and not found["drm"].has_device:
        what = f"an {discrete[0]}, and this container was started without it"
        return not_passed_in(machine, what, "start it with --device=/dev/dri")
    return add_gpus("drm")(machine, found, around)


def _fit(_target: Target, machine: Machine, _tables: HardwareTables, _locked: LockedTarget) -> Fit:
    gpus = machine.of(NAME)
    discrete = [gpu for gpu in gpus if not gpu.integrated]
    if discrete:
        return Fit(fits=True, reason=listed(discrete))
    if gpus:
        what = (
            "accelock does not choose it for a GPU that is part of the processor; to use it, set "
            f"{VARIABLE}=xpu"
        )
        return Fit.no(Reason.NO_GPU, what)
    if machine.platform is not None and machine.platform.sys_platform == "win32":
        what = f"accelock does not detect Intel GPUs on Windows; to use them, set {VARIABLE}=xpu"
        return Fit.no(Reason.UNKNOWN, what)
    return Fit.no(Reason.NO_GPU, "no Intel GPU found")


VENDOR = Vendor(NAME, Kind.XPU, {"drm": probe}, _add, _fit)
