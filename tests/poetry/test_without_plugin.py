"""A lock of ours in the hands of a Poetry that does not know us: right, or loud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

pytestmark = [pytest.mark.internals, on_linux]
LOUD = 'Repository "accelock-pytorch-cpu" does not exist.'


@pytest.mark.parametrize("reresolve", ["false", "true"])
@pytest.mark.parametrize("command", ["install", "sync"])
def test_a_plain_install_is_loud_and_installs_no_torch(
    copy: Project, command: str, reresolve: str
) -> None:
    copy.make_environment()
    before = copy.files()
    done = copy.poetry(command, code=1, plugins=False, POETRY_INSTALLER_RE_RESOLVE=reresolve)

    assert LOUD in done.stdout + done.stderr
    assert "torch" not in copy.installed()
    assert copy.files() == before


def test_so_it_is_where_another_target_leads(project: Project) -> None:
    project.write_pyproject(targets=("cu126", "cpu")).poetry("lock")
    project.make_environment()
    done = project.poetry("install", code=1, plugins=False)

    assert 'Repository "accelock-pytorch-cu126" does not exist.' in done.stdout + done.stderr
    assert "torch" not in project.installed()


def test_what_needs_no_torch_is_right(project: Project) -> None:
    """A group without accelerated packages is plain Poetry's, with the versions of the lock."""
    project.write_pyproject(more='[tool.poetry.group.docs.dependencies]\ntqdm = "*"')
    project.poetry("lock")
    project.make_environment()
    project.poetry("install", "--only", "docs", plugins=False)

    assert project.installed() == {"tqdm": "4.67.1"}


def test_a_lock_without_accelerated_packages_is_right(project: Project) -> None:
    project.write_pyproject(["tqdm", "pandas"]).poetry("lock")
    project.make_environment()
    project.poetry("install", plugins=False)

    assert project.installed() == project.pins("cpu")


def test_a_plain_poetry_reads_it_without_complaint(copy: Project) -> None:
    copy.make_environment()
    copy.poetry("check", "--lock", plugins=False)
    done = copy.poetry("show", plugins=False)

    assert "2.6.0+cpu" in done.stdout
    assert "nvidia" not in done.stdout
