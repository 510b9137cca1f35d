"""The snapshot of the real PyTorch indexes: beside the repository, and not part of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

VARIABLE = "PYTORCH_SNAPSHOT"
BESIDE = Path(__file__).parents[3] / "shared" / "pytorch-index"


def find_snapshot() -> Path | None:
    """Return its folder: the one that the variable names, or the one beside the repository."""
    folder = Path(os.environ.get(VARIABLE) or BESIDE)
    return folder if (folder / "serve.py").is_file() else None


WHY_NOT = (
    f"no snapshot of the PyTorch indexes at ../shared/pytorch-index, nor where {VARIABLE} says"
)


class SnapshotServer:
    """Runs the snapshot's own serve.py while the `with` block lasts.

    `options` are those of serve.py (`--hash none`, `--url absolute`, `--no-metadata`, ...).
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._command = [sys.executable, str(folder / "serve.py"), "--port", "0", *options]
        self._opener = build_opener(ProxyHandler({}))
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, encoding="utf-8")
        assert self._process.stdout is not None
        line = self._process.stdout.readline()  # http://127.0.0.1:PORT/whl/cpu/  backends: ...
        if not line.startswith("http"):
            self.__exit__(None, None, None)
            raise RuntimeError(f"serve.py of the snapshot did not start: {line!r}")
        self.url = line.split("/whl/")[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    @property
    def source(self) -> str:
        """The value for `--source pytorch=`."""
        return f"{self.url}/whl/{{target}}"

    def stats(self) -> dict[str, Any]:
        """What was asked for: `wheel_attempts`, `wheel_paths`, `by_kind`, `requests`, `log`."""
        with self._opener.open(f"{self.url}/stats", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def reset(self) -> None:
        with self._opener.open(f"{self.url}/stats/reset", timeout=30):
            pass
