"""The variables that hide GPUs from programs."""

from __future__ import annotations

import pytest

from accelock.hardware import Gpu
from accelock.hardware.probes import amd, nvidia

FOUR = tuple(
    Gpu("nvidia", capability=(9, 0), uuid=f"GPU-{word}") for word in ("aa1", "aa2", "b", "c")
)


def left(value: str, gpus: tuple[Gpu, ...] = FOUR) -> list[int]:
    marked, _notes = nvidia.visible(gpus, {"CUDA_VISIBLE_DEVICES": value})
    return [number for number, gpu in enumerate(marked) if gpu.is_visible]


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("0", [0]),
        ("3,1", [1, 3]),
        (" 2 , 0 ", [0, 2]),
        ("0,9,1", [0]),  # CUDA stops at the first that is not there
        ("1,-1,2", [1]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("GPU-b", [2]),
        ("gpu-aa", [0]),
        ("GPU-zz", []),
        ("MIG-1f2e", [0]),
        ("MIG-GPU-b/1/0", [2]),
        ("9" * 4000, []),
        ("\u0661", []),  # a digit, and no index
    ],
)
def test_what_cuda_sees(value: str, numbers: list[int]) -> None:
    assert left(value) == numbers


def test_unset_hides_nothing() -> None:
    assert nvidia.visible(FOUR, {}) == (FOUR, ())


def test_a_uuid_where_none_is_known() -> None:
    assert left("GPU-b", (Gpu("nvidia", capability=(9, 0)),)) == [0]


AMD = tuple(Gpu("amd", gfx=gfx) for gfx in ("gfx942", "gfx90a", "gfx1100"))


def test_rocm_first_and_hip_among_what_it_leaves() -> None:
    environ = {"ROCR_VISIBLE_DEVICES": "1,2", "HIP_VISIBLE_DEVICES": "0"}
    assert [gpu.hidden_by for gpu in amd.visible(AMD, environ)] == [
        "ROCR_VISIBLE_DEVICES",
        None,
        "HIP_VISIBLE_DEVICES",
    ]


@pytest.mark.parametrize(
    ("value", "gfx"),
    [("10.3.0", "gfx1030"), ("11.0.0", "gfx1100"), ("9.0.10", "gfx90a"), ("x", None), ("", None)],
)
def test_what_amds_gpus_pass_for(value: str, gfx: str | None) -> None:
    found = amd.visible(AMD[:1], {"HSA_OVERRIDE_GFX_VERSION": value})
    assert [gpu.gfx for gpu in found] == [gfx or "gfx942"]
