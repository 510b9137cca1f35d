"""Run the probes, each in its time, and put together what they found."""

from __future__ import annotations

import os
import platform
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.tags import platform_tags

from accelock.hardware import visible
from accelock.hardware.edge import Edge, Found, Surroundings
from accelock.hardware.model import Gpu, Machine, Note, Vendor
from accelock.hardware.overrides import overridden
from accelock.hardware.probes import amd, apple, drm, host, nvidia_kernel, nvidia_smi, nvml
from accelock.targets import host_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.hardware.edge import Probe
    from accelock.targets import Platform

# What only reads files goes first, all at once; what starts NVIDIA's programs goes by that.
_READERS: Mapping[str, Probe] = {
    "host": host.look,
    "nvidia": nvidia_kernel.look,
    "amd": amd.look,
    "drm": drm.look,
    "apple": apple.look,
}
_GRACE = 0.5  # seconds; a probe that keeps to its time is not cut off for the last command


def surroundings(environ: Mapping[str, str] | None = None) -> Surroundings:
    """Return this machine's."""
    return Surroundings(
        os.environ if environ is None else environ, sys.platform, platform.machine(), tags=_tags
    )


def detect(around: Surroundings, named: Platform | None = None) -> Machine:
    """Return the machine that is around.

    :param named: its platform, where the caller knows better: of another interpreter.
    :raises ConfigError: a variable that stands for hardware cannot be read. No probe raises.
    """
    found, notes = _run(_READERS, around)
    if _may_have_nvml(found, around):
        more, said = _run({"nvml": nvml.look}, around)
        found, notes = found | more, [*notes, *said]
    if found.get("nvml", Found()).gpus is None:
        more, said = _run({"nvidia-smi": nvidia_smi.look}, around)
        found, notes = found | more, [*notes, *said]
    machine = _together(found, around, named or host_platform())
    return overridden(replace(machine, notes=(*notes, *machine.notes)), around.environ)


def _may_have_nvml(found: Mapping[str, Found], around: Surroundings) -> bool:
    """Tell whether it is worth while to start a process that asks the driver's library."""
    kernel, system = found["nvidia"], found["host"]
    seen = kernel.driver is not None or kernel.has_device or system.wsl or system.jetson
    return bool(seen) or around.system == "win32"


def _run(probes: Mapping[str, Probe], around: Surroundings) -> tuple[dict[str, Found], list[Note]]:
    """Run probes side by side; one that does not end in its time is left behind."""
    runs = {name: _Run(name, probe, Edge(around)) for name, probe in probes.items()}
    for run in runs.values():
        run.start()
    results = {name: run.result() for name, run in runs.items()}
    found = {name: result[0] for name, result in results.items()}
    return found, [note for _found, notes in results.values() for note in notes]


class _Run(threading.Thread):
    """One probe at work. A daemon, so that one that hangs does not keep the program from ending."""

    def __init__(self, name: str, probe: Probe, edge: Edge) -> None:
        super().__init__(name=f"accelock-{name}", daemon=True)
        self._probe = probe
        self._edge = edge
        self._found: Found | None = None
        self._fault = ""

    def run(self) -> None:
        try:
            self._found = self._probe(self._edge)
        except Exception as error:  # noqa: BLE001 - whatever a machine shows must not stop a sync
            self._fault = f"failed ({type(error).__name__}: {error})"

    def result(self) -> tuple[Found, list[Note]]:
        limit = self._edge.around.limit
        self.join(limit + _GRACE)
        if self._found is not None:
            return self._found, list(self._edge.notes)
        fault = self._fault or f"did not end within {limit:g} s"
        name = self.name.removeprefix("accelock-")
        todo = "what it would tell is left out; set ACCELOCK_TARGET to choose for yourself"
        return Found(), [*self._edge.notes, Note("probe", f"the probe {name} {fault}", todo)]


def _together(found: Mapping[str, Found], around: Surroundings, named: Platform | None) -> Machine:
    system = found["host"]
    machine = Machine(
        platform=named,
        system=around.system,
        machine=around.machine,
        libc=system.libc,
        container=system.container,
        wsl=system.wsl,
        jetson=system.jetson,
    )
    if (note := musl_note(machine)) is not None:
        machine = _noted(machine, note)
    machine = _nvidia(machine, found, around)
    machine = _amd(machine, found, around)
    return _others(machine, found)


def musl_note(machine: Machine) -> Note | None:
    """Return what to say of a machine that no wheel of PyTorch is for, by its libc alone."""
    if not machine.is_musl:
        return None
    what = f"this Python is linked to {machine.libc}, for which PyTorch has no wheels"
    return Note("musl", what, "use an image with glibc (python:3.12-slim), not Alpine")


def _nvidia(machine: Machine, found: Mapping[str, Found], around: Surroundings) -> Machine:
    """Add NVIDIA's: the first that tells the driver, and the first that tells the GPUs."""
    tellers = [found[name] for name in ("nvidia", "nvml", "nvidia-smi") if name in found]
    driver = next((each.driver for each in tellers if each.driver), None)
    if machine.wsl:  # the kernel has none there; the Windows driver is what the libraries tell
        driver = next((each.driver for each in reversed(tellers) if each.driver), None)
    asked = [each.gpus for each in tellers[1:] if each.gpus is not None]
    gpus = asked[0] if asked else (tellers[0].gpus or ())
    if driver is not None and machine.container and not (asked or found["nvidia"].has_device):
        what = (
            f"the host has NVIDIA driver {driver.text}, and this container was started without its "
            "GPUs"
        )
        todo = "start it with them (docker run --gpus all), or set ACCELOCK_TARGET"
        return _noted(machine, Note("gpu-not-passed-in", what, todo))
    if driver is not None and asked and not gpus:
        what = f"NVIDIA driver {driver.text} is loaded, and sees no GPU"
        todo = "look at `nvidia-smi` and at the kernel's log"
        return _noted(machine, Note("no-gpu", what, todo))
    if driver is not None and not gpus and visible.hides_all(around.environ, visible.CUDA):
        gpus = (Gpu(Vendor.NVIDIA, source=driver.source),)
    marked, notes = visible.nvidia(gpus, around.environ)
    return _noted(replace(machine, driver=driver, gpus=(*machine.gpus, *marked)), *notes)


def _amd(machine: Machine, found: Mapping[str, Found], around: Surroundings) -> Machine:
    """Add AMD's. The kernel's list is seen in every container, whether it may use them or not."""
    gpus = found["amd"].gpus or ()
    if gpus and machine.container and not found["amd"].has_device:
        names = ", ".join(dict.fromkeys(gpu.gfx or "" for gpu in gpus))
        what = f"the host has AMD GPUs ({names}), and this container was started without them"
        todo = "start it with --device=/dev/kfd --device=/dev/dri, or set ACCELOCK_TARGET"
        return _noted(machine, Note("gpu-not-passed-in", what, todo))
    return replace(machine, gpus=(*machine.gpus, *visible.amd(gpus, around.environ)))


def _others(machine: Machine, found: Mapping[str, Found]) -> Machine:
    """Add Intel's, which every container sees, and Apple's."""
    intel, apple = found["drm"].gpus or (), found["apple"].gpus or ()
    discrete = [gpu for gpu in intel if not gpu.integrated]
    if discrete and machine.container and not found["drm"].has_device:
        what = f"the host has an {discrete[0]}, and this container was started without it"
        todo = "start it with --device=/dev/dri, or set ACCELOCK_TARGET"
        return _noted(machine, Note("gpu-not-passed-in", what, todo))
    return replace(machine, gpus=(*machine.gpus, *intel, *apple))


def _noted(machine: Machine, *notes: Note) -> Machine:
    return replace(machine, notes=(*machine.notes, *notes))


def _tags() -> list[str]:
    """Return the platform tags of this interpreter's wheels, one of which names its C library."""
    return list(platform_tags())
