"""detect, why, diff and doctor on the command line, and what looks at the machine at all."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from accelock import cli
from accelock.hardware import profile
from accelock.targets import PythonVersion
from tests.commands.heres import H100, here
from tests.commands.projects import TABLE, Project
from tests.hardware.machines import nvml, with_driver
from tests.support.environments import run_accelock
from tests.support.fakes import fakes, on_posix

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A sound project on a machine with an H100, and nothing else of this machine."""
    monkeypatch.chdir(tmp_path)
    around = here(
        tmp_path, with_driver(tmp_path / "root", "580.82.07"), {"NVML": nvml("580.82.07", H100)}
    ).around
    monkeypatch.setattr("accelock.hardware.surroundings", lambda: around)
    monkeypatch.setattr("accelock.hardware.detection.host_platform", lambda: LINUX)
    return Project(tmp_path, (str(PythonVersion.host()),)).sound()


LINUX = profile.read("h100").platform


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli.main(list(words)) == code
    return capsys.readouterr().out


def test_detect(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.folder.exists()
    assert said(capsys, "detect").splitlines() == [
        "platform:       linux-x86_64 (linux on x86_64)",
        "C library:      glibc 2.39",
        "NVIDIA driver:  580.82.07, from /sys/module/nvidia/version",
        "GPUs:           NVIDIA H100 80GB HBM3 (compute capability 9.0) (from NVML)",
    ]


def test_what_detect_prints_is_a_machine_for_why(
    project: Project, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "cluster.json").write_text(said(capsys, "detect", "--json"))
    here_and_now = json.loads(said(capsys, "why", "--json"))
    there = json.loads(said(capsys, "why", "--machine", "cluster.json", "--json"))
    assert here_and_now == there
    assert there["target"] == "cu126"
    assert project.folder == tmp_path


def test_why_and_its_exit_code(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "why").startswith("cu126 for this machine: NVIDIA H100 80GB HBM3")
    assert said(capsys, "why", "-m", "mac-m3").startswith("cpu for mac-m3: Apple M3")
    assert said(capsys, "why", "filelock").startswith("filelock on linux-x86_64")
    project.write("pyproject.toml", TABLE.replace('"cpu"', '"rocm6.3"'))
    for target in ("cpu", "cu126"):
        (project.folder / f"requirements.{target}.txt").unlink()
    assert "none of the declared targets fits" in said(capsys, "why", "-m", "mac-m3", code=1)


def test_diff(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("ACCELOCK_SOURCE_PYTORCH", "http://127.0.0.1:9/whl/{target}")
    monkeypatch.setattr("accelock.sources.cache.user_cache_path", lambda *_a, **_k: tmp_path / "c")
    lines = said(capsys, "diff", "cpu", "cu126").splitlines()
    assert lines[0].startswith("cpu -> cu126 on linux-x86_64")
    assert any(line.startswith("note: http://127.0.0.1:9/") for line in lines)
    assert project.folder == tmp_path


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (2, ["why", "-m", "h1000"], "did you mean 'h100'?"),
        (1, ["why", "-m", "nowhere.json"], "nowhere.json: no such file"),
        (2, ["why", "-m", ""], "--machine is empty"),
        (2, ["why", "touch"], "did you mean 'torch'?"),
        (2, ["diff", "cpu", "gpu"], "unknown target 'gpu'; did you mean 'cu126'?"),
        (
            2,
            ["diff", "cpu", "cu118"],
            "unknown target 'cu118' (not in requirements.cpu.txt, requirements.cu126.txt)",
        ),
        (1, ["why", "-l", "nothing.txt"], "nothing.txt: there is no such file"),
        (1, ["doctor", "--python-executable", "/nowhere"], "/nowhere is not a usable Python"),
    ],
)
def test_errors(
    project: Project, capsys: pytest.CaptureFixture[str], code: int, words: list[str], told: str
) -> None:
    before = sorted(project.folder.rglob("*"))
    assert cli.main(words) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("ERROR: ")
    assert told in captured.err
    assert captured.out == ""
    assert sorted(project.folder.rglob("*")) == before


def test_wrong_usage(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.folder.exists()
    assert cli.main(["diff", "cpu"]) == 2
    assert 'missing: "b"' in capsys.readouterr().err


def test_doctor(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (project.folder / "requirements.cpu.txt").unlink()
    out = said(capsys, "doctor", "--python-executable", sys.executable, code=1)
    assert "[missing-file]" in out
    document = json.loads(said(capsys, "doctor", "--json", code=1))
    assert document["target"] == "cu126"


def test_doctor_may_be_strict(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert "[unhashed]" in said(capsys, "doctor")
    assert "[unhashed]" in said(capsys, "doctor", "--strict", code=1)
    assert project.folder.exists()


@on_posix
def test_what_needs_no_machine_starts_no_probe(tmp_path: Path, env: dict[str, str]) -> None:
    commands = fakes(tmp_path)
    project = Project(tmp_path / "project").sound()
    environ = {
        **env,
        "PATH": commands.path,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "ACCELOCK_SOURCE_PYTORCH": "http://127.0.0.1:9/whl/{target}",
    }
    for words in (
        ["check"],
        ["diff", "cpu", "cu126"],
        ["why", "torch"],
        ["why", "-m", "h100"],
        ["--version"],
        ["list"],
        ["help", "why"],
    ):
        done = run_accelock(*words, cwd=project.folder, env=environ)
        assert (done.returncode, commands.asked()) == (0, []), (words, done.stderr)
    for words in (["detect"], ["why"], ["doctor"]):
        run_accelock(*words, cwd=project.folder, env=environ)
        assert commands.asked() != [], words


@pytest.mark.parametrize("words", [("detect",), ("detect", "--json"), ("doctor",)], ids=" ".join)
def test_this_very_machine(words: tuple[str, ...], tmp_path: Path, env: dict[str, str]) -> None:
    """Whatever it is: with a GPU or without one."""
    done = run_accelock(*words, cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    if "--json" in words:
        assert profile.dump(profile.parse(done.stdout, "here")) == json.loads(done.stdout)


UV = """
[project.optional-dependencies]
cpu = ["torch"]
cu126 = ["torch"]
rocm6-3 = ["torch"]
plots = ["matplotlib"]
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "cu126" }, { group = "rocm6-3" }], [{ extra = "plots" }]]
"""


def test_the_target_alone(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["target"]) == 0
    out, err = capsys.readouterr()
    assert out == "cu126\n"
    assert err.startswith("cu126: NVIDIA H100 80GB HBM3")
    assert project.folder.exists()


def test_the_target_of_a_uv_project_is_one_of_its_extras(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in project.folder.glob("*.*"):
        path.unlink()
    (project.folder / "pyproject.toml").write_text(UV, encoding="utf-8")
    assert said(capsys, "target") == "cu126\n"
    assert said(capsys, "target", "--machine", "mi300x") == "rocm6.3\n"
    assert said(capsys, "target", "--machine", "mac-m3") == "cpu\n"
    assert "cpu" in said(capsys, "why")

    table = '[tool.accelock]\ntargets = ["cpu"]\n'
    (project.folder / "pyproject.toml").write_text(UV + table, encoding="utf-8")
    assert said(capsys, "target") == "cpu\n"


def test_a_machine_without_any_of_the_targets(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = UV.replace('{ extra = "cpu" }, ', "")
    for path in project.folder.glob("*.*"):
        path.unlink()
    (project.folder / "pyproject.toml").write_text(text, encoding="utf-8")
    assert cli.main(["target", "--machine", "mac-m3"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ERROR: ")


@pytest.mark.parametrize(
    "conflicts", ["3", "[]", "[3]", "[[]]", "[[3]]", "[[{ extra = 3 }]]", '[[{ extra = "gpu" }]]']
)
def test_conflicts_that_name_no_target(
    project: Project, capsys: pytest.CaptureFixture[str], conflicts: str
) -> None:
    for path in project.folder.glob("*.*"):
        path.unlink()
    text = f"[tool.uv]\nconflicts = {conflicts}\n"
    (project.folder / "pyproject.toml").write_text(text, encoding="utf-8")
    assert cli.main(["target"]) == 1
    assert "no target is declared" in capsys.readouterr().err
