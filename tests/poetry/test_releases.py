"""Patch releases of Python, which markers and requires-python may tell apart."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from accelock.targets import PythonVersion
from tests.poetry.support_project import HERE

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

NEXT = PythonVersion(HERE.major, HERE.minor + 1)
HERE_4 = f"{HERE}.4"
LATER = f'python_full_version >= "{HERE_4}"'
EARLIER = f'python_full_version < "{HERE_4}"'
# Not that of the Python that runs these tests.
OTHER = "3.11" if str(HERE) != "3.11" else "3.12"
LINUX = 'platforms = ["linux-x86_64"]'


def torches(project: Project) -> dict[str, str]:
    """Return version -> marker of the locked builds of torch for the processor."""
    return {
        entry["version"]: entry.get("markers", "")
        for entry in project.lock()["package"]
        if entry["name"] == "torch"
    }


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_a_pin_for_later_releases_holds_there(project: Project, target: str) -> None:
    project.write_pyproject([f"torch==2.6.0 ; {LATER}"], table=LINUX, python=f">={HERE},<{NEXT}")
    project.poetry("lock")

    versions = [e["version"] for e in project.view(target) if e["name"] == "torch"]
    assert versions == [f"2.6.0+{target}"]


def test_pins_that_part_within_a_minor_version(project: Project) -> None:
    requires = [f"torch==2.6.0 ; {LATER}", f"torch==2.7.1 ; {EARLIER}"]
    project.write_pyproject(requires, table=LINUX, python=f">={HERE},<{NEXT}").poetry("lock")

    assert {version: HERE_4 in text for version, text in torches(project).items()} == {
        "2.6.0+cpu": True,
        "2.7.1+cpu": True,
    }
    project.poetry("check", "--lock")
    project.poetry("accelock", "check")


@pytest.mark.parametrize("python", ["=={}", ">={},<" + OTHER + ".90", "~={}"])
def test_a_few_releases_of_another_python(project: Project, python: str) -> None:
    """They are not of the Python that runs Poetry, which finds another for the project."""
    release = release_of(f"python{OTHER}")
    if not release:
        pytest.skip(f"there is no python{OTHER} on PATH")
    project.write_pyproject(["torch"], table=LINUX, python=python.format(release)).poetry("lock")

    files = [
        f["file"] for e in project.lock()["package"] if e["name"] == "torch" for f in e["files"]
    ]
    tag = f"cp{OTHER.replace('.', '')}"
    assert files
    assert all(f"-{tag}-" in name for name in files), files


def release_of(command: str) -> str:
    """Return the release of a Python, or nothing where it cannot be run."""
    path = shutil.which(command)
    if path is None:
        return ""
    words = (path, "-c", "import platform; print(platform.python_version())")
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
