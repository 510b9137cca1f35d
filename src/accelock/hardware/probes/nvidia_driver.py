"""What tells of NVIDIA's driver and GPUs: the Linux kernel, NVML and nvidia-smi, a probe each."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelock.hardware.commands import printable
from accelock.hardware.context import Found
from accelock.hardware.machine import Driver, Gpu, parse_capability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hardware.context import ProbeContext

NAME = "nvidia"
NVML = "NVML"
NVML_CHILD = Path(__file__).with_name("nvml_child.py")
SMI = "nvidia-smi"
_GPUS = "proc/driver/nvidia/gpus"
_MODEL = re.compile(r"^Model:\s*(\S.*)$", re.MULTILINE)
_UUID = re.compile(r"^GPU UUID:\s*(GPU-[0-9a-fA-F-]+)", re.MULTILINE)
# The control device, the first GPU's, WSL's, and those of Jetson before and from R36 on.
_DEVICES = ("dev/nvidiactl", "dev/nvidia0", "dev/dxg", "dev/nvhost-gpu", "dev/nvgpu")
_SMI_PLACES = (SMI, "/usr/lib/wsl/lib/nvidia-smi")
# compute_cap came with driver 510; an older one refuses the whole question.
_SMI_QUERIES = ("driver_version,name,uuid,compute_cap", "driver_version,name,uuid")
_SMI_FIELDS = 4
_LONGEST = 100  # characters of a name
_MOST = 1024  # GPUs of one machine


def kernel(context: ProbeContext) -> Found:
    """Return the driver, and the GPUs' names where the Linux kernel lists them.

    That takes no command, and no GPU that has to answer; it tells no compute capabilities.
    """
    driver = next((found for found in _kernel_drivers(context) if found), None)
    gpus = tuple(_kernel_gpu(context, name) for name in context.entries(_GPUS)) if driver else ()
    has_device = any(context.exists(path) for path in _DEVICES)
    return Found(driver=driver, gpus=gpus or None, has_device=has_device)


def _kernel_drivers(context: ProbeContext) -> Iterator[Driver | None]:
    version = context.read("sys/module/nvidia/version")
    yield Driver.find(version or "", "/sys/module/nvidia/version")
    # "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar ...", then gcc's version.
    lines = (context.read("proc/driver/nvidia/version") or "").splitlines()
    told = next((line for line in lines if line.startswith("NVRM")), "")
    yield Driver.find(told, "/proc/driver/nvidia/version")


def _kernel_gpu(context: ProbeContext, name: str) -> Gpu:
    text = context.read(f"{_GPUS}/{name}/information") or ""
    model, uuid = _MODEL.search(text), _UUID.search(text)
    return _gpu(model and model[1], uuid and uuid[1], None, f"/{_GPUS}")


def nvml(context: ProbeContext) -> Found:
    """Return the driver and the GPUs with their compute capabilities, as the driver's library does.

    It is asked in a process of its own. That there is no library is no finding: every Windows, WSL
    and Jetson is asked for one.
    """
    if not sys.executable:
        return Found()
    # -I: neither the working directory nor PYTHONPATH has a say in what it imports.
    text = context.ask(sys.executable, "-I", "-W", "ignore", str(NVML_CHILD), name=NVML)
    if text is None:
        return Found()
    todo = "nvidia-smi is asked instead"
    try:
        # Its last line: what an interpreter's site packages say at the start stands above it.
        said = json.loads(text.strip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        context.note("probe", f"{NVML} gave no answer that can be read", todo)
        return Found()
    if said.get("missing") is True:
        return Found()
    if "error" in said:
        what = f"{NVML} failed: {printable(str(said['error']))[:200]}"
        if "mismatch" in what.lower():
            todo = "the driver was upgraded under the running kernel: restart the machine"
        context.note("probe", what, todo)
        return Found()
    listed = said.get("gpus")
    gpus = listed[:_MOST] if isinstance(listed, list) else []
    return Found(
        driver=Driver.find(str(said.get("driver", "")), NVML),
        gpus=tuple(_nvml_gpu(gpu) for gpu in gpus if isinstance(gpu, dict)),
    )


def _nvml_gpu(said: dict[str, Any]) -> Gpu:
    capability = said.get("capability")
    if isinstance(capability, list) and all(type(part) is int for part in capability):
        return _gpu(said.get("name"), said.get("uuid"), ".".join(map(str, capability[:3])), NVML)
    return _gpu(said.get("name"), said.get("uuid"), None, NVML)


def smi(context: ProbeContext) -> Found:
    """Return the driver, the GPUs' names and, from driver 510 on, their compute capabilities."""
    for query in _SMI_QUERIES:
        text = _ask_smi(context, query)
        lines = [line for line in (text or "").splitlines() if Driver.find(line, SMI)]
        if lines:
            context.notes.clear()  # that an older one refuses the newer question is no finding
            return Found(Driver.find(lines[0], SMI), tuple(map(_smi_gpu, lines)) or None)
        if text is not None and text.strip():
            what = f"{SMI} said what cannot be read: {printable(text)[:160]!r}"
            todo = "the driver is taken from elsewhere, or taken not to be there"
            context.note("probe", what, todo)
            break
    context.notes[:] = dict.fromkeys(context.notes)  # both questions may have met the same
    return Found()


def _ask_smi(context: ProbeContext, query: str) -> str | None:
    for place in _SMI_PLACES:
        if "/" in place and not context.exists(place.lstrip("/")):
            continue
        text = context.ask(place, f"--query-gpu={query}", "--format=csv,noheader", name=SMI)
        if text is not None:
            return text
    return None


def _smi_gpu(line: str) -> Gpu:
    """Read `550.54.15, NVIDIA H100 80GB HBM3, GPU-5a..., 9.0`, which may be cut short."""
    fields = [printable(field) for field in line.split(",")]
    _driver, name, uuid, capability = [*fields, "", "", "", ""][:_SMI_FIELDS]
    return _gpu(name, uuid, capability, SMI)


def _gpu(name: object, uuid: object, capability: str | None, source: str) -> Gpu:
    """Return a GPU by what somebody else says of it, which may be of any type and length."""
    return Gpu(
        NAME,
        name=printable(name)[:_LONGEST] or None if isinstance(name, str) else None,
        capability=parse_capability(capability or ""),
        source=source,
        uuid=printable(uuid) or None if isinstance(uuid, str) else None,
    )
