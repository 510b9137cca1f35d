"""`why`, `sync` and `conda install` choose one target, by what is locked there."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from accelock.conda.formats import FORMATS
from accelock.locks import conda_lock
from accelock.targets import CPU, host_platform
from tests.commands.poetry_locks import PoetryFolder, entry
from tests.commands.projects import Project
from tests.support.environments import run_accelock

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("piptools", reason="pip-tools is not installed")

if TYPE_CHECKING:
    from pathlib import Path

HOST = host_platform()
TARGETS = ("cpu", "cu126", "cu128")
TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126", "cu128"]
platforms = ["linux-x86_64"]
[tool.accelock.conda]
channels = ["http://127.0.0.1:9/forge"]
"""
LOCK = """\
version: 1
metadata:
  channels:
  - url: http://127.0.0.1:9/forge
    used_env_vars: []
  platforms:
  - linux-64
  sources:
  - pyproject.toml
package: []
"""
PYTORCH = """\
package:
- name: pytorch
  version: {version}
  manager: conda
  platform: linux-64
  dependencies: {{}}
  url: http://127.0.0.1:9/forge/linux-64/pytorch-{version}-{build}.conda
  hash:
    md5: abababababababababababababababab
    sha256: abababababababababababababababababababababababababababababababab
  build: {build}
  category: main
  optional: false
"""

pytestmark = pytest.mark.skipif(
    HOST is None or HOST.name != "linux-x86_64", reason="the locks are for Linux on x86_64"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path, (f"{sys.version_info[0]}.{sys.version_info[1]}",))
    found.write("pyproject.toml", TABLE)
    for target in TARGETS:
        found.write(f"conda-{target}-lock.yml", LOCK)
    return found


def with_pytorch(project: Project, version: str) -> None:
    for target in TARGETS:
        build = "cpu_generic_0" if target == "cpu" else f"cuda{target[2:]}_generic_0"
        text = LOCK.replace("package: []\n", PYTORCH.format(version=version, build=build))
        project.write(f"conda-{target}-lock.yml", text)


def said(project: Project, *words: str) -> tuple[str, str]:
    """Run a command on a machine with a V100, for which not every torch has code."""
    env = {
        **os.environ,
        "ACCELOCK_CUDA_DRIVER": "580.82.07",
        "ACCELOCK_COMPUTE_CAPABILITY": "7.0",
        "ACCELOCK_TARGET": "",
    }
    done = run_accelock(*words, cwd=project.folder, env=env)
    return done.stdout, done.stderr


def chosen(project: Project) -> dict[str, str]:
    """Return what each command chooses."""
    out, _err = said(project, "why", "--json")
    found = {"why": json.loads(out)["target"]}
    _out, err = said(project, "conda", "install", "--prefix", "env")
    found["conda install"] = next(t for t in TARGETS if f"conda-{t}-lock.yml ({t} (" in err)
    if (project.folder / "requirements.cpu.txt").exists():
        _out, err = said(project, "sync", "--dry-run")
        found["sync"] = next(t for t in TARGETS if f"Syncing requirements.{t}.txt for {t}" in err)
    return found


@pytest.mark.parametrize(("torch", "target"), [("2.9.1", "cu128"), ("2.11.0", "cu126")])
def test_by_the_torch_of_compiled_files(project: Project, torch: str, target: str) -> None:
    """torch 2.11.0 has no code for Volta in its builds for CUDA 12.8, and has in those for 12.6."""
    for each in TARGETS:
        body = f"torch=={torch}+{each}\n"
        project.compiled(f"requirements.{each}.txt", each, body, platforms=["linux-x86_64"])
    assert set(chosen(project).values()) == {target}


@pytest.mark.parametrize(("torch", "target"), [("2.9.1", "cu128"), ("2.11.0", "cu126")])
def test_by_the_torch_of_a_poetry_lock(project: Project, torch: str, target: str) -> None:
    folder = PoetryFolder(project.folder, TABLE + '[project]\nname = "x"\n')
    folder.entries = {each: [entry("torch", f"{torch}+{each}", each)] for each in TARGETS}
    folder.platforms = dict.fromkeys(TARGETS, ("linux-x86_64",))
    folder.write()
    assert set(chosen(project).values()) == {target}


@pytest.mark.parametrize("with_files", [False, True])
@pytest.mark.parametrize(("torch", "target"), [("2.9.1", "cu128"), ("2.11.0", "cu126")])
def test_by_the_pytorch_of_conda_locks(
    project: Project, torch: str, target: str, with_files: bool
) -> None:
    """Whatever pip's lock lacks."""
    with_pytorch(project, torch)
    for each in TARGETS if with_files else ():
        project.compiled(
            f"requirements.{each}.txt", each, "six==1.17.0\n", platforms=["linux-x86_64"]
        )
    found = chosen(project)
    assert len(found) == (3 if with_files else 2)
    assert set(found.values()) == {target}


def test_a_lock_says_for_which_platforms_it_is() -> None:
    text = LOCK.replace("  - linux-64\n", "  - osx-arm64\n  - linux-64\n")
    lock = conda_lock.lock_of(text, "conda-cpu-lock.yml", CPU)
    assert [each.name for each in lock.platforms or ()] == ["macos-arm64", "linux-x86_64"]
    assert lock.pins == ()
    assert conda_lock.NAME.format(target="cu126") == FORMATS["lock"].file_name("cu126", None, None)
