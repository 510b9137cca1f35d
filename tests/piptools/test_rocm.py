"""torch for rocm7.14, which asks for ROCm: an sdist and wheels, from an index of AMD's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.rocm_site import AMD, PINS, TARGET, rocm_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.piptools.support_project import Project

WORDS = ("-q", "-t", TARGET, "--strip-extras", "--allow-unsafe")


@pytest.fixture(scope="module")
def site() -> Iterator[IndexServer]:
    with IndexServer(rocm_site()) as server:
        yield server


@pytest.fixture
def project(site: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    return project_at(site)


@pytest.mark.parametrize("hashes", [(), ("--generate-hashes", "--allow-downloads")])
def test_rocm_is_locked_from_amds_index(
    project: Project, site: IndexServer, hashes: tuple[str, ...]
) -> None:
    project.write(requirements_in=f"--extra-index-url {site.url}{AMD}\ntorch\n")
    project.compile(*WORDS, *hashes)
    assert project.pins() == {**PINS, "filelock": "3.18.0"}
    assert f"--extra-index-url {site.url}{AMD}\n" in project.read()


def test_without_that_index_nothing_is_locked(project: Project) -> None:
    project.write(requirements_in="torch\n")
    assert "No matching distribution found for rocm" in project.refused(*WORDS)
