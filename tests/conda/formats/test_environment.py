from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.conda.formats.environment import ENVIRONMENT
from accelock.conda.formats.model import read_stamp
from accelock.conda.spec import parse
from tests.conda.records import CPU, CUDA, FORGE, LINUX, MAC, PYTORCH, record, render, solved, vega

if TYPE_CHECKING:
    from accelock.conda.record import Record
    from accelock.targets import Target

SECOND = "https://conda.anaconda.org/second"
BOTH = {"linux-x86_64": vega("linux-64"), "macos-arm64": vega("osx-arm64")}


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def entries(text: str) -> list[str]:
    found = lines(text)
    return [line.removeprefix("  - ") for line in found[found.index("dependencies:") + 1 :]]


def forge_pytorch(subdir: str, build: str) -> list[Record]:
    return [
        record(f"pytorch 2.6.0 {build}_py312_h0_0", "libtorch", "python", subdir=subdir),
        record(f"libtorch 2.6.0 {build}_h0_0", subdir=subdir),
    ]


def test_what_is_asked_for_and_python() -> None:
    text = render(ENVIRONMENT, solved(BOTH, ["vega-lite-cli >=5"]), "demo")
    assert lines(text) == [
        "name: demo-cpu",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        "  - python=3.12.4",
        "  - vega-lite-cli=5.21.0",
    ]
    stamp = read_stamp(text)
    assert stamp is not None
    assert (stamp.kind, list(stamp.parts)) == ("environment", ["linux-64", "osx-arm64"])
    assert stamp.describes(text)


def test_what_pip_has_too() -> None:
    text = render(ENVIRONMENT, solved(BOTH, ["vega-lite-cli"], bound=["nodejs"]))
    assert entries(text) == ["nodejs=22.4.0", "python=3.12.4", "vega-lite-cli=5.21.0"]
    assert lines(text)[0] == "channels:"


def test_a_package_of_some_platforms_is_told_in_a_comment() -> None:
    records = {**BOTH, "linux-x86_64": [*vega("linux-64"), record("mkl 2024.2.2")]}
    text = render(ENVIRONMENT, solved(records, ["vega-lite-cli", "mkl"]))
    assert "mkl" not in "".join(entries(text))
    assert "# mkl is left out: it is for linux-64 only; conda-cpu-lock.yml has it.\n" in text


def test_versions_that_differ_by_platform() -> None:
    records = {
        "linux-x86_64": [record("git 2.45.2")],
        "macos-arm64": [record("git 2.44.0", subdir="osx-arm64")],
    }
    assert entries(render(ENVIRONMENT, solved(records, ["git"]))) == ["'git ==2.44.0|==2.45.2'"]


def test_hardware_builds_have_a_glob_even_where_nobody_asked() -> None:
    records = {
        "linux-x86_64": [record("fastai 2.7", "pytorch"), *forge_pytorch("linux-64", "cpu_mkl")],
        "macos-arm64": [
            record("fastai 2.7", "pytorch", subdir="osx-arm64"),
            *forge_pytorch("osx-arm64", "cpu_generic"),
        ],
    }
    text = render(ENVIRONMENT, solved(records, ["fastai"]))
    assert entries(text) == ["fastai=2.7", "libtorch=2.6.0=cpu*", "pytorch=2.6.0=cpu*"]


def test_a_build_that_says_no_cuda_has_a_glob() -> None:
    records = {"linux-x86_64": [record("ucx 1.0 nocuda_h1_0")]}
    assert entries(render(ENVIRONMENT, solved(records, ["ucx"]))) == ["ucx=1.0=nocuda*"]


@pytest.mark.parametrize(
    ("asked", "build", "entry"),
    [
        ("blas * openblas", "openblas", "blas=1.0=openblas"),
        ("blas * *blas", "openblas", "blas=1.0=*blas"),
        ("pytorch * *mkl*", "cpu_mkl_py312_h0_0", "pytorch=1.0=cpu*mkl*"),
        ("pytorch * *_0", "py3.12_cpu_0", "pytorch=1.0=*cpu*_0"),
        ("pytorch * cpu_generic*", "cpu_generic_h0_0", "pytorch=1.0=cpu_generic*"),
        ("pytorch * py312_mkl*_0", "py312_mkl_cpu_0", "pytorch=1.0=py312_mkl_cpu_0"),
    ],
)
def test_a_build_that_was_asked_for(asked: str, build: str, entry: str) -> None:
    name = asked.partition(" ")[0]
    both = {
        platform: [record(f"{name} 1.0 {build}", subdir=subdir)]
        for platform, subdir in (("linux-x86_64", "linux-64"), ("macos-arm64", "osx-arm64"))
    }
    text = render(ENVIRONMENT, solved(both, [asked]))
    assert entries(text) == [entry]
    assert "prefer" not in text


@pytest.mark.parametrize(("mac", "entry"), [("mkl", "blas=1.0"), ("openblas", "blas=1.0=openblas")])
def test_a_build_that_was_asked_for_on_one_platform(mac: str, entry: str) -> None:
    both = {
        "linux-x86_64": [record("blas 1.0 openblas")],
        "macos-arm64": [record(f"blas 1.0 {mac}", subdir="osx-arm64")],
    }
    asked = {LINUX: (parse("blas * openblas"),), MAC: (parse("blas"),)}
    text = render(ENVIRONMENT, replace(solved(both), asked=asked))
    assert entries(text) == [entry]
    note = "# blas: no one glob fits its builds on all platforms; prefer conda-cpu-lock.yml.\n"
    assert (note in text) is (mac == "mkl")


@pytest.mark.parametrize(
    ("channel", "mac", "entry"),
    [
        ("second", SECOND, "'second::alpha=3.1'"),
        (f"{SECOND}/", SECOND, f"'{SECOND}::alpha=3.1'"),
        ("second", FORGE, "alpha=3.1"),
    ],
)
def test_a_channel_that_was_asked_for(channel: str, mac: str, entry: str) -> None:
    both = {
        "linux-x86_64": [record("alpha 3.1", channel=SECOND)],
        "macos-arm64": [record("alpha 3.1", channel=mac, subdir="osx-arm64")],
    }
    asked = {LINUX: (parse(f"{channel}::alpha"),), MAC: (parse("alpha"),)}
    text = render(ENVIRONMENT, replace(solved(both), asked=asked))
    assert entries(text) == [entry]
    note = "# alpha: no one channel has it on all platforms; prefer conda-cpu-lock.yml.\n"
    assert (note in text) is (mac == FORGE)


def test_cuda_builds() -> None:
    records = {
        "linux-x86_64": [
            *forge_pytorch("linux-64", "cuda126_mkl"),
            record("cuda-version 12.6", subdir="noarch"),
        ]
    }
    text = render(ENVIRONMENT, solved(records, ["pytorch"], of=CUDA))
    assert entries(text) == [
        "cuda-version=12.6",
        "libtorch=2.6.0=cuda126*",
        "pytorch=2.6.0=cuda126*",
    ]
    assert "cpuonly" not in text


def test_the_pytorch_channel_gets_cpuonly() -> None:
    linux = [
        record("pytorch 2.5.1 py3.12_cpu_0", "pytorch-mutex 1.0 cpu", channel=PYTORCH),
        record("pytorch-mutex 1.0 cpu", subdir="noarch", channel=PYTORCH),
    ]
    text = render(ENVIRONMENT, solved({"linux-x86_64": linux}, ["pytorch"]))
    assert entries(text) == ["cpuonly", "pytorch=2.5.1=*cpu*", "pytorch-mutex=1.0=cpu*"]
    mac = [record("pytorch 2.5.1 py3.12_0", subdir="osx-arm64", channel=PYTORCH)]
    both = solved({"linux-x86_64": linux, "macos-arm64": mac}, ["pytorch"])
    text = render(ENVIRONMENT, both)
    assert entries(text) == ["cpuonly", "pytorch=2.5.1", "pytorch-mutex=1.0=cpu*"]
    assert "# pytorch: no one glob fits its builds on all platforms; prefer conda-cpu-l" in text


@pytest.mark.parametrize(
    ("channel", "needs"),
    [
        (f"{PYTORCH}/label/nightly", True),
        ("https://mirror.example/conda/pytorch/", True),
        ("https://mirror.example/my-pytorch", False),
        ("https://conda.anaconda.org/pytorch-nightly", False),
        (FORGE, False),
    ],
)
def test_which_channels_are_pytorchs(channel: str, *, needs: bool) -> None:
    records = {"linux-x86_64": [record("pytorch 2.5.1 py3.12_cpu_0", channel=channel)]}
    text = render(ENVIRONMENT, solved(records, ["pytorch"]))
    assert ("cpuonly" in entries(text)) is needs


def test_a_cpuonly_that_was_asked_for_stays_pinned() -> None:
    records = [
        record("pytorch 2.5.1 py3.12_cpu_0", channel=PYTORCH),
        record("cpuonly 2.0 0", subdir="noarch", channel=PYTORCH),
    ]
    text = render(ENVIRONMENT, solved({"linux-x86_64": records}, ["pytorch", "cpuonly"]))
    assert entries(text) == ["cpuonly=2.0", "pytorch=2.5.1=*cpu*"]


@pytest.mark.parametrize("of", [CPU, CUDA, None])
def test_never_what_conda_or_mamba_stumble_over(of: Target | None) -> None:
    channels = ["https://me:secret@h.example/t/token/c", "conda-forge"]
    text = render(ENVIRONMENT, solved(BOTH, ["vega-lite-cli"], of=of, channels=channels))
    for word in ("sel(", "nodefaults", "prefix", "secret", "token"):
        assert word not in text


def test_nothing_at_all() -> None:
    yaml = pytest.importorskip("yaml", reason="needs the extra conda")
    text = render(ENVIRONMENT, solved({"linux-x86_64": []}, of=None))
    assert yaml.safe_load(text) == {"channels": ["conda-forge"], "dependencies": []}


def test_rattler_finds_what_was_chosen_by_every_entry() -> None:
    rattler = pytest.importorskip("rattler", reason="needs the extra conda")
    linux = [*forge_pytorch("linux-64", "cpu_mkl"), record("git 2.45.2"), record("python 3.12.4")]
    mac = [
        *forge_pytorch("osx-arm64", "cpu_generic"),
        record("git 2.44.0", subdir="osx-arm64"),
        record("python 3.12.4", subdir="osx-arm64"),
    ]
    text = render(ENVIRONMENT, solved({"linux-x86_64": linux, "macos-arm64": mac}, ["git"]))
    specs = [rattler.MatchSpec(entry.strip("'"), strict=False) for entry in entries(text)]
    built = getattr(rattler, "BuildString", str)  # a type of its own from py-rattler 0.28 on

    def theirs(each: Record) -> object:
        named = (each.name, each.version, built(each.build), each.build_number, each.subdir)
        return rattler.PackageRecord(*named, None, None)

    for each in (*linux, *mac):
        assert sum(spec.matches(theirs(each)) for spec in specs) == 1
    other = theirs(record("pytorch 2.6.0 cuda126_h0_0"))
    assert not any(spec.matches(other) for spec in specs)


def test_what_a_machine_without_a_gpu_has_to_be_told() -> None:
    linux = {"linux-x86_64": forge_pytorch("linux-64", "cuda126_mkl")}
    text = render(ENVIRONMENT, solved(linux, ["pytorch"], of=CUDA))
    assert (
        "# To solve it on a machine without a GPU:\n#\n#    CONDA_OVERRIDE_CUDA=12.6 conda env "
        "create -f environment-cu126.yml\n#\n"
    ) in text
    assert "OVERRIDE" not in render(ENVIRONMENT, solved(BOTH, ["pytorch"]))
    dev = render(ENVIRONMENT, solved(linux, ["pytorch"], of=CUDA, group="dev"))
    assert "conda env create -f environment-cu126-dev.yml\n" in dev
