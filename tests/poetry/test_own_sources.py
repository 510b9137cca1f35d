"""A torch source made by hand, as Poetry's documentation has it, beside declared targets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_cases import ONLY_HERE
from tests.poetry.support_project import TARGETS

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

LINUX = 'platforms = ["linux-x86_64"]'
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
OWN = '[tool.accelock.packages]\ntorch = { source = "own" }\n'
CPUONLY = "[tool.accelock.packages]\ntorch = { cpuonly = true }\n"
NAMED = '[tool.poetry.dependencies]\ntorch = { source = "pytorch-cpu" }\n'


def source(project: Project, target: str, name: str = "") -> str:
    return (
        f'\n[[tool.poetry.source]]\nname = "{name or f"pytorch-{target}"}"\n'
        f'url = "{project.server.url}/whl/{target}"\npriority = "explicit"\n'
    )


def line_of(project: Project, text: str) -> int:
    lines = project.read("pyproject.toml").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def assert_stable(project: Project) -> None:
    """Lock again, as Poetry does with what is locked in mind, and find the same bytes."""
    before = project.read()
    project.poetry("lock")
    assert project.read() == before


def test_builds_of_another_target_are_refused_with_the_lines(project: Project) -> None:
    project.write_pyproject(
        ["torch", "tqdm"], table=LINUX, more=NAMED + source(project, "cpu"), source=""
    )
    said = project.refused("lock")

    assert "torch comes from the source 'pytorch-cpu'" in said
    assert "which has the builds of cpu, on cu126 too" in said
    first = line_of(project, 'name = "pytorch-cpu"') - 1
    assert f'line {line_of(project, "torch = {")}: source = "pytorch-cpu" of torch' in said
    assert f"lines {first} to {first + 3}: [[tool.poetry.source]] pytorch-cpu" in said
    assert 'torch = { source = "own" }' in said
    assert "torch = { cpuonly = true }" in said


def test_so_they_are_for_one_target(project: Project) -> None:
    project.write_pyproject(
        targets=["cpu"], table=LINUX, more=NAMED.replace("cpu", "cu126") + source(project, "cu126")
    )
    assert "which has the builds of cu126, on cpu too" in project.refused("lock")


EXTRAS = """\
[project.optional-dependencies]
cpu = ["torch>=2.5"]
gpu = ["torch>=2.5"]
[tool.poetry.dependencies]
torch = [
  { source = "pytorch-cpu", markers = "extra == 'cpu' and extra != 'gpu'" },
  { source = "pytorch-cu126", markers = "extra == 'gpu' and extra != 'cpu'" },
]
"""
GROUP = """\
[tool.poetry.group.ml]
optional = true
[tool.poetry.group.ml.dependencies]
torch = { version = "*", source = "pytorch-cpu" }
"""


@pytest.mark.parametrize("more", [EXTRAS, GROUP], ids=["extras", "group"])
def test_so_they_are_in_extras_and_groups(project: Project, more: str) -> None:
    sources = source(project, "cpu") + source(project, "cu126")
    said = project.write_pyproject(["tqdm"], table=LINUX, more=more + sources).refused("lock")

    assert "the source 'pytorch-cpu'" in said
    assert "has the builds of cpu, on cu126 too" in said
    assert ("has the builds of cu126, on cpu too" in said) == (more == EXTRAS)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (NAMED, ()),
        (GROUP, ("--with", "ml")),
        (EXTRAS.replace("-cu126", "-cpu"), ("--extras", "gpu")),
    ],
    ids=["main", "group", "extras"],
)
def test_what_is_meant_is_locked_twice_alike(
    project: Project, more: str, words: tuple[str, ...]
) -> None:
    requires = ["torch", "torchvision"] if more == NAMED else ["tqdm"]
    project.write_pyproject(requires, table=LINUX, more=OWN + more + source(project, "cpu"))
    done = project.poetry("lock")

    assert done.stderr.count("torch has source 'pytorch-cpu' by hand") == 1
    for target in TARGETS:
        (torch,) = (each for each in project.view(target) if each["name"] == "torch")
        assert torch["version"] == "2.8.0+cpu"
        assert torch["source"]["reference"] == "pytorch-cpu"
    assert_stable(project)
    assert project.install(*words, target="cu126")["torch"] == "2.8.0+cpu"


@pytest.mark.parametrize("targets", [("cpu",), ("cu126", "cpu")])
def test_the_cpu_build_everywhere(project: Project, targets: tuple[str, ...]) -> None:
    """Of one target, or because the table says so, the source has what the family would have."""
    project.write_pyproject(
        ["torch", "torchvision"],
        targets=targets,
        table=LINUX,
        source="",
        more=("" if len(targets) == 1 else CPUONLY) + NAMED + source(project, "cpu"),
    )
    project.poetry("lock")

    for target in targets:
        assert project.pins(target)["torch"] == "2.8.0+cpu"
        assert project.pins(target)["torchvision"] == "0.23.0+cpu"
        assert {each["source"]["reference"] for each in project.view(target)} == {
            "local",
            "pytorch-cpu",
        }
    assert_stable(project)
    project.poetry("accelock", "check")
    assert project.install(target=targets[0])["torch"] == "2.8.0+cpu"


def test_a_source_by_system_that_each_target_has_itself(project: Project) -> None:
    more = """\
[tool.poetry.dependencies]
torch = [
  { source = "pytorch-cpu", markers = "sys_platform == 'darwin'" },
  { source = "pytorch-cu126", markers = "sys_platform == 'linux'" },
]
"""
    sources = source(project, "cpu") + source(project, "cu126")
    table = (
        'platforms = ["linux-x86_64", "macos-arm64"]\n'
        '[tool.accelock.target.cpu]\nplatforms = ["macos-arm64"]'
    )
    asked = ["torch>=2.5"]
    project.write_pyproject(asked, targets=["cpu", "cu126"], table=table, more=more + sources)
    project.poetry("lock")

    assert project.pins("cpu", "macos-arm64")["torch"] == "2.8.0"
    assert project.pins("cu126")["torch"] == "2.8.0+cu126"
    assert_stable(project)


def test_two_places_for_a_family_are_refused(project: Project) -> None:
    elsewhere = source(project, "cpu").replace("/whl/", "/mirror/whl/")
    project.write_pyproject(targets=["cpu"], table=LINUX, more=NAMED + elsewhere)
    said = project.refused("lock")

    assert f"[tool.accelock.sources] has pytorch at {project.server.url}/whl/{{target}}" in said
    assert "[[tool.poetry.source]] pytorch-cpu" in said


def test_a_source_that_does_not_say_whose_builds_it_has(project: Project) -> None:
    more = NAMED.replace("pytorch-cpu", "local")
    said = project.write_pyproject(table=LINUX, more=more).refused("lock")
    assert "whose builds accelock does not know, on cpu, cu126 too" in said


@pytest.mark.parametrize("asked", ["^2.6.0+cpu", ">=2.6.0+cpu,<3", "2.6.0+cpu"])
def test_a_label_in_a_range(project: Project, asked: str) -> None:
    more = f'[tool.poetry.dependencies]\npython = ">=3.10,<3.14"\ntorch = "{asked}"\n'
    project.write_pyproject(["torch"], table=LINUX, more=more)
    project.replace("dependencies = ['torch']", 'dynamic = ["dependencies"]')
    assert "carries the label +cpu, and [tool.accelock] declares cu126" in project.refused("lock")

    project.replace("targets = ['cpu', 'cu126']", "targets = ['cpu']")
    project.poetry("lock")
    newest = "2.6.0+cpu" if asked == "2.6.0+cpu" else "2.8.0+cpu"
    assert project.pins("cpu")["torch"] == newest
    assert_stable(project)


@pytest.mark.parametrize("label", TARGETS)
def test_a_wheel_of_another_target(project: Project, label: str) -> None:
    name = f"torch-2.6.0+{label}-{TAG}-{TAG}-linux_x86_64.whl"
    torch = f"torch @ {project.server.url}/whl/{label}/{name}"
    project.write_pyproject([torch], table=LINUX, python=ONLY_HERE)
    (other,) = set(TARGETS) - {label}
    said = project.refused("lock")

    assert f"which has the builds of {label}, on {other} too" in said
    assert f"line {line_of(project, name)}: the address of torch" in said

    if label == "cpu":
        project.replace(f"targets = {list(TARGETS)}", "targets = ['cpu']")
        project.poetry("lock")
        assert project.pins("cpu")["torch"] == "2.6.0+cpu"


def test_a_package_that_comes_from_pypi_like_any_other(project: Project) -> None:
    more = '[tool.accelock.packages]\ntorchvision = { source = "pypi" }\n'
    project.write_pyproject(["torch", "torchvision"], table=LINUX, more=more)
    project.poetry("lock")

    for target in TARGETS:
        assert project.pins(target)["torch"] == f"2.8.0+{target}"
        assert project.pins(target)["torchvision"] == "0.23.0"
    assert_stable(project)
    project.poetry("accelock", "check")
