"""Intel's GPUs, as Linux's graphics drivers list them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.hardware.edge import Found
from accelock.hardware.model import Gpu, Vendor

if TYPE_CHECKING:
    from accelock.hardware.edge import Edge

_CARDS = "sys/class/drm"
_CARD = re.compile(r"card\d{1,3}")
_FIELD = re.compile(r"^(DRIVER|PCI_ID|PCI_SLOT_NAME)=(\S+)$", re.MULTILINE)
_INTEL = "8086"
# A processor's own GPU is always this device of the root bus (Intel's graphics manuals), and its
# functions beside the first are virtual ones (SR-IOV).
_INTEGRATED = re.compile(r"[0-9a-f]{4}:00:02\.[0-7]")


def look(edge: Edge) -> Found:
    """Return Intel's GPUs; one on a bus of its own is discrete."""
    cards = [name for name in edge.entries(_CARDS) if _CARD.fullmatch(name)]
    found = (_intel(edge, name) for name in cards)
    gpus = tuple(gpu for gpu in found if gpu is not None)
    return Found(gpus=gpus, has_device=edge.exists("dev/dri"))


def _intel(edge: Edge, card: str) -> Gpu | None:
    text = edge.read(f"{_CARDS}/{card}/device/uevent") or ""
    fields = dict(_FIELD.findall(text))
    vendor, _, device = fields.get("PCI_ID", "").upper().partition(":")
    if vendor != _INTEL:
        return None
    slot = fields.get("PCI_SLOT_NAME", "").lower()
    return Gpu(
        Vendor.INTEL,
        name=f"Intel GPU 8086:{device[:4]}, driver {fields.get('DRIVER', 'unknown')[:20]}",
        # In doubt it is the processor's, which chooses nothing.
        integrated=not slot or _INTEGRATED.fullmatch(slot) is not None,
        source=f"/{_CARDS}/{card}",
    )
