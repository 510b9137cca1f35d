"""What the guard finds in an environment: pure functions of records, without any solver."""

from __future__ import annotations

import itertools
import re
import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelock.conda import guarantee
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.record import Record
from accelock.conda.spec import Spec
from accelock.targets import CPU, Kind, Target
from tests.conda.records import LINUX, MAC, WINDOWS

if TYPE_CHECKING:
    from accelock.targets import Platform

CU126 = Target("cu126", Kind.CUDA, (12, 6))
ROCM = Target("rocm6.3", Kind.ROCM, (6, 3))
XPU = Target("xpu", Kind.XPU, ())


def record(name: str, build: str = "0", version: str = "1.0", *depends: str) -> Record:
    url = f"https://channel.example/linux-64/{name}-{version}-{build}.conda"
    return Record(
        name=name, version=version, build=build, build_number=0, subdir="linux-64",
        channel="https://channel.example", url=url, filename=url.rpartition("/")[2],
        md5="0" * 32, sha256="0" * 64, depends=depends,
    )  # fmt: skip


def reasons(found: Record, target: Target, platform: Platform = LINUX) -> list[str]:
    return [intruder.reason for intruder in guarantee.violations([found], target, platform)]


# Verification of the CPU


@pytest.mark.parametrize(
    "name",
    [
        "cuda", "cuda90", "cuda-toolkit", "cuda-cudart", "cuda-nvcc_linux-64", "cudatoolkit",
        "cudatoolkit-dev", "cudnn", "libcudnn", "libcudnn-dev", "libcublas", "libcublas-dev",
        "libcufft", "libcurand", "libcusolver", "libcusparse", "libcusparselt", "cusparselt",
        "libcufile", "libnvjitlink", "libnvjpeg", "libnvfatbin", "libnpp", "libnccl", "nccl",
        "nccl2", "cutensor", "libcutensor", "cuquantum", "cupy", "cupy-core", "magma",
        "magma-cuda118", "libmagma", "torchtriton", "pytorch-cuda", "pytorch-gpu", "faiss-gpu",
        "tensorflow-gpu", "tensorflow-gpu-base", "onnxruntime-gpu", "nvidia-cublas",
    ],
)  # fmt: skip
@pytest.mark.parametrize("platform", [LINUX, MAC, WINDOWS], ids=str)
def test_a_part_of_cuda_by_name(name: str, platform: Platform) -> None:
    assert reasons(record(name), CPU, platform) == ["is a part of CUDA"]


@pytest.mark.parametrize(
    "name",
    [
        "cuda-version", "curl", "libcurl", "cunit", "cutadapt", "cubature", "gpustat",
        "nvidia-ml-py", "pynvml", "libcups", "nvtx", "rocksdb", "hippo", "libnvme",
        "faiss-cpu", "nodejs", "cpuonly", "pytorch-cpu",
    ],
)  # fmt: skip
def test_what_only_sounds_like_it(name: str) -> None:
    assert reasons(record(name), CPU) == []


@pytest.mark.parametrize(
    "build",
    [
        "py3.8_cuda11.0.221_cudnn8.0.5_0", "py37_cu101", "cuda126_mkl_py312_h0_300", "2cu80_0",
        "gpu_py38h1_0", "h2_1_cuda", "py311h55b6b6d_200_cuda", "h9d0e104_0_cuda10.1",
        "cuda_102py37h1234567_0", "py_3.10_gpu_0", "py311_gpu",
    ],
)  # fmt: skip
def test_a_cuda_build(build: str) -> None:
    assert reasons(record("libarrow", build), CPU) == ["is a CUDA build"]
    assert reasons(record("libarrow", build), CPU, MAC) == ["is a CUDA build"]


@pytest.mark.parametrize(
    "build",
    [
        "py3.8_cpu_0", "cpu_generic_py312_h1234567_0", "mkl_py38h2_0", "nompi_h1_0", "gpl_h0_0",
        "no_cuda_0", "nocuda_h1_0", "py312hcu9_0", "pyhd8ed1ab_0", "hc0ffee1_0", "nogpu_0", "0",
        "hecuba_1", "py39_cpu",
    ],
)  # fmt: skip
def test_a_build_for_the_processor(build: str) -> None:
    assert reasons(record("libarrow", build), CPU) == []


@pytest.mark.parametrize(
    "depends",
    ["__cuda", "__cuda >=12", "cuda-version >=12.6,<13", "cudatoolkit >=11", "cudatoolkit>=11",
     "pytorch-mutex 1.0 cuda"],
)  # fmt: skip
def test_what_needs_cuda(depends: str) -> None:
    found = reasons(record("fancy", "0", "1", "python", depends), CPU)
    assert found == [f"is a CUDA build (it needs {depends})"]


@pytest.mark.parametrize(
    "depends", ["pytorch-mutex 1.0 cpu", "cuda-version-notes", "__glibc >=2.17", "cudatools"]
)
def test_what_does_not_need_cuda(depends: str) -> None:
    assert reasons(record("fancy", "0", "1", depends), CPU) == []


def test_pytorch_has_to_be_marked_but_on_macos() -> None:
    unmarked = record("pytorch", "py37__9.0.176_7.1.2_2")
    assert reasons(unmarked, CPU) == ["is not marked as a CPU build"]
    assert reasons(unmarked, CPU, WINDOWS) == ["is not marked as a CPU build"]
    assert reasons(unmarked, CPU, MAC) == []


def test_rocm_is_not_the_processor() -> None:
    assert reasons(record("rocblas"), CPU) == ["is a part of ROCm"]
    assert reasons(record("magmalib", "rocm6_h1_0"), CPU) == ["is a ROCm build"]


# Verification of the others


def test_pytorch_for_cuda() -> None:
    assert reasons(record("pytorch", "cuda126_mkl_py312_h0_300"), CU126) == []
    assert reasons(record("libtorch", "cpu_generic_h0_0"), CU126) == ["is not a CUDA build"]
    assert reasons(record("pytorch", "py3.8_0"), CU126) == ["is not a CUDA build"]


def test_a_build_for_another_cuda() -> None:
    for build in ("cuda112_py_0", "py3.8_cuda11.8_0", "py36_cuda9.2_0", "cuda130_h0_0"):
        told = reasons(record("pytorch", build), CU126)
        assert told == ["is a build for another CUDA than 12"]
    for build in ("cuda124_py_0", "py3.8_cuda12.1_0", "cuda_py_0", "h1_cuda_300"):
        assert reasons(record("pytorch", build), CU126) == []


def test_half_of_a_family_for_cuda() -> None:
    assert reasons(record("torchvision", "py38_cpu"), CU126) == ["is a CPU build"]
    assert reasons(record("torchvision", "py38_cu126"), CU126) == []
    assert reasons(record("torchaudio", "py38"), CU126) == []
    assert reasons(record("xgboost", "cpu_h1_0"), CU126) == []


@pytest.mark.parametrize("name", ["cpuonly", "pytorch-cpu", "torchvision-cpu"])
def test_what_is_for_the_cpu_alone(name: str) -> None:
    assert reasons(record(name), CU126) == ["is for the CPU only"]


@pytest.mark.parametrize("name", ["cuda-version", "cudatoolkit", "pytorch-cuda", "cuda-toolkit"])
def test_the_version_of_cuda(name: str) -> None:
    assert reasons(record(name, version="12.6"), CU126) == []
    assert reasons(record(name, version="12.6.3"), CU126) == []
    assert reasons(record(name, version="12.60"), CU126) == ["is not CUDA 12.6"]
    assert reasons(record(name, version="11.8"), CU126) == ["is not CUDA 12.6"]


def test_a_mutex_for_the_other_side() -> None:
    assert reasons(record("pytorch-mutex", "cpu"), CU126) == ["is for the CPU only"]
    assert reasons(record("pytorch-mutex", "cuda"), CU126) == []


def test_other_hardware() -> None:
    assert reasons(record("pytorch", "cpu_generic_0"), ROCM) == ["is not a ROCM build"]
    assert reasons(record("pytorch", "rocm6.3_0"), ROCM) == []
    assert reasons(record("hip"), ROCM) == []
    assert reasons(record("cudatoolkit"), XPU) == ["is a part of CUDA"]


# What is excluded after it was found


def test_exclusions() -> None:
    def excluded(found: Record, target: Target) -> Spec:
        (intruder,) = guarantee.violations([found], target, LINUX)
        return guarantee.exclusion(intruder, target)

    assert excluded(record("libcufft"), CPU) == Spec("libcufft", "<0a0")
    by_build = excluded(record("libarrow", "h1_1_cuda"), CPU).build or ""
    assert not re.match(by_build, "h2_9_cuda")
    assert re.match(by_build, "h2_9_cpu")
    assert re.match(by_build, "nocuda_h1_0")
    one = excluded(record("libfancy", "h1.5_1", "1", "libcufft", "__cuda"), CPU).build or ""
    assert not re.match(one, "h1.5_1")
    assert re.match(one, "h1x5_1")
    linked = excluded(record("torchvision", "py38_cpu"), CU126).build or ""
    assert not re.match(linked, "py39_cpu")
    other = excluded(record("pytorch", "py38_cuda11.8_0"), CU126).build or ""
    assert not re.match(other, "cuda112_h1_0")
    assert re.match(other, "cuda124_h1_0")


# Properties

NAMES = st.sampled_from(
    ["python", "numpy", "pytorch", "torchvision", "libtorch", "libarrow", "git", "cuda-version",
     "cudatoolkit", "cuda-cudart", "libcublas", "pytorch-mutex", "fancy", "faiss-gpu"]
)  # fmt: skip
BUILDS = st.sampled_from(
    ["0", "py312_0", "cpu_generic_0", "py38_cpu", "cuda126_mkl_0", "py38_cu126", "cuda", "cpu"]
)
ENVIRONMENTS = st.dictionaries(
    NAMES, st.tuples(BUILDS, st.sampled_from(["1.0", "12.6", "11.8"]), st.lists(NAMES, max_size=3))
).map(lambda found: [record(name, build, version, *needed)
                     for name, (build, version, needed) in found.items()])  # fmt: skip


@given(ENVIRONMENTS, st.sampled_from([CPU, CU126, ROCM]))
def test_every_intruder_is_told_with_a_way_to_it(records: list[Record], target: Target) -> None:
    found = guarantee.violations(records, target, LINUX)
    by_name = {each.name: each for each in records}
    for intruder in found:
        way = [*intruder.chain, intruder.record]
        assert all(by_name[each.name] is each for each in way)
        for above, below in itertools.pairwise(way):
            assert below.name in {text.split()[0] for text in above.depends}
    if found:
        with pytest.raises(GuaranteeError) as caught:
            guarantee.verify(records, target, LINUX)
        assert set(caught.value.violations) == set(found)
    else:
        guarantee.verify(records, target, LINUX)


@given(ENVIRONMENTS)
def test_the_order_of_records_does_not_matter(records: list[Record]) -> None:
    assert guarantee.violations(records, CPU, LINUX) == guarantee.violations(
        records[::-1], CPU, LINUX
    )


@given(ENVIRONMENTS)
def test_an_environment_is_never_right_for_both(records: list[Record]) -> None:
    hardware = {"pytorch", "libtorch"} & {each.name for each in records}
    if hardware:
        assert guarantee.violations(records, CPU, LINUX) or guarantee.violations(
            records, CU126, LINUX
        )


@given(st.text(string.hexdigits.lower(), min_size=7, max_size=7), st.integers(0, 400))
def test_a_hash_is_never_taken_for_hardware(digest: str, number: int) -> None:
    assert reasons(record("libarrow", f"py312h{digest}_{number}"), CPU) == []
