"""torch for rocm7.14, which asks for ROCm: an sdist and wheels, from an index of AMD's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.rocm_site import AMD, PINS, TARGET, rocm_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.poetry.support_project import Project

SOURCE = '[[tool.poetry.source]]\nname = "amd"\nurl = "{url}"\npriority = "supplemental"\n'


@pytest.fixture(scope="module")
def site() -> Iterator[IndexServer]:
    with IndexServer(rocm_site()) as server:
        yield server


@pytest.fixture
def project(site: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    return project_at(site)


def test_rocm_is_locked_from_amds_index(project: Project, site: IndexServer) -> None:
    more = SOURCE.format(url=f"{site.url}{AMD}")
    project.write_pyproject(["torch"], targets=[TARGET], table="allow-downloads = true", more=more)
    project.poetry("lock")
    assert project.pins(TARGET) == {**PINS, "filelock": "3.18.0"}
