"""Labels that name CUDA and torch: the build is that of the target and of the torch beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.poetry.support_site import poetry_site
from tests.support.flash_site import NAME, TABLE, with_flash

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site


def test_torch_goes_with_the_version_that_is_asked_for(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    server = serve(with_flash(poetry_site()))
    more = TABLE.format(url=server.url).replace('flash-attn = "*"', 'flash-attn = "==2.8.3"')
    project = project_at(server).write_pyproject(
        ["torch>=2.5"], table='platforms = ["linux-x86_64", "macos-arm64"]', more=more
    )
    done = project.poetry("lock")
    said = " ".join(done.stderr.split())
    assert "torch 2.7.1 is taken instead of 2.8.0, because flash-attn has no build" in said
    cuda, cpu = project.pins("cu126"), project.pins("cpu")
    assert (cuda["torch"], cuda[NAME]) == ("2.7.1+cu126", "2.8.3+cu.12.6.torch.2.7")
    assert (cpu["torch"], NAME in cpu) == ("2.7.1+cpu", False)
    assert project.pins("cpu", "macos-arm64")["torch"] == "2.7.1"
    (entry,) = [each for each in project.view("cu126") if each["name"] == NAME]
    assert entry["source"]["url"] == f"{server.url}/gpu/simple/cu126"
    project.poetry("accelock", "check")
