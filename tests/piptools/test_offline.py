"""Runs that ask nobody: what they need is in the cache, or they say what is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

pytestmark = pytest.mark.internals

ASKED = ("-q", "--generate-hashes", "-t", "cpu", "-t", "cu126")


def test_the_same_files_and_no_request(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision\npandas\n").compile(*ASKED)
    before = project.files()
    for path in project.folder.glob("requirements.*.txt"):
        path.unlink()
    index.reset()
    project.compile(*ASKED, "--offline")

    assert project.files() == before
    assert index.requests == ()


def test_what_is_missing_is_named(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torch\n").compile(*ASKED)
    index.reset()
    project.write(requirements_in="torch\npandas\n")
    error = project.refused(*ASKED, "--offline")

    assert f"{index.url}/simple/pandas/ is not in accelock's cache" in error
    assert "Run the command once without --offline" in error
    assert index.requests == ()


def test_offline_needs_a_target(project: Project) -> None:
    project.write(requirements_in="pandas\n").compile("--offline", code=2)


def test_a_damaged_page_is_asked_for_again(project: Project) -> None:
    project.write(requirements_in="torch\npandas\n").compile(*ASKED)
    before = project.files()
    kept = list(Path(project.env["XDG_CACHE_HOME"]).glob("accelock/pages/*/*"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:-20])
    error = project.refused(*ASKED, "--offline")
    project.compile(*ASKED)

    assert "is not in accelock's cache" in error
    assert project.files() == before


def test_the_cache_is_shown_and_cleared(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torch\npandas\n").compile(*ASKED)
    folder = Path(project.env["XDG_CACHE_HOME"], "accelock")
    shown = project.accelock("cache", "info").stdout
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    cleared = project.accelock("cache", "clear").stdout

    assert shown.startswith(f"{folder}: ")
    assert not [line for line in shown.splitlines() if "pages:" in line and " 0 file" in line]
    assert cleared.startswith(f"{folder}: ")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    index.reset()
    project.refused(*ASKED, "--offline", "--upgrade")
    assert index.requests == ()
