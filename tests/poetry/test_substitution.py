"""A plain name in pyproject.toml, and what each target's part of poetry.lock has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux
from tests.poetry.support_site import poetry_site
from tests.support.server import IndexServer
from tests.support.substituted import with_substituted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.poetry.support_project import Project

TARGETS = ("cpu", "cu126", "cu130")
PLATFORMS = 'platforms = ["linux-x86_64", "macos-arm64"]'
ALL = 'platforms = ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"]'


@pytest.fixture(scope="module")
def site() -> Iterator[IndexServer]:
    with IndexServer(with_substituted(poetry_site())) as server:
        yield server


@pytest.fixture
def project(site: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    return project_at(site)


def test_each_target_has_its_own(project: Project) -> None:
    project.write_pyproject(["onnxruntime", "jax"], targets=TARGETS, table=PLATFORMS)
    project.poetry("lock")

    cpu = project.pins("cpu")
    assert (cpu["onnxruntime"], cpu["jax"]) == ("1.32.0", "0.10.2")
    assert cpu.keys() == {"onnxruntime", "jax", "jaxlib"}
    assert project.pins("cpu", "macos-arm64") == cpu
    cu126 = project.pins("cu126")
    assert cu126["onnxruntime-gpu"] == "1.26.0"
    assert cu126.keys() == {
        *("onnxruntime-gpu", "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda12-pjrt")
    }
    assert project.pins("cu130")["onnxruntime-gpu"] == "1.31.1"
    assert "jax-cuda13-plugin" in project.pins("cu130")
    before = project.files()
    project.poetry("lock")
    assert project.files() == before
    project.poetry("check", "--lock")
    done = project.poetry("accelock", "check")
    assert "error" not in done.stdout


def test_platforms_of_a_target_differ(project: Project) -> None:
    project.write_pyproject(["onnxruntime", "jax", "xgboost"], targets=TARGETS[:2], table=ALL)
    project.poetry("lock")

    assert project.pins("cu126")["onnxruntime-gpu"] == "1.26.0"
    assert project.pins("cu126", "linux-aarch64")["onnxruntime"] == "1.32.0"
    assert "onnxruntime-gpu" not in project.pins("cu126", "linux-aarch64")
    assert "jax-cuda12-plugin" in project.pins("cu126", "linux-aarch64")
    windows = project.pins("cu126", "windows-x86_64")
    assert windows["onnxruntime-gpu"] == "1.26.0"
    assert "jax-cuda12-plugin" not in windows
    assert "xgboost-cpu" in project.pins("cpu", "windows-x86_64")
    assert "xgboost" in project.pins("cpu", "macos-arm64")
    assert "xgboost-cpu" not in project.pins("cpu", "macos-arm64")


@on_linux
def test_it_is_installed(project: Project) -> None:
    project.write_pyproject(["torch", "onnxruntime", "jax"], targets=TARGETS[:2], table=PLATFORMS)
    project.poetry("lock")
    # setuptools, which only torch's CUDA builds ask for here, Poetry leaves where it is.
    assert project.install(target="cu126") == project.pins("cu126")
    assert project.installed()["onnxruntime-gpu"] == "1.26.0"
    installed = project.install(target="cpu")
    wanted = project.pins("cpu")
    assert {**installed, "setuptools": ""} == {**wanted, "setuptools": ""}
    assert installed["onnxruntime"] == "1.32.0"


def test_group_extra_marker_and_specifier_stay(project: Project) -> None:
    project.write_pyproject(
        [],
        targets=TARGETS[:2],
        table='platforms = ["linux-x86_64"]',
        more=(
            '[project.optional-dependencies]\nfast = ["jax<0.10"]\n[tool.poetry.group.dev.'
            'dependencies]\nonnxruntime = { version = "<1.26", python = ">=3.11" }\n'
        ),
    )
    project.poetry("lock")
    assert project.pins("cu126") == {}
    assert project.pins("cpu", groups=["dev"]) == {"onnxruntime": "1.25.1"}
    assert project.pins("cu126", groups=["dev"]) == {"onnxruntime-gpu": "1.25.1"}
    (entry,) = [each for each in project.view("cu126") if each["name"] == "onnxruntime-gpu"]
    assert entry["markers"] == 'python_version >= "3.11"'
    assert entry["groups"] == ["dev"]
    assert project.pins("cpu", extras=["fast"]).keys() == {"jax", "jaxlib"}
    fast = project.pins("cu126", extras=["fast"])
    assert fast["jax-cuda12-plugin"] == "0.9.2"


def test_what_another_package_asks_for_by_the_plain_name_is_refused(project: Project) -> None:
    project.write_pyproject(["onnxruntime", "fastembed"], targets=TARGETS[:2], table=PLATFORMS)
    said = project.refused("lock")
    assert "cu126, linux" in said
    assert "onnxruntime (required by fastembed)" in said
    assert "[tool.accelock.packages] onnxruntime = { substitute = false }" in said


ALWAYS = '[tool.accelock.packages]\nonnxruntime = { substitute = "always" }\n'


@pytest.mark.parametrize("asked", [["fastembed"], ["onnxruntime", "fastembed"], ["optimum[onnx]"]])
def test_what_another_package_asks_for_is_each_targets_own(
    project: Project, asked: list[str]
) -> None:
    project.write_pyproject(asked, targets=TARGETS, table=PLATFORMS, more=ALWAYS)
    project.poetry("lock")
    assert project.pins("cpu")["onnxruntime"] == "1.32.0"
    cu126 = project.pins("cu126")
    assert cu126["onnxruntime-gpu"] == "1.26.0"
    assert "onnxruntime" not in cu126
    assert project.pins("cu130")["onnxruntime-gpu"] == "1.31.1"
    before = project.files()
    project.poetry("lock")
    assert project.files() == before
    project.poetry("check", "--lock")
    project.poetry("accelock", "check")
    told = project.poetry("accelock", "why", "onnxruntime").stdout
    assert "onnxruntime-gpu 1.26.0 is locked in its place, required by" in told
    assert ("required by fastembed" in told) == ("fastembed" in asked)


def test_platforms_with_other_names_for_what_another_package_asks_for(project: Project) -> None:
    project.write_pyproject(["fastembed"], targets=["cu126"], table=ALL, more=ALWAYS)
    project.poetry("lock")
    assert project.pins("cu126")["onnxruntime-gpu"] == "1.26.0"
    assert project.pins("cu126", "windows-x86_64")["onnxruntime-gpu"] == "1.26.0"
    arm = project.pins("cu126", "linux-aarch64")
    assert (arm["onnxruntime"], "onnxruntime-gpu" in arm) == ("1.32.0", False)


@on_linux
@pytest.mark.parametrize("again", ["false", "true"])
def test_each_targets_own_is_installed(project: Project, again: str) -> None:
    """With `installer.re-resolve` Poetry solves the lock again."""
    project.write_pyproject(["fastembed"], targets=TARGETS[:2], table=PLATFORMS, more=ALWAYS)
    project.poetry("lock")
    resolving = {"POETRY_INSTALLER_RE_RESOLVE": again}
    for target, name in (("cu126", "onnxruntime-gpu"), ("cpu", "onnxruntime")):
        project.poetry("install", environ=resolving, ACCELOCK_TARGET=target)
        assert project.installed().keys() & {"onnxruntime", "onnxruntime-gpu"} == {name}


def test_it_can_be_turned_off(project: Project) -> None:
    off = "[tool.accelock.packages]\nonnxruntime = { substitute = false }\n"
    project.write_pyproject(
        ["torch", "onnxruntime", "fastembed"], targets=TARGETS[:2], table=PLATFORMS, more=off
    )
    project.poetry("lock")
    assert project.pins("cu126")["onnxruntime"] == "1.32.0"


def test_a_target_that_has_none(project: Project) -> None:
    project.write_pyproject(["cupy"], targets=TARGETS[:2], table=PLATFORMS)
    assert "cupy has no build for cpu on linux-x86_64" in project.refused("lock")


def test_a_default_platform_that_has_none_is_left_out(project: Project) -> None:
    project.write_pyproject(["cudf", "jax"], targets=["cu126"])
    said = project.poetry("lock").stderr
    assert (
        "windows-x86_64 is left out of cu126: cudf has no build for cu126 on windows-x86_64, and "
        "its plain name runs on no machine. (It is a default platform;"
    ) in said
    assert said.count("is left out") == 1
    for platform in ("linux-x86_64", "linux-aarch64"):
        assert project.pins("cu126", platform)["cudf-cu12"] == "26.6.0"
    assert 'cu126 = ["linux-x86_64", "linux-aarch64"]' in project.read()
    project.poetry("accelock", "check")


def test_a_named_platform_that_has_none_is_an_error(project: Project) -> None:
    named = 'platforms = ["linux-x86_64", "windows-x86_64"]'
    project.write_pyproject(["cudf"], targets=["cu126"], table=named)
    said = project.refused("lock")
    assert "cudf has no build for cu126 on windows-x86_64" in said
    assert "leave windows-x86_64 out" in said


def test_one_that_one_target_alone_asks_for(project: Project) -> None:
    own = '[tool.accelock.target.cu126.dependencies]\ncupy = "*"\n'
    project.write_pyproject(["jax"], targets=TARGETS[:2], table=PLATFORMS, more=own)
    project.poetry("lock")
    assert project.pins("cu126")["cupy-cuda12x"] == "14.2.0"
    assert "cupy-cuda12x" not in project.pins("cpu")


def test_a_lock_without_what_is_substituted_stays_poetrys_own(project: Project) -> None:
    project.write_pyproject(["fastembed"], targets=TARGETS[:2], table=PLATFORMS)
    project.poetry("lock")
    assert "accelock" not in project.read()


def test_adding_takes_a_version_that_all_targets_have(project: Project) -> None:
    project.write_pyproject([], targets=TARGETS[:2], table=PLATFORMS)
    project.poetry("add", "--lock", "onnxruntime")
    assert "onnxruntime (>=1.26.0,<2.0.0)" in project.read("pyproject.toml")
    assert project.pins("cu126")["onnxruntime-gpu"] == "1.26.0"
    assert project.pins("cpu")["onnxruntime"] == "1.32.0"
