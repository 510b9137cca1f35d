from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.commands.check import check
from tests.commands.projects import CPU, CU126, CUDA_PLATFORMS, TABLE, Project, codes, only

if TYPE_CHECKING:
    from pathlib import Path


def test_a_declared_target_without_a_file(project: Project) -> None:
    (project.folder / "requirements.cu126.txt").unlink()
    report = check(project.folder)
    assert codes(report) == [("missing-file", "requirements.cu126.txt")]
    assert report.exit_code == 1


def test_a_declared_target_without_a_file_beside_an_unnamed_one(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", TABLE)
    project.write("requirements.in", "torch\n")
    project.compiled("requirements.txt", "cpu", CPU)
    assert codes(check(tmp_path)) == [("missing-file", "requirements.cu126.txt")]


def test_a_layer_for_one_target_alone_is_no_gap(project: Project) -> None:
    project.compiled("requirements-lint.txt", "cpu", "filelock==3.18.0\n")
    assert check(project.folder).findings == ()


def test_a_layer_that_one_target_lacks(project: Project) -> None:
    project.compiled("requirements-dev.cpu.txt", "cpu", CPU)
    assert codes(check(project.folder)) == [("missing-file", "requirements-dev.cu126.txt")]


def test_a_file_that_another_tool_wrote_over(project: Project) -> None:
    project.write("requirements.cu126.txt", "torch==2.6.0\n")
    assert codes(check(project.folder)) == [("unstamped", "requirements.cu126.txt")]


def test_versions_out_of_step(project: Project) -> None:
    body = CU126.replace("torch==2.6.0", "torch==2.7.1")
    project.compiled("requirements.cu126.txt", "cu126", body, platforms=CUDA_PLATFORMS)
    finding = only(check(project.folder), "lockstep")
    assert finding.file == "requirements.cu126.txt"
    assert "2.7.1 for cu126 and 2.6.0 for cpu" in finding.what


def test_versions_out_of_step_on_platforms_that_no_two_files_share(project: Project) -> None:
    body = CPU.replace('torch==2.6.0 ; sys_platform == "darwin"', "torch==2.7.1")
    body = "\n".join(line for line in body.splitlines() if "+cpu" not in line) + "\n"
    project.compiled("requirements.cpu.txt", "cpu", body, platforms=["macos-arm64"])
    only(check(project.folder), "lockstep")


def test_versions_that_an_input_sets_apart_by_platform(project: Project) -> None:
    body = CPU.replace(
        'torch==2.6.0 ; sys_platform == "darwin"', 'torch==2.2.2 ; sys_platform == "darwin"'
    )
    project.compiled("requirements.cpu.txt", "cpu", body)
    assert check(project.folder).findings == ()


def test_lockstep_turned_off(project: Project) -> None:
    project.write("pyproject.toml", TABLE + "lockstep = false\n")
    project.compiled("requirements.cpu.txt", "cpu", CPU)
    body = CU126.replace("torch==2.6.0", "torch==2.7.1")
    project.compiled("requirements.cu126.txt", "cu126", body, platforms=CUDA_PLATFORMS)
    assert check(project.folder).findings == ()


def test_other_packages_may_differ(project: Project) -> None:
    body = CU126.replace("filelock==3.18.0", "filelock==3.19.0")
    project.compiled("requirements.cu126.txt", "cu126", body, platforms=CUDA_PLATFORMS)
    assert check(project.folder).findings == ()
