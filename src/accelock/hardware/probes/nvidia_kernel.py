"""NVIDIA's driver as the Linux kernel tells it: no command, and no GPU that has to answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.hardware.commands import printable
from accelock.hardware.edge import Found
from accelock.hardware.model import Driver, Gpu, Vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hardware.edge import Edge

_GPUS = "proc/driver/nvidia/gpus"
_MODEL = re.compile(r"^Model:\s*(\S.*)$", re.MULTILINE)
_UUID = re.compile(r"^GPU UUID:\s*(GPU-[0-9a-fA-F-]+)", re.MULTILINE)
# The control device, the first GPU's, WSL's, and those of Jetson before and from R36 on.
_DEVICES = ("dev/nvidiactl", "dev/nvidia0", "dev/dxg", "dev/nvhost-gpu", "dev/nvgpu")
_NAME = 100  # characters


def look(edge: Edge) -> Found:
    """Return the driver, and the GPUs' names where it lists them; it tells no capabilities."""
    driver = next((found for found in _drivers(edge) if found), None)
    gpus = tuple(_gpu(edge, name) for name in edge.entries(_GPUS)) if driver else ()
    has_device = any(edge.exists(path) for path in _DEVICES)
    return Found(driver=driver, gpus=gpus or None, has_device=has_device)


def _drivers(edge: Edge) -> Iterator[Driver | None]:
    version = edge.read("sys/module/nvidia/version")
    yield Driver.find(version or "", "/sys/module/nvidia/version")
    # "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar ...", then gcc's version.
    lines = (edge.read("proc/driver/nvidia/version") or "").splitlines()
    told = next((line for line in lines if line.startswith("NVRM")), "")
    yield Driver.find(told, "/proc/driver/nvidia/version")


def _gpu(edge: Edge, name: str) -> Gpu:
    text = edge.read(f"{_GPUS}/{name}/information") or ""
    model, uuid = _MODEL.search(text), _UUID.search(text)
    return Gpu(
        Vendor.NVIDIA,
        name=printable(model[1])[:_NAME] if model else None,
        source=f"/{_GPUS}",
        uuid=uuid[1] if uuid else None,
    )
