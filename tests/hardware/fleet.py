"""Forty machines: what each shows to the probes, and what it gets of some declared targets.

Names, drivers and capabilities are public figures of the products. No machine was captured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.hardware.machines import (
    DOCKER,
    NV_TEGRA_RELEASE,
    PROC_VERSION,
    PROC_VERSION_OPEN,
    look,
    nvml,
    smi,
    with_cards,
    with_driver,
    with_gpus,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.hardware import Machine

EVERY = "cpu cu118 cu126 cu128 cu130 rocm6.3 rocm7.0 xpu"
H100 = ("NVIDIA H100 80GB HBM3", "9.0")
A100 = ("NVIDIA A100-SXM4-80GB", "8.0")
V100 = ("Tesla V100-SXM2-16GB", "7.0")
P100 = ("Tesla P100-PCIE-16GB", "6.0")
GTX_1080 = ("NVIDIA GeForce GTX 1080", "6.1")
GT_1030 = ("NVIDIA GeForce GT 1030", "6.1")
RTX_2080 = ("NVIDIA GeForce RTX 2080 Ti", "7.5")
RTX_3090 = ("NVIDIA GeForce RTX 3090", "8.6")
RTX_4090 = ("NVIDIA GeForce RTX 4090", "8.9")
RTX_5090 = ("NVIDIA GeForce RTX 5090", "12.0")
B200 = ("NVIDIA B200", "10.0")
K80 = ("Tesla K80", "3.7")
GH200 = ("NVIDIA GH200 480GB", "9.0")
GB10 = ("NVIDIA GB10", "12.1")
ORIN = ("Orin (nvgpu)", "8.7")
THOR = ("NVIDIA Thor", "11.0")
IGPU = ("i915", "8086:A780", "0000:00:02.0")
ARC = ("i915", "8086:56A0", "0000:03:00.0")
BATTLEMAGE = ("xe", "8086:E20B", "0000:03:00.0")
ARM = "linux-aarch64"
MAC = "macos-arm64"


@dataclass(frozen=True)
class Box:
    """A machine in a few words, what is declared, and what it gets with which reason.

    `gfx` are AMD's versions as the kernel has them. `by` says who answers for NVIDIA's GPUs.
    """

    name: str
    gets: str
    because: str
    driver: str | None = None
    gpus: tuple[tuple[str, str], ...] = ()
    gfx: tuple[int, ...] = ()
    cards: tuple[tuple[str, str, str], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = "linux-x86_64"
    by: str = "NVML"
    declared: str = EVERY
    torch: str | None = None
    libc: str = "manylinux_2_39_x86_64"

    def build(self, root: Path) -> Machine:
        """Write the machine's files, let its commands answer, and detect it."""
        root.mkdir(exist_ok=True)
        on_linux = self.platform is None or self.platform.startswith("linux")
        if self.driver and on_linux and "dev/dxg" not in self.files:
            with_driver(root, self.driver)
        if self.gfx:
            with_gpus(root, *self.gfx)
        with_cards(root, *self.cards)
        write(root, self.files)
        say = {"NVML": nvml, "nvidia-smi": smi}
        answers = {self.by: say[self.by](self.driver or "", *self.gpus)} if self.gpus else {}
        return look(root, answers, environ=self.environ, platform=self.platform, libc=self.libc)


FLEET = [
    # Data centres
    Box("8 x H100", "cu130", "8 x NVIDIA H100", "580.82.07", (H100,) * 8),
    Box("H100, driver 570", "cu128", "NVIDIA H100", "570.124.06", (H100,)),
    Box("H100, driver 525", "cu128", "NVIDIA H100", "525.60.13", (H100,)),
    Box("A100, driver 470", "cu118", "NVIDIA A100", "470.57.02", (A100,)),
    Box("A100, driver 450.51", "cpu", "needs NVIDIA driver 450.80.02", "450.51.06", (A100,)),
    Box("B200", "cu130", "NVIDIA B200", "580.82.07", (B200,)),
    Box("B200, nothing newer than cu126", "cpu", "no code for NVIDIA B200", "580.82.07", (B200,),
        declared="cpu cu118 cu126"),
    Box("V100", "cu128", "Tesla V100", "580.82.07", (V100,), torch="2.9.1"),
    Box("V100, torch 2.11", "cu126", "Tesla V100", "580.82.07", (V100,), torch="2.11.0"),
    Box("P100", "cu126", "Tesla P100", "580.82.07", (P100,)),
    Box("K80", "cpu", "no code for Tesla K80", "470.57.02", (K80,), by="nvidia-smi"),
    Box("GH200", "cu130", "NVIDIA GH200", "580.82.07", (GH200,), platform=ARM),
    Box("GH200, driver 550", "cu128", "NVIDIA GH200", "550.54.15", (GH200,), platform=ARM),
    Box("DGX Spark", "cu130", "NVIDIA GB10", "580.82.07", (GB10,), platform=ARM),
    Box("MI300X", "rocm7.0", "gfx942", gfx=(90402,) * 8),
    Box("MI250X", "rocm7.0", "gfx90a", gfx=(90010,) * 4),
    Box("MI350X, rocm6.3 alone", "cpu", "no code for gfx950", gfx=(90500,) * 8,
        declared="cpu rocm6.3"),
    # Desks
    Box("GTX 1080", "cu126", "GTX 1080", "570.124.06", (GTX_1080,)),
    Box("RTX 2080 Ti", "cu130", "RTX 2080 Ti", "580.82.07", (RTX_2080,)),
    Box("RTX 3090 without NVML", "cu128", "RTX 3090", "550.54.15", (RTX_3090,), by="nvidia-smi"),
    Box("RTX 5090", "cu128", "RTX 5090", "570.124.06", (RTX_5090,)),
    Box("RTX 5090, torch 2.6", "cpu", "has no code for NVIDIA GeForce RTX 5090", "570.124.06",
        (RTX_5090,), declared="cpu cu124 cu126", torch="2.6.0"),
    Box("RX 7900 XTX", "rocm7.0", "gfx1100", gfx=(110000,)),
    Box("RX 6700 XT", "cpu", "no code for gfx1031", gfx=(100301,)),
    Box("RX 6700 XT that passes for gfx1030", "rocm7.0", "gfx1030", gfx=(100301,),
        environ={"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}),
    Box("RX 7900 XTX and the processor's GPU", "rocm7.0", "AMD GPU gfx1100",
        gfx=(100306, 110000)),
    Box("Arc A770", "xpu", "8086:56A0", cards=(IGPU, ARC)),
    Box("Arc B580", "xpu", "8086:E20B", cards=(BATTLEMAGE,)),
    Box("laptop, Intel's iGPU alone", "cpu", (
        "accelock does not choose it for a GPU that is part of the processor"
    ), cards=(IGPU,)),
    Box("M3", "cpu", "MPS", platform=MAC),
    Box("Intel Mac", "cpu", "there are no builds for macos-x86_64", platform="macos-x86_64"),
    # Jetson
    Box("Jetson Orin", "cpu", "NVIDIA's own builds", "540.4.0", (ORIN,), platform=ARM,
        files={"etc/nv_tegra_release": NV_TEGRA_RELEASE.format(major=36, revision="4.3")}),
    Box("Jetson Thor", "cu130", "NVIDIA Thor", "580.00.01", (THOR,), platform=ARM,
        declared="cpu cu126 cu130",
        files={"etc/nv_tegra_release": NV_TEGRA_RELEASE.format(major=38, revision="2.0")}),
    # Windows
    Box("WSL2", "cu128", "RTX 4090", "566.36", (RTX_4090,), files={"dev/dxg": ""}),
    Box("WSL2 with a driver too old for CUDA 12", "cu118", "RTX 4090", "527.41", (RTX_4090,),
        files={"dev/dxg": ""}),
    Box("Windows", "cu130", "RTX 4090", "581.29", (RTX_4090,), platform="windows-x86_64",
        by="nvidia-smi"),
    # Containers
    Box("container with its GPU", "cu130", "NVIDIA H100", "580.82.07", (H100,), files=DOCKER),
    Box("container without the host's GPU", "cpu", "no NVIDIA driver found",
        files={**DOCKER, "proc/driver/nvidia/version": PROC_VERSION.format(version="580.82.07")}),
    Box("container without the host's AMD GPU", "cpu", "no AMD GPU found",
        files={**DOCKER, "sys/class/kfd/kfd/topology/nodes/1/properties":
               "gfx_target_version 90402\n"}),
    Box("container without the host's Arc", "cpu", "no Intel GPU found", cards=(ARC,),
        files=DOCKER),
    Box("container with an Arc", "xpu", "8086:56A0", cards=(ARC,),
        files={**DOCKER, "dev/dri/renderD128": ""}),
    # Mixtures
    Box("GTX 1080 beside RTX 2080 Ti", "cu126", "GTX 1080", "580.82.07", (GTX_1080, RTX_2080)),
    Box("GT 1030 beside RTX 5090", "cpu", "(CUDA_VISIBLE_DEVICES can leave the others)",
        "580.82.07", (GT_1030, RTX_5090), declared="cpu cu126 cu128"),
    Box("GT 1030 hidden beside RTX 5090", "cu128", "RTX 5090", "580.82.07", (GT_1030, RTX_5090),
        declared="cpu cu126 cu128",
        environ={"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
    Box("16 GPUs of three kinds", "cu126", "8 x Tesla V100", "580.82.07",
        (V100,) * 8 + (A100,) * 4 + (P100,) * 4),
    Box("NVIDIA beside AMD", "cu130", "RTX 4090", "580.82.07", (RTX_4090,), gfx=(110000,)),
    Box("NVIDIA too old, beside AMD", "rocm7.0", "gfx1100", "390.157", (GTX_1080,),
        gfx=(110000,)),
    Box("no capability to be had", "cu130", "from /proc/driver/nvidia/version",
        files={"proc/driver/nvidia/version":
               PROC_VERSION_OPEN.format(machine="x86_64", version="580.82.07")}),
    Box("musl", "cu130", "RTX 4090", "580.82.07", (RTX_4090,), libc="musllinux_1_2_x86_64"),
    Box("RISC-V", "cpu", "there are no builds for linux on riscv64", platform=None),
    Box("hidden GPUs", "cpu", "CUDA_VISIBLE_DEVICES hides the NVIDIA GPUs", "580.82.07", (H100,),
        environ={"CUDA_VISIBLE_DEVICES": ""}),
]  # fmt: skip
