"""Machines to detect: directories that stand for `/`, and commands that answer or fail.

The files have the forms of the real ones (the kernel's, the drivers', Jetson Linux'); what is in
them is composed for the tests, from public figures, and was captured nowhere.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from accelock.hardware import detect
from accelock.hardware.context import MISSING, Output, ProbeContext, Surroundings
from accelock.targets import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accelock.hardware import Machine

PROC_VERSION = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Mar  5 22:23:56 UTC 2024
GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)
"""
PROC_VERSION_OPEN = """\
NVRM version: NVIDIA UNIX Open Kernel Module for {machine}  {version}  Release Build  (dvs-builder)
GCC version:  gcc version 13.2.0 (Ubuntu 13.2.0-23ubuntu4)
"""
NV_TEGRA_RELEASE = """\
# R{major} (release), REVISION: {revision}, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: x
# KERNEL_VARIANT: oot
"""
INFORMATION = """\
Model: \t\t {name}
IRQ:   \t\t 153
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.74.00.01
Bus Type: \t PCIe
"""
KFD_PROPERTIES = """\
cpu_cores_count {cpus}
simd_count {simds}
lds_size_in_kb 64
gfx_target_version {version}
vendor_id 4098
unique_id {unique}
"""
UEVENT = """\
DRIVER={driver}
PCI_CLASS=30000
PCI_ID={pci}
PCI_SLOT_NAME={slot}
MODALIAS=pci:v00008086d000056A0sv00008086sd00001020bc03sc00i00
"""
DOCKER = {".dockerenv": ""}
# What the program that asks NVML prints where there is no library to ask.
NO_NVML = '{"missing": true}'


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below `root`, which is returned."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def with_driver(root: Path, version: str) -> Path:
    """Make a machine whose kernel has loaded an NVIDIA driver."""
    return write(root, {"sys/module/nvidia/version": f"{version}\n", "dev/nvidiactl": ""})


def with_gpus(root: Path, *versions: int) -> Path:
    """Make a machine with a processor and AMD GPUs, by their `gfx_target_version`."""
    nodes = "sys/class/kfd/kfd/topology/nodes"
    properties = {
        f"{nodes}/{number}/properties": KFD_PROPERTIES.format(
            cpus=0 if version else 64, simds=304, version=version, unique=number and 0xA0 + number
        )
        for number, version in enumerate((0, *versions))
    }
    return write(root, {**properties, "dev/kfd": ""})


def with_cards(root: Path, *cards: tuple[str, str, str]) -> Path:
    """Make a machine with graphics cards: (driver, PCI id, slot)."""
    files = {
        f"sys/class/drm/card{number}/device/uevent": UEVENT.format(driver=d, pci=pci, slot=slot)
        for number, (d, pci, slot) in enumerate(cards)
    }
    return write(root, files)


def nvml(driver: str, *gpus: tuple[str, str]) -> str:
    """What the program that asks NVML prints, for GPUs as (name, compute capability)."""
    listed = [
        {"name": name, "capability": [int(part) for part in cap.split(".")], "uuid": uuid(number)}
        for number, (name, cap) in enumerate(gpus)
    ]
    return json.dumps({"driver": driver, "gpus": listed})


def smi(driver: str, *gpus: tuple[str, str]) -> str:
    """What nvidia-smi prints for the query of driver, name, uuid and compute capability."""
    return "".join(
        f"{driver}, {name}, {uuid(number)}, {cap}\n" for number, (name, cap) in enumerate(gpus)
    )


def uuid(number: int) -> str:
    return f"GPU-{number:08x}-1111-2222-3333-444455556666"


@dataclass
class Commands:
    """Answers commands by their first word; asks nothing of this machine.

    The program that asks NVML is called `NVML` here. It is our own, so that it always answers.
    """

    answers: Mapping[str, str | Output] = field(default_factory=dict)
    asked: list[tuple[tuple[str, ...], float]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], *, timeout: float) -> Output:
        self.asked.append((tuple(command), timeout))
        name = "NVML" if command[0] == sys.executable else command[0]
        answer = self.answers.get(name, NO_NVML if name == "NVML" else MISSING)
        return answer if isinstance(answer, Output) else Output(answer)

    @property
    def names(self) -> list[str]:
        """Return the first words of what was asked."""
        return [command[0] for command, _timeout in self.asked]


def context(
    root: Path, answers: Mapping[str, str | Output] | None = None, **around: Any
) -> ProbeContext:
    """What a probe is given on the machine of a root; `around` is of its surroundings."""
    words = {"environ": {}, "system": "linux", "machine": "x86_64", **around}
    return ProbeContext(Surroundings(root=root, run=Commands(answers or {}), **words))


def look(
    root: Path,
    answers: Mapping[str, str | Output] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    platform: str | None = "linux-x86_64",
    libc: str = "manylinux_2_39_x86_64",
) -> Machine:
    """Detect the machine of a root, which has a platform's system and processor."""
    named = PLATFORMS[platform] if platform else None
    around = Surroundings(
        environ or {},
        named.sys_platform if named else "linux",
        named.machine if named else "riscv64",
        root=root,
        run=Commands(answers or {}),
        tags=lambda: [libc],
    )
    found = detect(around, named)
    return found if named else replace(found, platform=None)  # not the platform of these tests
