"""A server that all tests of a process share, and Poetry projects that lead to it."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import Project, new_project
from tests.poetry.support_site import poetry_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def _poetry() -> None:
    """Skip the tests of this folder where there is no Poetry to be a plugin of."""
    if importlib.util.find_spec("poetry") is None:
        pytest.skip("Poetry is not installed here; tox's poetry-* environments have it")


@pytest.fixture(scope="session")
def shared() -> Iterator[IndexServer]:
    """The PyTorch-like and PyPI-like site, served once for all tests that do not change it."""
    with IndexServer(poetry_site()) as server:
        yield server


@pytest.fixture
def index(shared: IndexServer) -> IndexServer:
    """The shared server, with nothing asked of it yet."""
    shared.reset()
    return shared


@pytest.fixture
def project_at(tmp_path: Path) -> Callable[[IndexServer], Project]:
    """Make an empty project folder that leads to a server."""
    return lambda server: new_project(tmp_path, server)


@pytest.fixture
def project(index: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    """An empty project folder that leads to the shared server."""
    return project_at(index)


@pytest.fixture(scope="module")
def locked(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that requires torch, locked for cpu and cu126; no test may change it."""
    project = new_project(tmp_path_factory.mktemp("locked"), shared)
    project.write_pyproject()
    project.poetry("lock")
    return project


@pytest.fixture
def copy(locked: Project, tmp_path: Path, index: IndexServer) -> Project:
    """A copy of the locked project, for a test that changes or installs it."""
    return locked.copied(new_project(tmp_path, index))
