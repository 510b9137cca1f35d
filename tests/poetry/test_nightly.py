"""Nightly builds: pre-releases, whose compiler is labelled by a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import HERE
from tests.support.nightly_site import nightly_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.poetry.support_project import Project

SOURCE = "{url}/whl/nightly/{{target}}"
PLATFORMS = 'platforms = ["linux-x86_64", "windows-x86_64"]\nallow-downloads = true'


@pytest.fixture(scope="module")
def nights() -> Iterator[IndexServer]:
    with IndexServer(nightly_site()) as server:
        yield server


@pytest.mark.parametrize(
    ("torch", "triton"),
    [("2.9.0.dev20250802", "3.4.0+gitf7888497"), ("2.9.0.dev20250731", "3.4.0+git0011aa22")],
)
def test_a_night_with_its_compiler(
    nights: IndexServer, project_at: Callable[[IndexServer], Project], torch: str, triton: str
) -> None:
    project = project_at(nights)
    project.write_pyproject(
        [f"torch=={torch}", "torchvision>=0.24.0.dev0"],
        targets=("cpu", "cu128"),
        source=SOURCE,
        table=PLATFORMS,
        python=f"~={HERE}.0",
    )
    project.poetry("lock")
    first = project.read()

    assert project.pins("cu128")["torch"] == f"{torch}+cu128"
    assert project.pins("cu128")["pytorch-triton"] == triton
    assert "pytorch-triton" not in project.pins("cpu")
    project.poetry("lock")
    assert project.read() == first
