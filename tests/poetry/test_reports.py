"""`poetry accelock detect`, `why`, `diff`, `doctor`: the same classes, in Poetry's project."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.environments import run
from tests.support.fakes import fakes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.poetry.support_project import Project

NO_GPU = {"ACCELOCK_CUDA_DRIVER": "none", "ACCELOCK_AMD_GFX": "none"}


def test_detect_is_what_accelock_says(copy: Project) -> None:
    machine = json.loads(copy.poetry("accelock", "detect", "--json", environ=NO_GPU).stdout)
    assert machine["nvidia_driver"] is None
    assert "platform:" in copy.poetry("accelock", "detect").stdout


def test_detect_needs_no_project(copy: Project, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    environ = {**copy.env, **NO_GPU}
    command = (sys.executable, "-m", "poetry", "accelock", "detect", "--json")
    done = run(*command, cwd=folder, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["nvidia_driver"] is None
    assert list(folder.iterdir()) == []


def test_why(copy: Project) -> None:
    variables = {"ACCELOCK_CUDA_DRIVER": "580.82.07", "ACCELOCK_COMPUTE_CAPABILITY": "9.0"}
    out = copy.poetry("accelock", "why", environ=variables).stdout
    assert out.startswith("cu126 for this machine: compute capability 9.0, NVIDIA driver 580.82.07")
    assert "locked in: poetry.lock" in out
    assert copy.poetry("accelock", "why", environ=NO_GPU).stdout.startswith("cpu for this machine")


def test_why_knows_what_the_environment_keeps(copy: Project) -> None:
    copy.make_environment()
    copy.poetry("accelock", "use", "cu126")
    document = json.loads(copy.poetry("accelock", "why", "--json", environ=NO_GPU).stdout)
    assert (document["target"], document["rule"]) == ("cu126", "saved-choice")
    assert document["by_hardware"] == "cpu"


def test_why_a_package_reads_nothing(copy: Project) -> None:
    document = json.loads(copy.poetry("accelock", "why", "torch", "--json").stdout)
    cpu, cu126 = document["targets"]
    assert (cpu["label"], cu126["label"]) == ("cpu", "cu126")
    assert "+cu126-" in cu126["file"]
    assert copy.server.requests == ()


def test_diff_with_sizes_and_without_bodies(copy: Project) -> None:
    document = json.loads(copy.poetry("accelock", "diff", "cpu", "cu126", "--json").stdout)
    assert document["faults"] == []
    assert [each["unknown"] for each in document["total"].values()] == [0, 0]
    assert document["total"]["cu126"]["bytes"] > document["total"]["cpu"]["bytes"]
    assert "nvidia-cublas-cu12" in {each["name"] for each in document["only_b"]}
    assert copy.server.bodies() == ()


def test_doctor_looks_at_the_projects_environment(copy: Project) -> None:
    copy.make_environment()
    done = copy.poetry("accelock", "doctor", "--json", environ=NO_GPU)
    document = json.loads(done.stdout)
    assert (document["target"], document["files"]) == ("cpu", ["poetry.lock"])
    site = next(copy.environment.glob("lib/python*/site-packages"))
    info = site / "torch-2.6.0+cu126.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0+cu126\n")
    done = copy.poetry("accelock", "doctor", environ=NO_GPU, code=1)
    assert "torch 2.6.0+cu126 is installed, and the lock has" in done.stdout


def test_doctor_finds_a_lock_of_a_poetry_without_the_plugin(copy: Project) -> None:
    (copy.folder / "poetry.lock").unlink()
    copy.poetry("lock", plugins=False)
    done = copy.poetry("accelock", "doctor", "--json", environ=NO_GPU, code=1)
    found = {each["code"]: each for each in json.loads(done.stdout)["findings"]}
    assert found["no-overlay"]["file"] == "poetry.lock"
    assert found["no-overlay"]["level"] == "error"


def test_what_needs_no_target_starts_no_probe(copy: Project, tmp_path: Path) -> None:
    commands = fakes(tmp_path)
    copy.make_environment()
    for words in (
        ("lock",),
        ("lock", "-v"),
        ("add", "--lock", "six"),
        ("check", "--lock"),
        ("env", "info"),
        ("accelock", "check"),
        ("accelock", "diff", "cpu", "cu126"),
        ("accelock", "why", "torch"),
        ("accelock", "use", "cu126"),
        ("install", "--dry-run"),
    ):
        copy.poetry(*words, PATH=commands.path)
        assert commands.asked() == [], words
    copy.poetry("accelock", "use", "auto")
    for words in (("show",), ("install", "--dry-run"), ("accelock", "detect")):
        copy.poetry(*words, PATH=commands.path)
        assert commands.asked() != [], words


def test_an_error_is_one_message(copy: Project) -> None:
    assert "did you mean 'torch'" in copy.poetry("accelock", "why", "touch", code=1).stderr
    assert "'cu118'" in copy.poetry("accelock", "diff", "cpu", "cu118", code=1).stderr


def test_a_verbose_lock_ends_with_sizes(copy: Project) -> None:
    copy.replace("dependencies = [", 'dependencies = ["six", ')
    copy.server.reset()
    said = copy.poetry("lock", "-v").stderr
    lines = [line for line in said.splitlines() if " downloads " in line or "together" in line]
    assert [line.split()[1] for line in lines] == ["cpu", "cu126", "all"]
    assert not any("not known" in line for line in lines)
    assert copy.server.bodies_of_wheels() == ()


def test_a_plain_lock_says_nothing_of_sizes(copy: Project) -> None:
    copy.replace("dependencies = [", 'dependencies = ["six", ')
    copy.server.reset()
    assert " downloads " not in copy.poetry("lock").stderr
    assert [each for each in copy.server.requests if each.method == "HEAD"] == []


@pytest.mark.parametrize("machine", ["p100", "v100"])
def test_the_locked_torch_counts(copy: Project, machine: str) -> None:
    document = json.loads(copy.poetry("accelock", "why", "-m", machine, "--json").stdout)
    assert document["target"] == "cu126"


def test_families_and_targets_are_what_accelock_says(copy: Project) -> None:
    found = copy.poetry("accelock", "families", "pytorch").stdout
    assert f"  read from  {copy.server.url}/whl/{{target}} (pyproject.toml)" in found
    copy.server.reset()
    words = ("accelock", "targets", "-t", "cpu", "-t", "cu126", "--json")
    (torch,) = json.loads(copy.poetry(*words, environ=NO_GPU).stdout)["packages"]
    assert torch["name"] == "torch"
    assert [each["declared"] for each in torch["targets"]] == [True, True]
    assert {each["builds"][0]["version"] for each in torch["targets"]} == {"2.8.0"}
    assert copy.server.bodies() == ()
    done = copy.poetry("accelock", "families", "pytroch", code=1)
    assert "did you mean 'pytorch'?" in done.stderr
