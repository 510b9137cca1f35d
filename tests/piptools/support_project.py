"""A project folder in which the real commands run, and reading what they wrote."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import Marker

from accelock.locks import requirements
from accelock.targets import PLATFORMS, PythonVersion
from tests.support.environments import run_accelock, run_python

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.locks.requirements import RequirementLine

HERE = str(PythonVersion.host())
PIP_COMPILE = "from piptools.scripts.compile import cli; cli(prog_name='pip-compile')"


@dataclass(frozen=True)
class Project:
    """A folder, and the environment of the commands that run in it.

    Its environment leads to a test's server: other names at `PIP_INDEX_URL`, the PyTorch family
    by `ACCELOCK_SOURCE_PYTORCH`. So the command lines are as short as in README.md, and a compiled
    file names the family's own index.
    """

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    def write(self, **files: str) -> Project:
        """Write files: `requirements_in` stands for requirements.in."""
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            self.put(f"{stem}.{suffix}", text)
        return self

    def put(self, name: str, text: str) -> Path:
        """Write one file of any name, below the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def read(self, name: str = "requirements.txt") -> str:
        """Return a file's text, with its own newlines."""
        return (self.folder / name).read_bytes().decode()

    def files(self) -> dict[str, bytes]:
        """Return every file below the folder."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        }

    def compile(
        self, *words: str | Path, code: int = 0, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `accelock compile`, which must end with this exit code."""
        env = {**self.env, **variables}
        done = run_accelock("compile", *words, cwd=self.folder, env=env, stdin=stdin)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def accelock(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of accelock's; the caller looks at its exit code."""
        return run_accelock(*words, cwd=self.folder, env=self.env)

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the Python of the tests with -m or -c; the caller looks at its exit code."""
        return run_python(*words, cwd=self.folder, env=self.env)

    def pip_compile(
        self, *words: str | Path, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run plain pip-compile, as its own console script does."""
        env = {**self.env, **variables}
        return run_python("-c", PIP_COMPILE, *words, cwd=self.folder, env=env, stdin=stdin)

    def refused(self, *words: str | Path, code: int = 1, stdin: str = "", **variables: str) -> str:
        """Run `accelock compile`, which must say one thing, and leave every file as it was.

        Returns what it said on stderr.
        """
        before = self.files()
        done = self.compile(*words, code=code, stdin=stdin, **variables)
        assert self.files() == before
        assert done.stdout == ""
        assert "Traceback" not in done.stderr, done.stderr
        errors = [line for line in done.stderr.splitlines() if line.upper().startswith("ERROR: ")]
        assert len(errors) == 1, done.stderr
        return done.stderr

    def lines(self, name: str = "requirements.txt") -> list[str]:
        """Return the requirement lines of a file, without hashes and annotations."""
        return lines_of(self.read(name))

    def pins(
        self,
        name: str = "requirements.txt",
        platform: str = "linux-x86_64",
        python: str = HERE,
    ) -> dict[str, str]:
        """Return what a file pins on a platform: name -> version."""
        return {
            pin.name: pin.version
            for pin in pins_of(self.read(name), platform, python)
            if pin.version is not None
        }

    def hashes(
        self, name: str = "requirements.txt", platform: str = "linux-x86_64", python: str = HERE
    ) -> dict[str, set[str]]:
        """Return the hashes of a file's pins on a platform: name -> `sha256:...`."""
        return {pin.name: set(pin.hashes) for pin in pins_of(self.read(name), platform, python)}


def lines_of(text: str) -> list[str]:
    """Return the requirement lines of a compiled text, without hashes and annotations."""
    found = []
    for line in text.splitlines():
        bare = line.partition("  #")[0].removesuffix("\\").rstrip()
        if bare and not bare.startswith(("#", " ", "-")):
            found.append(bare)
    return found


def options_of(text: str) -> list[str]:
    """Return the option lines of a compiled text."""
    return [line for line in text.splitlines() if line.startswith("--")]


def pins_of(text: str, platform: str, python: str = HERE) -> list[RequirementLine]:
    """Return the pins of a compiled text that hold on a platform."""
    return [
        pin
        for pin in _parsed(text)
        if pin.marker is None or Marker(pin.marker).evaluate(_environment(platform, python))
    ]


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[RequirementLine, ...]:
    return tuple(requirements.parse(text).pins)


def _environment(platform: str, python: str) -> dict[str, str]:
    return {**PLATFORMS[platform].marker_environment(PythonVersion.parse(python)), "extra": ""}
