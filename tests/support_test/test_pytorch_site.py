from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename

from tests.support.environments import run
from tests.support.pytorch_site import LEAK, pytorch_site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.server import IndexServer
    from tests.support.sites import Index
    from tests.support.wheels import Distribution


def wheels(index: str, project: str, version: str, system: str) -> list[Distribution]:
    """Those of one public version whose platform tag has this ending."""
    files = pytorch_site().index(index).projects.get(project, ())
    return [
        each.distribution
        for each in files
        if each.distribution.is_wheel
        and each.distribution.version.partition("+")[0] == version
        and each.distribution.filename.endswith(f"{system}.whl")
    ]


def versions(index: str, project: str, version: str, system: str) -> set[str]:
    return {each.version for each in wheels(index, project, version, system)}


def names(each: Distribution) -> set[str]:
    requires = Metadata.from_email(each.metadata).requires_dist or []
    return {requirement.name for requirement in requires}


@pytest.mark.parametrize(
    ("index", "torch", "system", "expected"),
    [
        ("/whl/cpu", "2.8.0", "x86_64", {"2.8.0+cpu"}),
        ("/whl/cpu", "2.8.0", "win_amd64", {"2.8.0+cpu"}),
        ("/whl/cpu", "2.8.0", "arm64", {"2.8.0"}),
        ("/whl/cpu", "2.8.0", "aarch64", {"2.8.0+cpu"}),
        ("/whl/cpu", "2.5.1", "aarch64", {"2.5.1"}),
        ("/whl/cpu", "1.7.1", "macosx_10_9_x86_64", {"1.7.1"}),
        ("/whl/cu118", "2.7.1", "linux_2_28_x86_64", {"2.7.1+cu118"}),
        ("/whl/cu118", "2.8.0", "", set()),
        ("/whl/cu126", "2.5.1", "", set()),
        ("/whl/cu126", "2.6.0", "aarch64", {"2.6.0+cu126"}),
        ("/whl/cu126", "2.8.0", "aarch64", set()),
        ("/whl/rocm6.3", "2.6.0", "", set()),
        ("/whl/rocm6.3", "2.8.0", "", {"2.8.0+rocm6.3"}),
        ("/whl/cu102", "1.7.1", "linux_x86_64", {"1.7.1"}),
        ("/simple", "2.8.0", "x86_64", {"2.8.0"}),
    ],
)
def test_labels(index: str, torch: str, system: str, expected: set[str]) -> None:
    assert versions(index, "torch", torch, system) == expected


def test_every_torch_has_its_torchvision() -> None:
    for index in pytorch_site().indexes:
        pins = {
            str(requirement.specifier).removeprefix("==")
            for each in index.projects.get("torchvision", ())
            for requirement in Metadata.from_email(each.distribution.metadata).requires_dist or []
            if requirement.name == "torch"
        }
        torches = index.projects.get("torch", ())
        assert pins == {each.distribution.version.partition("+")[0] for each in torches}


def test_one_version_has_wheels_that_require_different_things() -> None:
    (arm, *_) = wheels("/whl/cu126", "torch", "2.6.0", "aarch64")
    (intel, *_) = wheels("/whl/cu126", "torch", "2.6.0", "x86_64")
    assert arm.version == intel.version
    assert names(intel) - names(arm) > {"nvidia-cudnn-cu12", "triton"}
    assert not any(name.startswith("nvidia") for name in names(arm))


def everything_required(index: Index) -> set[str]:
    return {name for file in index.files for name in names(file.distribution)}


def test_everything_required_is_somewhere() -> None:
    site = pytorch_site()
    there = {name for index in site.indexes for name in index.projects}
    # `typing` is wanted by Python 3.4 alone
    assert set().union(*map(everything_required, site.indexes)) <= {*there, "MarkupSafe", "typing"}


def test_the_same_name_has_other_bytes_elsewhere() -> None:
    for project, version, system in (
        ("triton", "3.4.0", "x86_64"),
        ("numpy", "2.1.2", "win_amd64"),
        ("torch", "2.8.0", "arm64"),
        ("nvidia-nccl-cu12", "2.27.3", "x86_64"),
    ):
        here = {each.filename: each for each in wheels("/whl/cpu", project, version, system)}
        there = {each.filename: each for each in wheels("/simple", project, version, system)}
        assert here
        assert here.keys() == there.keys()
        assert all(here[name].sha256 != there[name].sha256 for name in here)


def test_the_find_links_page_has_all_variants(pytorch: IndexServer) -> None:
    (page,) = pytorch.site.pages
    found = {str(parse_wheel_filename(file.distribution.filename)[1]) for file in page.files}
    assert {"1.7.1", "1.7.1+cpu", "1.7.1+cu110", "2.8.0", "2.8.0+cu126", "0.23.0+rocm6.3"} <= found


def report(env: Mapping[str, str], cwd: Path, *words: str) -> dict[str, Any]:
    """What pip would install on Linux: its versions by name."""
    arguments = ("--dry-run", "--ignore-installed", "--quiet", "--report=-", "--only-binary=:all:")
    place = ("--platform=manylinux_2_28_x86_64", "--platform=manylinux2014_x86_64")
    python = ("--python-version=3.12", "--target", str(cwd / "lib"))
    done = run(
        sys.executable,
        "-m",
        "pip",
        "install",
        *arguments,
        *place,
        *python,
        *words,
        cwd=cwd,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    parts = [item["metadata"] for item in json.loads(done.stdout)["install"]]
    return {part["name"]: part["version"] for part in parts}


@pytest.mark.slow
def test_pip_falls_into_the_traps(
    pytorch: IndexServer, env: dict[str, str], tmp_path: Path
) -> None:
    indexes = ("--index-url", f"{pytorch.url}/simple", "--extra-index-url")
    found = report(env, tmp_path, *indexes, f"{pytorch.url}/whl/cu118", "torch")
    assert found["torch"] == "2.8.0"  # the CUDA build of PyPI: newer than any of cu118
    assert found["filelock"] == LEAK
    assert found["nvidia-cublas-cu12"] == "12.8.4.1"
    page = ("--find-links", f"{pytorch.url}/whl/torch_stable.html")
    found = report(env, tmp_path, *indexes[:2], *page, "torchvision", "torch==2.7.1")
    assert found["torch"] == "2.7.1+cu126"
    assert found["torchvision"] == "0.22.1+rocm6.3"
    assert found["filelock"] == "3.18.0"
