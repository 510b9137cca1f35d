"""Whole locks, judged cell by cell by a script that knows packaging and the index alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.judge_folder import poetry

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

pytestmark = pytest.mark.slow

PROJECTS = {
    "torch": ["torch"],
    "with what goes with it": ["pandas", "torchvision", "torch"],
    "by system": [
        "torch==2.7.1 ; sys_platform == 'darwin'",
        "torch==2.8.0 ; sys_platform != 'darwin'",
        "torchvision",
    ],
}


def faults(project: Project) -> dict[str, list[str]]:
    """Return what is wrong in each cell of a lock."""
    return dict(poetry(project.folder, f"{project.server.url}/simple", ["3.11", "3.13"]))


@pytest.mark.parametrize("name", PROJECTS)
def test_every_cell_is_whole(project: Project, name: str) -> None:
    project.write_pyproject(PROJECTS[name]).poetry("lock")
    found = faults(project)

    assert len(found) > 8
    assert {cell: each for cell, each in found.items() if each} == {}


def test_the_judge_sees_what_is_missing(project: Project) -> None:
    project.write_pyproject(["torch==2.8.0"]).poetry("lock")
    project.replace('name = "sympy"', 'name = "sympathy"', "poetry.lock")

    assert all(any("sympy" in fault for fault in each) for each in faults(project).values())
