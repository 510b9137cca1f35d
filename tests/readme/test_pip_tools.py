"""The pages' commands, run to the letter, with the files that they show, in fresh folders.

What they reach is on localhost: tests/readme/world.py. How a page says which blocks belong
together: tests/readme/document.py.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from accelock.targets import host_platform
from tests.readme.document import TOP, Scenario, loose_blocks, scenarios
from tests.readme.shell import Shell, needs_poetry, play
from tests.readme.world import MIRRORED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the pages speak to sh and make")
ALL = scenarios()
# These have a test of their own, which also looks at what came of them.
TOLD_APART = {
    "quick-start",
    "docker",
    "targets",
    "makefile",
    "mirror",
}
DECLARED = {"linux-x86_64", "macos-arm64"}  # the platforms of the README's [tool.accelock]


def named(name: str) -> Scenario:
    return next(each for each in ALL if each.name == name)


def on_linux(text: str, otherwise: str) -> str:
    """The label that a CPU build has on this machine."""
    return text if sys.platform == "linux" else otherwise


# Every command


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        e.name
        for e in ALL
        if e.name not in TOLD_APART and not e.has("conda") and not needs_poetry(e)
    ],
)
def test_commands_do_what_the_readme_says(name: str, begin: Callable[[Scenario], Shell]) -> None:
    scenario = named(name)
    play(scenario, begin(scenario))


@pytest.mark.slow
def test_quick_start_installs_the_cpu_build(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("quick-start")
    printed = play(scenario, begin(scenario))
    assert f"\n2.10.0{on_linux('+cpu', '')}\n" in printed


@pytest.mark.slow
def test_docker_image_has_no_cuda(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("docker")
    shell = begin(scenario)
    play(scenario, shell)
    image = shell.images / "app"
    installed = shell.installed(image / "venv" / "bin" / "python")
    assert installed["torch"] == f"2.10.0{on_linux('+cpu', '')}"
    assert not [name for name in installed if name.startswith(("nvidia", "triton"))]
    assert (image / "files" / "Dockerfile").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    str(host_platform()) not in DECLARED, reason="this machine is none of the README's platforms"
)
def test_each_machine_gets_its_target(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("targets")
    shell = begin(scenario)
    printed = play(scenario, shell)
    assert "cu126 does not exist on macos-arm64" in printed
    assert re.search(r"requirements\.cpu\.txt for cpu .*no NVIDIA driver found", printed)
    assert "for cpu (ACCELOCK_TARGET says so)" in printed
    installed = shell.installed("python")
    assert installed["torch"] == f"2.10.0{on_linux('+cpu', '')}"
    assert "accelock" in installed
    for target in ("cpu", "cu126"):
        pins = re.findall(
            r"^torch==([\d.]+)", shell.read(f"requirements.{target}.txt"), re.MULTILINE
        )
        assert set(pins) == {"2.10.0"}


@pytest.mark.slow
@pytest.mark.skipif(
    str(host_platform()) not in DECLARED, reason="this machine is none of the README's platforms"
)
def test_makefile_makes_everything_once(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("makefile")
    shell = begin(scenario)
    play(scenario, shell)
    installed = shell.installed(shell.folder / ".venv" / "bin" / "python")
    assert {"torch", "lightning"} <= set(installed)
    assert "accelock" not in installed
    again = shell.run("make sync")
    assert again.returncode == 0, again.stderr
    assert "accelock compile" not in again.stdout
    shell.run("echo tqdm >> requirements-dev.in")
    changed = shell.run("make sync")
    assert changed.stdout.count("accelock compile") == 1, changed.stdout


@pytest.mark.slow
def test_mirror_is_read_and_written_or_only_read(
    begin: Callable[[Scenario], Shell], server: IndexServer
) -> None:
    scenario = named("mirror")
    shell = begin(scenario)
    play(scenario, shell)
    sources = {
        name: re.findall(r"^--\S+ (\S+)", shell.read(f"{name}.txt"), re.MULTILINE)
        for name in ("requirements", "from-page", "read-from-mirror")
    }
    assert sources == {
        "requirements": ["https://nexus.example.com/repository/pytorch/cpu"],
        "from-page": ["https://download.pytorch.org/whl/torch_stable.html"],
        "read-from-mirror": ["https://download.pytorch.org/whl/cpu"],
    }
    assert len(server.pages(f"{MIRRORED}/cpu/torch/")) == 2


def test_all_commands_are_in_a_scenario_or_run_by_continuous_integration() -> None:
    loose = {block.name: block.text for block in loose_blocks()}
    action = ".github/actions/relock/action.yml"  # its steps are run in tests/test_github.py
    assert set(loose) == {".ci/run", ".pre-commit-hooks.yaml", action}
    run = (TOP / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = loose[".ci/run"].splitlines()
    assert [line for line in run if line in commands] == commands
    (hook,) = re.findall(r"- id: (.*)", loose[".pre-commit-hooks.yaml"])
    hooks = (TOP / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert f"- id: {hook}\n" in hooks
    assert all(scenario.last_commands() for scenario in ALL)


# What it says of itself


@pytest.mark.slow
def test_compiling_downloads_no_wheel_and_reads_a_page_once(
    begin: Callable[[Scenario], Shell], server: IndexServer
) -> None:
    shell = begin(named("lockstep"))
    targets = "-t cpu -t cu126 --generate-hashes"
    done = shell.run(f"accelock compile -q {targets} requirements.in")
    assert done.returncode == 0, done.stderr
    assert not server.bodies()
    asked = [(request.path, request.accept) for request in server.pages()]
    assert len(asked) == len(set(asked))
