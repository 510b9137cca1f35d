"""What doctor says of what is installed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from accelock.commands import installed
from accelock.commands.doctor import diagnose
from accelock.errors import AccelockError
from tests.commands.heres import PYTHON, gpu_box, here
from tests.commands.poetry_locks import PoetryFolder

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.commands.findings import Finding
    from tests.commands.projects import Project

ELSEWHERE = {"unhashed", "index-confusion"}
CUDA = {"torch": "2.6.0+cu126", "filelock": "3.18.0", "nvidia-cudnn-cu12": "9.5.1.17"}


def site(folder: Path, **packages: str) -> Path:
    """Make a site-packages folder in which these are installed, as far as metadata goes."""
    path = folder / "site"
    for name, version in packages.items():
        info = path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return path


def found(project: Project, box: str = "gpu", /, **packages: str) -> list[Finding]:
    at = gpu_box(project.folder) if box == "gpu" else here(project.folder)
    paths = (str(site(project.folder, **packages)),)
    there = installed.InstalledEnvironment(".venv", PYTHON, installed.read(paths))
    return [each for each in diagnose(at, there).report.findings if each.code not in ELSEWHERE]


def test_what_the_lock_has_is_well(project: Project) -> None:
    assert found(project, **CUDA, requests="2.32.0") == []


def test_nothing_installed_is_well(project: Project) -> None:
    assert found(project) == []


def test_a_file_for_another_python(project: Project) -> None:
    project.compiled("requirements.cu126.txt", "cu126", "six==1.0\n", python=["3.12", "3.13"])
    (finding,) = found(project)
    assert (finding.code, finding.level.value) == ("python-not-locked", "error")
    assert finding.file == "requirements.cu126.txt"
    assert finding.what == "it is for Python 3.12, 3.13, and the environment has 3.11"
    assert "--python-version 3.11" in finding.todo


def test_releases_that_do_not_go_together(project: Project) -> None:
    codes = {each.code: each for each in found(project, **CUDA, torchaudio="2.11.0+cu126")}
    assert codes["foreign-pair"].level.value == "error"
    assert "take torchaudio==2.6.* with this torch" in codes["foreign-pair"].what


def test_another_targets_torch(project: Project) -> None:
    (finding,) = found(project, torch="2.6.0+cpu")
    assert (finding.code, finding.level.value) == ("other-build", "error")
    assert finding.what.startswith(
        "torch 2.6.0+cpu is installed, and the lock has 2.6.0+cu126 for cu126 (NVIDIA H100"
    )
    assert finding.todo == "run: accelock sync (or poetry install)"


def test_another_version_of_an_ordinary_package_is_pips_business(project: Project) -> None:
    assert found(project, filelock="3.0") == []


def test_versions_compare_as_versions(project: Project) -> None:
    assert found(project, **{**CUDA, "torch": "2.6+cu126"}) == []


def test_what_another_target_left(project: Project) -> None:
    packages = {"torch": "2.6.0+cpu", **{f"nvidia-cu{x}-cu12": "1.0" for x in ("fft", "rand")}}
    packages |= {"nvidia-cudnn-cu12": "9.5.1.17", "nvidia-nccl-cu12": "2", "triton": "3.2.0"}
    (finding,) = found(project, "cpu", **packages)
    assert (finding.code, finding.level.value) == ("left-over", "warning")
    assert finding.what == (
        "nvidia-cudnn-cu12, nvidia-cufft-cu12, nvidia-curand-cu12, nvidia-nccl-cu12 and 1 more: "
        "installed, and not in the lock for cpu: another target's builds left them behind"
    )


def test_what_a_user_may_well_want_is_no_left_over(project: Project) -> None:
    assert found(project, "cpu", torch="2.6.0+cpu", **{"nvidia-ml-py": "13.0"}) == []


def test_builds_of_two_targets(project: Project) -> None:
    codes = [each.code for each in found(project, **CUDA, torchvision="0.21.0+cpu")]
    assert codes == ["mixed-builds"]


@pytest.mark.parametrize(
    "names",
    [
        ("onnxruntime", "onnxruntime-gpu"),
        ("tensorflow", "tensorflow-cpu"),
        ("faiss-cpu", "faiss-gpu-cu12"),
    ],
)
def test_packages_that_overwrite_each_other(project: Project, names: tuple[str, str]) -> None:
    (finding,) = found(project, **dict.fromkeys(names, "1.20.0"))
    assert (finding.code, finding.level.value) == ("collision", "error")
    assert finding.what.startswith(f"{names[0]} and {names[1]} are installed together")


def test_what_an_interrupted_pip_left_is_passed_over(project: Project, tmp_path: Path) -> None:
    path = site(project.folder, torch="2.6.0+cu126")
    (path / "~orch-2.6.0.dist-info").mkdir()
    (path / "bad-1.0.dist-info").mkdir()
    (path / "bad-1.0.dist-info/METADATA").write_bytes(b"\xff\xfe")
    assert installed.read([str(path), str(tmp_path / "nowhere")]) == {"torch": "2.6.0+cu126"}


def test_the_environment_of_another_python() -> None:
    version, paths = installed.ask_interpreter(sys.executable)
    assert (version.major, version.minor) == sys.version_info[:2]
    assert "accelock" in installed.read(paths) or "packaging" in installed.read(paths)


@pytest.mark.parametrize("word", ["/nowhere/python", "/bin/true", "/"])
def test_what_is_no_python(word: str) -> None:
    with pytest.raises(AccelockError, match="is not a usable Python"):
        installed.ask_interpreter(word)


def test_torch_in_an_extra_of_poetry(tmp_path: Path) -> None:
    folder = PoetryFolder(tmp_path)
    for name in ("torch", "nvidia-cudnn-cu12"):
        folder.named("cu126", name)["optional"] = True
    at = gpu_box(folder.write().folder)

    def codes(**packages: str) -> set[str]:
        paths = (str(site(tmp_path / packages["torch"], **packages)),)
        there = installed.InstalledEnvironment(".venv", PYTHON, installed.read(paths))
        return {each.code for each in diagnose(at, there).report.findings} - ELSEWHERE

    right, wrong = codes(**CUDA), codes(torch="2.6.0+cpu")
    assert "left-over" not in right
    assert "other-build" not in right
    assert "other-build" in wrong


def test_without_an_environment_the_rest_is_told(project: Project) -> None:
    found = diagnose(gpu_box(project.folder), None)
    codes = {each.code: each.level.value for each in found.report.findings}
    assert codes["no-environment"] == "warning"
    assert "looked at requirements.cpu.txt, requirements.cu126.txt, no environment: " in "".join(
        found.lines()
    )
