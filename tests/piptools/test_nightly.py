"""Nightly builds: pre-releases, whose compiler is labelled by a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.nightly_site import nightly_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.piptools.support_project import Project

pytestmark = pytest.mark.internals

PLATFORMS = ("--platform=linux-x86_64", "--platform=windows-x86_64")


@pytest.fixture(scope="module")
def nights() -> Iterator[IndexServer]:
    with IndexServer(nightly_site()) as server:
        yield server


@pytest.fixture
def project(nights: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    return project_at(nights)


def sourced(server: IndexServer) -> str:
    return f"--source=pytorch={server.url}/whl/nightly/{{target}}"


def test_the_newest_night(project: Project, nights: IndexServer) -> None:
    project.write(requirements_in="torch\ntorchvision\n")
    project.compile("-q", "--pre", "-t", "cpu", "-t", "cu128", *PLATFORMS, sourced(nights))

    cuda = project.pins("requirements.cu128.txt")
    assert cuda["torch"] == "2.9.0.dev20250802+cu128"
    assert cuda["torchvision"] == "0.24.0.dev20250802+cu128"
    assert cuda["pytorch-triton"] == "3.4.0+gitf7888497"
    cpu = project.pins("requirements.cpu.txt")
    assert cpu["torch"] == "2.9.0.dev20250802+cpu"
    assert "pytorch-triton" not in cpu


def test_the_compiler_of_that_night(project: Project, nights: IndexServer) -> None:
    """Two nights' compilers have one public version, and the newer one is the higher."""
    project.write(requirements_in="torch==2.9.0.dev20250731\n")
    project.compile("-q", "-t", "cu128", "--platform=linux-x86_64", sourced(nights))

    assert project.pins()["pytorch-triton"] == "3.4.0+git0011aa22"


def test_the_next_night(project: Project, nights: IndexServer) -> None:
    words = ("-q", "--pre", "-t", "cu128", "--platform=linux-x86_64", sourced(nights))
    project.write(requirements_in="torch==2.9.0.dev20250731\n").compile(*words)
    project.write(requirements_in="torch\n").compile(*words)
    assert project.pins()["pytorch-triton"] == "3.4.0+git0011aa22"

    project.compile(*words, "--upgrade-package=torch")

    assert project.pins()["torch"] == "2.9.0.dev20250802+cu128"
    assert project.pins()["pytorch-triton"] == "3.4.0+gitf7888497"
