from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from tests.support.environments import fresh_venv, isolated_env, run, run_accelock
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.snapshot import SnapshotServer


def test_settings_of_this_machine_stay_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "ACCELOCK_TARGET", "PYTHONPATH", "UV_INDEX"):
        monkeypatch.setenv(name, "of this machine")
    monkeypatch.setenv("PIP_CERT", "of this machine")
    env = isolated_env(tmp_path / "home", ACCELOCK_TARGET="cpu")
    assert env["ACCELOCK_TARGET"] == "cpu"
    assert env["PIP_CONFIG_FILE"] == os.devnull
    assert env["HOME"] == str(tmp_path / "home")
    assert env["PATH"] == os.environ["PATH"]
    assert {name for name, value in env.items() if value == "of this machine"} == {"PIP_CERT"}


def test_this_process_is_isolated_too() -> None:
    assert os.environ["PIP_CONFIG_FILE"] == os.devnull
    assert "PIP_FIND_LINKS" not in os.environ
    assert not any(name.startswith("ACCELOCK_") for name in os.environ)


def test_run_returns_what_a_command_said(tmp_path: Path, env: dict[str, str]) -> None:
    code = "import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(3)"
    done = run(sys.executable, "-c", code, cwd=tmp_path, env=env, stdin="péché")
    assert (done.returncode, done.stdout, done.stderr) == (3, "péché\n", "no\n")


def test_a_fresh_venv_has_pip_and_nothing_else(tmp_path: Path, env: dict[str, str]) -> None:
    venv = fresh_venv(tmp_path / "venv", env)
    assert venv.installed() == {}
    file = wheel("example", "1.0").save(tmp_path)
    assert venv.pip("install", "--no-index", file).returncode == 0
    assert venv.installed() == {"example": "1.0"}
    shown = venv.run("-c", "import example, json, sys; print(json.dumps(sys.prefix))")
    assert json.loads(shown.stdout) == str(venv.path)


def test_accelock_runs_as_a_module(tmp_path: Path, env: dict[str, str]) -> None:
    done = run_accelock("--version", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "accelock" in done.stdout.lower()


def test_the_snapshot_counts_wheels(
    snapshot: SnapshotServer, env: dict[str, str], tmp_path: Path
) -> None:
    assert snapshot.source == f"{snapshot.url}/whl/{{target}}"
    assert snapshot.stats()["wheel_attempts"] == 0
    arguments = ("download", "--no-deps", "--index-url", f"{snapshot.url}/whl/cpu", "torch")
    done = run(sys.executable, "-m", "pip", *arguments, cwd=tmp_path, env=env)
    assert done.returncode != 0
    assert snapshot.stats()["wheel_attempts"] > 0
    snapshot.reset()
    assert snapshot.stats()["requests"] == 0
