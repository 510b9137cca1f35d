"""What [tool.accelock.target.<target>] says of one target alone, in poetry.lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

LINUX = 'platforms = ["linux-x86_64"]'


def locked(project: Project, dependencies: str, requires: tuple[str, ...] = ("torch",)) -> str:
    """Lock with dependencies of cu126 alone, and return what was said."""
    project.write_pyproject(
        requires, table=LINUX, more=f"[tool.accelock.target.cu126.dependencies]\n{dependencies}"
    )
    return project.poetry("lock").stderr


def test_a_pin_takes_the_target_out_of_lockstep_and_is_said(project: Project) -> None:
    said = locked(project, 'torch = "==2.6.0"', ("torch", "torchvision"))

    assert project.pins("cpu")["torch"] == "2.8.0+cpu"
    assert project.pins("cpu")["torchvision"] == "0.23.0+cpu"
    assert project.pins("cu126")["torch"] == "2.6.0+cu126"
    assert project.pins("cu126")["torchvision"] == "0.21.0+cu126"
    assert "cu126 has torch 2.6.0 by [tool.accelock.target.cu126.dependencies]" in said
    done = project.poetry("accelock", "check")
    assert "lockstep" not in done.stdout


def test_a_range_that_all_can_have_stays_in_lockstep(project: Project) -> None:
    locked(project, 'torch = "<2.8"')
    assert project.pins("cpu")["torch"] == "2.7.1+cpu"
    assert project.pins("cu126")["torch"] == "2.7.1+cu126"


@pytest.mark.parametrize("leader", ["cpu", "cu126"])
def test_a_package_of_one_target(project: Project, leader: str) -> None:
    targets = (leader, *({"cpu", "cu126"} - {leader}))
    project.write_pyproject(
        ["torch"],
        targets=targets,
        table=LINUX,
        more='[tool.accelock.target.cu126.dependencies]\ntqdm = "*"\n',
    )
    project.poetry("lock")
    assert "tqdm" not in project.pins("cpu")
    assert "tqdm" in project.pins("cu126")
    before = project.files()
    project.poetry("lock")
    assert project.files() == before


def test_a_change_makes_the_lock_stale(project: Project) -> None:
    locked(project, 'tqdm = "*"')
    assert "tqdm" in project.pins("cu126")
    locked(project, 'filelock = "<3.18"')
    assert "tqdm" not in project.pins("cu126")
    assert project.pins("cu126")["filelock"] != project.pins("cpu")["filelock"]


def test_its_marker_counts(project: Project) -> None:
    locked(project, 'tqdm = { version = "*", markers = "sys_platform == \'win32\'" }')
    assert "tqdm" not in project.pins("cu126")


@on_linux
def test_it_is_installed(project: Project) -> None:
    locked(project, 'tqdm = "*"')
    project.poetry("install", ACCELOCK_TARGET="cu126")
    assert "tqdm" in project.installed()
    project.poetry("install", ACCELOCK_TARGET="cpu")
    assert "tqdm" not in project.installed()


def test_a_source_of_one_target(project: Project) -> None:
    project.write_pyproject(
        ["torch"],
        table=LINUX,
        more=f'[tool.accelock.target.cu126.sources]\npytorch = "{project.server.url}/whl/cu126"\n',
        source="{url}/whl/{{target}}",
    )
    project.poetry("lock")
    assert project.pins("cu126")["torch"] == "2.8.0+cu126"
    assert project.pins("cpu")["torch"] == "2.8.0+cpu"
