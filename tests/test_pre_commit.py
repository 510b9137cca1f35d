"""The hook for pre-commit: its command exists, and runs when one of our files is committed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support.environments import isolated_env, run

HOOKS = Path(__file__).parent.parent / ".pre-commit-hooks.yaml"


def field(name: str) -> str:
    found = re.search(rf"^[- ] {name}: (.*)$", HOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize(
    "name",
    [
        "poetry.lock",
        "pyproject.toml",
        "requirements.txt",
        "service/requirements.cu126.txt",
        "requirements/dev.in",
        "environment.yml",
        "environment-cpu-dev.yml",
        "conda-cu126-lock.yml",
        "conda-cpu-linux-64.txt",
        "pixi.lock",
        "pylock.cu126.toml",
    ],
)
def test_files_that_it_is_for(name: str) -> None:
    assert re.search(field("files"), name)


@pytest.mark.parametrize(
    "name", ["README.md", "mypoetry.lock", "requirements/x.py", "a.lock", "docker.yml"]
)
def test_files_that_it_is_not_for(name: str) -> None:
    assert not re.search(field("files"), name)


def test_its_command_fails_where_something_is_wrong(tmp_path: Path) -> None:
    words = field("entry").split()
    assert words[0] == "accelock"
    (tmp_path / "pyproject.toml").write_text('[tool.poetry]\n[tool.accelock]\ntargets = ["cpu"]\n')
    env = isolated_env(tmp_path / "home")
    done = run(sys.executable, "-m", *words, cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "poetry.lock: error: " in done.stdout
