"""A project that `accelock init` reads and writes, called as the program calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock import toml
from accelock.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass(frozen=True)
class Moving:
    """The working directory, and what was printed in it."""

    folder: Path
    printed: pytest.CaptureFixture[str]

    def put(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def read(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode()

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def data(self) -> dict[str, Any]:
        """What [tool.accelock] says."""
        found: dict[str, Any] = toml.loads(self.read("pyproject.toml"))["tool"]["accelock"]
        return found

    def shown(self, *words: str) -> list[str]:
        """Run the command without --write, which changes nothing, and return what it printed."""
        before = self.files()
        lines = self._run(*words)
        assert self.files() == before
        return lines

    def written(self, *words: str) -> list[str]:
        """Run the command with --write, and return what it printed."""
        return self._run("--write", *words)

    def refused(self, *words: str, code: int = 1) -> str:
        """Run the command, which says what is wrong and changes nothing; return all it said."""
        before = self.files()
        assert main(["init", *words]) == code
        out, err = self.printed.readouterr()
        assert err.startswith("ERROR: ")
        assert self.files() == before, "it changed files"
        return f"{out}{err}"

    def ran(self, *words: str) -> int:
        """Run the command, and return its exit code."""
        code = main(["init", *words])
        self.printed.readouterr()
        return code

    def _run(self, *words: str) -> list[str]:
        code = main(["init", *words])
        out, err = self.printed.readouterr()
        assert (code, err) == (0, ""), out + err
        return out.splitlines()
