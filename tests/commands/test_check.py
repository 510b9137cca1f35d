from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from accelock.cli import main
from accelock.commands.check import check
from accelock.commands.findings import Level
from accelock.errors import ConfigError
from accelock.locks import journal
from tests.commands.projects import CPU, CU126, CUDA_PLATFORMS, TABLE, Project, codes, only

if TYPE_CHECKING:
    from pathlib import Path


# What is well


def test_a_sound_project(project: Project) -> None:
    report = check(project.folder)
    assert report.exit_code == 0
    assert report.files == ("requirements.cpu.txt", "requirements.cu126.txt")
    assert list(report.lines()) == [
        "2 files checked (requirements.cpu.txt, requirements.cu126.txt): fresh and complete"
    ]


def test_comments_white_space_and_newlines_are_no_edits(project: Project) -> None:
    path = project.folder / "requirements.cpu.txt"
    text = path.read_text().replace("    # via torch\n", "  # asked by torch\n\n")
    project.write(path.name, "\ufeff" + text.replace("\n", "\r\n"))
    project.write("requirements.in", "torch\r\n")
    assert check(project.folder).findings == ()


def test_files_one_folder_below(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("requirements/base.in", "torch\n")
    project.write("pyproject.toml", TABLE)
    body = CPU.replace("-r requirements.in", "-r requirements/base.in")
    project.compiled("requirements/cpu.txt", "cpu", body, ["base.in"])
    body = CU126.replace("-r requirements.in", "-r requirements/base.in")
    project.compiled("requirements/cu126.txt", "cu126", body, ["base.in"], CUDA_PLATFORMS)
    project.write("docs/notes.txt", "no requirements at all\n")
    project.write("env/pyvenv.cfg", "")
    project.write("env/stray.txt", (tmp_path / "requirements/cpu.txt").read_text())
    project.write(".hidden/stray.txt", (tmp_path / "requirements/cpu.txt").read_text())
    report = check(tmp_path)
    assert report.files == ("requirements/cpu.txt", "requirements/cu126.txt")
    assert report.findings == ()


@pytest.mark.skipif(os.name == "nt", reason="needs a right on Windows")
def test_a_link_to_another_file_is_that_file(project: Project) -> None:
    (project.folder / "requirements.txt").symlink_to("requirements.cpu.txt")
    report = check(project.folder)
    assert report.files == ("requirements.cpu.txt", "requirements.cu126.txt")


def test_big_text_files_of_others_are_passed_over(project: Project) -> None:
    project.write("data.txt", "1 2 3\n" * 50_000)
    (project.folder / "latin.txt").write_bytes(b"\xe9\xff\x00")
    assert check(project.folder).findings == ()


# Files that are named


def test_named_files_alone_are_checked(project: Project) -> None:
    project.compiled("requirements.cu126.txt", "cu126", CU126.replace("+cu126", "+cpu"))
    report = check(project.folder, ["requirements.cpu.txt"])
    assert (report.files, report.findings) == (("requirements.cpu.txt",), ())


def test_a_name_that_every_target_has(project: Project) -> None:
    report = check(project.folder, ["requirements.txt"])
    assert report.files == ("requirements.cpu.txt", "requirements.cu126.txt")


def test_a_folder_is_what_is_in_it(project: Project) -> None:
    assert check(project.folder, ["."]).files == check(project.folder).files


def test_a_named_file_without_a_stamp(project: Project) -> None:
    project.write("plain.txt", "torch==2.6.0\n")
    report = check(project.folder, ["plain.txt", "absent.txt"])
    assert codes(report) == [("unstamped", "plain.txt"), ("unreadable", "absent.txt")]
    assert report.exit_code == 1


# Nothing there


def test_targets_declared_and_no_file(tmp_path: Path) -> None:
    Project(tmp_path).write("pyproject.toml", TABLE)
    report = check(tmp_path)
    assert report.exit_code == 1
    assert "cpu, cu126" in only(report, "no-file").what


def test_no_targets_and_no_file(tmp_path: Path) -> None:
    Project(tmp_path).write("requirements.txt", "torch==2.6.0\n")
    report = check(tmp_path)
    assert report.exit_code == 0
    assert only(report, "no-file").level is Level.WARNING


def test_targets_declared_and_files_without_a_stamp(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", TABLE)
    project.write("requirements.cpu.txt", CPU)
    assert codes(check(tmp_path)) == [("unstamped", "requirements.cpu.txt")]


def test_a_faulty_table(tmp_path: Path) -> None:
    Project(tmp_path).write("pyproject.toml", '[tool.accelock]\ntargets = ["gpu"]\n')
    with pytest.raises(ConfigError):
        check(tmp_path)


# Interrupted runs


class Killed(BaseException):
    """The process dies here."""


def interrupt(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the journal of a run that was killed before its first rename."""

    def die(*_: object) -> None:
        raise Killed

    path = project.folder / "requirements.cpu.txt"
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_commit", die)
        with pytest.raises(Killed):
            journal.write_all({path: path.read_bytes() + b"# new\n"})
    assert list(project.folder.glob(".accelock-journal.*"))


@pytest.mark.parametrize(
    "words", [("why", "torch"), ("why",), ("diff", "cpu", "cu126"), ("pylock",)]
)
def test_what_reads_the_lock_refuses_what_may_be_a_mix(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    interrupt(project, monkeypatch)
    monkeypatch.chdir(project.folder)
    assert main(words) == 1
    assert "Run: accelock check (it finishes the writing), then" in capsys.readouterr().err


def test_init_finishes_an_interrupted_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt(project, monkeypatch)
    monkeypatch.chdir(project.folder)
    assert main(["init"]) == 0
    assert "an interrupted run was completed" in capsys.readouterr().out
    assert (project.folder / "requirements.cpu.txt").read_text().endswith("# new\n")


def test_an_interrupted_run_is_finished(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(project, monkeypatch)
    report = check(project.folder)
    finding = only(report, "interrupted-write")
    assert finding.level is Level.WARNING
    assert "completed" in finding.what
    assert report.exit_code == 0
    assert (project.folder / "requirements.cpu.txt").read_text().endswith("# new\n")
    assert check(project.folder).findings == ()


def test_an_interrupted_run_that_cannot_be_finished(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(project, monkeypatch)
    for path in project.folder.glob(".*.accelock-new"):
        path.unlink()
    finding = only(check(project.folder), "interrupted-write")
    assert "rolled back" in finding.what
    assert finding.todo == "compile again"
