"""What a probe may touch, and what it gives back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from accelock.hardware.commands import Answer, read_answer, run_command
from accelock.hardware.machine import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.hardware.commands import Runner
    from accelock.hardware.machine import Driver, Gpu

LIMIT = 2.0  # seconds that each probe has


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

    def _text(self, answer: Answer, name: str) -> str | None:
        if answer.failure is None:
            return answer.text
        if not answer.missing:
            self.note("probe", f"{name} {answer.failure}", _PERMISSIONS)
        return None


_PERMISSIONS = (
    "what it would tell is left out; set ACCELOCK_TARGET, or ACCELOCK_CUDA_DRIVER and "
    "ACCELOCK_COMPUTE_CAPABILITY or ACCELOCK_AMD_GFX, to say it"
)

#: Looks at one part of a machine and returns what is there; what failed is a note of the context.
Probe: TypeAlias = "Callable[[ProbeContext], Found]"
