"""A few kills of `tox -e crash`, the same each time: that it runs, and that it tells a fault."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accelock.locks import journal
from tests.crash import __main__ as crash
from tests.crash.commands import COMMANDS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the commands are forks")
TOP = Path(__file__).parents[2]


def test_a_few_kills_of_init_leave_all_or_nothing() -> None:
    words = (sys.executable, "-m", "tests.crash", "--kills", "6", "--seed", "1", "--only", "init")
    done = subprocess.run(words, cwd=TOP, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "| init | 6 | 6 |"


def test_a_mix_and_litter_are_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is finished or swept, what was left stays, and is told."""
    (command,) = (each for each in COMMANDS if each.name == "init")
    workshop = crash.Workshop(tmp_path, command)
    workshop.reset()
    assert workshop.fault() is None, "all is old"
    (workshop.folder / "requirements-cpu.in").write_text("half")
    fault = workshop.fault()
    assert fault is not None
    assert "requirements-cpu.in is neither" in fault
    workshop.reset()
    (workshop.folder / "requirements-cpu.in").unlink()
    assert "after the next command" in (workshop.fault() or ""), "a mix"
    workshop.reset()
    token = "0123456789abcdef"
    litter = f"..accelock-journal.{token}.{token}.accelock-new"
    (workshop.folder / litter).write_text("{}")
    monkeypatch.setattr(journal, "_sweep", lambda _folder: None)
    assert litter in (workshop.fault() or "")
