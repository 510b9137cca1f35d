"""A family in `[tool.accelock.families]` is locked as one of the catalogue's is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_site import poetry_site
from tests.support.own_family import PLATFORMS, TABLE, hashes, with_kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_kernels(poetry_site()))


def written(project: Project, requires: Sequence[str]) -> Project:
    return project.write_pyproject(
        requires,
        table=f"platforms = {list(PLATFORMS)}",
        more=TABLE.format(url=project.server.url),
    )


def test_each_target_has_its_builds_of_one_version(
    server: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    project = written(project_at(server), ["fast-kernels", "torch>=2.5,<2.7"])
    project.poetry("lock")
    for target in ("cpu", "cu126"):
        assert project.pins(target)["fast-kernels"] == f"1.1+{target}"
        (entry,) = [each for each in project.view(target) if each["version"] == f"1.1+{target}"]
        assert entry["source"] == {
            "type": "legacy",
            "url": f"{server.url}/kernels/{target}",
            "reference": f"accelock-kernels-{target}",
        }
        own = hashes(server.site, target, f"1.1+{target}")
        assert {file["hash"] for file in entry["files"]} == own
    assert project.pins("cpu", "macos-arm64")["fast-kernels"] == "1.1"
    project.poetry("check", "--lock")
    project.poetry("accelock", "check")


def test_a_source_of_ours_for_it_is_read_past(
    server: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    project = written(project_at(server), ["fast-kernels", "torch>=2.5,<2.7"])
    project.poetry("accelock", "init", "--fallback")
    assert 'name = "accelock-kernels-cpu"' in project.read("pyproject.toml")
    project.poetry("lock")
    assert project.pins("cu126")["fast-kernels"] == "1.1+cu126"


def test_what_excludes_each_other_is_refused(
    server: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    project = written(project_at(server), ["fast-kernels", "fast-kernels-lite", "torch<2.7"])
    said = project.refused("lock")
    assert "would be installed over one another" in said


def test_a_fault_is_told_with_its_key(
    server: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    project = written(project_at(server), ["fast-kernels"])
    table = project.read("pyproject.toml").replace('names = ["fast-kernels"]', 'name = "x"')
    project.put("pyproject.toml", table)
    said = project.refused("lock")
    assert "tool.accelock.families.kernels.package[0].name: unknown key; did you mean" in said
