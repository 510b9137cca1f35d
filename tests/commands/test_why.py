"""`accelock why`: the target for a machine, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock.commands.doctor import diagnose
from accelock.commands.why import why
from accelock.errors import AccelockError, UnknownWordError
from accelock.hardware import profile
from tests.commands.heres import EMPTY, gpu_box, here
from tests.commands.poetry_locks import PoetryFolder
from tests.commands.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

OLD = "needs NVIDIA driver 525.60.13 or newer, this machine has 520.61.05"


def test_the_whole_text(project: Project) -> None:
    answer = why(gpu_box(project.folder, "520.61.05"))
    assert list(answer.lines()) == [
        f"cpu for this machine: no other declared target fits: cu126: {OLD}",
        "",
        f"  cu126  skipped     {OLD} [torch 2.6.0+cu126]",
        "  cpu    chosen      runs on every machine [torch 2.6.0+cpu]",
        "",
        "order: CUDA before ROCm before XPU, each the newest first, then cpu",
        "locked in: requirements.cpu.txt, requirements.cu126.txt",
    ]
    assert answer.exit_code == 0


def test_the_whole_json(project: Project) -> None:
    document = json.loads(why(gpu_box(project.folder)).dumps())
    machine = document.pop("machine")
    assert profile.dump(profile.parse(json.dumps(machine), "x")) == machine
    gpu = "NVIDIA H100 80GB HBM3 (compute capability 9.0), NVIDIA driver 580.82.07"
    assert document == {
        "format": 1,
        "target": "cu126",
        "rule": "detected",
        "reason": gpu,
        "by_hardware": "cu126",
        "order": "CUDA before ROCm before XPU, each the newest first, then cpu",
        "candidates": [
            {"target": "cu126", "fits": True, "taken": True, "reason": gpu, "cause": None},
            {
                "target": "cpu",
                "fits": True,
                "taken": False,
                "reason": "fits too; CUDA comes before cpu",
                "cause": None,
            },
        ],
        "lock": {
            "files": ["requirements.cpu.txt", "requirements.cu126.txt"],
            "torch": {"cpu": "2.6.0+cpu", "cu126": "2.6.0+cu126"},
        },
    }


def test_the_variable_and_what_the_hardware_would_have_chosen(project: Project) -> None:
    answer = why(gpu_box(project.folder, environ={"ACCELOCK_TARGET": "cpu"}))  # type: ignore[arg-type]
    lines = list(answer.lines())
    assert lines[:2] == [
        "cpu for this machine: ACCELOCK_TARGET says so",
        "its hardware alone would choose cu126",
    ]
    assert [line.split()[:2] for line in lines[3:5]] == [["cu126", "not"], ["cpu", "chosen"]]
    document = json.loads(answer.dumps())
    assert document["target"] == "cpu"
    assert [each["target"] for each in document["candidates"] if each["taken"]] == ["cpu"]


def test_the_only_target_is_taken_whether_it_fits_or_not(tmp_path: Path) -> None:
    Project(tmp_path).write("pyproject.toml", '[tool.accelock]\ntargets = ["cu126"]\n')
    answer = why(here(tmp_path))
    assert "  cu126  chosen      no NVIDIA driver found" in list(answer.lines())
    [candidate] = json.loads(answer.dumps())["candidates"]
    assert (candidate["taken"], candidate["fits"]) == (True, False)


def test_the_choice_of_the_environment(project: Project) -> None:
    assert next(iter(why(gpu_box(project.folder, saved="cpu")).lines())) == (
        "cpu for this machine: chosen for this environment"
    )


def test_another_machine_is_judged_by_its_own_lights(project: Project) -> None:
    answer = why(
        here(project.folder, environ={"ACCELOCK_TARGET": "cpu"}, saved="cpu", machine="h100")
    )
    lines = list(answer.lines())
    assert lines[0].startswith("cu126 for h100: 8 x NVIDIA H100 80GB HBM3")
    assert lines[-1].startswith("profile: 8 x NVIDIA H100")


def test_a_target_that_is_not_locked_for_the_platform_is_passed_over(project: Project) -> None:
    answer = why(here(project.folder, machine="gh200"))
    assert answer.choice is not None
    assert answer.choice.target.name == "cu126"
    project.compiled(
        "requirements.cu126.txt", "cu126", "torch==2.6.0+cu126\n", platforms=["linux-x86_64"]
    )
    answer = why(here(project.folder, machine="gh200"))
    assert answer.choice is not None
    assert answer.choice.target.name == "cpu"
    assert "cu126: the lock has it for linux-x86_64, and this is linux-aarch64" in str(
        answer.choice
    )


def test_the_locked_torch_counts(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.accelock]\ntargets = ["cpu", "cu126", "cu128"]\n')
    for torch, name in (("2.9.1", "cu128"), ("2.11.0", "cu126")):
        for target in ("cpu", "cu126", "cu128"):
            project.compiled(f"requirements.{target}.txt", target, f"torch=={torch}+{target}\n")
        answer = why(here(tmp_path, machine="v100"))
        assert answer.choice is not None
        assert answer.choice.target.name == name


def test_none_fits(tmp_path: Path) -> None:
    Project(tmp_path).write("pyproject.toml", '[tool.accelock]\ntargets = ["cu126", "rocm6.3"]\n')
    answer = why(here(tmp_path))
    assert answer.exit_code == 1
    lines = list(answer.lines())
    assert lines[0] == "none of the declared targets fits this machine:"
    assert "  cu126    skipped     no NVIDIA driver found" in lines
    assert lines[-1].startswith("to choose one anyway, set ACCELOCK_TARGET")
    assert json.loads(answer.dumps())["target"] is None


def test_no_target_at_all(tmp_path: Path) -> None:
    with pytest.raises(AccelockError, match="no target is declared here, and no lock has one"):
        why(here(tmp_path))


def test_files_of_targets_without_a_table(project: Project) -> None:
    (project.folder / "pyproject.toml").unlink()
    assert [each.target.name for each in why(here(project.folder)).candidates] == ["cu126", "cpu"]


def test_a_variable_that_names_none(project: Project) -> None:
    with pytest.raises(UnknownWordError, match="'cu127'") as caught:
        why(here(project.folder, environ={"ACCELOCK_TARGET": "cu127"}))
    assert caught.value.exit_code == 2


def test_poetry_lock(tmp_path: Path) -> None:
    PoetryFolder(tmp_path).write()
    document = json.loads(why(gpu_box(tmp_path)).dumps())
    assert document["target"] == "cu126"
    assert document["lock"]["files"] == ["poetry.lock"]


def test_the_variable_names_a_target_without_a_file(project: Project) -> None:
    """As in `sync`: what is chosen must not be another one than was asked for."""
    (project.folder / "requirements.cu126.txt").unlink()
    at = here(project.folder, environ={"ACCELOCK_TARGET": "cu126"})
    with pytest.raises(AccelockError, match="'cu126', which is not locked; these are: cpu"):
        why(at)
    codes = {(each.code, each.file) for each in diagnose(at, EMPTY).report.findings}
    assert {("no-target", None), ("missing-file", "requirements.cu126.txt")} <= codes
