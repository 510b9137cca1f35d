"""A fork stands for a process: nothing of one reaches the next, or shows in what it says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.environments import run, run_accelock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
TELL = """\
import os, sys
print(os.getcwd(), sys.argv[1:], os.environ.get("HOME"), os.environ.get("ONCE"), sys.stdin.read())
print("\u00e9", file=sys.stderr)
import pip._internal.locations
print(pip._internal.locations.USER_CACHE_DIR)
sys.exit(7 if "fail" in sys.argv else None)
"""


def tell(folder: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return warm.run_python(
        ["-m", "tell", *words], cwd=folder, env=env, stdin="in\u00e9", timeout=60
    )


def test_a_fork_says_what_a_process_says(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "tell.py").write_text(TELL, encoding="utf-8")
    for words, more in ((("a", "b c"), {"ONCE": "1"}), (("fail",), {})):
        there = {**env, **more}
        assert warm.can_run(there)
        fork = tell(tmp_path, there, *words)
        done = run(sys.executable, "-m", "tell", *words, cwd=tmp_path, env=there, stdin="in\u00e9")
        assert (fork.returncode, fork.stdout, fork.stderr) == (
            done.returncode, done.stdout, done.stderr,
        )  # fmt: skip
        assert env["XDG_CACHE_HOME"] in fork.stdout


def test_accelock_too(tmp_path: Path, env: dict[str, str]) -> None:
    for words in (["compile", "--help"], ["sync", "--bad"], ["check", "none.txt"]):
        fork = run_accelock(*words, cwd=tmp_path, env=env)
        done = run(sys.executable, "-m", "accelock", *words, cwd=tmp_path, env=env)
        assert (fork.returncode, fork.stdout, fork.stderr) == (
            done.returncode, done.stdout, done.stderr,
        )  # fmt: skip


def test_what_a_process_reads_at_its_start_needs_one(env: dict[str, str]) -> None:
    assert not warm.can_run({**env, "PYTHONHASHSEED": "0"})
    assert not warm.can_run({**env, "LC_ALL": "C", "LANG": "none"})


def test_one_that_hangs_is_ended(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "tell.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run_python(["-m", "tell"], cwd=tmp_path, env=env, stdin="", timeout=0.5)
    (tmp_path / "tell.py").write_text("print(1)", encoding="utf-8")
    assert tell(tmp_path, env).stdout == "1\n"
