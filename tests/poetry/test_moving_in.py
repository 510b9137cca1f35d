"""`accelock init` in projects of Poetry: what was made by hand locks as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.environments import run_accelock

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

LINUX = 'platforms = ["linux-x86_64"]\n'


def moved(project: Project, *words: str) -> str:
    """Move a project in, and return what was said."""
    done = run_accelock("init", "--write", *words, cwd=project.folder, env=project.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Now run: poetry lock" in done.stdout
    project.replace("\ntargets = ", f"\n{LINUX}targets = ")
    return done.stdout


def sources(project: Project, *targets: str) -> str:
    return "".join(
        f'\n[[tool.poetry.source]]\nname = "pytorch-{target}"\n'
        f'url = "{project.server.url}/whl/{target}"\npriority = "explicit"\n'
        for target in targets
    )


def locked_by_hand(project: Project) -> None:
    """Lock a project as it is: accelock has nothing to do with it."""
    project.poetry("lock")
    assert "accelock" not in project.lock()


def legacy(project: Project, dependencies: str, more: str) -> None:
    """Write a pyproject.toml that has all in Poetry's own tables."""
    project.put(
        "pyproject.toml",
        '[tool.poetry]\nname = "app"\nversion = "1.0"\ndescription = ""\nauthors = []\n'
        f"package-mode = false\n\n{project.primary}\n[tool.poetry.dependencies]\n"
        f'python = ">=3.10,<3.14"\n{dependencies}\n{more}',
    )


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_an_explicit_source_locks_as_before(project: Project, target: str) -> None:
    named = f'{{ source = "pytorch-{target}" }}'
    more = f"[tool.poetry.dependencies]\ntorch = {named}\ntorchvision = {named}\n"
    asked = ["torch>=2.5,<2.8", "torchvision", "tqdm"]
    more += sources(project, target)
    project.write_pyproject(asked, targets=(), source="", more=more)
    locked_by_hand(project)
    before = project.pins("cpu")

    moved(project)
    project.poetry("lock")

    assert project.pins(target) == before
    assert before["torch"] == f"2.7.1+{target}"
    text = project.read("pyproject.toml")
    assert "pytorch-" not in text
    assert "[tool.poetry.dependencies]" not in text
    assert f'targets = ["{target}"]' in text


def test_a_label_in_poetrys_own_tables(project: Project) -> None:
    named = '{ version = "2.6.0+cu126", source = "pytorch-cu126" }'
    legacy(project, f"torch = {named}  # the newest\n", sources(project, "cu126"))
    locked_by_hand(project)
    before = project.pins("cpu")

    moved(project)
    project.poetry("lock")

    assert project.pins("cu126") == before
    assert 'torch = "2.6.0"  # the newest\n' in project.read("pyproject.toml")


def test_sources_by_platform_lock_as_before(project: Project) -> None:
    listed = (
        '[{ version = "2.6.0", source = "pytorch-cu126", platform = "linux" }, '
        '{ version = "2.6.0", platform = "darwin" }]'
    )
    legacy(project, f"torch = {listed}\n", sources(project, "cu126"))
    locked_by_hand(project)
    linux, macos = (project.pins("cpu", each) for each in ("linux-x86_64", "macos-arm64"))

    done = project.poetry("accelock", "init", "--write")
    assert "Now run: poetry lock" in done.stdout
    project.replace("\ntargets = ", '\nplatforms = ["linux-x86_64", "macos-arm64"]\ntargets = ')
    project.poetry("lock")

    assert project.pins("cu126") == linux
    assert project.pins("cpu", "macos-arm64") == macos
    assert (linux["torch"], macos["torch"]) == ("2.6.0+cu126", "2.6.0")


EXTRAS = """\
[project.optional-dependencies]
cpu = ["torch>=2.5,<2.8", "torchvision"]
cuda = ["torch>=2.5,<2.8", "torchvision", "einops"]
plots = ["pandas"]

[tool.poetry.dependencies]
torch = [
  { source = "pytorch-cpu", markers = "extra == 'cpu' and extra != 'cuda'" },
  { source = "pytorch-cu126", markers = "extra == 'cuda' and extra != 'cpu'" },
]
torchvision = [
  { source = "pytorch-cpu", markers = "extra == 'cpu' and extra != 'cuda'" },
  { source = "pytorch-cu126", markers = "extra == 'cuda' and extra != 'cpu'" },
]
"""


def test_extras_for_accelerators_lock_as_before(project: Project) -> None:
    more = EXTRAS + sources(project, "cpu", "cu126")
    project.write_pyproject(["tqdm"], targets=(), source="", more=more)
    locked_by_hand(project)
    before = {t: project.pins("cpu", extras=[e]) for t, e in (("cpu", "cpu"), ("cu126", "cuda"))}

    moved(project)
    project.poetry("lock")

    assert {target: project.pins(target) for target in before} == before
    assert before["cu126"]["torch"] == "2.7.1+cu126"
    assert "einops" in before["cu126"]
    assert "einops" not in before["cpu"]
    assert "plots = " in project.read("pyproject.toml")


def test_extras_in_poetrys_own_tables(project: Project) -> None:
    dependencies = """\
torch = [
  { version = "2.6.0+cpu", source = "pytorch-cpu", optional = true, MARK_CPU },
  { version = "2.6.0+cu126", source = "pytorch-cu126", optional = true, MARK_GPU },
]
tqdm = { version = "*", optional = true }

[tool.poetry.extras]
cpu = ["torch"]
gpu = ["torch", "tqdm"]
"""
    cpu, gpu = "extra == 'cpu' and extra != 'gpu'", "extra == 'gpu' and extra != 'cpu'"
    dependencies = dependencies.replace("MARK_CPU", f'markers = "{cpu}"')
    dependencies = dependencies.replace("MARK_GPU", f'markers = "{gpu}"')
    legacy(project, dependencies, sources(project, "cpu", "cu126"))
    locked_by_hand(project)
    before = {t: project.pins("cpu", extras=[e]) for t, e in (("cpu", "cpu"), ("cu126", "gpu"))}

    moved(project)
    project.poetry("lock")

    assert {target: project.pins(target) for target in before} == before
    assert "tqdm" in before["cu126"]
    text = project.read("pyproject.toml")
    assert 'torch = "2.6.0"\n' in text
    assert "extras" not in text


GROUPS = """\
[tool.poetry.group.cpu]
optional = true

[tool.poetry.group.cpu.dependencies]
torch = {{ version = "2.6.0", source = "pytorch-cpu" }}
tqdm = "*"

[tool.poetry.group.gpu]
optional = true

[tool.poetry.group.gpu.dependencies]
torch = {{ version = "{gpu}", source = "pytorch-cu126" }}
tqdm = "*"
"""


def test_groups_for_accelerators(project: Project) -> None:
    """Poetry has one lock for all groups, so that it refuses such a project: it has no before."""
    legacy(project, "", GROUPS.format(gpu="2.6.0") + sources(project, "cpu", "cu126"))

    moved(project)
    project.poetry("lock")

    for target in ("cpu", "cu126"):
        assert project.pins(target)["torch"] == f"2.6.0+{target}"
        assert project.pins(target)["tqdm"] == "4.67.1"
    assert "group" not in project.read("pyproject.toml")


def test_groups_that_ask_for_other_versions(project: Project) -> None:
    legacy(project, "", GROUPS.format(gpu="^2.7") + sources(project, "cpu", "cu126"))

    moved(project)
    project.poetry("lock")

    assert project.pins("cpu")["torch"] == "2.6.0+cpu"
    assert project.pins("cu126")["torch"] == "2.8.0+cu126"


def test_what_poetry_lock_refuses_is_what_goes(project: Project) -> None:
    more = '[tool.poetry.dependencies]\ntorch = { source = "pytorch-cpu" }\n'
    project.write_pyproject(["torch"], source="", more=more + sources(project, "cpu"))
    assert "or let `accelock init` do it" in project.refused("lock")

    done = run_accelock("init", "--write", cwd=project.folder, env=project.env)
    assert done.returncode == 0, done.stderr
    project.poetry("lock")

    for target in ("cpu", "cu126"):
        assert project.pins(target)["torch"].endswith(f"+{target}")
