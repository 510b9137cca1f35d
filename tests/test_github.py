"""What GitHub and pre-commit read of this repository: the action that relocks, and the forms."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.environments import isolated_env, run

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra conda")

TOP = Path(__file__).parents[1]
ACTION = TOP / ".github" / "actions" / "relock" / "action.yml"
# Stands for the tools that the action installs: says what it was asked for, and locks.
TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> "$LOG"
[ "$(basename "$0") $1" = "accelock check" ] || echo new > lock.txt
"""


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def step(name: str) -> str:
    (found,) = (each for each in read(ACTION)["runs"]["steps"] if each.get("name") == name)
    assert found["shell"] == "bash"
    return str(found["run"])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a lock that a bot has changed, and the tools of the action on PATH."""
    for name in ("accelock", "poetry"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(TOOL, encoding="utf-8")
        tool.chmod(0o755)
    who = "git config user.name a && git config user.email a@example.org"
    commit = "git add . && git commit -qm Bump && git push -q -u origin HEAD"
    sh("git init -q --bare origin.git && git clone -q origin.git clone", tmp_path)
    sh(f"cd clone && {who} && echo old > lock.txt && {commit}", tmp_path)
    return tmp_path / "clone"


def sh(script: str, folder: Path, **variables: str) -> str:
    """Run a step as GitHub does on Linux: bash -e."""
    top = next(p for p in (folder, *folder.parents) if (p / "bin" / "poetry").exists())
    env = isolated_env(top / "home", LOG=str(top / "log"), **variables)
    env["PATH"] = f"{top / 'bin'}:{env['PATH']}"
    done = run("bash", "-e", "-o", "pipefail", "-c", script, cwd=folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


needs_git = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("git") is None, reason="git and bash"
)


@needs_git
@pytest.mark.parametrize(
    ("files", "asked"),
    [
        ("a.in b.in", ["accelock compile --quiet a.in", "accelock compile --quiet b.in"]),
        ("", ["poetry lock"]),
    ],
)
def test_the_action_locks_and_checks(files: str, asked: list[str], clone: Path) -> None:
    sh(step("lock"), clone, FILES=files)
    log = (clone.parent / "log").read_text(encoding="utf-8").splitlines()
    assert log == [*asked, "accelock check"]


@needs_git
def test_the_action_pushes_what_changed_and_no_more(clone: Path) -> None:
    for _ in range(2):
        sh(step("lock"), clone, FILES="")
        sh(step("push"), clone)
    log = sh("git -C ../origin.git log --format=%s --all", clone)
    assert log.splitlines() == ["Lock all targets", "Bump"]


def test_the_action_installs_the_accelock_that_it_is_of() -> None:
    (path,) = re.findall(r'"\$GITHUB_ACTION_PATH/([./]+)\[pip-tools\]"', step("install"))
    assert (ACTION.parent / path / "pyproject.toml").resolve() == TOP / "pyproject.toml"


def test_the_form_for_bugs_asks_for_the_diagnosis() -> None:
    form = read(TOP / ".github" / "ISSUE_TEMPLATE" / "bug.yml")
    labels = {each["id"]: each["attributes"]["label"] for each in form["body"]}
    assert labels["doctor"] == "accelock doctor --json"
    assert all(each["type"] in {"input", "textarea"} for each in form["body"])


def test_pre_commit_runs_the_ruff_of_tox() -> None:
    (wanted,) = re.findall(r"^deps = (ruff==\S+)$", (TOP / "tox.ini").read_text(), re.MULTILINE)
    (repo,) = read(TOP / ".pre-commit-config.yaml")["repos"]
    assert {tuple(hook["additional_dependencies"]) for hook in repo["hooks"]} == {(wanted,)}
