"""Real `make`: an environment for the tools and one for the project, prod and dev layers."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from accelock.targets import host_platform
from tests.piptools.support_tools import pip_environment, tool_environment
from tests.support.environments import run

if TYPE_CHECKING:
    import subprocess

    from tests.piptools.support_project import Project
    from tests.support.environments import Venv

HOST = host_platform()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make"),
    pytest.mark.skipif(HOST is None or HOST.name == "macos-x86_64", reason="no torch for it"),
]
PROD = ["requirements.cpu.txt", "requirements.cu126.txt"]
DEV = ["requirements-dev.cpu.txt", "requirements-dev.cu126.txt"]
MAKEFILE = """\
ACCELOCK = .tools/bin/python -m accelock
PROD = requirements.cpu.txt requirements.cu126.txt
DEV = requirements-dev.cpu.txt requirements-dev.cu126.txt

synced: $(DEV) $(PROD)
\t$(ACCELOCK) sync --quiet --python-executable .venv/bin/python requirements-dev.txt
\ttouch $@

# One run writes both files: that is what two targets of a pattern rule mean to make.
%.cpu.txt %.cu126.txt: %.in pyproject.toml
\t$(ACCELOCK) compile --quiet $<

$(DEV): $(PROD)
"""
COMPILE = ".tools/bin/python -m accelock compile --quiet"
PROD_RUN = f"{COMPILE} requirements.in"
DEV_RUN = f"{COMPILE} requirements-dev.in"


@pytest.fixture
def made(project: Project) -> tuple[Project, Venv]:
    """A project with a Makefile, the tools in `.tools`, and its own environment in `.venv`."""
    env = dict(project.env)
    tool_environment(project.folder / ".tools", env)
    venv = pip_environment(project.folder / ".venv", env)
    platforms = sorted({"linux-x86_64", "macos-arm64", HOST.name if HOST else ""})
    # The files' own lines lead pip-sync to the server, as they would to PyTorch's index.
    source = env["ACCELOCK_SOURCE_PYTORCH"]
    project.put("Makefile", MAKEFILE)
    project.write(
        requirements_in="torch<2.8\ntqdm\n",
        pyproject_toml="[tool.pip-tools]\nstrip-extras = true\n"
        f'[tool.accelock]\ntargets = ["cpu", "cu126"]\nplatforms = {platforms}\n'
        f'[tool.accelock.sources]\npytorch = "{source}"\n',
    )
    project.put("requirements-dev.in", "-r requirements.in\n-c requirements.txt\neinops\n")
    return project, venv


def make(project: Project) -> subprocess.CompletedProcess[str]:
    env = {**project.env, "ACCELOCK_TARGET": "cpu"}
    done = run("make", "-j2", cwd=project.folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def commands(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith(COMPILE)]


def edited(project: Project, *names: str) -> None:
    """Make files newer than all others, whose order stays, and none of them newer than now."""
    for path in project.folder.glob("*"):
        if path.is_file():
            moment = time.time() - 5 if path.name in names else path.stat().st_mtime - 60
            os.utime(path, (moment, moment))


def locks(project: Project) -> dict[str, str]:
    return {name: project.read(name) for name in (*PROD, *DEV)}


def test_layers_sync_and_no_rebuild(made: tuple[Project, Venv]) -> None:
    project, venv = made
    first = make(project)

    assert commands(first) == [PROD_RUN, DEV_RUN]
    for target in ("cpu", "cu126"):
        prod = project.pins(f"requirements.{target}.txt")
        dev = project.pins(f"requirements-dev.{target}.txt")
        assert prod["torch"] == f"2.7.1+{target}"
        assert {name: dev[name] for name in prod} == prod
        assert set(dev) - set(prod) == {"einops"}
    installed = venv.installed()
    assert installed["torch"].startswith("2.7.1")
    assert "einops" in installed
    assert not [name for name in installed if name.startswith(("nvidia", "triton", "accelock"))]

    before = locks(project)
    assert "up to date" in make(project).stdout

    edited(project, "requirements-dev.in")
    assert commands(make(project)) == [DEV_RUN]
    assert "up to date" in make(project).stdout

    edited(project, "requirements.in")
    assert commands(make(project)) == [PROD_RUN, DEV_RUN]
    assert "up to date" in make(project).stdout, "files that did not change are new to make"
    assert locks(project) == before

    project.write(requirements_in="torch<2.8\ntqdm\njinja2<3.1.6\n")
    edited(project, "requirements.in")
    make(project)
    assert project.pins("requirements-dev.cpu.txt")["jinja2"] == "3.1.5"
    installed = {name.lower(): version for name, version in venv.installed().items()}
    assert installed["jinja2"] == "3.1.5"
