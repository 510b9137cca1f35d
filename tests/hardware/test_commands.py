"""Commands and files of a machine: nothing raises, and nothing is waited for without end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from accelock.hardware.context import (
    FILE_LIMIT,
    MISSING,
    printable,
    read_answer,
    run_command,
)

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.hardware.context import Output


def python(script: str, timeout: float = 60) -> Output:
    return run_command([sys.executable, "-c", script], timeout=timeout)


def test_the_output_of_a_command() -> None:
    answer = python("print('550.54.15')")
    assert (answer.text.strip(), answer.failure) == ("550.54.15", None)


def test_what_is_not_there_is_no_failure_of_its_own() -> None:
    assert run_command(["no-such-command-here"], timeout=60) == MISSING


def test_a_command_that_fails_with_what_it_said() -> None:
    answer = python("print('no driver\\x1b'); exit(9)")
    assert answer.failure == "failed with exit code 9: no driver"
    assert not answer.missing


def test_a_command_that_hangs() -> None:
    assert python("import time; time.sleep(60)", 0.3).failure == "did not answer within 0.3 s"


def test_a_command_that_closes_its_output_and_hangs() -> None:
    script = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    # Without site, Python begins at once, also where much else runs: what is waited for is the end.
    answer = run_command([sys.executable, "-I", "-S", "-c", script], timeout=5)
    assert "did not end within" in (answer.failure or "")


def test_a_command_whose_child_holds_the_output() -> None:
    script = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])\n"
    )
    assert "did not answer" in (python(script, 1).failure or "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_a_command_has_started_ends_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    grandchild = (
        f"import time; pipe = open({str(tmp_path / 'pipe')!r}, 'w', buffering=1)\n"
        "print('started', file=pipe); print('ready', flush=True)\n"
        "time.sleep(20); print('outlived', file=pipe)\n"
    )
    script = (
        "import subprocess, sys\n"
        f"words = [sys.executable, '-c', {grandchild!r}]\n"
        "subprocess.Popen(words, stdout=subprocess.PIPE).stdout.readline()\n"
        "while True: print('y' * 1000)\n"
    )
    assert python(script).failure == "printed more than 256 KB"
    os.set_blocking(reading, True)
    with os.fdopen(reading, encoding="utf-8") as pipe:  # its end comes with the last that writes it
        assert pipe.read() == "started\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_runs_ends_with_this_process(tmp_path: Path) -> None:
    """As at Ctrl-C, while a probe's command hangs."""
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    hangs = (
        f"import time; pipe = open({str(tmp_path / 'pipe')!r}, 'w', buffering=1)\n"
        "print('started', file=pipe); time.sleep(20); print('outlived', file=pipe)\n"
    )
    script = (
        "import sys, threading\n"
        "from accelock.hardware.context import run_command\n"
        f"call = lambda: run_command([sys.executable, '-c', {hangs!r}], timeout=60)\n"
        "threading.Thread(target=call, daemon=True).start()\n"
        "sys.stdin.readline()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    os.set_blocking(reading, True)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        while not (first := pipe.readline()):
            assert process.poll() is None
            time.sleep(0.05)  # nobody has opened it yet
        process.communicate(b"\n")
        assert (first, pipe.read()) == ("started\n", "")


def test_a_command_that_prints_for_ever() -> None:
    assert python("while True: print('y' * 1000)").failure == "printed more than 256 KB"


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text("no program")
    answer = run_command([str(tmp_path / "nvidia-smi")], timeout=60)
    assert "could not be run" in (answer.failure or "")


def test_bytes_that_are_no_text() -> None:
    script = "import sys; sys.stdout.buffer.write(b'\\xff5')"
    assert python(script).text == "\ufffd5"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff1")
    assert read_answer(tmp_path / "bytes").text == "\ufffd1"
    assert read_answer(tmp_path / "none") == MISSING
    assert read_answer(tmp_path / "bytes" / "below") == MISSING
    assert read_answer(tmp_path).failure is not None
    assert read_answer(tmp_path / "a\0b").failure is not None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "version")
    assert read_answer(tmp_path / "version").failure == "is not a regular file"


def test_of_a_huge_file_the_beginning_is_read(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"5" * (FILE_LIMIT + 100_000))
    assert len(read_answer(tmp_path / "huge").text) == FILE_LIMIT


def test_text_for_a_message_is_one_line() -> None:
    assert printable("a\x1b[31m\n\tb\u2028c ") == "a [31m b c"
