"""`poetry accelock check`, and `accelock check` in the same folder: the same findings."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.environments import run

if TYPE_CHECKING:
    from tests.poetry.support_project import Project


HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"


def alone(project: Project, *words: str) -> tuple[int, str]:
    """What `accelock check` says, which never imports Poetry."""
    done = run(
        sys.executable, "-m", "accelock", "check", *words, cwd=project.folder, env=project.env
    )
    return done.returncode, done.stdout


def hook(project: Project) -> tuple[int, str]:
    """What the hook for pre-commit says: its entry, as its file has it."""
    (entry,) = re.findall(r"^  entry: (.+)$", HOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    command, *words = entry.split()
    done = run(sys.executable, "-m", command, *words, cwd=project.folder, env=project.env)
    return done.returncode, done.stdout


def test_a_fresh_lock(copy: Project) -> None:
    done = copy.poetry("accelock", "check")
    assert done.stdout == "1 file checked (poetry.lock): fresh and complete\n"
    assert alone(copy) == (0, done.stdout)
    assert copy.server.requests == ()


@pytest.mark.parametrize("words", [("lock", "--regenerate"), ("update", "--lock")], ids=" ".join)
def test_a_lock_of_a_poetry_without_the_plugin(copy: Project, words: tuple[str, ...]) -> None:
    copy.poetry(*words, plugins=False)
    done = copy.poetry("accelock", "check", code=1)
    assert "poetry.lock: error: it has no targets" in done.stdout
    assert "torch 2.6.0" in done.stdout
    assert alone(copy) == hook(copy) == (1, done.stdout)

    copy.poetry("lock")
    copy.poetry("accelock", "check")
    assert hook(copy)[0] == 0


@pytest.mark.parametrize("words", [("lock",), ("add", "--lock", "six")], ids=" ".join)
def test_such_a_poetry_is_loud_where_it_keeps_what_is_locked(
    copy: Project, words: tuple[str, ...]
) -> None:
    before = copy.files()
    said = copy.poetry(*words, plugins=False, code=1).stderr
    missing = 'Repository "accelock-pytorch-cpu" does not exist'
    assert missing in said or "Package torch (2.6.0+cpu) not found" in said  # Poetry 2.0
    assert copy.files() == before


def test_a_changed_table(copy: Project) -> None:
    copy.replace("'cu126'", "'cu118'")
    done = copy.poetry("accelock", "check", code=1)
    assert "[stale]" in done.stdout
    assert hook(copy) == (1, done.stdout)


@pytest.mark.parametrize("word", ["'cu126'", "'cpu', 'cu126'"])
def test_a_faulty_table(copy: Project, word: str) -> None:
    copy.replace(word, "'cuda'")
    said = copy.refused("accelock", "check")
    assert "tool.accelock.targets" in said


def test_as_json(copy: Project) -> None:
    copy.replace('drop = ["torch"]', "drop = []", "poetry.lock")
    document = json.loads(copy.poetry("accelock", "check", "--json", code=1).stdout)
    assert document["files"] == ["poetry.lock"]
    assert [found["code"] for found in document["findings"]] == ["damaged"]
    assert "[accelock.cu126]" in document["findings"][0]["what"]


def test_from_a_folder_below_and_from_outside(copy: Project) -> None:
    copy.put("src/app/__init__.py", "")
    done = run(
        *(sys.executable, "-m", "poetry", "accelock", "check"),
        cwd=copy.folder / "src" / "app",
        env=copy.env,
    )
    assert done.stdout == "1 file checked (poetry.lock): fresh and complete\n"
    done = run(
        *(sys.executable, "-m", "poetry", "-P", copy.folder, "accelock", "check"),
        cwd=copy.folder.parent,
        env=copy.env,
    )
    assert done.stdout == "1 file checked (poetry.lock): fresh and complete\n"


def test_no_lock(project: Project) -> None:
    project.write_pyproject()
    said = project.poetry("accelock", "check", code=1).stdout
    assert "there is no poetry.lock [no-file]; run: poetry lock" in said


def test_no_table(project: Project) -> None:
    project.write_pyproject(targets=(), source="").poetry("lock")
    project.poetry("accelock", "check")
