"""NVIDIA's GPUs: what its probes found together, what hides them, and which CUDA they run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from accelock.hardware.context import Found
from accelock.hardware.machine import Driver, Gpu, Note, listed, parse_capability, spell_driver
from accelock.hardware.probes import nvidia_driver
from accelock.hardware.vendor import NONE, VARIABLE, Fit, Reason, Vendor, not_passed_in, parse_list
from accelock.hardware.visible import devices, mark_hidden
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.catalogue import HardwareTables
    from accelock.catalogue.hardware import CapabilityRange
    from accelock.hardware.context import Probe, Surroundings
    from accelock.hardware.machine import Machine
    from accelock.hardware.vendor import Locked
    from accelock.targets import Target

NAME = nvidia_driver.NAME
DRIVER = "ACCELOCK_CUDA_DRIVER"
CAPABILITY = "ACCELOCK_COMPUTE_CAPABILITY"
VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
_VERSION = re.compile(r"[1-9]\d{2,3}(?:\.\d{1,5}){0,2}")
# The first Jetson that runs the wheels for servers: CUDA 13 has one build for all Arm.
_THOR = (11, 0)
_NO_DRIVER = Fit.no(Reason.NO_DRIVER, "no NVIDIA driver found")


def _then(found: Mapping[str, Found], around: Surroundings) -> Mapping[str, Probe]:
    """Ask the driver's library where there may be one, and nvidia-smi where that did not answer."""
    kernel, system = found["nvidia"], found["host"]
    seen = kernel.driver is not None or kernel.has_device or system.wsl or system.jetson
    if "nvml" not in found and (seen or around.system == "win32"):
        return {"nvml": nvidia_driver.nvml}
    if "nvidia-smi" not in found and found.get("nvml", Found()).gpus is None:
        return {"nvidia-smi": nvidia_driver.smi}
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
        what = f"NVIDIA driver {driver.text} is loaded, and sees no GPU"
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
        what = f"{VISIBLE}={value[:40]} chooses by speed among GPUs that differ"
        todo = f"all of them count; set {ORDER}=PCI_BUS_ID, or name them by UUID"
        return tuple(gpus), (Note("visible-devices", what, todo),)
    return mark_hidden(gpus, value, VISIBLE), ()


def _fit(target: Target, machine: Machine, tables: HardwareTables, locked: Locked) -> Fit:
    gpus = machine.of(NAME)
    if machine.jetson and not any(gpu.capability and gpu.capability >= _THOR for gpu in gpus):
        return Fit.no(
            Reason.JETSON,
            f"a Jetson ({machine.jetson}) takes NVIDIA's own builds of PyTorch: these wheels are "
            f"for Arm servers; set {VARIABLE}={target} if yours can run them",
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
        what = f"it is not known which driver it needs; set {VARIABLE}={target}"
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
    target: Target, machine: Machine, tables: HardwareTables, locked: Locked
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
        raise ValueError("write the driver's version, not that of CUDA, as in 550.54.15")
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
    {"nvidia": nvidia_driver.kernel},
    _add,
    _fit,
    then=_then,
    overrides={DRIVER: _told_driver, CAPABILITY: _told_capabilities},
)
