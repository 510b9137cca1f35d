"""The README's commands about Poetry, run to the letter, in fresh folders."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from accelock.targets import host_platform
from tests.readme.document import Scenario, literals, scenarios, table
from tests.readme.shell import Shell, needs_poetry, play
from tests.readme.world import MIRRORED
from tests.support.environments import isolated_env, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.proxy import Proxy
    from tests.support.server import IndexServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the README speaks to sh"),
    pytest.mark.skipif(
        importlib.util.find_spec("poetry") is None,
        reason="Poetry is not installed here; tox's poetry-newest has it",
    ),
    pytest.mark.skipif(
        getattr(host_platform(), "name", "") not in {"linux-x86_64", "macos-arm64"},
        reason="this machine is none of the README's platforms",
    ),
]
ALL = {e.name: e for e in scenarios() if needs_poetry(e) and not e.has("conda")}
TOLD_APART = {"poetry-quick-start", "poetry-docker", "poetry-mirror"}
CPU_BUILD = "2.10.0+cpu" if sys.platform == "linux" else "2.10.0"


@pytest.mark.parametrize("name", [name for name in ALL if name not in TOLD_APART])
def test_commands_do_what_the_readme_says(name: str, begin: Callable[[Scenario], Shell]) -> None:
    play(ALL[name], begin(ALL[name]))


def test_each_machine_gets_its_build(begin: Callable[[Scenario], Shell]) -> None:
    scenario = ALL["poetry-quick-start"]
    printed = play(scenario, begin(scenario))
    assert f"\n{CPU_BUILD}\n" in printed
    assert "installing for cpu (no other declared target fits: cu126: no NVIDIA driver" in printed


def test_the_docker_image_has_no_cuda(begin: Callable[[Scenario], Shell]) -> None:
    scenario = ALL["poetry-docker"]
    shell = begin(scenario)
    play(scenario, shell)
    installed = shell.installed(shell.images / "app" / "files" / ".venv" / "bin" / "python")
    assert installed["torch"] == CPU_BUILD
    assert not [name for name in installed if name.startswith(("nvidia", "triton"))]


def test_the_lock_names_the_mirror_and_no_login(
    begin: Callable[[Scenario], Shell], outside: tuple[IndexServer, Proxy]
) -> None:
    server, _proxy = outside
    open_site = server.site
    server.configure(MIRRORED, login=("reader", "s3cret"))
    scenario = ALL["poetry-mirror"]
    shell = begin(scenario)
    play(scenario, shell)
    server.site = open_site
    lock = shell.read("poetry.lock")
    assert 'url = "https://nexus.example.com/repository/pytorch/cu126"' in lock
    assert "download.pytorch.org" not in lock
    assert "s3cret" not in lock


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
def test_the_job_that_puts_targets_back_pushes_what_changed_and_no_more(tmp_path: Path) -> None:
    workflow = ALL["poetry-fallback"].files()[".github/workflows/relock.yml"]
    step = textwrap.dedent(workflow.rpartition("- run: |\n")[2])
    env = isolated_env(tmp_path / "home")

    def sh(commands: str) -> str:
        # As GitHub runs a step: https://docs.github.com/actions (bash -e, on Linux and macOS).
        done = run("bash", "-e", "-c", commands, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    here = "cd clone && git config user.name a && git config user.email a@example.org && "
    sh("git init -q --bare origin.git && git clone -q origin.git clone")
    sh(f"{here} echo old > poetry.lock && git add . && git commit -qm Bump")
    sh("cd clone && git push -q -u origin HEAD")
    sh("echo new > clone/poetry.lock")
    for _ in range(2):
        sh(f"cd clone\n{step}")

    log = sh("git -C origin.git log --format=%s --all").split("\n")
    assert log == ["Lock for all targets", "Bump", ""]


def test_its_own_commands_have_the_options_in_the_tables() -> None:
    from accelock.hosts.poetry.commands import PoetryInitCommand  # noqa: PLC0415

    written = {flag for row in table("poetry accelock init") for flag in literals(row[0])}
    assert {f"--{each.name}" for each in PoetryInitCommand.options} == written
