"""A server that all tests of a process share, and project folders that lead to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import Project
from tests.support.environments import isolated_env
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def shared() -> Iterator[IndexServer]:
    """The PyTorch-like and PyPI-like site, served once for all tests that do not change it."""
    with IndexServer(pytorch_site()) as server:
        yield server


@pytest.fixture
def index(shared: IndexServer) -> IndexServer:
    """The shared server, with nothing asked of it yet."""
    shared.reset()
    return shared


@pytest.fixture
def project_at(tmp_path: Path) -> Callable[[IndexServer], Project]:
    """Make a project folder that leads to a server."""

    def make(server: IndexServer) -> Project:
        folder = tmp_path / "project"
        folder.mkdir()
        return Project(folder, environment(tmp_path / "home", server))

    return make


@pytest.fixture
def project(index: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    """An empty project folder that leads to the shared server."""
    return project_at(index)


def environment(home: Path, server: IndexServer) -> dict[str, str]:
    return isolated_env(
        home,
        PIP_INDEX_URL=f"{server.url}/simple",
        ACCELOCK_SOURCE_PYTORCH=f"{server.url}/whl/{{target}}",
    )
