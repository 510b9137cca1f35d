"""Which builds of the PyTorch family there are, and what they require: the real ones, shortened.

Version numbers, labels, tags and requirements are those of download.pytorch.org and PyPI (read in
November 2026). Made up: every release has wheels for Python 3.10 to 3.13 and for the Python that
runs this, and 1.7.1 is among them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"
PYTHONS = tuple(sorted({"cp310", "cp311", "cp312", "cp313", HERE}))
ON_LINUX_X86 = 'platform_system == "Linux" and platform_machine == "x86_64"'


@dataclass(frozen=True, slots=True)
class Release:
    """A torch release, and the torchvision that goes with it."""

    torch: str
    torchvision: str
    triton: str | None
    core: tuple[str, ...]

    @property
    def number(self) -> tuple[int, ...]:
        return tuple(map(int, self.torch.split(".")))

    @property
    def vision(self) -> tuple[str, ...]:
        return ("numpy", f"torch=={self.torch}", "pillow>=4.1.1,!=8.3.*")


def core(typing: str, sympy: str) -> tuple[str, ...]:
    setuptools = 'setuptools; python_version >= "3.12"'
    extra = 'opt-einsum>=3.3; extra == "opt-einsum"'
    return ("filelock", typing, "networkx", "jinja2", "fsspec", setuptools, sympy, extra)


OLD_SYMPY = 'sympy==1.13.1; python_version >= "3.9"'
SEED = Release("1.7.1", "0.8.2", None, ("numpy", "typing-extensions"))
R25 = Release("2.5.1", "0.20.1", "3.1.0", core("typing-extensions>=4.8.0", OLD_SYMPY))
R26 = Release("2.6.0", "0.21.0", "3.2.0", core("typing-extensions>=4.10.0", OLD_SYMPY))
R27 = Release("2.7.1", "0.22.1", "3.3.1", core("typing-extensions>=4.10.0", "sympy>=1.13.3"))
R28 = Release("2.8.0", "0.23.0", "3.4.0", core("typing-extensions>=4.10.0", "sympy>=1.13.3"))
# The release of the README, which Python 3.14 has too. Only the site of tests/readme has it.
R210 = Release("2.10.0", "0.25.0", "3.6.0", core("typing-extensions>=4.10.0", "sympy>=1.13.3"))
RELEASES = (R25, R26, R27, R28)

# What torch pins, by target and release; cu128 is the one that PyPI has.
CU11 = {
    "nvidia-cublas-cu11": "11.11.3.6",
    "nvidia-cuda-runtime-cu11": "11.8.89",
    "nvidia-cudnn-cu11": "9.1.0.70",
    "nvidia-nccl-cu11": "2.21.5",
}
CU126 = {
    "nvidia-cublas-cu12": "12.6.4.1",
    "nvidia-cuda-runtime-cu12": "12.6.77",
    "nvidia-cudnn-cu12": "9.5.1.17",
    "nvidia-cusolver-cu12": "11.7.1.2",
    "nvidia-cusparse-cu12": "12.5.4.2",
    "nvidia-nccl-cu12": "2.21.5",
    "nvidia-nvjitlink-cu12": "12.6.85",
}
CU128 = {
    "nvidia-cublas-cu12": "12.8.4.1",
    "nvidia-cuda-runtime-cu12": "12.8.90",
    "nvidia-cudnn-cu12": "9.10.2.21",
    "nvidia-cusolver-cu12": "11.7.3.90",
    "nvidia-cusparse-cu12": "12.5.8.93",
    "nvidia-nccl-cu12": "2.27.3",
    "nvidia-nvjitlink-cu12": "12.8.93",
}
NVIDIA = {
    ("cu118", "2.5.1"): CU11,
    ("cu118", "2.6.0"): CU11,
    ("cu118", "2.7.1"): CU11,
    ("cu126", "2.6.0"): CU126,
    ("cu126", "2.7.1"): CU126 | {"nvidia-nccl-cu12": "2.26.2"},
    ("cu126", "2.8.0"): CU126 | {"nvidia-cudnn-cu12": "9.10.2.21", "nvidia-nccl-cu12": "2.27.3"},
    ("cu126", "2.10.0"): CU126 | {"nvidia-cudnn-cu12": "9.10.2.21", "nvidia-nccl-cu12": "2.27.3"},
    ("cu128", "2.6.0"): CU128,
    ("cu128", "2.7.1"): CU128,
    ("cu128", "2.8.0"): CU128,
    ("cu128", "2.10.0"): CU128,
}
NVIDIA_REQUIRES = {
    "nvidia-cudnn-cu11": ("nvidia-cublas-cu11",),
    "nvidia-cudnn-cu12": ("nvidia-cublas-cu12",),
    "nvidia-cusolver-cu12": (
        "nvidia-cublas-cu12",
        "nvidia-cusparse-cu12",
        "nvidia-nvjitlink-cu12",
    ),
    "nvidia-cusparse-cu12": ("nvidia-nvjitlink-cu12",),
}


def torch_requires(release: Release, target: str, platform: str) -> tuple[str, ...]:
    """What a torch wheel requires: not the same for all wheels of one version."""
    if target == "cpu" or (target, platform) == ("cu126", "linux-aarch64"):
        return release.core
    pins = dict(NVIDIA.get((target, release.torch), {}))
    if release.triton:
        name = "pytorch-triton-rocm" if target.startswith("rocm") else "triton"
        pins[name] = release.triton
    marked = (f"{name}=={version}; {ON_LINUX_X86}" for name, version in pins.items())
    return (*release.core, *marked)


@dataclass(frozen=True, slots=True)
class Build:
    """Where a release has a build of one target: its platform's tag and its label."""

    target: str
    platform: str
    tag: str
    label: str


def torch_builds(release: Release) -> list[Build]:
    """All the builds that the family's indexes have of a torch release."""
    return [*cpu_builds(release), *accelerated_builds(release)]


def cpu_builds(release: Release) -> list[Build]:
    """The cpu index: no label on macOS, nor on aarch64 before 2.6."""
    linux = "manylinux_2_28_x86_64" if release.number >= R27.number else "linux_x86_64"
    builds = [
        Build("cpu", "linux-x86_64", linux, "+cpu"),
        Build("cpu", "windows-x86_64", "win_amd64", "+cpu"),
        Build("cpu", "macos-arm64", "macosx_11_0_arm64", ""),
    ]
    if release == SEED:
        return [*builds, Build("cpu", "macos-x86_64", "macosx_10_9_x86_64", "")]
    old = release.number < R26.number
    tag = "manylinux_2_17_aarch64.manylinux2014_aarch64" if old else "manylinux_2_28_aarch64"
    return [*builds, Build("cpu", "linux-aarch64", tag, "" if old else "+cpu")]


def accelerated_builds(release: Release) -> list[Build]:
    builds = []
    for target, first, last in (
        ("cu118", R25, R27),
        ("cu126", R26, R210),
        ("rocm6.3", R27, R28),
        ("cu110", SEED, SEED),
    ):
        if first.number <= release.number <= last.number:
            linux = "linux_x86_64" if release == SEED else "manylinux_2_28_x86_64"
            builds.append(Build(target, "linux-x86_64", linux, f"+{target}"))
            if not target.startswith("rocm"):
                builds.append(Build(target, "windows-x86_64", "win_amd64", f"+{target}"))
    if release == R26:
        builds.append(Build("cu126", "linux-aarch64", "linux_aarch64", "+cu126"))
    if release == SEED:  # the default CUDA build of its time had no label
        builds.append(Build("cu102", "linux-x86_64", "linux_x86_64", ""))
        builds.append(Build("cu102", "windows-x86_64", "win_amd64", ""))
    return builds


def torchvision_label(build: Build) -> str:
    """torchvision's aarch64 builds never had a label, whatever torch's have."""
    return "" if build.platform == "linux-aarch64" else build.label
