"""Labels that name CUDA and torch: the build is that of the target and of the torch beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.flash_site import NAME, TABLE, with_flash
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

HEAD = """\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64", "macos-arm64"]
"""


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_flash(pytorch_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    made = project_at(server).write(requirements_in="torch\n")
    return made.write(pyproject_toml=HEAD + TABLE.format(url=server.url))


def test_each_target_has_the_build_for_its_torch(project: Project, server: IndexServer) -> None:
    project.compile("-q", "--generate-hashes", "--allow-unsafe")
    cuda, cpu = project.pins("requirements.cu126.txt"), project.pins("requirements.cpu.txt")
    assert (cuda["torch"], cuda[NAME]) == ("2.8.0+cu126", "2.7.4+cu.12.6.torch.2.8")
    assert (cpu["torch"], NAME in cpu) == ("2.8.0+cpu", False)
    line = f"--extra-index-url {server.url}/gpu/simple/cu126"
    assert line in project.read("requirements.cu126.txt").splitlines()
    done = project.accelock("check")
    assert done.returncode == 0, done.stdout


def test_torch_goes_with_a_version_that_is_asked_for(project: Project) -> None:
    table = project.read("pyproject.toml").replace('flash-attn = "*"', 'flash-attn = "==2.8.3"')
    project.write(pyproject_toml=table)
    done = project.compile("-q")
    assert "torch 2.7.1 is taken instead of 2.8.0, because flash-attn has no build" in done.stderr
    assert project.pins("requirements.cu126.txt")[NAME] == "2.8.3+cu.12.6.torch.2.7"
    assert project.pins("requirements.cpu.txt", "macos-arm64")["torch"] == "2.7.1"


def test_a_target_without_such_a_label_has_no_build(project: Project) -> None:
    project.write(requirements_in=f"torch\n{NAME}\n")
    said = project.refused("-q", "-t", "cpu")
    assert "of the releases of torch that flash-attn is built for" in said
