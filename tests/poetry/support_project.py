"""A Poetry project in a folder: the real command, what it locked, and what it installed."""

from __future__ import annotations

import functools
import shutil
import sys
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from accelock.locks import overlay
from accelock.targets import PLATFORMS, PythonVersion, host_platform
from tests.support.environments import isolated_env, run, run_python

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from tests.support.server import IndexServer

HERE = PythonVersion.host()
TARGETS = ("cpu", "cu126")
on_linux = pytest.mark.skipif(
    getattr(host_platform(), "name", "") != "linux-x86_64",
    reason="cu126 is installed for real, which its wheels for Linux on x86_64 allow",
)


def new_project(folder: Path, server: IndexServer) -> Project:
    """Make an empty project and a home, in which nothing of this machine's Poetry is."""
    project = folder / "project"
    project.mkdir(parents=True)
    home = folder / "home"
    env = isolated_env(
        home,
        POETRY_CACHE_DIR=str(home / "poetry-cache"),
        POETRY_CONFIG_DIR=str(home / "poetry-config"),
        POETRY_DATA_DIR=str(home / "poetry-data"),
        POETRY_VIRTUALENVS_PATH=str(home / "virtualenvs"),
        POETRY_VIRTUALENVS_IN_PROJECT="true",
        POETRY_KEYRING_ENABLED="false",
        POETRY_NO_INTERACTION="1",
    )
    return Project(project, env, server)


@dataclass(frozen=True)
class Project:
    """A folder, the environment of the commands that run in it, and the server that it uses."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)
    server: IndexServer

    # Files

    def put(self, name: str, text: str) -> Path:
        """Write a file below the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def read(self, name: str = "poetry.lock") -> str:
        return (self.folder / name).read_bytes().decode()

    def files(self) -> dict[str, bytes]:
        """Every file below the folder, but those of environments."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".venv" not in path.parts and path.suffix != ".pyc"
        }

    def write_pyproject(
        self,
        requires: Sequence[str] = ("torch>=2.5,<2.7",),
        *,
        targets: Sequence[str] = TARGETS,
        table: str = "",
        source: str = "{url}/whl/{{target}}",
        more: str = "",
        python: str = ">=3.10,<3.14",
    ) -> Project:
        """Write a pyproject.toml.

        `table` are lines of [tool.accelock], `source` that of PyTorch, with `{url}` for the
        server's; `more` is what comes behind all of it.
        """
        url = self.server.url
        lines = [
            "[project]",
            'name = "app"',
            'version = "1.0"',
            f'requires-python = "{python}"',
            f"dependencies = {list(requires)}",
            "[tool.poetry]",
            "package-mode = false",
            self.primary,
            *((f"[tool.accelock]\ntargets = {list(targets)}",) if targets else ()),
            table,
            *(
                (f'[tool.accelock.sources]\npytorch = "{source.format(url=url)}"',)
                if source
                else ()
            ),
            more,
        ]
        self.put("pyproject.toml", "\n".join(lines) + "\n")
        return self

    @property
    def primary(self) -> str:
        """The table that makes the PyPI-like index of the server the primary source."""
        table = '[[tool.poetry.source]]\nname = "local"\npriority = "primary"\n'
        return f'{table}url = "{self.server.url}/simple"\n'

    def replace(self, old: str, new: str, name: str = "pyproject.toml") -> None:
        """Change a file's text; the old one has to be there."""
        text = self.read(name)
        assert old in text, f"{old!r} is not in {name}"
        self.put(name, text.replace(old, new))

    def copied(self, other: Project) -> Project:
        """Copy the files of this project into another folder, which is returned."""
        for name, content in self.files().items():
            other.put(name, content.decode())
        return other

    # Running

    def poetry(
        self,
        *words: str,
        code: int | None = 0,
        plugins: bool = True,
        environ: Mapping[str, str] | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run Poetry, which must end with this exit code (None: any)."""
        alone = () if plugins else ("--no-plugins",)
        env = {**self.env, **(environ or {}), **variables}
        done = run_python("-m", "poetry", *alone, *words, cwd=self.folder, env=env)
        shown = f"poetry {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert code is None or done.returncode == code, shown
        assert "Traceback" not in done.stderr, shown
        return done

    def refused(self, *words: str, **variables: str) -> str:
        """Run Poetry, which must say one thing and change neither files nor the environment.

        Returns what it said on stderr, with its lines joined.
        """
        before, installed = self.files(), self.installed()
        done = self.poetry(*words, code=1, environ=variables)
        assert self.files() == before
        assert self.installed() == installed
        return " ".join(done.stderr.split())

    # What is locked

    def lock(self) -> dict[str, Any]:
        """The data of poetry.lock."""
        return parsed(self.read())

    def view(self, target: str) -> list[dict[str, Any]]:
        """The [[package]] entries of a target: the leader's, or with the difference applied."""
        lock = self.lock()
        found = overlay.read(lock)
        entries = found.view(lock["package"], target) if found else lock["package"]
        return [dict(entry) for entry in entries]

    def pins(
        self,
        target: str,
        platform: str = "linux-x86_64",
        groups: Collection[str] = ("main",),
        extras: Collection[str] = (),
        python: PythonVersion = HERE,
    ) -> dict[str, str]:
        """What a target's part of the lock is on a platform: name -> version."""
        environment = PLATFORMS[platform].marker_environment(python)
        found: dict[str, str] = {}
        for entry in self.view(target):
            if holds(entry, environment, groups, extras):
                assert entry["name"] not in found, f"two versions of {entry['name']} at once"
                found[entry["name"]] = entry["version"]
        return found

    # What is installed

    @property
    def environment(self) -> Path:
        """Where the environment in the folder is, or will be."""
        return self.folder / ".venv"

    def make_environment(self) -> Project:
        """Make the environment in the folder, where there is none: faster than Poetry does."""
        if not self.environment.exists():
            venv = (sys.executable, "-m", "venv", "--without-pip", self.environment)
            made = run(*venv, cwd=self.folder, env=self.env)
            assert made.returncode == 0, made.stderr
        return self

    def installed(self) -> dict[str, str]:
        """Name and version of what the environment in the folder holds; empty without one."""
        return installed_in(self.environment)

    def install(
        self, *words: str, target: str | None = None, command: str = "install", **variables: str
    ) -> dict[str, str]:
        """Run `poetry install`, and return what the environment then holds."""
        self.make_environment()
        chosen = {"ACCELOCK_TARGET": target} if target else {}
        self.poetry(command, *words, environ={**chosen, **variables})
        return self.installed()

    def forget_environment(self) -> None:
        shutil.rmtree(self.environment)


def installed_in(environment: Path) -> dict[str, str]:
    """Name and version of the distributions in a virtual environment, but pip."""
    sites = [str(path) for path in environment.glob("lib/python*/site-packages")]
    there = list(metadata.distributions(path=sites))
    found = {canonicalize_name(each.metadata["Name"]): each.version for each in there}
    assert len(found) == len(there), "one of them is there twice"
    return {name: found[name] for name in sorted(found) if name != "pip"}


def holds(
    entry: Mapping[str, Any],
    environment: Mapping[str, str],
    groups: Collection[str],
    extras: Collection[str],
) -> bool:
    """Whether an entry of a lock (version 2.1) is wanted in these groups, on this machine."""
    markers = entry.get("markers", {})
    return any(
        _true(markers.get(group) if isinstance(markers, dict) else markers, environment, extras)
        for group in set(groups) & set(entry["groups"])
    )


def _true(marker: str | None, environment: Mapping[str, str], extras: Collection[str]) -> bool:
    return marker is None or any(
        Marker(marker).evaluate({**environment, "extra": extra}) for extra in ("", *extras)
    )


@functools.lru_cache(maxsize=16)
def parsed(text: str) -> dict[str, Any]:
    data: dict[str, Any] = tomlkit.parse(text).unwrap()
    return data
