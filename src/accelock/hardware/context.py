"""What a probe may touch, and what it gives back: small files, short commands, and variables.

Nothing here raises, or waits for long. A driver can hang, so that a read never ends and a process
cannot be killed: what takes too long is left behind, and not waited for.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from accelock.hardware.machine import Note, harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelock.hardware.machine import Driver, Gpu

LIMIT = 2.0  # seconds that each probe has
FILE_LIMIT = 64 * 1024  # bytes; what /proc and /sys say of a device is a page or two
OUTPUT_LIMIT = 256 * 1024  # bytes; a command that prints for ever is cut off
_SAID = 160  # characters of what a command said that a message repeats


@dataclass(frozen=True, slots=True)
class Output:
    """What a command or a file said, or why it said nothing.

    `failure` is None where there is an answer; `missing` tells what is not there at all, which is
    no fault, from what failed.
    """

    text: str = ""
    failure: str | None = None
    missing: bool = False


_running: set[subprocess.Popen[bytes]] = set()
MISSING = Output(failure="is not there", missing=True)


class Runner(Protocol):
    """Runs a command and returns what it printed, or why it did not."""

    def __call__(self, command: Sequence[str], *, timeout: float) -> Output:
        """Run `command` for at most `timeout` seconds."""
        ...


def run_command(command: Sequence[str], *, timeout: float) -> Output:
    """Run `command` on this machine for at most `timeout` seconds; it gets no input."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the commands are this package's own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be killed with it; not on Windows
        )
    except FileNotFoundError:
        return MISSING
    except (OSError, ValueError) as error:
        return Output(failure=f"could not be run ({_reason(error)})")
    _running.add(process)
    try:
        return _answer(process, timeout)
    finally:
        _running.discard(process)


def _answer(process: subprocess.Popen[bytes], timeout: float) -> Output:
    """Return what a process prints, read in a thread: not every system can wait for a pipe."""
    data = bytearray()

    def read() -> None:
        if process.stdout is not None:
            with contextlib.suppress(OSError, ValueError), process.stdout as stream:
                data.extend(stream.read(OUTPUT_LIMIT + 1))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout)
    if reader.is_alive():
        failure = f"did not answer within {timeout:.1f} s"
    elif len(data) > OUTPUT_LIMIT:
        failure = f"printed more than {OUTPUT_LIMIT // 1024} KB"
    else:
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:  # it closed its output and went on
            failure = f"did not end within {timeout:.1f} s"
        else:
            text = data.decode(errors="replace")
            if code:
                return Output(failure=f"failed with exit code {code}{_said(text)}")
            return Output(text)
    _abandon(process)
    return Output(failure=failure)


@atexit.register
def _end_all() -> None:
    """Kill what still runs when this process ends: Ctrl-C does not reach another session."""
    for process in tuple(_running):
        _abandon(process)


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it started, and wait for a moment: a hanging driver may hold it.

    Nobody has waited for it yet, so that its number can be no other's.
    """
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.2)


def _said(text: str) -> str:
    lines = (printable(line) for line in text.splitlines())
    first = next((line for line in lines if line), "")
    return f": {first[:_SAID]}" if first else ""


def printable(text: str) -> str:
    """Return a text as one line without control characters, fit to stand in a message."""
    return " ".join(harmless(text).split())


def read_answer(path: Path) -> Output:
    """Return the text of a small file, as of /proc and /sys.

    Only a regular file is read: a pipe in its place would never end.
    """
    try:
        # Windows has no O_NONBLOCK, and no pipes in its file system.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return Output(failure="is not a regular file")
            data = os.read(handle, FILE_LIMIT)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except (OSError, ValueError) as error:
        return Output(failure=f"cannot be read ({_reason(error)})")
    return Output(data.decode(errors="replace"))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@dataclass(frozen=True)
class Surroundings:
    """Where a machine is looked at: another root and runner make every machine a test case.

    `system` is `sys.platform`'s word, `machine` `platform.machine()`'s; `tags` returns the wheel
    tags of this interpreter's platform, best first. `limit` is in seconds.
    """

    environ: Mapping[str, str]
    system: str
    machine: str
    root: Path = Path("/")
    run: Runner = run_command
    tags: Callable[[], list[str]] = field(default=list)
    limit: float = LIMIT


@dataclass(frozen=True, slots=True)
class Found:
    """What one probe found out; None is what it does not tell.

    An empty tuple of `gpus` says that there are none, and None that it could not be seen.
    """

    driver: Driver | None = None
    gpus: tuple[Gpu, ...] | None = None
    has_device: bool | None = None
    libc: str | None = None
    container: str | None = None
    wsl: bool = False
    jetson: str | None = None


class ProbeContext:
    """The files, commands and variables of one probe, and what it had to note.

    Reading never raises. What is not there is no answer; what is there and does not answer is a
    note as well.
    """

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.notes: list[Note] = []
        self._end = time.monotonic() + around.limit

    def read(self, path: str) -> str | None:
        """Return the text of a file below the root."""
        return self._text(read_answer(self.around.root / path), f"/{path}")

    def entries(self, path: str) -> list[str]:
        """Return the names in a folder below the root, numbers in their order."""
        try:
            names = [entry.name for entry in (self.around.root / path).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.note("probe", f"/{path} cannot be read ({error.strerror})", _PERMISSIONS)
            return []
        return sorted(names, key=lambda name: (len(name), name))

    def exists(self, path: str) -> bool:
        """Tell whether something is below the root."""
        try:
            return (self.around.root / path).exists()
        except OSError:
            return False

    def ask(self, *command: str, name: str | None = None) -> str | None:
        """Return what a command prints, for as long as the probe has time."""
        left = self._end - time.monotonic()
        if left <= 0:
            return None
        return self._text(self.around.run(command, timeout=left), name or command[0])

    def note(self, code: str, what: str, todo: str) -> None:
        """Keep a finding."""
        self.notes.append(Note(code, what, todo))

    def _text(self, answer: Output, name: str) -> str | None:
        if answer.failure is None:
            return answer.text
        if not answer.missing:
            self.note("probe", f"{name} {answer.failure}", _PERMISSIONS)
        return None


_PERMISSIONS = (
    "accelock works without its answer; to give the answer yourself, set ACCELOCK_TARGET, or "
    "ACCELOCK_CUDA_DRIVER and ACCELOCK_COMPUTE_CAPABILITY or ACCELOCK_AMD_GFX"
)

#: Looks at one part of a machine and returns what is there; what failed is a note of the context.
Probe: TypeAlias = "Callable[[ProbeContext], Found]"
