"""Killing commands at random moments, and what they leave: `tox -e crash`.

    python -m tests.crash [--kills 200] [--seed 1] [--only compile]

Each command changes a project whose files another run of it made before. It is killed (SIGKILL):
every other time at any moment of its run, and else while it writes. A case holds if every file is
then the old or the new one, and if the next command leaves all of them old or all of them new, and
nothing else in the folder. The exit code is 1 where one does not hold.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.commands import COMMANDS
from tests.support.environments import isolated_env

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.crash.commands import Command

LEFT_OUT = ("home", "rattler")
HISTORY = "conda-meta/history"  # has the minute of the install
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True)
class Run:
    """How long a command takes, and from when on it changes its folder, in seconds."""

    whole: float
    writing: float


class Workshop:
    """A folder at one place in which a command runs again and again: conda embeds the place."""

    def __init__(self, root: Path, command: Command) -> None:
        self.folder = root / "project"
        self.kept = root / "kept"
        self.log = root / "said"
        self.command = command
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        command.prepare(self.folder, self.run)
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.folder, self.kept, symlinks=True)
        self.old = contents(self.folder)
        self.run(*command.words)  # once to fill the caches
        self.reset()
        self.times = self._measure()
        self.new = contents(self.folder)
        if self.new == self.old:
            raise SystemExit(f"{command.name} changes nothing: {self.said}")

    @property
    def said(self) -> str:
        """What the last run said."""
        return self.log.read_text("utf-8", "replace")

    def reset(self) -> None:
        """Put the old files back."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder, symlinks=True)

    def start(self, *words: str) -> int:
        """Start a command as a fork of this process, which has loaded the tools."""
        child = os.fork()
        if child:
            with suppress(OSError):  # both do it, for either may come first
                os.setpgid(child, child)
            return child
        code = 70
        try:
            os.setpgid(0, 0)
            os.chdir(self.folder)
            for number in (1, 2):
                os.dup2(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
            code = self.command.main(list(words))
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else int(done.code is not None)
        except BaseException as error:  # noqa: BLE001 - a fork never returns
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)

    def run(self, *words: str) -> int:
        """Run a command to its end, and return its exit code."""
        self.log.write_text("")
        return os.waitstatus_to_exitcode(os.waitpid(self.start(*words), 0)[1])

    def _measure(self) -> Run:
        self.log.write_text("")
        begin, before = time.monotonic(), self._names()
        child, change = self.start(*self.command.words), 0.0
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if not change and self._names() != before:
                change = time.monotonic() - begin
            time.sleep(0.0005)
        whole = time.monotonic() - begin
        return Run(whole, whole - (change or whole))

    def _names(self) -> set[str]:
        """Return the names in the folder, and in an environment that a command changes."""
        return {
            each for name in (".", *self.command.watched) for each in _names(self.folder / name)
        }

    def kill(self, moment: float, *, while_writing: bool) -> bool:
        """Start the command and kill it; tell whether it had not ended by then."""
        self.log.write_text("")
        before = self._names()
        child = self.start(*self.command.words)
        deadline = time.monotonic() + _PATIENCE
        done = (0, 0)
        if while_writing:
            while done == (0, 0) and self._names() == before and time.monotonic() < deadline:
                time.sleep(0.0002)
                done = os.waitpid(child, os.WNOHANG)
            moment *= self.times.writing
        else:
            moment *= self.times.whole
        if done == (0, 0):
            time.sleep(moment)
            done = os.waitpid(child, os.WNOHANG)
        if done != (0, 0):
            return False
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True

    def fault(self) -> str | None:
        """Say what does not hold of what a killed run left; None: all holds."""
        if not self.command.in_parts:
            for name, data in contents(self.folder).items():
                known = (self.old.get(name), self.new.get(name))
                if data not in known and ".accelock-" not in name:
                    return f"{name} is neither the old nor the new one"
        code = self.run(*self.command.then)
        found = contents(self.folder)
        if found == self.new or (found == self.old and not self.command.in_parts):
            return None
        names = [n for n in {*found, *self.new, *self.old} if found.get(n) != self.new.get(n)]
        return (
            f"after the next command ({code}): {', '.join(sorted(names)[:6])}\n{self.said[-600:]}"
        )


def _names(folder: Path) -> list[str]:
    try:
        return [each.name for each in os.scandir(folder)]
    except OSError:
        return []


def contents(folder: Path) -> Mapping[str, bytes]:
    """Return every file, hidden ones too, and where every link leads to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink()).encode()
        elif path.is_file() and not name.endswith(HISTORY):
            found[name] = path.read_bytes()
        elif path.is_dir() and path.name.startswith(".accelock-"):
            found[name] = b""
    return found


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a folder with a home of its own, which this process and its forks have."""
    with tempfile.TemporaryDirectory(prefix="accelock-crash-") as name:
        root = Path(name).resolve()
        env = isolated_env(root / "home", RATTLER_CACHE_DIR=str(root / "rattler"), TMPDIR=name)
        os.environ.clear()
        os.environ.update(env)
        tempfile.tempdir = None
        yield root


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, print the table, and return 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--kills", type=int, default=200, help="of each command")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", action="append", choices=[each.name for each in COMMANDS])
    asked = parser.parse_args(argv)
    seed = asked.seed if asked.seed is not None else random.randrange(2**32)
    print(f"seed {seed}\n\n| command | killed | held |\n|---|---|---|", flush=True)
    faults: list[str] = []
    with workplace() as root:
        for command in COMMANDS:
            if asked.only and command.name not in asked.only:
                continue
            if missing := [each for each in command.needs if not importlib.util.find_spec(each)]:
                print(f"{command.name}: left out, for {missing[0]} is not here", file=sys.stderr)
                continue
            choose = random.Random(f"{seed} {command.name}")
            with command.world():
                found = list(_try(Workshop(root, command), asked.kills, choose))
            faults += [f"{command.name}: {fault}" for fault in found if fault]
            print(f"| {command.name} | {len(found)} | {found.count(None)} |", flush=True)
    print("", *faults, sep="\n", file=sys.stderr)
    return 1 if faults else 0


def _try(workshop: Workshop, kills: int, choose: random.Random) -> Iterator[str | None]:
    """Yield what does not hold, or None, of each kill; a run that has ended was not killed."""
    tried = 0
    while tried < kills:
        workshop.reset()
        if workshop.kill(choose.random(), while_writing=tried % 2 == 1):
            tried += 1
            yield workshop.fault()


if __name__ == "__main__":
    sys.exit(main())
