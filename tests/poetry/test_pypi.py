"""PyPI as Poetry has it built in: its own JSON, in a project that names no source at all."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.poetry.support_project import Project, new_project, on_linux
from tests.poetry.support_site import poetry_site
from tests.support.proxy import Proxy
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.internals, pytest.mark.smoke]

PYTORCH = "download.pytorch.org"
PYPROJECT = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.10,<3.14"
dependencies = ["torch>=2.5,<2.8.1", "torchvision", "sentence-transformers"]

[tool.poetry]
package-mode = false

[tool.accelock]
targets = ["cpu", "cu126"]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IndexServer, Proxy]]:
    """PyPI and PyTorch's indexes, under their own names."""
    # pip knows PyPI's name; so that it need not be written here. On Python 3.10 setuptools warns of
    # that import, where some other test has imported distutils.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pip._internal.models.index import PyPI  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("world")
    hosts = (PYTORCH, urlsplit(PyPI.simple_url).hostname or "")
    # PyPI's links are absolute, and Poetry 2.0.1 knows no others there.
    site = poetry_site().configured("/simple", links="absolute")
    with IndexServer(site) as server, Proxy(hosts, server.port, folder) as proxy:
        yield server, proxy


@pytest.fixture
def project(world: tuple[IndexServer, Proxy], tmp_path: Path) -> Project:
    server, proxy = world
    server.reset()
    made = new_project(tmp_path, server)
    made.put("pyproject.toml", PYPROJECT)
    return Project(made.folder, {**made.env, **proxy.variables}, server)


@pytest.mark.slow
class TestBuiltInPyPI:
    def test_a_lock_names_the_real_indexes(self, project: Project) -> None:
        done = project.poetry("lock")
        torch = [entry for entry in project.view("cu126") if entry["name"] == "torch"]

        assert "source" not in next(e for e in project.view("cu126") if e["name"] == "tqdm")
        assert {e["source"]["url"] for e in torch if "+" in e["version"]} == {
            f"https://{PYTORCH}/whl/cu126"
        }
        assert not [each for each in project.server.bodies() if "/whl/" in each.path], done.stdout
        before = project.files()
        project.poetry("lock")
        assert project.files() == before

    @on_linux
    def test_each_target_installs(self, project: Project) -> None:
        project.poetry("lock")
        for target in ("cpu", "cu126", "cpu"):
            # Poetry itself never removes setuptools, which cu126's triton requires.
            installed, pins = project.install(target=target), project.pins(target)
            assert {**installed, **pins} == installed
            assert installed.keys() - pins.keys() <= {"setuptools"}
