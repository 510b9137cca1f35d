"""The CUDA guarantee, with rattler itself: what was asked for runs on the GPU, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda import guarantee
from accelock.conda.cell import CondaCell, solve_cell
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.record import Request
from accelock.conda.spec import parse
from accelock.targets import CPU, PLATFORMS, Kind, Levels, Target
from tests.conda.scenarios import (
    FEATURES,
    FORGE,
    LIBRARIES,
    PYTHON,
    PYTORCH_CUDA,
    VERSIONS,
    forge_pytorch,
    package,
)
from tests.support.channels import Channel

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.conda.record import Record

LINUX = PLATFORMS["linux-x86_64"]
CU110, CU118, CU121, CU126, CU128 = (
    Target(f"cu{major}{minor}", Kind.CUDA, (major, minor))
    for major, minor in ((11, 0), (11, 8), (12, 1), (12, 6), (12, 8))
)


def guarded(target: Target, channel: str, *asked: str) -> dict[str, str]:
    cell = CondaCell(target, LINUX, None, tuple(map(parse, asked)), Levels())
    return builds(solve_cell(Solver([channel]), cell))


def builds(records: tuple[Record, ...]) -> dict[str, str]:
    return {record.name: f"{record.version} {record.build}" for record in records}


def test_cuda_version_alone_gives_the_cpu_and_the_guard_does_not(
    save: Callable[[Channel], str],
) -> None:
    channel = save(FORGE)
    specs = (parse("pytorch"), parse("cuda-version=12.6"))
    plain = Request(LINUX, specs, (), guarantee.virtual_packages(CPU, LINUX, Levels()))
    assert builds(Solver([channel]).solve(plain))["pytorch"].startswith("2.6.0 cpu_generic")

    found = guarded(CU126, channel, "pytorch", "cuda-version=12.6")
    assert found["pytorch"] == "2.6.0 cuda126_mkl_py38_h2_300"


def test_each_target_gets_its_own_cuda(save: Callable[[Channel], str]) -> None:
    channel = save(FORGE)
    for target, cuda in ((CU126, "12.6"), (CU128, "12.8")):
        found = guarded(target, channel, "pytorch")
        assert found["cuda-version"] == f"{cuda} 0"
        assert found["libcublas"] == f"{cuda}.4 h0_0"
        assert "cuda" in found["libtorch"]


def test_a_version_without_builds_for_the_target_is_passed_over(
    save: Callable[[Channel], str],
) -> None:
    channel = save(FORGE.with_packages(*forge_pytorch("2.7.0", "12.8")))
    assert guarded(CU126, channel, "pytorch")["pytorch"].startswith("2.6.0 cuda126")
    assert guarded(CU128, channel, "pytorch")["pytorch"].startswith("2.7.0 cuda128")


def test_the_pytorch_channel(save: Callable[[Channel], str]) -> None:
    channel = save(PYTORCH_CUDA)
    for target, cuda in ((CU118, "11.8"), (CU121, "12.1")):
        found = guarded(target, channel, "ignite")
        assert found["pytorch"].startswith(f"2.1.0 py3.8_cuda{cuda}_")
        assert found["pytorch-mutex"] == "1.0 cuda"
        assert found["pytorch-cuda"].startswith(cuda)


def test_the_pytorch_channel_before_the_mutex(save: Callable[[Channel], str]) -> None:
    found = guarded(CU110, save(FEATURES), "torchaudio", "torchvision")
    assert found["pytorch"] == "1.7.1 py3.8_cuda11.0.221_cudnn8.0.5_0"
    assert found["torchvision"] == "0.8.2 py38_cu110"
    assert found["cudatoolkit"] == "11.0.221 0"


def test_the_cpu_build_of_torchvision_is_passed_over(save: Callable[[Channel], str]) -> None:
    late = package("torchvision", "0.8.2", "py38_cpu_1", "pytorch 1.7.1", number=1)
    found = guarded(CU110, save(FEATURES.with_packages(late)), "torchvision")
    assert found["torchvision"] == "0.8.2 py38_cu110"


def test_a_toolkit_without_pytorch(save: Callable[[Channel], str]) -> None:
    kits = (package("cuda-toolkit", v, "0", f"cuda-version {v}.*") for v in ("12.6", "12.8"))
    channel = save(Channel.of(VERSIONS, LIBRARIES, kits))
    assert guarded(CU126, channel, "cuda-toolkit")["cuda-toolkit"] == "12.6 0"


def test_a_toolkit_that_does_not_depend_on_the_version(save: Callable[[Channel], str]) -> None:
    kits = (package("cuda-toolkit", f"{v}.0", "0") for v in ("12.6", "12.8"))
    found = guarded(CU126, save(Channel.of(kits)), "cuda-toolkit")
    assert found == {"cuda-toolkit": "12.6.0 0"}


def test_builds_for_another_major_are_passed_over(save: Callable[[Channel], str]) -> None:
    others = (package("pytorch", f"2.{n}.0", "cuda130_h1_0") for n in range(7, 70))
    channel = Channel.of(package("pytorch", "2.6.0", "cuda124_h1_0"), others)
    assert guarded(CU126, save(channel), "pytorch") == {"pytorch": "2.6.0 cuda124_h1_0"}


def test_what_needs_no_gpu_is_left_alone(save: Callable[[Channel], str]) -> None:
    channel = save(FORGE.with_packages(package("git", "2.47")))
    assert guarded(CU126, channel, "git") == {"git": "2.47 0"}


def test_a_channel_with_cpu_builds_alone(save: Callable[[Channel], str]) -> None:
    channel = save(Channel.of(PYTHON, VERSIONS, forge_pytorch("2.6.0")))
    with pytest.raises(GuaranteeError) as caught:
        guarded(CU126, channel, "pytorch")
    message = str(caught.value)
    assert message.startswith(
        "cu126, linux-x86_64: this environment must be for CUDA, and these packages are not"
    )
    assert (
        "pytorch 2.6.0 cpu_generic_py38_h1_0 is not a CUDA build; the project requires it"
        in message
    )
    assert "libtorch 2.6.0 cpu_generic_h1_0 is not a CUDA build; brought in by pytorch" in message


def test_a_channel_with_another_cuda_alone(save: Callable[[Channel], str]) -> None:
    channel = save(Channel.of(PYTHON, VERSIONS, LIBRARIES, forge_pytorch("2.6.0", "12.8")))
    with pytest.raises(
        GuaranteeError, match=r"cuda-version 12\.\d+ 0 is not CUDA 12\.6; brought in"
    ):
        guarded(CU126, channel, "pytorch=2.6.0=cuda*")


@pytest.mark.parametrize("asked", ["cpuonly", "pytorch-cpu", "pytorch=*=cpu*"])
def test_what_is_for_the_cpu_is_refused_before_anything_is_fetched(asked: str) -> None:
    with pytest.raises(GuaranteeError, match="cannot be in this environment"):
        guarded(CU126, "http://127.0.0.1:9/nowhere", asked)
