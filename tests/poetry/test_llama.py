"""A family whose builds no label tells apart: each target's part of the lock has its own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux
from tests.poetry.support_site import poetry_site
from tests.support.llama_site import NAME, NEWEST, built, table, with_llama

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

CONSENT = "allow-downloads = true\n"
PLATFORMS = 'platforms = ["linux-x86_64", "macos-arm64"]'


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_llama(poetry_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    sources = f"[tool.accelock.sources]\n{table(server.url)}"
    return project_at(server).write_pyproject(
        [NAME], targets=["cpu", "cu124"], table=CONSENT + PLATFORMS, source="", more=sources
    )


def test_each_target_has_the_files_of_its_index(project: Project, server: IndexServer) -> None:
    project.poetry("lock")
    for target, tags in (("cpu", ("linux_x86_64", "macosx_11_0_arm64")), ("cu124", (None,))):
        own = [built(server.site, target, tag=tag or "linux_x86_64").distribution for tag in tags]
        (entry,) = [each for each in project.view(target) if each["name"] == NAME]
        assert entry["version"] == NEWEST
        assert {file["hash"] for file in entry["files"]} == {each.hash for each in own}
        assert entry["source"]["url"] == f"{server.url}/llama-cpp-python/whl/{target}"
        assert project.pins(target)["tqdm"]
    assert len(server.bodies_of_wheels()) == 3
    project.poetry("accelock", "check")


def test_it_needs_consent(project: Project, server: IndexServer) -> None:
    text = project.read("pyproject.toml").replace(CONSENT, "")
    project.put("pyproject.toml", text)
    said = project.refused("lock")
    assert "allow-downloads" in said
    assert NAME in said
    assert server.bodies_of_wheels() == ()


def note_of(project: Project) -> str:
    """What the WHEEL of the installed one says of itself."""
    (wheel,) = project.environment.glob("lib/python*/site-packages/llama*.dist-info/WHEEL")
    return wheel.read_text(encoding="utf-8")


@on_linux
def test_another_target_replaces_the_build_of_the_same_version(project: Project) -> None:
    project.poetry("lock")
    assert project.install(target="cpu")[NAME] == NEWEST
    assert "for cpu" in note_of(project)
    assert project.install(target="cu124")[NAME] == NEWEST
    assert "for cu124" in note_of(project)
    done = project.poetry("install", ACCELOCK_TARGET="cu124")
    assert "No dependencies to install or update" in done.stdout
