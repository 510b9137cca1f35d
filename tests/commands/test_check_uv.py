"""uv.lock of a project whose extras are targets: what `check` and `doctor` say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.commands.check import check
from accelock.commands.doctor import diagnose
from tests.commands.heres import gpu_box

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """\
[project]
name = "app"
version = "0.1.0"
[project.optional-dependencies]
cpu = ["torch"]
cu126 = ["torch"]
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "cu126" }]]
"""
# As uv 0.13 writes it, of torch 2.6.0: the requirements are those of the wheel for Arm.
LOCK = """\
version = 1
revision = 3
requires-python = "==3.12.*"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }

[package.optional-dependencies]
cpu = [
    { name = "torch", version = "2.6.0+cpu", source = { registry = "https://a.org/whl/cpu" } },
]
cu126 = [
    { name = "torch", version = "2.6.0+cu126", source = { registry = "https://a.org/whl/cu126" } },
]

[[package]]
name = "torch"
version = "2.6.0+cpu"
source = { registry = "https://a.org/whl/cpu" }
dependencies = [{ name = "filelock" }]
wheels = [
    { url = "https://a.org/torch-2.6.0%2Bcpu-cp312-cp312-linux_x86_64.whl" },
]

[[package]]
name = "torch"
version = "2.6.0+cu126"
source = { registry = "https://a.org/whl/cu126" }
dependencies = [
    { name = "filelock" },
]
wheels = [
    { url = "https://a.org/torch-2.6.0%2Bcu126-cp312-cp312-linux_aarch64.whl" },
    { url = "https://a.org/torch-2.6.0%2Bcu126-cp312-cp312-manylinux_2_28_x86_64.whl" },
]
"""
NVIDIA = 'dependencies = [\n    { name = "nvidia-cublas-cu12" },\n'
X86 = "cu126-cp312-cp312-manylinux_2_28_x86_64"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "uv.lock").write_text(LOCK)
    return tmp_path


def changed(folder: Path, old: str, new: str) -> list[str]:
    """Return the codes of the findings after a change of the lock."""
    assert old in LOCK
    (folder / "uv.lock").write_text(LOCK.replace(old, new))
    return [each.code for each in check(folder).findings]


def test_the_libraries_that_a_wheel_asks_for_are_missing(folder: Path) -> None:
    report = check(folder)
    (found,) = report.findings
    assert (found.code, found.file, report.exit_code) == ("uv-lacks-requirements", "uv.lock", 0)
    assert "torch 2.6.0+cu126 is locked without the CUDA libraries" in found.what
    assert "[[tool.uv.dependency-metadata]]" in found.todo
    assert report.files == ("uv.lock",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dependencies = [\n", NVIDIA),
        ("dependencies = [\n", NVIDIA.replace("nvidia-cublas-cu12", "cuda-toolkit")),
        (X86, "cu126-cp312-cp312-win_amd64"),
        ("2.6.0", "2.1.0"),
    ],
)
def test_no_library_is_missing(folder: Path, old: str, new: str) -> None:
    assert changed(folder, old, new) == []


def test_a_compiler_is_no_library_of_cudas(folder: Path) -> None:
    triton = NVIDIA.replace("nvidia-cublas-cu12", "triton")
    assert changed(folder, "dependencies = [\n", triton) == ["uv-lacks-requirements"]


def test_an_extra_with_another_targets_build(folder: Path) -> None:
    named = '{ name = "torch", version = "2.6.0+cu126"'
    assert changed(folder, named, named.replace("+cu126", "+cpu"))[0] == "uv-other-build"
    found = check(folder).findings[0]
    assert "cu126 has torch 2.6.0+cpu, a build for cpu" in found.what
    assert check(folder).exit_code == 1


def test_a_lock_of_no_targets_is_uvs_business(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "1"\n')
    assert [each.code for each in check(folder).findings] == ["no-file"]


def test_declared_targets_are_wanted_all_the_same(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(f'{PYPROJECT}[tool.accelock]\ntargets = ["cpu"]\n')
    assert [each.code for each in check(folder).findings][:1] == ["no-file"]


@pytest.mark.parametrize(
    "text", ["[[", "package = 1", "[[package]]\nname = 1\n", '[[package]]\nname = "torch"\n']
)
def test_a_lock_of_any_shape(folder: Path, text: str) -> None:
    (folder / "uv.lock").write_text(text)
    codes = [each.code for each in check(folder).findings]
    assert codes == (["damaged"] if text == "[[" else [])


def test_doctor_says_which_extra_a_machine_gets(folder: Path) -> None:
    found = diagnose(gpu_box(folder), None)
    codes = [each.code for each in found.report.findings]
    assert codes == ["no-environment", "uv-lacks-requirements"]
    assert str(found.choice).startswith("cu126 (")
