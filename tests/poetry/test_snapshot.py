"""The real PyTorch indexes, as a snapshot has them, with real PyPI beside them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from tests.poetry.support_project import Project, new_project
from tests.support.environments import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import IndexServer
    from tests.support.snapshot import SnapshotServer

pytestmark = [pytest.mark.snapshot, pytest.mark.slow]
TARGETS = ("cpu", "cu118", "cu126", "rocm6.3")
# Poetry's built-in access to PyPI wants its JSON API; as a source it is an index like any other.
DEFAULT_INDEX = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


def test_one_lock_for_four_targets(
    snapshot: SnapshotServer, index: IndexServer, tmp_path: Path
) -> None:
    project = new_project(tmp_path, index)
    url = run(sys.executable, "-c", DEFAULT_INDEX, cwd=tmp_path, env=project.env).stdout.strip()
    project.write_pyproject(
        ["torch", "torchvision", "sentence-transformers"],
        targets=TARGETS,
        source=snapshot.source.replace("{", "{{").replace("}", "}}"),
    )
    project.replace(f"{index.url}/simple", url)

    project.poetry("lock")
    first = project.read()
    assert snapshot.stats()["wheel_attempts"] == 0
    project.poetry("check", "--lock")

    assert {public(project, target, "torch") for target in TARGETS} == {"2.7.1"}
    assert len({public(project, target, "torchvision") for target in TARGETS}) == 1
    for target in TARGETS:
        assert project.pins(target)["torch"] == f"2.7.1+{target}"
    assert not any(name.startswith("nvidia") for name in project.pins("cpu"))
    assert sum(name.startswith("nvidia") for name in project.pins("cu126")) > 10
    assert project.pins("cpu", "macos-arm64")["torch"] == "2.7.1"

    project.poetry("lock")
    assert project.read() == first
    (project.folder / "poetry.lock").unlink()
    project.poetry("lock", ACCELOCK_TARGET="cu126")
    assert project.read() == first
    assert snapshot.stats()["wheel_attempts"] == 0


def public(project: Project, target: str, name: str) -> str:
    return Version(project.pins(target)[name]).public
