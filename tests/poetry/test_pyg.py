"""Packages with a page per release of torch and target: torch goes with what is built for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux
from tests.poetry.support_site import poetry_site
from tests.support.environments import fresh_venv
from tests.support.pyg_site import files, table, with_pyg
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

CONSENT = "allow-downloads = true\n"
PLATFORMS = 'platforms = ["linux-x86_64", "macos-arm64"]'
ASKED = ("torch>=2.5", "torch-scatter", "torch-sparse")


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_pyg(poetry_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    return written(project_at(server), ASKED)


def written(project: Project, requires: Sequence[str]) -> Project:
    return project.write_pyproject(
        requires, table=CONSENT + PLATFORMS, more=table(project.server.url)
    )


def test_torch_is_the_newest_that_all_are_built_for(project: Project, server: IndexServer) -> None:
    done = project.poetry("lock")
    said = " ".join(done.stderr.split())
    assert "torch 2.7.1 is taken instead of 2.8.0, because torch-sparse has no build on" in said
    for target in ("cpu", "cu126"):
        (entry,) = [each for each in project.view(target) if each["name"] == "torch-scatter"]
        assert entry["version"] == f"2.1.2+pt27{target}"
        assert entry["source"] == {
            "type": "legacy",
            "url": f"{server.url}/pyg/whl/torch-2.7.1+{target}.html",
            "reference": f"accelock-pyg-{target}",
        }
        own = {each.distribution.hash for each in files("2.7.0", target)}
        assert {file["hash"] for file in entry["files"]} < own
        assert project.pins(target)["torch"] == f"2.7.1+{target}"
    assert project.pins("cpu", "macos-arm64")["torch"] == "2.7.1"
    assert project.pins("cpu", "macos-arm64")["torch-sparse"] == "0.6.18+pt27cpu"
    before = project.read()
    project.poetry("lock")
    assert project.read() == before
    project.poetry("accelock", "check")


def test_no_release_that_fits_is_told_with_the_nearest(project: Project) -> None:
    written(project, ["torch==2.8.0", *ASKED[1:]])
    said = project.refused("lock")
    assert "torch 2.7.1 is the newest release that torch-scatter and torch-sparse are" in said


def test_it_needs_consent(project: Project, server: IndexServer) -> None:
    project.put("pyproject.toml", project.read("pyproject.toml").replace(CONSENT, ""))
    assert "allow-downloads" in project.refused("lock")
    assert server.bodies_of_wheels() == ()


def test_only_another_package_asks_for_it(project: Project, server: IndexServer) -> None:
    gnn = wheel("gnn", "1.0", "py3-none-any", ["torch-scatter"], ">=3.9")
    server.site = server.site.with_files("/simple", gnn)
    written(project, ["torch>=2.5", "gnn"])
    said = project.refused("lock")
    assert "Add torch-scatter (and torch) to the project's own requirements" in said


def test_an_export_names_the_page_of_the_release(project: Project, server: IndexServer) -> None:
    pytest.importorskip("poetry_plugin_export")
    project.poetry("lock")
    project.poetry("export", "-o", "cu126.txt", "--without-hashes", ACCELOCK_TARGET="cu126")
    text = project.read("cu126.txt")
    assert f"--find-links {server.url}/pyg/whl/torch-2.7.1+cu126.html\n" in text
    assert f"--extra-index-url {server.url}/whl/cu126\n" in text
    assert "torch-scatter==2.1.2+pt27cu126" in text


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "words"), [("cu126", ()), ("cpu", ("--without-hashes",))], ids=["hashes", "bare"]
)
def test_pip_installs_an_export(
    project: Project, tmp_path: Path, target: str, words: tuple[str, ...]
) -> None:
    pytest.importorskip("poetry_plugin_export")
    project.poetry("lock")
    project.poetry("export", "-o", "exported.txt", *words, ACCELOCK_TARGET=target)
    home = tmp_path / "bare"
    home.mkdir()
    venv = fresh_venv(home / "venv", project.env)
    done = venv.pip("install", "-q", "-r", project.folder / "exported.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    assert venv.installed()["torch-scatter"] == f"2.1.2+pt27{target}"
    assert venv.installed()["torch"] == f"2.7.1+{target}"


@on_linux
def test_it_is_added_and_installed_from_its_page(project: Project) -> None:
    written(project, ["torch>=2.5,<2.7"]).make_environment()
    project.poetry("add", "torch-scatter", ACCELOCK_TARGET="cpu")
    assert "torch-scatter (>=2.1.2,<3.0.0)" in project.read("pyproject.toml")
    assert project.installed()["torch-scatter"] == "2.1.2+pt26cpu"
    assert project.install(target="cu126")["torch-scatter"] == "2.1.2+pt26cu126"
