"""A user's folder, shell and machine, in which the commands of a scenario are run to the letter."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.readme import conda, docker
from tests.readme.document import PROJECT, TOP, Scenario, scenarios
from tests.support.environments import fresh_venv, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.readme.document import Block

CLONE = "accelock"
GAP = "..."


@dataclass(frozen=True)
class Shell:
    """A folder, and the environment that commands in it have.

    :param tools: a folder that is on their PATH.
    :param python: what they find as `python3`.
    """

    folder: Path
    tools: Path
    env: Mapping[str, str]
    python: str

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run commands as `sh -e` does: until one fails."""
        return run("sh", "-ec", commands, cwd=self.folder, env=self.env)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def installed(self, python: str | Path) -> dict[str, str]:
        """Return name and version of what an environment has."""
        code = (
            "from importlib.metadata import distributions\n"
            "for each in distributions(): print(each.metadata['Name'], each.version)"
        )
        done = run(python, "-c", code, cwd=self.folder, env=self.env)
        return dict(line.split() for line in done.stdout.splitlines())

    @property
    def images(self) -> Path:
        return self.tools / "images"


def open_shell(scenario: Scenario, folder: Path, env: Mapping[str, str]) -> Shell:
    """Make a fresh folder with the files that a scenario begins with, and what its commands need.

    Skips where the scenario needs another Python than there is here.
    """
    python = python_for(scenario)
    if scenario.has("conda") and not importlib.util.find_spec("rattler"):
        pytest.skip("the extra conda is not installed")
    if needs_poetry(scenario) and not importlib.util.find_spec("poetry"):
        pytest.skip("Poetry is not installed here; tox's poetry-newest has it")
    home, tools = folder / "project", folder / "tools"
    home.mkdir()
    tools.mkdir()
    for name, text in first_files(scenario).items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if scenario.has("clone"):
        clone(home / CLONE)
    path = [str(tools), env["PATH"]]
    wanted = "poetry" if scenario.has("installs poetry") else "accelock[pip-tools]"
    installs = scenario.has("installs") or scenario.has("installs poetry")
    put_tools(tools, python, installs=installs, poetry=scenario.has("poetry"))
    if installs:
        venv = fresh_venv(folder / "venv", env)
        done = venv.pip("install", "--quiet", wanted)
        assert done.returncode == 0, done.stderr
        path.insert(0, str(venv.python.parent))
    # No GPU of this machine is detected; and nothing but the folder tells a tool what to do.
    variables = {
        "PATH": os.pathsep.join(path),
        "CUDA_VISIBLE_DEVICES": "",
        "POETRY_KEYRING_ENABLED": "false",
    }
    return Shell(home, tools, {**env, **variables}, python)


def needs_poetry(scenario: Scenario) -> bool:
    return scenario.has("poetry") or scenario.has("installs poetry")


def python_for(scenario: Scenario) -> str:
    wanted = scenario.value("python")
    if wanted is None or wanted == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    found = shutil.which(f"python{wanted}")
    # A pyenv shim is there for every Python, and works for the chosen ones.
    if (
        found is None
        or subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode
    ):
        pytest.skip(f"there is no python{wanted} here; tox runs this on that Python")
    return found


def first_files(scenario: Scenario) -> dict[str, str]:
    """Return the files that are there before the first command."""
    known = {each.name: each for each in scenarios()}
    others = [PROJECT] if scenario.has("project") else []
    others += [like] if (like := scenario.value("like")) else []
    files: dict[str, str] = {}
    for other in others:
        files |= known[other].files()
    return files | scenario.files()


def clone(folder: Path) -> None:
    """Put what a clone of this repository has, as far as building it needs that."""
    folder.mkdir()
    caches = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(TOP / "src", folder / "src", ignore=caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / name, folder)


def put_tools(folder: Path, python: str, *, installs: bool, poetry: bool) -> None:
    """Put the commands on PATH that a machine has before anything is installed, and `docker`.

    accelock and pip-compile are those of the tests, unless the scenario installs its own. pip is
    none at all: the commands of such a scenario must not change the tests' own environment.
    """
    mine = shlex.quote(sys.executable)
    script, images = map(shlex.quote, (str(docker.__file__), str(folder / "images")))
    commands = {
        "python3": shlex.quote(python),
        "docker": f"{mine} {script} {images} {shlex.quote(python)}",
        "micromamba": f"{mine} {shlex.quote(str(conda.__file__))}",
    }
    if not installs:
        commands |= {
            "accelock": f"{mine} -m accelock",
            "pip-compile": f"{mine} -m piptools compile",
        }
        commands |= dict.fromkeys(("pip", "pip-sync", "python"), "false")
    if poetry:
        # Poetry makes its environments of `python`, and changes no other one.
        commands |= {"poetry": f"{mine} -m poetry", "python": commands["python3"]}
    for name, command in commands.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        path.chmod(0o755)


def play(scenario: Scenario, shell: Shell) -> str:
    """Run a scenario's commands, check exit codes and excerpts, and return all that was printed."""
    printed = ""
    done = subprocess.CompletedProcess[str]([], 0, "", "")
    for block in scenario.blocks:
        if block.kind == "commands":
            done = shell.run(block.text)
            last = block is scenario.last_commands()
            expected = int(scenario.value("fails") or 0) if last else 0
            assert done.returncode == expected, f"{block.text}\n{done.stdout}\n{done.stderr}"
            printed += done.stdout + done.stderr
        elif block.kind == "excerpt":
            streams = {"stdout": done.stdout, "stderr": done.stderr}
            check_excerpt(block, streams.get(block.name) or shell.read(block.name))
    return printed


def check_excerpt(block: Block, whole: str) -> None:
    """Check that what an excerpt shows is there, in that order; `...` stands for anything.

    White space does not count: a long line may be broken in the README.
    """
    words: list[str] = []
    for line in block.text.splitlines():
        if line.strip() == GAP:
            words.append(r"[\s\S]*?")
        else:
            words += (r"[^\n]*?".join(map(re.escape, word.split(GAP))) for word in line.split())
    pattern = r"\s+".join(words)
    assert re.search(pattern, whole), f"{block.where}: not in\n{whole}"
