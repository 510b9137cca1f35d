"""What a run replaces in pip and pip-tools is put back, whatever happens."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from accelock.hosts.piptools.patches import Patches
from tests.support.environments import run

if TYPE_CHECKING:
    from tests.piptools.support_project import Project

pytestmark = pytest.mark.internals


def test_all_is_put_back_in_reverse_order() -> None:
    owner = SimpleNamespace(name="first", call=lambda: 1)
    original = owner.call
    with Patches() as patches:
        patches.replace(owner, "name", "second")
        patches.replace(owner, "name", "third")
        patches.wrap(owner, "call", lambda old: lambda: old() + 1)
        assert owner.name == "third"
        assert owner.call() == 2

    assert owner.name == "first"
    assert owner.call is original


def test_after_an_error_too() -> None:
    owner = SimpleNamespace(name="first")

    def fail() -> None:
        with Patches() as patches:
            patches.replace(owner, "name", "second")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert owner.name == "first"


FAILS = """\
import piptools.scripts.compile as compile_module
from accelock.hosts.piptools import calling
from pip._internal.operations import prepare

before = vars(compile_module).copy()
del prepare._get_prepared_distribution
try:
    with calling.installed(None):
        print("inside")
except AttributeError as error:
    print(error.name, vars(compile_module) == before)
"""


def test_after_a_replacement_that_cannot_be_made(project: Project) -> None:
    done = run(sys.executable, "-c", FAILS, cwd=project.folder, env=project.env)

    assert done.stdout.split() == ["_get_prepared_distribution", "True"], done.stderr


RUNS = """\
import sys
from accelock.cli import main

for words in {runs!r}:
    print(main(["compile", "--quiet", *words]), flush=True)
"""


def test_runs_in_one_process_do_not_know_of_each_other(project: Project) -> None:
    """A run for a Mac that fails, one that works, and then plain pip-compile."""
    project.write(requirements_in="tqdm\ntorch==2.8.0\n", plain_in="tqdm\ntorchvision\n")
    mac = ["--platform=macos-arm64", "-t", "cpu", "-o", "mac.txt", "requirements.in"]
    runs = [
        ["--platform=macos-arm64", "-t", "cpu", "-P", "torch==99", "requirements.in"],
        mac,
        ["plain.in"],
        ["--platform=win-64", "-t", "cpu", "-o", "windows.txt", "requirements.in"],
    ]
    code = RUNS.format(runs=runs)
    done = run(sys.executable, "-c", code, cwd=project.folder, env=project.env)

    assert done.stdout.split() == ["1", "0", "0", "0"], done.stderr
    assert project.pins("mac.txt", "macos-arm64")["torch"] == "2.8.0"
    assert "colorama" in project.pins("windows.txt", "windows-x86_64")
    ours = project.read("plain.txt")
    (project.folder / "plain.txt").unlink()
    assert project.pip_compile("--quiet", "plain.in").returncode == 0
    assert ours == project.read("plain.txt")
