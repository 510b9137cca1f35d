"""Processes of a test, in an environment that nothing of this machine leaks into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support import warm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What reaches the tools from outside: how to trust the network, nothing about what to install.
KEPT = frozenset({"PIP_CERT", "PIP_CLIENT_CERT", "PIP_DEFAULT_TIMEOUT"})
DROPPED = ("PIP_", "PIPTOOLS_", "ACCELOCK_", "POETRY_", "PYTHON", "UV_", "TOX_", "XDG_", "CONDA_")
DROPPED_NAMES = frozenset({"VIRTUAL_ENV", "CUSTOM_COMPILE_COMMAND", "MAKEFLAGS", "MAKELEVEL"})
LOCAL = "127.0.0.1,localhost"


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that change what pip and its friends do."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in KEPT or not (name.startswith(DROPPED) or name in DROPPED_NAMES)
    }
    proxies = ",".join(filter(None, (environ.get("NO_PROXY", environ.get("no_proxy")), LOCAL)))
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "NO_PROXY": proxies,
        "no_proxy": proxies,
        "NO_COLOR": "1",
    }


def isolated_env(home: Path, **variables: str) -> dict[str, str]:
    """Return an environment for a subprocess, with its home and its caches in `home`.

    Of this process it keeps PATH, proxies and certificates; `variables` come on top.
    """
    home.mkdir(parents=True, exist_ok=True)
    folders = {
        "HOME": home,
        "USERPROFILE": home,
        "LOCALAPPDATA": home / "local",
        "APPDATA": home / "roaming",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "data",
    }
    placed = {name: str(folder) for name, folder in folders.items()}
    return without_settings(os.environ) | placed | variables


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str], stdin: str = "", timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; the caller looks at `returncode`."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=dict(env),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def run_python(
    *words: str | Path, cwd: Path, env: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run Python with `-m MODULE` or `-c CODE`, by a fork where that stands for it."""
    if warm.can_run(env):
        said = [str(each) for each in words]
        return warm.run_python(said, cwd=cwd, env=env, stdin=stdin, timeout=300)
    return run(sys.executable, *words, cwd=cwd, env=env, stdin=stdin)


def run_accelock(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str],
    python: str | Path = sys.executable,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run `python -m accelock` with these arguments."""
    if python == sys.executable:
        return run_python("-m", "accelock", *arguments, cwd=cwd, env=env, stdin=stdin)
    return run(python, "-m", "accelock", *arguments, cwd=cwd, env=env, stdin=stdin)


@dataclass(frozen=True, slots=True)
class Venv:
    """A virtual environment; `env` is what its processes see."""

    path: Path
    env: Mapping[str, str]

    @property
    def python(self) -> Path:
        windows = sys.platform == "win32"
        return self.path / ("Scripts/python.exe" if windows else "bin/python")

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its Python."""
        return run(self.python, *arguments, cwd=self.path, env={**self.env, **variables})

    def pip(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its pip."""
        return self.run("-m", "pip", *arguments, **variables)

    def installed(self) -> dict[str, str]:
        """Name and version of everything in it but what `venv` itself puts there."""
        listed = json.loads(self.pip("list", "--format=json").stdout)
        found = {each["name"]: each["version"] for each in listed}
        return {name: found[name] for name in found if name not in {"pip", "setuptools"}}


def fresh_venv(path: Path, env: Mapping[str, str], python: str | Path = sys.executable) -> Venv:
    """Make a virtual environment with pip at `path`."""
    made = run(python, "-m", "venv", path, cwd=path.parent, env=env)
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    return Venv(path, env)
