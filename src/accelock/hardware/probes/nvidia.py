"""NVIDIA's GPUs: what tells of them, what hides them, and which CUDA they run.

The Linux kernel, NVML and nvidia-smi are asked, by a probe each.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelock.hardware.context import Found, printable
from accelock.hardware.machine import Driver, Gpu, Note, listed, parse_capability, spell_driver
from accelock.hardware.vendor import (
    NONE,
    VARIABLE,
    Fit,
    Reason,
    Vendor,
    devices,
    mark_hidden,
    not_passed_in,
    parse_list,
)
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelock.catalogue import HardwareTables
    from accelock.catalogue.hardware import CapabilityRange
    from accelock.hardware.context import Probe, ProbeContext, Surroundings
    from accelock.hardware.machine import Machine
    from accelock.hardware.vendor import LockedTarget
    from accelock.targets import Target

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
DRIVER = "ACCELOCK_CUDA_DRIVER"
CAPABILITY = "ACCELOCK_COMPUTE_CAPABILITY"
VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
_VERSION = re.compile(r"[1-9]\d{2,3}(?:\.\d{1,5}){0,2}")
# The first Jetson that runs the wheels for servers: CUDA 13 has one build for all Arm.
_THOR = (11, 0)
_NO_DRIVER = Fit.no(Reason.NO_DRIVER, "no NVIDIA driver found")


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
    todo = "accelock asks nvidia-smi instead"
    try:
        # Its last line: what an interpreter's site packages say at the start stands above it.
        said = json.loads(text.strip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        context.note("probe", f"{NVML} gave an answer that cannot be read", todo)
        return Found()
    if said.get("missing") is True:
        return Found()
    if "error" in said:
        what = f"{NVML} failed: {printable(str(said['error']))[:200]}"
        if "mismatch" in what.lower():
            todo = "the driver was upgraded while the kernel was running: restart the machine"
        context.note("probe", what, todo)
        return Found()
    told = said.get("gpus")
    gpus = told[:_MOST] if isinstance(told, list) else []
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
            what = f"{SMI} printed something that cannot be read: {printable(text)[:160]!r}"
            todo = "accelock takes the driver from another source, or assumes that there is none"
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


# What they found together


def _then(found: Mapping[str, Found], around: Surroundings) -> Mapping[str, Probe]:
    """Ask the driver's library where there may be one, and nvidia-smi where that did not answer."""
    kernel, system = found["nvidia"], found["host"]
    seen = kernel.driver is not None or kernel.has_device or system.wsl or system.jetson
    if "nvml" not in found and (seen or around.system == "win32"):
        return {"nvml": nvml}
    if "nvidia-smi" not in found and found.get("nvml", Found()).gpus is None:
        return {"nvidia-smi": smi}
    return {}


def _add(machine: Machine, found: Mapping[str, Found], around: Surroundings) -> Machine:
    """Add the first driver that is told, and the GPUs of the first that tells them."""
    tellers = [found[name] for name in ("nvidia", "nvml", "nvidia-smi") if name in found]
    drivers = [each.driver for each in tellers if each.driver]
    # Under WSL the kernel has none; the driver of Windows is what the libraries tell.
    driver = next(iter(reversed(drivers) if machine.wsl else drivers), None)
    asked = [each.gpus for each in tellers[1:] if each.gpus is not None]
    gpus = asked[0] if asked else (tellers[0].gpus or ())
    if driver is not None and machine.container and not (asked or found["nvidia"].has_device):
        what = f"NVIDIA driver {driver.text}, and this container was started without its GPUs"
        return not_passed_in(machine, what, "start it with them (docker run --gpus all)")
    if driver is not None and asked and not gpus:
        what = f"NVIDIA driver {driver.text} is loaded, but sees no GPU"
        return machine.noted(Note("no-gpu", what, "look at `nvidia-smi` and at the kernel's log"))
    hidden = around.environ.get(VISIBLE)
    if driver is not None and not gpus and hidden is not None and not devices(hidden):
        gpus = (Gpu(NAME, source=driver.source),)
    marked, notes = visible(gpus, around.environ)
    return replace(machine, driver=driver, gpus=(*machine.gpus, *marked)).noted(*notes)


def visible(
    gpus: Sequence[Gpu], environ: Mapping[str, str]
) -> tuple[tuple[Gpu, ...], tuple[Note, ...]]:
    """Return GPUs, those that are hidden marked, and what could not be told.

    Without CUDA_DEVICE_ORDER=PCI_BUS_ID an index counts from the fastest GPU, which is not known
    here: where GPUs differ, an index then hides none of them.
    """
    value = environ.get(VISIBLE)
    if value is None:
        return tuple(gpus), ()
    kinds = {gpu.capability for gpu in gpus}
    is_by_index = any(word[:1].isdigit() for word in devices(value))
    if len(kinds) > 1 and is_by_index and environ.get(ORDER, "").upper() != "PCI_BUS_ID":
        what = f"{VISIBLE}={value[:40]} counts different GPUs by speed"
        todo = f"accelock counts all of them; set {ORDER}=PCI_BUS_ID, or name the GPUs by UUID"
        return tuple(gpus), (Note("visible-devices", what, todo),)
    return mark_hidden(gpus, value, VISIBLE), ()


def _fit(target: Target, machine: Machine, tables: HardwareTables, locked: LockedTarget) -> Fit:
    gpus = machine.of(NAME)
    if machine.jetson and not any(gpu.capability and gpu.capability >= _THOR for gpu in gpus):
        return Fit.no(
            Reason.JETSON,
            f"a Jetson ({machine.jetson}) takes NVIDIA's own builds of PyTorch: these wheels are "
            f"for Arm servers. If your Jetson can run them, set {VARIABLE}={target}",
        )
    obstacle, driver = _driver_obstacle(target, machine, tables), machine.driver
    if driver is None or obstacle is not None:
        return obstacle or _NO_DRIVER
    if lacking := _without_code(target, machine, tables, locked):
        what = f"torch {locked.torch.public}" if locked.torch else "it"
        todo = f" ({VISIBLE} can leave the others)" if len(lacking) < len(gpus) else ""
        return Fit.no(Reason.NO_CODE, f"{what} has no code for {listed(lacking)}{todo}")
    if known := [gpu for gpu in gpus if gpu.capability is not None]:
        return Fit(fits=True, reason=f"{listed(known)}, NVIDIA driver {driver.text}")
    return Fit(fits=True, reason=f"NVIDIA driver {driver.text}, from {driver.source}")


def _driver_obstacle(target: Target, machine: Machine, tables: HardwareTables) -> Fit | None:
    """Return what of the driver stops a target, or None."""
    if hidden := machine.hidden(NAME):
        return Fit.no(Reason.HIDDEN, f"{hidden} hides the NVIDIA GPUs")
    driver = machine.driver
    if driver is None and (gpus := machine.of(NAME)):  # those that a user named
        what = f"no NVIDIA driver found for {listed(gpus)}; set {DRIVER} to its version"
        return Fit.no(Reason.UNKNOWN, what)
    if driver is None:
        return _NO_DRIVER
    floor = tables.driver_floor(target, "windows" if _is_windows(machine) else "linux")
    if floor is None:
        what = (
            "accelock does not know which driver it needs; to use it anyway, set "
            f"{VARIABLE}={target}"
        )
        return Fit.no(Reason.UNKNOWN, what)
    if driver.version >= floor:
        return None
    what = f"needs NVIDIA driver {spell_driver(floor)} or newer"
    return Fit.no(Reason.OLD_DRIVER, f"{what}, this machine has {driver.text}")


def _is_windows(machine: Machine) -> bool:
    """Tell whose version numbers the driver has: WSL's libraries tell the driver of Windows."""
    platform = machine.platform.sys_platform if machine.platform else None
    return machine.system == "win32" or platform == "win32" or machine.wsl


def _without_code(
    target: Target, machine: Machine, tables: HardwareTables, locked: LockedTarget
) -> list[Gpu]:
    """Return the GPUs that no wheel of the target has code for; in doubt a GPU is not among them.

    Without a version of torch one that any release has code for will do.
    """
    arch = machine.platform.machine if machine.platform else machine.machine
    rows: tuple[CapabilityRange, ...] = tables.capability_ranges(target, arch)
    if locked.torch is not None:
        row = tables.capability_range(target, locked.torch, arch)
        rows = () if row is None else (row,)
    return [
        gpu
        for gpu in machine.of(NAME)
        if rows and gpu.capability is not None and not any(gpu.capability in row for row in rows)
    ]


def _told_driver(machine: Machine, word: str) -> Machine:
    """Put a driver in; what the GPUs of another driver could do, nobody knows."""
    others = machine.without(NAME)
    if word.lower() == NONE:
        return replace(machine, driver=None, gpus=others)
    if not _VERSION.fullmatch(word):
        raise ValueError("write the version of the driver and not of CUDA, as in 550.54.15")
    version = tuple(int(part) for part in word.split("."))
    return replace(machine, driver=Driver(version, word, DRIVER), gpus=others, jetson=None)


def _told_capabilities(machine: Machine, word: str) -> Machine:
    others = machine.without(NAME)
    if word.lower() == NONE:
        return replace(machine, driver=None, gpus=others)
    values = parse_list(word, parse_capability, "compute capabilities as in 9.0, or 7.5,8.6")
    gpus = (Gpu(NAME, capability=value, source=CAPABILITY) for value in values)
    return replace(machine, gpus=(*others, *gpus))


VENDOR = Vendor(
    NAME,
    Kind.CUDA,
    {"nvidia": kernel},
    _add,
    _fit,
    then=_then,
    overrides={DRIVER: _told_driver, CAPABILITY: _told_capabilities},
)
