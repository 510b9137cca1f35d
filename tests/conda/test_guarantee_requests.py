"""What the guard does before a solve: the system, the constraints, and what may be asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from accelock.conda import guarantee
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.spec import Spec, parse
from accelock.targets import CPU, Kind, Levels, Target
from tests.conda.records import ARM, INTEL_MAC, LINUX, MAC, WINDOWS, record

if TYPE_CHECKING:
    from accelock.targets import Platform

CU126 = Target("cu126", Kind.CUDA, (12, 6))
ROCM = Target("rocm6.3", Kind.ROCM, (6, 3))
XPU = Target("xpu", Kind.XPU, ())


# Virtual packages


@pytest.mark.parametrize(
    ("target", "platform", "expected"),
    [
        (CPU, LINUX, "__unix 0 0, __linux 4.18 0, __glibc 2.28 0, __archspec 1 x86_64"),
        (
            CU126,
            ARM,
            "__unix 0 0, __linux 4.18 0, __glibc 2.28 0, __archspec 1 aarch64, __cuda 12.6 0",
        ),
        (CPU, MAC, "__unix 0 0, __osx 14.0 0, __archspec 1 m1"),
        (None, INTEL_MAC, "__unix 0 0, __osx 14.0 0, __archspec 1 x86_64"),
        (CU126, WINDOWS, "__win 0 0, __archspec 1 x86_64, __cuda 12.6 0"),
        (ROCM, LINUX, "__unix 0 0, __linux 4.18 0, __glibc 2.28 0, __archspec 1 x86_64"),
    ],
)
def test_virtual_packages(target: Target | None, platform: Platform, expected: str) -> None:
    found = guarantee.virtual_packages(target, platform, Levels())
    assert ", ".join(map(str, found)) == expected


def test_the_levels_are_the_settings() -> None:
    levels = Levels(glibc=(2, 17), macos=(11, 3))
    assert "__glibc 2.17 0" in map(str, guarantee.virtual_packages(CPU, LINUX, levels))
    assert "__osx 11.3 0" in map(str, guarantee.virtual_packages(CPU, MAC, levels))


@pytest.mark.parametrize("platform", [MAC, INTEL_MAC], ids=str)
def test_a_cuda_target_on_macos_is_refused(platform: Platform) -> None:
    for ask in (
        lambda: guarantee.constraints(CU126, platform),
        lambda: guarantee.virtual_packages(CU126, platform, Levels()),
    ):
        with pytest.raises(GuaranteeError, match=rf"cu126 on {platform}: there are no CUDA builds"):
            ask()


# Constraints


def test_constraints_of_the_cpu() -> None:
    assert [str(spec) for spec in guarantee.constraints(CPU, LINUX)] == [
        "pytorch-cuda <0a0",
        "pytorch-gpu <0a0",
        "cudatoolkit <0a0",
        "cuda-cudart <0a0",
        "libcublas <0a0",
        "cudnn <0a0",
        "pytorch-mutex * cpu",
        "pytorch * *cpu*",
        "libtorch * *cpu*",
    ]


def test_on_macos_no_build_has_to_say_what_it_is_for() -> None:
    for platform in (MAC, INTEL_MAC):
        assert all(spec.version == "<0a0" for spec in guarantee.constraints(CPU, platform))


def test_constraints_of_cuda() -> None:
    assert [str(spec) for spec in guarantee.constraints(CU126, WINDOWS)] == [
        "cuda-version 12.6.*",
        "cudatoolkit 12.6.*",
        "pytorch-cuda 12.6.*",
        "cuda 12.6.*",
        "cuda-toolkit 12.6.*",
        "cuda-runtime 12.6.*",
        "cuda-cudart 12.6.*",
        "cpuonly <0a0",
        "pytorch-cpu <0a0",
        "torchvision-cpu <0a0",
        "torchaudio-cpu <0a0",
        "pytorch-mutex * cuda",
        "pytorch * *cuda*",
        "libtorch * *cuda*",
    ]


def test_other_hardware_forbids_cuda_and_wants_its_own_builds() -> None:
    assert Spec("pytorch", None, "*rocm*") in guarantee.constraints(ROCM, LINUX)
    assert Spec("cudatoolkit", "<0a0") in guarantee.constraints(XPU, LINUX)


def test_no_target_has_no_guard() -> None:
    assert guarantee.constraints(None, LINUX) == ()
    guarantee.verify([record("cuda-cudart 1.0")], None, LINUX)
    guarantee.refuse_requested([parse("cuda-toolkit")], None, LINUX)


# What is asked for


@pytest.mark.parametrize(
    ("asked", "target", "told"),
    [
        ("cuda-toolkit", CPU, "cuda-toolkit is a part of CUDA"),
        ("pytorch=*=*cuda*", CPU, "pytorch * *cuda* asks for a CUDA build"),
        ("pytorch 2.6.* cpu*", CU126, "pytorch 2.6.* cpu* asks for a CPU build"),
        ("cpuonly", CU126, "cpuonly is for the CPU only"),
    ],
)
def test_a_requirement_that_the_target_cannot_hold(asked: str, target: Target, told: str) -> None:
    with pytest.raises(
        GuaranteeError, match=re.escape(f"{target}, linux-x86_64: {told}, and cannot")
    ):
        guarantee.refuse_requested([parse("git"), parse(asked)], target, LINUX)


@pytest.mark.parametrize(
    ("asked", "target"),
    [("cuda-version=12", CPU), ("pytorch=*=cpu*", CPU), ("cpuonly", CPU), ("xgboost=*=cpu*", CU126),
     ("cuda-toolkit", CU126), ("pytorch=2", CU126)],
)  # fmt: skip
def test_a_requirement_that_it_can(asked: str, target: Target) -> None:
    guarantee.refuse_requested([parse(asked)], target, LINUX)
