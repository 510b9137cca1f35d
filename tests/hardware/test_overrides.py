"""Hardware that the environment speaks of, in the place of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.errors import ConfigError
from accelock.hardware.choice import Choice, choose_for
from accelock.targets import parse_target
from tests.hardware.machines import look, nvml, with_driver, with_gpus

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE = load_catalogue()


def chosen(root: Path, said: str | None = None, **environ: str) -> Choice:
    declared = [
        parse_target(word, CATALOGUE.targets)
        for word in ("cpu", "cu118", "cu126", "cu128", "cu130", "rocm6.3", "rocm7.0")
    ]
    machine = look(root, {"NVML": said} if said else {}, environ=environ)
    return choose_for(declared, machine, CATALOGUE.hardware)


def test_a_gpu_image_is_built_where_there_is_none(tmp_path: Path) -> None:
    choice = chosen(tmp_path, ACCELOCK_CUDA_DRIVER="550.54.15", ACCELOCK_COMPUTE_CAPABILITY="6.0")
    assert str(choice) == "cu126 (compute capability 6.0, NVIDIA driver 550.54.15)"
    choice = chosen(tmp_path, ACCELOCK_CUDA_DRIVER="580")
    assert str(choice) == "cu130 (NVIDIA driver 580, from ACCELOCK_CUDA_DRIVER)"


def test_what_is_there_does_not_count_then(tmp_path: Path) -> None:
    root = with_driver(tmp_path, "470.57.02")
    said = nvml("470.57.02", ("Tesla K80", "3.7"))
    assert chosen(root, said, ACCELOCK_CUDA_DRIVER="580.82.07").target.name == "cu130"
    assert chosen(root, said, ACCELOCK_CUDA_DRIVER="none").target.name == "cpu"


def test_the_capability_alone_needs_a_driver(tmp_path: Path) -> None:
    assert chosen(tmp_path, ACCELOCK_COMPUTE_CAPABILITY="9.0").target.name == "cpu"
    root = with_driver(tmp_path, "580.82.07")
    assert chosen(root, ACCELOCK_COMPUTE_CAPABILITY="7.0, 9.0").target.name == "cu128"


def test_amd(tmp_path: Path) -> None:
    assert chosen(tmp_path, ACCELOCK_AMD_GFX="gfx1100").reason == "AMD GPU gfx1100"
    assert chosen(tmp_path, ACCELOCK_AMD_GFX="gfx950 gfx942").target.name == "rocm7.0"
    root = with_gpus(tmp_path / "root", 90402)
    assert chosen(root, ACCELOCK_AMD_GFX="none").target.name == "cpu"


def test_an_empty_one_says_nothing(tmp_path: Path) -> None:
    root = with_driver(tmp_path, "580.82.07")
    assert chosen(root, ACCELOCK_CUDA_DRIVER=" ").target.name == "cu130"


def test_all_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(
            tmp_path,
            ACCELOCK_CUDA_DRIVER="12.6",
            ACCELOCK_COMPUTE_CAPABILITY="sm_90",
            ACCELOCK_AMD_GFX="mi300x",
        )
    assert str(caught.value) == (
        "environment: 3 faults:\n  - ACCELOCK_CUDA_DRIVER is '12.6'; write the version of the "
        "driver and not of CUDA, as in 550.54.15, or none\n  - ACCELOCK_COMPUTE_CAPABILITY is "
        "'sm_90'; write compute capabilities as in 9.0, or 7.5,8.6, or none\n  - ACCELOCK_AMD_GFX "
        "is 'mi300x'; write AMD architectures as in gfx942, or gfx90a,gfx1100, or none"
    )
