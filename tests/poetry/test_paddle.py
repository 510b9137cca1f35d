"""A plain name that is another one on a GPU, from an index of that GPU's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.poetry.support_site import poetry_site
from tests.support.paddle_site import GPU, table, with_paddle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

SETTINGS = 'allow-downloads = true\nplatforms = ["linux-x86_64", "macos-arm64"]'


def test_each_target_has_its_own(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    server = serve(with_paddle(poetry_site()))
    project = project_at(server).write_pyproject(
        ["paddlepaddle"],
        targets=["cpu", "cu126"],
        table=SETTINGS,
        source="",
        more=f"[tool.accelock.sources]\n{table(server.url)}",
    )
    project.poetry("lock")

    assert project.pins("cpu")["paddlepaddle"] == "3.1.0"
    assert GPU not in project.pins("cpu")
    assert project.pins("cu126")[GPU] == "3.1.0"
    assert "paddlepaddle" not in project.pins("cu126")
    (entry,) = [each for each in project.view("cu126") if each["name"] == GPU]
    assert entry["source"]["url"] == f"{server.url}/packages/stable/cu126"
    project.poetry("accelock", "check")
