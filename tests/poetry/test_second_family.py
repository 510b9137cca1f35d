"""A family of another layout is one data file: the plugin knows the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.poetry.support_site import poetry_site
from tests.support.second_family import NAME, accelock_with_it, with_it

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site


def test_it_is_locked_for_each_target(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    tmp_path: Path,
) -> None:
    server = serve(with_it(poetry_site()))
    more = f'[tool.accelock.sources]\n{NAME} = "{server.url}/fused/whl/{{target}}"\n'
    table = 'platforms = ["linux-x86_64"]'
    project = project_at(server).write_pyproject(
        [NAME, "tqdm"], targets=["cpu", "cu124"], table=table, source="", more=more
    )
    project.poetry("lock", PYTHONPATH=str(accelock_with_it(tmp_path / "copy")))

    for target in ("cpu", "cu124"):
        assert project.pins(target)[NAME] == "0.3.1"
        (entry,) = [each for each in project.view(target) if each["name"] == NAME]
        assert entry["source"]["url"] == f"{server.url}/fused/whl/{target}"
        index = server.site.index(f"/fused/whl/{target}").projects[NAME]
        own = {f.distribution.hash for f in index if f.distribution.version == "0.3.1"}
        assert {file["hash"] for file in entry["files"]} == own
