"""What doctor says of a machine, and of a target that it cannot run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.commands.doctor import Diagnosis, diagnose
from accelock.commands.findings import Level
from accelock.hardware.vendor import Reason
from tests.commands.heres import EMPTY, gpu_box, here
from tests.commands.projects import CPU, Project
from tests.hardware.machines import DOCKER, nvml, with_driver, with_gpus, write

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.commands.context import Context
    from accelock.commands.findings import Finding

PPC = """{"format": 1, "platform": null, "system": "linux", "machine": "ppc64le",
          "nvidia_driver": {"version": "580.82.07", "source": "x"}}"""
# What these tests are not about: the files of the sound project have no hashes.
ELSEWHERE = {"unhashed", "index-confusion"}


def findings(found: Diagnosis) -> list[Finding]:
    return [each for each in found.report.findings if each.code not in ELSEWHERE]


def codes(at: Context) -> list[tuple[str, str]]:
    return [(each.code, each.level.value) for each in findings(diagnose(at, EMPTY))]


def test_all_is_well(project: Project) -> None:
    assert codes(gpu_box(project.folder)) == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ACCELOCK_TARGET": "cu126"}, [("driver-too-old", "error")]),
        ({}, [("gpu-unused", "warning")]),
        ({"ACCELOCK_TARGET": "cpu"}, []),
    ],
)
def test_a_driver_that_is_too_old(
    project: Project, environ: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    at = gpu_box(project.folder, "520.61.05", environ=environ)  # type: ignore[arg-type]
    assert codes(at) == expected


def test_a_gpu_that_the_wheels_dropped(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.accelock]\ntargets = ["cpu", "cu128"]\n')
    for target in ("cpu", "cu128"):
        project.compiled(f"requirements.{target}.txt", target, f"torch==2.11.0+{target}\n", ())
    root = with_driver(tmp_path / "root", "580.82.07")
    answers = {"NVML": nvml("580.82.07", ("Tesla V100-SXM2-16GB", "7.0"))}
    chosen = diagnose(here(tmp_path, root, answers, environ={"ACCELOCK_TARGET": "cu128"}), EMPTY)
    (finding,) = (each for each in findings(chosen) if each.code == "gpu-not-supported")
    assert finding.level is Level.ERROR
    assert finding.what == (
        "cu128 is chosen (ACCELOCK_TARGET says so), and torch 2.11.0 has no code for Tesla "
        "V100-SXM2-16GB (compute capability 7.0)"
    )
    assert "gpu-unused" in {code for code, _level in codes(here(tmp_path, root, answers))}


def test_a_platform_that_is_not_locked(project: Project) -> None:
    at = here(project.folder, platform="macos-arm64", environ={"ACCELOCK_TARGET": "cu126"})
    assert codes(at) == [("no-builds", "error")]
    project.compiled("requirements.cpu.txt", "cpu", CPU, platforms=["linux-x86_64"])
    assert codes(here(project.folder, platform="macos-arm64")) == [("no-target", "error")]
    chosen = here(project.folder, platform="macos-arm64", environ={"ACCELOCK_TARGET": "cpu"})
    assert codes(chosen) == [("platform-not-locked", "error")]


def test_a_platform_without_a_name(tmp_path: Path) -> None:
    machine = write(tmp_path, {"ppc.json": PPC}) / "ppc.json"
    project = Project(tmp_path / "project")
    project.compiled("requirements.cu126.txt", "cu126", "filelock==3.18.0\n", ())
    (finding,) = findings(diagnose(here(project.folder, machine=str(machine)), EMPTY))
    assert (finding.code, finding.level) == ("no-builds", Level.ERROR)
    assert finding.what.endswith("there are no builds for linux on ppc64le")
    project.compiled("requirements.cpu.txt", "cpu", "filelock==3.18.0\n", ())
    at = here(project.folder, machine=str(machine))
    assert codes(at) == [("no-target", "error")]
    assert at.candidates()[-1].cause is Reason.NOT_LOCKED


def test_a_target_for_a_machine_that_is_elsewhere_is_a_warning(project: Project) -> None:
    at = here(project.folder, environ={"ACCELOCK_TARGET": "cu126"})
    assert codes(at) == [("no-driver", "warning")]
    assert diagnose(at, EMPTY).exit_code(strict=False) == 0
    assert diagnose(at, EMPTY).exit_code(strict=True) == 1


def test_musl_and_an_old_glibc(project: Project) -> None:
    assert codes(here(project.folder, libc="musllinux_1_2_x86_64")) == [("musl", "error")]
    assert codes(here(project.folder, libc="manylinux_2_17_x86_64")) == [("glibc-too-old", "error")]
    assert codes(here(project.folder, libc="manylinux_2_28_x86_64")) == []


def test_a_container_without_its_gpu(project: Project, tmp_path: Path) -> None:
    root = write(tmp_path / "root", DOCKER)
    assert codes(here(project.folder, root)) == [("container-without-gpu", "warning")]
    with_driver(root, "580.82.07")
    (root / "dev/nvidiactl").unlink()
    assert codes(here(project.folder, root)) == [
        ("gpu-not-passed-in", "warning"),
        ("container-without-gpu", "warning"),
    ]


def test_a_gpu_that_is_named_without_its_driver(project: Project, tmp_path: Path) -> None:
    """A GPU is known, so that nobody is told that the container has none."""
    root = write(tmp_path / "root", DOCKER)
    at = here(project.folder, root, environ={"ACCELOCK_COMPUTE_CAPABILITY": "9.0"})
    (finding,) = findings(diagnose(at, EMPTY))
    assert finding.code == "gpu-unused"
    assert finding.what == (
        "there is a GPU, and cpu is chosen: cu126: no NVIDIA driver found for compute capability "
        "9.0; set ACCELOCK_CUDA_DRIVER to its version"
    )


def test_a_gpu_that_is_hidden_in_a_container_is_no_finding(project: Project) -> None:
    write(project.folder / "root", DOCKER)
    assert codes(gpu_box(project.folder, environ={"CUDA_VISIBLE_DEVICES": ""})) == []  # type: ignore[arg-type]


def test_gpus_of_two_makers(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.accelock]\ntargets = ["cpu", "cu126", "rocm6.3"]\n')
    for target in ("cpu", "cu126", "rocm6.3"):
        project.compiled(
            f"requirements.{target}.txt", target, f"torch==2.9.1+{target}\n", (), ("linux-x86_64",)
        )
    with_gpus(tmp_path / "root", 90402)
    assert ("two-makers", "warning") in codes(gpu_box(tmp_path))


def test_a_probe_that_failed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "root/sys/module/nvidia/version").mkdir(parents=True)
    assert codes(here(project.folder, tmp_path / "root")) == [("probe", "warning")]
