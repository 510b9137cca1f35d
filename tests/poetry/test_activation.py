"""What the plugin costs where it has nothing to do, and that it changes nothing there."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.environments import run

if TYPE_CHECKING:
    import subprocess

    from tests.poetry.support_project import Project

pytestmark = pytest.mark.internals

# Ours that read indexes, solve or probe; and theirs that only those need.
HEAVY = (
    "accelock.sources",
    "accelock.hardware",
    "accelock.conda",
    "accelock.commands.context",
    "accelock.commands.check",
    "accelock.hosts.piptools",
    "accelock.locks.markers",
    "accelock.hosts.poetry.supply",
    "accelock.hosts.poetry.repository",
    "accelock.hosts.poetry.solver",
    "accelock.hosts.poetry.install",
    "mousebender",
    "remotezip",
)
LOADED = """\
import sys
from poetry.console.application import main
code = 0
try:
    code = main()
except SystemExit as stopped:
    code = stopped.code
print("LOADED", *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""
LIGHT = (("--version",), ("config", "--list"), ("env", "info"))


@pytest.mark.parametrize("name", HEAVY)
def test_what_is_not_to_be_imported_is_there(name: str) -> None:
    """A module that was renamed would never be found among the imported ones."""
    assert importlib.util.find_spec(name) is not None


def modules(project: Project, *words: str) -> set[str]:
    env = {**project.env, "ACCELOCK_TARGET": "no-such-target"}
    done = run(sys.executable, "-c", LOADED, *words, cwd=project.folder, env=env)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_a_command_that_locks_nothing_costs_nothing(
    project: Project, words: tuple[str, ...]
) -> None:
    project.write_pyproject(targets=("cu126", "rocm6.3"))
    with_us = modules(project, *words)
    alone = modules(project, "--no-plugins", *words)

    assert {name for name in alone if name.startswith("accelock")} == set()
    added = with_us - alone
    assert [name for name in added if name.startswith(HEAVY)] == []
    assert project.server.requests == ()


def test_without_a_table_next_to_nothing_is_imported(project: Project) -> None:
    project.write_pyproject(targets=(), source="")
    added = modules(project, "env", "info") - modules(project, "--no-plugins", "env", "info")

    assert {name for name in added if name.startswith("accelock")} == {
        "accelock",
        "accelock.commands",
        "accelock.hosts",
        "accelock.hosts.poetry",
        "accelock.hosts.poetry.plugin",
    }


# Law 1: without a table both are the same, byte for byte.

COMMANDS = (
    ("lock",),
    ("install",),
    ("add", "h11"),
    ("show", "--tree"),
    ("remove", "tqdm"),
    ("check", "--lock"),
    ("run", "python", "-c", "import torch; print(torch.__version__)"),
    ("install", "--extras", "none"),
)


def test_without_a_table_poetry_is_as_if_we_were_not_there(project: Project) -> None:
    without = session(project, plugins=False)
    ours = session(project, plugins=True)

    for (words, old), (_, new) in zip(without, ours, strict=True):
        assert new == old, words


def session(project: Project, *, plugins: bool) -> list[tuple[tuple[str, ...], object]]:
    """Run all commands in a fresh folder; return what each said and left."""
    for path in (project.folder, project.folder.parent / "home"):
        shutil.rmtree(path, ignore_errors=True)
    project.folder.mkdir()
    project.write_pyproject(["torch", "tqdm<4.67"], targets=(), source="")
    project.make_environment()
    found: list[tuple[tuple[str, ...], object]] = []
    for words in COMMANDS:
        done = project.poetry(*words, code=None, plugins=plugins)
        found.append((words, (said(done), project.files(), project.installed())))
    return found


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, str, list[str]]:
    """Exit code and both outputs, without times and in no order: Poetry installs in parallel."""
    text = re.sub(r"\(\d+\.\d+s\)|\d+\.\d+ seconds", "", done.stdout + done.stderr)
    return done.returncode, "", sorted(text.splitlines())


class TestATableWithoutTargets:
    def test_it_changes_nothing(self, project: Project) -> None:
        project.write_pyproject(["tqdm"], targets=(), source="", more="[tool.accelock]\n")
        project.poetry("lock")
        ours = project.read()
        (project.folder / "poetry.lock").unlink()
        project.poetry("lock", plugins=False)

        assert project.read() == ours


class TestFaultsOfTheTable:
    def test_all_are_named_at_once_and_nothing_is_locked(self, project: Project) -> None:
        project.write_pyproject(targets=("cpu", "cuda12.6"), table='platfroms = ["linux-64"]')

        said = project.refused("lock")
        assert "tool.accelock.targets[1]" in said
        assert "cu126" in said
        assert "platfroms" in said
        assert "pyproject.toml" in said

    @pytest.mark.parametrize("words", LIGHT, ids=" ".join)
    def test_a_command_that_locks_nothing_runs_all_the_same(
        self, project: Project, words: tuple[str, ...]
    ) -> None:
        project.write_pyproject(targets=("no-such-target",))

        project.poetry(*words)

    @pytest.mark.parametrize("table", ['accelock = "cpu"', 'accelock = ["cpu"]'])
    def test_a_table_that_is_none_is_said(self, project: Project, table: str) -> None:
        project.write_pyproject(targets=(), source="", more=f"[tool]\n{table}\n")

        assert "tool.accelock" in project.refused("lock")
