"""`poetry accelock pylock`: poetry.lock's targets as pylock files, for those without Poetry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from accelock import toml
from tests.poetry.support_project import on_linux
from tests.support.environments import fresh_venv, run
from tests.support.pylocks import UV, needs_packaging, pip_reads_pylock, same_in_every_cell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.poetry.support_project import Project

pytestmark = needs_packaging


@pytest.fixture
def written(copy: Project) -> Project:
    done = copy.poetry("accelock", "pylock")
    assert done.stdout == "pylock.cpu.toml written\npylock.cu126.toml written\n"
    assert copy.server.bodies() == ()
    return copy


def test_each_cell_is_the_same_as_of_poetry_lock(written: Project) -> None:
    assert same_in_every_cell(written.folder) > 0


def test_one_file_has_all_targets(written: Project) -> None:
    written.poetry("accelock", "pylock", "-o", "pylock.toml")
    assert same_in_every_cell(written.folder, together="pylock.toml") > 0
    assert "pylock.toml" in written.poetry("accelock", "check").stdout


def test_a_second_run_writes_the_same_bytes(written: Project) -> None:
    before = written.files()
    written.poetry("accelock", "pylock")
    assert written.files() == before


def test_check_tells_a_stale_one(written: Project) -> None:
    assert "pylock.cu126.toml" in written.poetry("accelock", "check").stdout
    written.poetry("add", "--lock", "six")
    done = written.poetry("accelock", "check", code=1)
    assert done.stdout.count("it is stale: poetry.lock changed after it was made") == 2


def test_only_a_group(copy: Project) -> None:
    copy.poetry("add", "--lock", "--group", "dev", "six")
    copy.poetry("accelock", "pylock", "--only", "main", "-t", "cpu", "-o", "pylock.toml")
    names = {each["name"] for each in toml.loads(copy.read("pylock.toml"))["packages"]}
    assert "torch" in names
    assert "six" not in names
    copy.poetry("accelock", "pylock", "-t", "cpu", "-o", "pylock.toml")
    names = {each["name"] for each in toml.loads(copy.read("pylock.toml"))["packages"]}
    assert {"torch", "six"} <= names


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_it_installs_without_poetry(written: Project, tmp_path: Path, tool: str) -> None:
    home = tmp_path / "bare"
    home.mkdir()
    venv = fresh_venv(home / "venv", written.env)
    file = str(written.folder / "pylock.cu126.toml")
    if tool == "uv":
        if UV is None:
            pytest.skip("uv is not installed here")
        words = [UV, "pip", "sync", "--python", str(venv.python), file]
    else:
        if not pip_reads_pylock():
            pytest.skip("this pip reads no pylock files")
        pip = [sys.executable, "-m", "pip", "--python", str(venv.python)]
        words = [*pip, "install", "--no-deps", "-r", file]
    done = run(*words, cwd=home, env=written.env)
    assert done.returncode == 0, done.stdout + done.stderr
    found = list(venv.path.glob("lib/python*/site-packages/torch-2*"))
    assert [path.name for path in found if "+cu126" in path.name]
