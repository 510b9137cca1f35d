"""What the chapters of the demo share: a folder, a package server, and how to show things."""

from __future__ import annotations

import shlex
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.targets import host_platform
from tests.support.environments import isolated_env, run
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator

WIDTH = 96


class Surprise(Exception):  # noqa: N818 (it is what the demo calls it)
    """Something came out otherwise than the demo says: it must not pass for a success."""


class Tour:
    """Runs commands in a folder of its own, and tells them and what came of them."""

    def __init__(self, folder: Path, server: IndexServer) -> None:
        self.folder = folder
        self.server = server
        self.env = isolated_env(folder / "home")
        self.host = host_platform()

    def title(self, text: str) -> None:
        print(f"\n{text}\n{'=' * len(text)}")

    def say(self, text: str) -> None:
        print("\n" + textwrap.fill(" ".join(text.split()), WIDTH))

    def show(self, lines: Iterable[str]) -> None:
        for line in lines:
            print(f"    {line}")

    def write(self, name: str, text: str) -> None:
        """Write a file and show it."""
        (self.folder / name).write_text(text, encoding="utf-8")
        self.show([f"{name}:", *(f"  {line}" for line in text.splitlines())])

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def accelock(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run accelock, show the command line, and check its exit code."""
        self.show(wrapped(f"$ accelock {shlex.join(words)}"))
        done = run(sys.executable, "-m", "accelock", *words, cwd=self.folder, env=self.env)
        return self.checked(done, code)

    def checked(
        self, done: subprocess.CompletedProcess[str], code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Return it, or raise Surprise with all that it said when it ended otherwise."""
        self.expect(
            done.returncode == code,
            f"exit code {done.returncode} instead of {code}:\n{done.stdout}\n{done.stderr}",
        )
        return done

    def expect(self, fact: object, otherwise: str) -> None:
        if not fact:
            raise Surprise(otherwise)


def wrapped(command: str) -> list[str]:
    parts = textwrap.wrap(command, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return [*(f"{part} \\" for part in parts[:-1]), parts[-1]]


@contextmanager
def touring() -> Iterator[Tour]:
    """Serve the little PyTorch-like and PyPI-like site, in a temporary folder, for one tour."""
    with (
        tempfile.TemporaryDirectory(prefix="accelock-demo-") as folder,
        IndexServer(pytorch_site()) as server,
    ):
        yield Tour(Path(folder).resolve(), server)
