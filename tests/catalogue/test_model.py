from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import FamilyPackage, load_catalogue
from accelock.errors import UnknownWordError
from accelock.targets import parse_target

if TYPE_CHECKING:
    from accelock.catalogue.model import Lookup

CATALOGUE = load_catalogue()
PYTORCH = CATALOGUE.family("pytorch")


def package(name: str) -> FamilyPackage:
    found = CATALOGUE.family_of(name)
    assert found is not None
    assert found[0] is PYTORCH
    return found[1]


@pytest.mark.parametrize("name", ["torch", "torchvision", "torchaudio", "fbgemm-gpu"])
def test_what_is_compiled_per_target(name: str) -> None:
    assert package(name) == FamilyPackage(
        name, lockstep=True, labelled=True, lookup=("family",), runtime=False
    )


@pytest.mark.parametrize(
    ("name", "lookup"),
    [
        ("triton", ("family", "default")),
        ("triton-rocm", ("family",)),
        ("triton-xpu", ("family",)),
        ("pytorch-triton", ("family",)),
        ("pytorch-triton-rocm", ("family",)),
        ("pytorch-triton-xpu", ("family",)),
    ],
)
def test_compilers_come_from_the_family_and_carry_no_label(
    name: str, lookup: tuple[Lookup, ...]
) -> None:
    assert package(name) == FamilyPackage(
        name, lockstep=False, labelled=False, lookup=lookup, runtime=True
    )


@pytest.mark.parametrize(
    "name",
    [
        # What torch's own metadata requires, from CUDA 11 to 13 and for XPU.
        "nvidia-cublas-cu11",
        "nvidia-cublas-cu12",
        "nvidia-cublas",
        "nvidia-cuda-cupti-cu12",
        "nvidia-cuda-nvrtc",
        "nvidia-cuda-runtime-cu12",
        "nvidia-cudnn-cu13",
        "nvidia-cufft",
        "nvidia-cufile-cu12",
        "nvidia-curand",
        "nvidia-cusolver-cu12",
        "nvidia-cusparse",
        "nvidia-cusparselt-cu13",
        "nvidia-nccl-cu12",
        "nvidia-nvjitlink",
        "nvidia-nvshmem-cu12",
        "nvidia-nvtx",
        "cuda-bindings",
        "cuda-toolkit",
        "dpcpp-cpp-rt",
        "intel-sycl-rt",
        "mkl",
        "onemkl-sycl-blas",
        "pyzes",
        "tcmlib",
        "umf",
    ],
)
def test_runtime_libraries_come_from_the_default_index_first(name: str) -> None:
    found = package(name)
    assert (found.lockstep, found.labelled) == (False, False)
    assert (found.lookup, found.runtime) == (("default", "family"), True)


@pytest.mark.parametrize("name", ["nvidia-ml-py", "nvidia-dali-cuda120", "nvidia-cudnn-frontend"])
def test_a_user_may_ask_for_other_nvidia_packages(name: str) -> None:
    found = package(name)
    assert found.name == "nvidia-*"
    assert (found.lookup, found.runtime) == (("default", "family"), False)


@pytest.mark.parametrize(
    "name", ["numpy", "jinja2", "sympy", "pillow", "torchmetrics", "setuptools"]
)
def test_what_the_indexes_only_mirror_is_no_family_package(name: str) -> None:
    assert CATALOGUE.family_of(name) is None


def test_names_are_canonicalised() -> None:
    assert package("FBGEMM_GPU").name == "fbgemm-gpu"
    assert package("NVIDIA.cuBLAS_cu12").name == "nvidia-cublas-cu*"


@pytest.mark.parametrize(
    ("url", "template"),
    [
        ("https://download.pytorch.org/whl/cpu", "https://download.pytorch.org/whl/{target}"),
        ("https://download.pytorch.org/whl/", "https://download.pytorch.org/whl/{target}"),
        ("http://download.pytorch.org/whl", "http://download.pytorch.org/whl/{target}"),
        ("https://mirror.corp/x/whl/cu126/", "https://mirror.corp/x/whl/{target}"),
        ("https://mirror.corp/x/whl/rocm6.2.4", "https://mirror.corp/x/whl/{target}"),
        ("https://mirror.corp/x/whl/{target}/", "https://mirror.corp/x/whl/{target}"),
        ("https://u:p@mirror.corp:8/whl/cu113", "https://u:p@mirror.corp:8/whl/{target}"),
        ("https://mirror.corp/whl/cu141#x", "https://mirror.corp/whl/{target}"),
        ("https://mirror.corp/whl/nightly/cpu", "https://mirror.corp/whl/nightly/{target}"),
        (
            "https://download.pytorch.org/whl/torch_stable.html",
            "https://download.pytorch.org/whl/torch_stable.html",
        ),
        ("http://127.0.0.1:80/torch_stable.html", "http://127.0.0.1:80/torch_stable.html"),
        (
            "https://download.pytorch.org/whl/cu113/torch_stable.html",
            "https://download.pytorch.org/whl/{target}/torch_stable.html",
        ),
        ("https://mirror.corp/x/whl", None),  # says nothing at another host
        ("https://mirror.corp/whl/simple", None),
        ("https://mirror.corp/whl/cuda12.6", None),
        ("https://mirror.corp/whl/cu126/torch", None),
        ("https://mirror.corp/cu126", None),
        ("https://mirror.corp/awhl/cu126", None),
        ("https://mirror.corp/my_torch_stable.html", None),
        ("https://download.pytorch.org", None),
        ("./whl/cu126", None),
        ("file:///wheels/whl/cu126", None),  # with --find-links, a folder of the user's own
        ("", None),
    ],
)
def test_recognise(url: str, template: str | None) -> None:
    assert PYTORCH.recognise(url) == template


@pytest.mark.parametrize("name", ["cpu", "cu126", "rocm6.2.4", "xpu"])
def test_label(name: str) -> None:
    assert PYTORCH.label(parse_target(name, CATALOGUE.targets)) == name


def test_unknown_family() -> None:
    with pytest.raises(UnknownWordError) as caught:
        CATALOGUE.family("pytroch")
    assert str(caught.value) == "unknown family 'pytroch'; did you mean 'pytorch'?"


class TestExtended:
    def test_adds_a_labelled_package(self) -> None:
        extended = CATALOGUE.extended({"My_CUDA.ext": "pytorch"})
        found = extended.family_of("my-cuda-ext")
        assert found is not None
        assert found[1] == FamilyPackage(
            "my-cuda-ext", lockstep=False, labelled=True, lookup=("family",), runtime=False
        )
        assert CATALOGUE.family_of("my-cuda-ext") is None

    def test_keeps_what_the_family_says_of_its_own(self) -> None:
        assert CATALOGUE.extended({"torch": "pytorch"}) == CATALOGUE

    def test_wins_over_a_glob(self) -> None:
        found = CATALOGUE.extended({"nvidia-ours": "pytorch"}).family_of("nvidia-ours")
        assert found is not None
        assert found[1].labelled

    def test_takes_a_package_out_of_another_family(self) -> None:
        other = dataclasses.replace(PYTORCH, name="other", packages=())
        both = dataclasses.replace(CATALOGUE, families=(PYTORCH, other))
        for name in ("xformers", "nvidia-ours"):
            found = both.extended({name: "other"}).family_of(name)
            assert found is not None
            assert found[0].name == "other"

    def test_unknown_family(self) -> None:
        with pytest.raises(UnknownWordError, match="did you mean 'pytorch'"):
            CATALOGUE.extended({"x": "pytorhc"})
