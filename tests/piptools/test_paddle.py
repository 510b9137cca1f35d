"""A plain name that is another one on a GPU, from an index of that GPU's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import lines_of
from tests.support.paddle_site import GPU, table, with_paddle
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

PLATFORMS = ("--platform=linux-x86_64", "--platform=macos-arm64", "--python-version=3.11")


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_paddle(pytorch_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    made = project_at(server).write(requirements_in="paddlepaddle\n")
    return made.write(pyproject_toml=f"[tool.accelock.sources]\n{table(server.url)}")


def own(project: Project, file: str) -> list[str]:
    return [line for line in lines_of(project.read(file)) if line.startswith("paddle")]


def test_each_target_has_its_own(project: Project, server: IndexServer) -> None:
    words = ("-t", "cpu", "-t", "cu118", "-t", "cu126")
    done = project.compile("-q", "--strip-extras", *words, *PLATFORMS)

    assert own(project, "requirements.cpu.txt") == ["paddlepaddle==3.1.0"]
    for target in ("cu118", "cu126"):
        (line,) = own(project, f"requirements.{target}.txt")
        assert line.startswith(f"{GPU} @ {server.url}/paddle-whl/{target}/paddlepaddle_gpu-3.1.0-")
        assert project.pins(f"requirements.{target}.txt")["tqdm"]
    assert all(project.hashes("requirements.cpu.txt").values())
    assert "requirements.cu126.txt has no hashes" in done.stderr
    assert server.bodies_of_wheels() == ()
    assert project.accelock("check").returncode == 0


def test_pip_installs_what_is_written(project: Project, server: IndexServer) -> None:
    project.compile("-q", "-t", "cu126", *PLATFORMS)
    words = ("-m", "pip", "download", "-q", "--no-deps", "-d", "got", "-r", "requirements.txt")
    done = project.python(*words)
    assert done.returncode == 0, done.stderr
    (found,) = (project.folder / "got").glob("paddle*")
    files = server.site.index("/packages/stable/cu126").projects[GPU]
    assert found.read_bytes() == files[0].distribution.content
