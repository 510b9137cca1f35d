"""DGL, MMCV, Kaolin and Astral's index: builds for a minor release of torch, labelled or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux
from tests.poetry.support_site import poetry_site
from tests.support.paged_site import FLASH, SOURCES, with_paged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

TABLE = 'allow-downloads = true\nplatforms = ["linux-x86_64", "macos-arm64"]'


@pytest.fixture
def project(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Project:
    return project_at(serve(with_paged(poetry_site())))


def write(project: Project, requires: list[str], only_cuda: str = "") -> None:
    more = SOURCES.format(url=project.server.url) + only_cuda
    project.write_pyproject(requires, table=TABLE, more=more)


def test_each_has_the_page_of_its_torch(project: Project) -> None:
    url = project.server.url
    only_cuda = "".join(f'{name} = "*"\n' for name in ("dgl", "kaolin", "flash-attn"))
    table = f"[tool.accelock.target.cu126.dependencies]\n{only_cuda}"
    write(project, ["torch>=2.5", "mmcv"], table)
    project.poetry("lock")
    cuda, cpu = project.pins("cu126"), project.pins("cpu")
    assert (cuda["torch"], cpu["torch"]) == ("2.7.1+cu126", "2.7.1+cpu")
    assert project.pins("cpu", "macos-arm64")["mmcv"] == "2.2.0"
    assert cuda["flash-attn"] == f"{FLASH}+cu.12.6.torch.2.7"
    assert {"dgl", "kaolin", "flash-attn"}.isdisjoint(cpu)
    sources = {each["name"]: each.get("source", {}).get("url") for each in project.view("cu126")}
    assert cuda["dgl"] == "2.4.0+cu126"
    assert sources["dgl"] == f"{url}/dgl/wheels/torch-2.7/cu126/repo.html"
    assert sources["mmcv"] == f"{url}/mmcv/dist/cu126/torch2.7.0/index.html"
    assert sources["kaolin"] == f"{url}/kaolin/torch-2.7.1_cu126.html"
    before = project.read()
    project.poetry("lock")
    assert project.read() == before
    project.poetry("accelock", "check")


def test_what_has_no_build_for_cpu_is_refused(project: Project) -> None:
    write(project, ["torch==2.7.1", "dgl"])
    said = project.refused("lock")
    assert "of the releases of torch that dgl is built for" in said


@on_linux
def test_the_build_of_the_target_is_installed(project: Project) -> None:
    """kaolin's page is that of torch 2.7.1, and mmcv's names 2.7 alone."""
    only_cuda = '[tool.accelock.target.cu126.dependencies]\nkaolin = "*"\n'
    write(project, ["torch>=2.5", "mmcv"], only_cuda)
    project.poetry("lock")
    for target, more in (("cpu", set()), ("cu126", {"kaolin"})):
        installed = project.install(target=target)
        assert (installed["torch"], installed["mmcv"]) == (f"2.7.1+{target}", "2.2.0")
        assert {"kaolin"} & installed.keys() == more
    project.poetry("add", "uvicorn")
    assert project.pins("cu126")["kaolin"] == "0.18.0"
