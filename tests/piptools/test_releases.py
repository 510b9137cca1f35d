"""Patch releases of Python, which the markers of an input may tell apart."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.piptools.support_project import Project

pytestmark = pytest.mark.python

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
PATCH = sys.version_info[2]
WORDS = ("-t", "cpu", "--platform=linux-x86_64", "--platform=macos-arm64")


def test_a_marker_that_is_true_on_this_release_is_kept(project: Project) -> None:
    """The line is for this release, as pip-compile's own is: it must not be said of all."""
    marker = f'python_full_version >= "{HERE}.{PATCH}"'
    project.put("requirements.in", f"torch==2.6.0 ; {marker}\n")
    project.compile(*WORDS)

    lines = [line for line in project.lines() if line.startswith("torch==")]
    assert len(lines) == 2
    assert all(marker in line for line in lines), lines


class TestForAnotherPython:
    """Such a file is resolved for the first release of that Python."""

    @pytest.mark.parametrize("name", ["torch", "six"])
    def test_what_later_releases_alone_want_is_refused(self, project: Project, name: str) -> None:
        project.put("requirements.in", f'{name} ; python_full_version >= "{HERE}.4"\n')

        said = project.refused(*WORDS, f"--python-version={HERE}")
        assert f"-r requirements.in (line 1): {name} ; python_full_version" in said
        assert f"not for {HERE}.0" in said

    def test_what_the_first_wants_is_kept_with_its_marker(self, project: Project) -> None:
        marker = f'python_full_version < "{HERE}.4"'
        project.put("requirements.in", f"torch==2.6.0 ; {marker}\n")
        project.compile(*WORDS, f"--python-version={HERE}")

        assert all(marker in line for line in project.lines() if line.startswith("torch=="))

    def test_a_constraint_asks_for_nothing(self, project: Project) -> None:
        project.put("requirements.in", "torch\n-c constraints.txt\n")
        project.put("constraints.txt", f'torch<2.7 ; python_full_version >= "{HERE}.4"\n')
        project.compile(*WORDS, f"--python-version={HERE}")

    def test_nor_does_another_python(self, project: Project) -> None:
        project.put("requirements.in", 'torch\nsix ; python_full_version < "3.8.4"\n')
        project.compile(*WORDS, f"--python-version={HERE}")
