"""The CPU guarantee, with rattler itself: what a plain solve gives, and what ours does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda import guarantee
from accelock.conda.cell import CondaCell, solve_cell
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.record import Request, VirtualPackage
from accelock.conda.solve import UnsatisfiableError
from accelock.conda.spec import parse
from accelock.targets import CPU, PLATFORMS, Levels
from tests.conda.scenarios import (
    BUNDLED,
    CPUONLY,
    FEATURES,
    FORGE,
    LIBARROW,
    PYTORCH_CUDA,
    Scenario,
    forge_pytorch,
    noarch,
    package,
)
from tests.support.channels import Channel

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.conda.record import Record

pytestmark = pytest.mark.internals

LINUX = PLATFORMS["linux-x86_64"]
LEVELS = Levels()


def plain(solver: Solver, scenario: Scenario) -> tuple[Record, ...]:
    """Solve as other tools do, on the machine of the scenario."""
    system = guarantee.virtual_packages(CPU, LINUX, LEVELS)
    if scenario.host_cuda:
        system = (*system, VirtualPackage("__cuda", scenario.host_cuda))
    return solver.solve(Request(LINUX, scenario.specs, (), system))


def guarded(channel: str, *asked: str) -> tuple[Record, ...]:
    cell = CondaCell(CPU, LINUX, None, tuple(map(parse, asked)), LEVELS)
    return solve_cell(Solver([channel]), cell)


def versions(records: tuple[Record, ...]) -> dict[str, str]:
    return {record.name: f"{record.version} {record.build}" for record in records}


def builds(records: tuple[Record, ...]) -> dict[str, str]:
    return {record.name: record.build for record in records}


@pytest.mark.parametrize("scenario", CPUONLY, ids=str)
def test_cuda_without_the_guard_and_cpu_with_it(
    scenario: Scenario, save: Callable[[Channel], str]
) -> None:
    solver = Solver([save(scenario.channel)])

    name, cuda, cpu = scenario.tells

    without = plain(solver, scenario)
    assert builds(without)[name] == cuda, "a plain solve was to give CUDA here"
    assert name in {one.record.name for one in guarantee.violations(without, CPU, LINUX)}

    within = solve_cell(solver, CondaCell(CPU, LINUX, None, scenario.specs, LEVELS))
    assert builds(within)[name] == cpu
    assert {spec.name for spec in scenario.specs} <= {record.name for record in within}


def test_the_versions_stay_those_of_the_newest(save: Callable[[Channel], str]) -> None:
    found = versions(guarded(save(FEATURES), "torchaudio", "torchvision"))
    assert found["pytorch"] == "1.7.1 py3.8_cpu_0"
    assert found["torchvision"] == "0.8.2 py38_cpu"
    found = versions(guarded(save(LIBARROW), "fancy", "pyarrow"))
    assert found["libarrow"] == "18.1.0 h1_0_cpu"
    assert found["libfancy"] == "1.0 hbeef123_0"


def test_nothing_is_installed_by_the_guard(save: Callable[[Channel], str]) -> None:
    channel = FORGE.with_packages(package("git", "2.47"))
    assert set(versions(guarded(save(channel), "git"))) == {"git"}


def test_conda_forges_metapackage_for_the_cpu(save: Callable[[Channel], str]) -> None:
    found = versions(guarded(save(FORGE), "pytorch-cpu"))
    assert found["pytorch"] == "2.6.0 cpu_generic_py38_h1_0"


def test_cuda_version_alone_is_no_cuda(save: Callable[[Channel], str]) -> None:
    assert "cuda-version" in versions(guarded(save(FORGE), "pytorch", "cuda-version"))


# What cannot be had, the error says whose fault it is


def test_the_error_names_the_intruder_and_what_brought_it_in(
    save: Callable[[Channel], str],
) -> None:
    channel = PYTORCH_CUDA.without("pytorch").with_packages(
        *(each for each in PYTORCH_CUDA.packages if each.name == "pytorch" and "cuda" in each.build)
    )
    with pytest.raises(GuaranteeError) as caught:
        guarded(save(channel), "ignite")
    message = str(caught.value)
    assert message.startswith("cpu, linux-x86_64: this environment must be for the CPU only")
    assert (
        "\n  - pytorch 2.1.0 py3.8_cuda12.1_cudnn8.9.2_0 is a CUDA build; brought in by "
        "ignite 0.4.13\n" in message
    )
    assert (
        "\n  - cuda-cudart 12.1.105 0 is a part of CUDA; brought in by ignite 0.4.13 -> "
        "pytorch 2.1.0 -> pytorch-cuda 12.1\n" in message
    )
    assert {one.record.name for one in caught.value.violations} == {
        "pytorch", "pytorch-cuda", "cuda-cudart", "torchtriton", "pytorch-mutex",
    }  # fmt: skip


def test_a_version_of_which_there_are_only_cuda_builds(save: Callable[[Channel], str]) -> None:
    channel = FORGE.with_packages(*forge_pytorch("2.7.0", "12.8", cpu=False))
    assert versions(guarded(save(channel), "pytorch"))["pytorch"].startswith("2.6.0 cpu")
    with pytest.raises(
        GuaranteeError, match=r"pytorch 2\.7\.0 cuda128_mkl_py38_h2_300 is a CUDA build"
    ):
        guarded(save(channel), "pytorch=2.7")


def test_an_intruder_that_no_build_replaces(save: Callable[[Channel], str]) -> None:
    channel = Channel.of(
        package("libfancy", "1.0", "hcafe123_1", "libcufft >=12"),
        package("libcufft", "12.0"),
        package("fancy", "1.0", "py38_0", "libfancy"),
    )
    with pytest.raises(GuaranteeError) as caught:
        guarded(save(channel), "fancy")
    assert "libcufft 12.0 0 is a part of CUDA; brought in by fancy 1.0 -> libfancy 1.0" in str(
        caught.value
    )


def test_a_build_that_says_no_cuda_is_not_passed_over(save: Callable[[Channel], str]) -> None:
    channel = Channel.of(
        package("ucx", "1.0", "cuda_h1_1", number=1), package("ucx", "1.0", "nocuda_h1_0")
    )
    assert versions(guarded(save(channel), "ucx")) == {"ucx": "1.0 nocuda_h1_0"}


def test_many_builds_that_are_wrong_by_what_they_need(save: Callable[[Channel], str]) -> None:
    wrong = (package("x", f"1.{n}", f"h{n:03}_0", "cuda-version >=12") for n in range(1, 61))
    channel = Channel.of(wrong, package("x", "1.0", "h_1"), noarch("cuda-version", "12.6"))
    assert versions(guarded(save(channel), "x")) == {"x": "1.0 h_1"}


def test_no_end_of_builds_is_told_shortly(save: Callable[[Channel], str]) -> None:
    wrong = (package("x", f"1.{n}", f"h{n:03}_0", "cuda-version >=12") for n in range(1, 61))
    channel = save(Channel.of(wrong, package("x", "1.0", "h_1"), noarch("cuda-version", "12.6")))
    with pytest.raises(
        UnsatisfiableError, match="after 50 solves there are still packages"
    ) as caught:
        guarded(channel, "x", "cuda-version")
    assert "Spec(" not in str(caught.value)
    assert str(caught.value).count("x * ^") == 5


def test_a_build_that_does_not_say_what_it_is_for(save: Callable[[Channel], str]) -> None:
    channel = Channel.of(package("pytorch", "0.4.1", "py37__9.0.176_7.1.2_2"))
    with pytest.raises(
        GuaranteeError, match=("is not marked as a CPU build; the project requires it")
    ):
        guarded(save(channel), "pytorch")


@pytest.mark.parametrize(
    "asked", ["pytorch-gpu", "cuda-toolkit", "cudatoolkit=11", "faiss-gpu", "pytorch=*=*cuda*"]
)
def test_what_is_for_cuda_by_name_is_refused_before_anything_is_fetched(asked: str) -> None:
    with pytest.raises(
        GuaranteeError, match=r"\[tool\.accelock\.conda\.target\.<name>\.dependencies"
    ):
        guarded("http://127.0.0.1:9/nowhere", asked)


# macOS: no build there is for CUDA, and not all say so


def test_builds_on_macos_need_no_mark(save: Callable[[Channel], str]) -> None:
    arm = [
        package("pytorch", "2.1.0", "py3.8_0", "pytorch-mutex 1.0 cpu", subdir="osx-arm64"),
        package("libtorch", "2.6.0", "mps_h1_0", subdir="osx-arm64"),
    ]
    channel = save(Channel.of(arm, noarch("pytorch-mutex", "1.0", "cpu")))
    specs = (parse("pytorch"), parse("libtorch"))
    cell = CondaCell(CPU, PLATFORMS["macos-arm64"], None, specs, LEVELS)
    assert versions(solve_cell(Solver([channel]), cell))["libtorch"] == "2.6.0 mps_h1_0"


def test_cuda_does_not_get_into_macos_either(save: Callable[[Channel], str]) -> None:
    intel = [
        package("cudatoolkit", "9.0", subdir="osx-64"),
        package("numbast", "1", "0", "cudatoolkit", subdir="osx-64"),
    ]
    cell = CondaCell(CPU, PLATFORMS["macos-x86_64"], None, (parse("numbast"),), LEVELS)
    with pytest.raises(
        GuaranteeError, match=r"cudatoolkit 9\.0 0 is a part of CUDA; brought in by"
    ):
        solve_cell(Solver([save(Channel.of(intel))]), cell)


def test_a_project_without_targets_has_no_guard(save: Callable[[Channel], str]) -> None:
    cell = CondaCell(None, LINUX, None, (parse("fastai"),), LEVELS)
    records = solve_cell(Solver([save(BUNDLED)]), cell)
    assert "cuda" in versions(records)["pytorch"]
