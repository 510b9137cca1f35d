"""Which environment a command acts on: the active one, and never that of a tool."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.installation import tool_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOT_VENV = ".venv"
_CONDA_BASE = frozenset({"base", "root"})  # conda's own environment, which nobody installs into


class NoEnvironmentError(AccelockError):
    """accelock is installed as a tool, and no environment of the project is to be found."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment other than that of this interpreter, and what names it.

    `why` is VIRTUAL_ENV, CONDA_PREFIX or, for a folder of the project, `.venv`.
    """

    prefix: Path
    why: str

    @property
    def python(self) -> str:
        """Return the path of its interpreter.

        :raises AccelockError: there is none in it.
        """
        if sys.platform == "win32":
            places = (self.prefix / "Scripts" / "python.exe", self.prefix / "python.exe")
        else:
            places = (self.prefix / "bin" / "python",)
        for path in places:
            if path.exists():
                return str(path)
        raise AccelockError(
            f"the environment {self} has no Python. Nothing was changed. Create it again, or "
            "deactivate it"
        )

    def __str__(self) -> str:
        return str(self.prefix) if self.why == DOT_VENV else f"{self.prefix} ({self.why})"


def other_environment(
    environ: Mapping[str, str], directory: Path, own: Path | None = None
) -> Environment | None:
    """Return the environment that is meant, as `uv pip` has it; None for this interpreter's.

    It is that of VIRTUAL_ENV, else of CONDA_PREFIX, else the project's .venv, else this one.

    :param directory: the project's folder.
    :param own: where this interpreter's environment is.
    :raises NoEnvironmentError: this one is a tool's, and no other is named.
    """
    here = own or Path(sys.prefix)
    for found in _named(environ, directory):
        return None if _is_same(found.prefix, here) else found
    if kind := tool_kind(here):
        raise NoEnvironmentError(
            f"no environment is active, and {directory.resolve()} has no {DOT_VENV}: accelock is "
            f"installed as a tool ({kind}), and does not touch the tool's own environment. "
            "Activate the project's environment, or name its Python with --python-executable"
        )
    return None


def _named(environ: Mapping[str, str], directory: Path) -> Iterator[Environment]:
    if prefix := environ.get("VIRTUAL_ENV"):
        yield Environment(Path(prefix), "VIRTUAL_ENV")
    prefix = environ.get("CONDA_PREFIX")
    if prefix and environ.get("CONDA_DEFAULT_ENV") not in _CONDA_BASE:
        yield Environment(Path(prefix), "CONDA_PREFIX")
    if (directory / DOT_VENV / "pyvenv.cfg").is_file():
        yield Environment(directory / DOT_VENV, DOT_VENV)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
