"""What somebody sees of a lock that takes its time: on a terminal, off it, and with -q."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_site import poetry_site
from tests.support.server import IndexServer
from tests.support.terminal import run_on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.poetry.support_project import Project

pytestmark = pytest.mark.internals

TWO = 'platforms = ["linux-x86_64", "macos-arm64"]'


@pytest.fixture(scope="module")
def slow() -> Iterator[IndexServer]:
    """A server that takes half a second for each page of PyPI: torch has ten of them."""
    with IndexServer(poetry_site().configured("/simple", delay=0.5)) as server:
        yield server


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
class TestOnATerminal:
    def test_a_line_moves(
        self, slow: IndexServer, project_at: Callable[[IndexServer], Project]
    ) -> None:
        project = project_at(slow).write_pyproject(targets=("cpu",), table=TWO)
        code, shown = run_on_terminal("poetry", "lock", cwd=project.folder, env=project.env)

        assert code == 0, shown
        drawn = [each for each in shown.split("\r\x1b[K") if each.startswith("  ")]
        lines = {each for each in drawn if each.startswith("  cpu, linux: ")}
        assert len(lines) > 1
        assert any("packages seen, " in each for each in lines)
        assert not any("\n" in each for each in drawn)
        assert "Resolving cpu, linux (1/2)\r\n" in shown

    def test_not_with_q(
        self, slow: IndexServer, project_at: Callable[[IndexServer], Project]
    ) -> None:
        project = project_at(slow).write_pyproject(targets=("cpu",), table=TWO)
        code, shown = run_on_terminal("poetry", "lock", "-q", cwd=project.folder, env=project.env)

        assert (code, shown) == (0, "")
        assert "torch" in project.pins("cpu")


def test_off_a_terminal_each_group_has_a_line(project: Project) -> None:
    said = project.write_pyproject(targets=("cpu",), table=TWO).poetry("lock").stderr

    assert "Resolving cpu, linux (1/2)\nResolving cpu, macos (2/2)\n" in said
    assert "\r" not in said


def test_quiet_is_quiet(project: Project) -> None:
    done = project.write_pyproject(targets=("cpu",), table=TWO).poetry("lock", "-q")

    assert (done.stdout, done.stderr) == ("", "")
