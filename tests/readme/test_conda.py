"""The README's commands about conda, run to the letter, with a channel on localhost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from accelock.targets import host_platform
from tests.readme.conda import HERE, SUBDIRS, outside_world_with_conda
from tests.readme.document import Scenario, scenarios
from tests.readme.shell import Shell, play

pytest.importorskip("rattler", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable


HOST = host_platform()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        HOST is None or HOST.name not in {"linux-x86_64", "macos-arm64"},
        reason="this machine is none of the README's platforms",
    ),
]
ALL = [each for each in scenarios() if each.has("conda")]
TOLD_APART = {"conda-vega", "conda-docker", "conda-poetry"}
OUTSIDE = outside_world_with_conda  # for conftest.py


def named(name: str) -> Scenario:
    return next(each for each in ALL if each.name == name)


@pytest.mark.parametrize("name", [each.name for each in ALL if each.name not in TOLD_APART])
def test_commands_do_what_the_readme_says(name: str, begin: Callable[[Scenario], Shell]) -> None:
    scenario = named(name)
    play(scenario, begin(scenario))


def test_vega_lite_and_torch_are_in_one_folder(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("conda-vega")
    shell = begin(scenario)
    printed = play(scenario, shell)
    assert "vega-lite is here" in printed
    assert "fresh and complete" in printed
    code = "import sys, torch; print(sys.prefix, torch.__version__, torch.version.cuda)"
    said = shell.run(f"./env/bin/python -c '{code}'").stdout.split()
    label = "+cpu" if sys.platform == "linux" else ""
    assert said == [str(shell.folder / "env"), f"2.10.0{label}", "None"]
    names = {path.name for path in shell.folder.iterdir()}
    assert {f"conda-cpu-{subdir}.txt" for subdir in ("linux-64", "osx-arm64")} <= names
    assert "environment-cu126-dev.yml" in names
    assert set(SUBDIRS) > {"linux-64", "osx-arm64"}


def test_poetry_installs_into_the_folder_of_conda(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("conda-poetry")
    shell = begin(scenario)
    play(scenario, shell)
    installed = shell.installed(shell.folder / "env" / "bin" / "python")
    assert installed["torch"].startswith("2.10.0")
    assert (shell.folder / "env" / "bin" / "vl2svg").exists()
    assert not (shell.folder / ".venv").exists()


def test_both_images_have_both_sides(begin: Callable[[Scenario], Shell]) -> None:
    scenario = named("conda-docker")
    if scenario.value("python") != HERE:
        pytest.skip("accelock and its extra can be offered for the Python of the tests alone")
    shell = begin(scenario)
    play(scenario, shell)
    for image in ("app", "slim"):
        env = shell.images / image / "files" / "env"
        assert (env / "bin" / "vl2svg").exists()
        installed = shell.installed(env / "bin" / "python")
        assert installed["torch"].startswith("2.10.0")
        assert "accelock" not in installed
