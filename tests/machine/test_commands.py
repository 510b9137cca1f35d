from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from accelock.machine.commands import read_file, run_command

if TYPE_CHECKING:
    from pathlib import Path


def test_the_output_of_a_command() -> None:
    assert run_command([sys.executable, "-c", "print('550.54.15')"], timeout=60) == "550.54.15\n"


def test_whatever_goes_wrong_is_no_answer() -> None:
    assert run_command(["no-such-command-here"], timeout=60) is None
    assert run_command([sys.executable, "-c", "print(1); exit(9)"], timeout=60) is None
    assert run_command([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.1) is None


def test_bytes_that_are_no_text() -> None:
    script = "import sys; sys.stdout.buffer.write(b'\\xff5')"
    assert run_command([sys.executable, "-c", script], timeout=60) == "\ufffd5"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff1")
    assert read_file(tmp_path / "bytes") == "\ufffd1"
    assert read_file(tmp_path / "none") is None
    assert read_file(tmp_path) is None
