"""What doctor says of a lock, beside what `check` says of it; and the whole report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock.commands.doctor import diagnose
from accelock.errors import ConfigError
from accelock.hardware import profile
from tests.commands.heres import EMPTY, gpu_box, here
from tests.commands.poetry_locks import PYPROJECT, PoetryFolder
from tests.commands.projects import CPU, CU126, SITE, TABLE, Project

if TYPE_CHECKING:
    from pathlib import Path


def codes(folder: Path) -> list[tuple[str, str | None]]:
    found = diagnose(gpu_box(folder), EMPTY)
    return [(each.code, each.file) for each in found.report.findings]


def hashed(body: str) -> str:
    lines = body.splitlines()
    hashes = f" --hash=sha256:{'0' * 64}"
    return "".join(f"{line}{hashes if line and line[0].isalpha() else ''}\n" for line in lines)


def test_pins_without_hashes_beside_an_extra_index(project: Project) -> None:
    found = diagnose(gpu_box(project.folder), EMPTY).report.findings
    assert [(each.code, each.file) for each in found] == [
        ("unhashed", "requirements.cpu.txt"),
        ("index-confusion", "requirements.cpu.txt"),
        ("unhashed", "requirements.cu126.txt"),
        ("index-confusion", "requirements.cu126.txt"),
    ]
    assert found[0].what.startswith("torch is without a hash")
    assert found[1].what.startswith("filelock is without a hash beside an extra index (1)")


def test_packages_that_pip_tools_leaves_out_of_the_file(project: Project) -> None:
    """pip installs the newest setuptools of any index, and the accelerator's has copies."""
    left_out = (
        "\n# The following packages are considered to be unsafe in a requirements file:\n"
        "# setuptools\n"
    )
    project.compiled(
        "requirements.cpu.txt", "cpu", CPU.replace("filelock==3.18.0\n", "") + left_out
    )
    found = diagnose(gpu_box(project.folder), EMPTY).report.findings
    (confusion,) = [
        e for e in found if (e.code, e.file) == ("index-confusion", "requirements.cpu.txt")
    ]
    assert confusion.what.startswith("setuptools is without a hash beside an extra index (1)")
    assert "setuptools is pinned" in confusion.todo


def test_hashes_close_that_door(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("requirements.in", "torch\n")
    project.compiled("requirements.txt", "cpu", hashed(CPU))
    assert codes(tmp_path) == []


def test_what_check_finds_is_here_too(project: Project) -> None:
    project.write("requirements.in", "torch<3\n")
    path = project.folder / "requirements.cpu.txt"
    path.write_text(path.read_text().replace(f"--extra-index-url {SITE}/whl/cpu\n", ""))
    found = codes(project.folder)
    assert ("stale", "requirements.cu126.txt") in found
    assert ("edited", "requirements.cpu.txt") in found
    assert ("index-confusion", "requirements.cpu.txt") not in found


def test_a_file_of_a_newer_accelock(project: Project) -> None:
    path = project.folder / "requirements.cpu.txt"
    path.write_text(path.read_text().replace("version 0.1.0;", "version 99.0;"))
    assert ("older-accelock", "requirements.cpu.txt") in codes(project.folder)


class TestPoetry:
    def test_a_sound_lock(self, tmp_path: Path) -> None:
        PoetryFolder(tmp_path).write()
        assert codes(tmp_path) == []

    def test_an_overlay_that_a_plain_lock_dropped(self, tmp_path: Path) -> None:
        folder = PoetryFolder(tmp_path).write()
        text = (tmp_path / "poetry.lock").read_text()
        folder.put("poetry.lock", text.partition("[metadata.accelock]")[0])
        assert ("no-overlay", "poetry.lock") in codes(tmp_path)

    def test_a_lock_of_a_newer_plugin(self, tmp_path: Path) -> None:
        PoetryFolder(tmp_path).write().replace("format = 1", "format = 2")
        assert ("newer-format", "poetry.lock") in codes(tmp_path)

    def test_a_damaged_lock_is_told_once(self, tmp_path: Path) -> None:
        PoetryFolder(tmp_path).write().replace("3.18.0", "3.18.1")
        assert [code for code, _file in codes(tmp_path)] == ["damaged"]

    @pytest.mark.parametrize(("priority", "is_told"), [("supplemental", True), ("explicit", False)])
    def test_a_source_that_answers_for_every_package(
        self, tmp_path: Path, priority: str, is_told: bool
    ) -> None:
        folder = PoetryFolder(tmp_path)
        folder.pyproject = PYPROJECT + (
            '[[tool.poetry.source]]\nname = "pytorch-cpu"\n'
            f'url = "https://download.pytorch.org/whl/cpu"\npriority = "{priority}"\n'
        )
        folder.write()
        assert (("index-confusion", "pyproject.toml") in codes(tmp_path)) is is_told


def test_the_whole_text(tmp_path: Path) -> None:
    project = Project(tmp_path).sound()
    for target, body in (("cpu", CPU), ("cu126", CU126)):
        project.compiled(f"requirements.{target}.txt", target, hashed(body))
    project.write("requirements.in", "torch<3\n")
    found = diagnose(gpu_box(tmp_path, "520.61.05"), EMPTY)
    old = "cu126: needs NVIDIA driver 525.60.13 or newer, this machine has 520.61.05"
    stale = (
        "it is stale: requirements.in changed after it was compiled [stale]; run: accelock "
        "compile -t"
    )
    todo = "declare a target that the GPU can run, and lock again, or upgrade the driver"
    files = "requirements.cpu.txt, requirements.cu126.txt"
    counts = "2 errors, 1 warning"
    looked = f"{files}, {EMPTY.name}"
    assert list(found.lines()) == [
        f"warning: there is a GPU, and cpu is chosen: {old} [gpu-unused]; {todo}",
        f"requirements.cpu.txt: error: {stale} cpu",
        f"requirements.cu126.txt: error: {stale} cu126",
        f"target cpu (no other declared target fits: {old}); looked at {looked}: {counts}",
    ]


def test_the_text_ends_with_what_was_looked_at(project: Project) -> None:
    *_, last = diagnose(here(project.folder, environ={"ACCELOCK_TARGET": "cpu"}), EMPTY).lines()
    assert last == (
        "target cpu (ACCELOCK_TARGET says so); looked at requirements.cpu.txt, "
        f"requirements.cu126.txt, {EMPTY.name}: 4 warnings"
    )


def test_the_json(project: Project) -> None:
    found = diagnose(gpu_box(project.folder), EMPTY)
    document = json.loads(found.dumps())
    keys = {"format", "target", "reason", "environment", "files", "findings", "machine"}
    assert set(document) == keys
    assert document["environment"] == EMPTY.name
    assert (document["format"], document["target"]) == (1, "cu126")
    assert set(document["findings"][0]) == {"code", "level", "file", "what", "todo"}
    assert profile.parse(json.dumps(document["machine"]), "x").driver is not None


def test_a_folder_without_anything(tmp_path: Path) -> None:
    found = diagnose(here(tmp_path), EMPTY)
    nothing, last = found.lines()
    assert nothing == (
        f"warning: {tmp_path} has no lock of accelock's, and no pyproject.toml with targets in "
        "[tool.accelock]: there is nothing to look at [nothing-here]; run it in a project's folder"
    )
    assert last == f"no target; looked at no lock, {EMPTY.name}: 1 warning"
    assert found.exit_code(strict=False) == 0


def test_a_project_with_a_conda_table_alone(tmp_path: Path) -> None:
    table = '[tool.accelock.conda]\nchannels = ["forge"]\n'
    Project(tmp_path).write("pyproject.toml", table)
    assert "nothing-here" not in {code for code, _file in codes(tmp_path)}


def test_targets_without_a_lock(tmp_path: Path) -> None:
    Project(tmp_path).write("pyproject.toml", TABLE)
    found = diagnose(here(tmp_path), EMPTY)
    assert [each.code for each in found.report.findings] == ["no-file"]
    assert found.exit_code(strict=False) == 1


def test_a_broken_table_is_an_error_of_its_own(tmp_path: Path) -> None:
    Project(tmp_path).write("pyproject.toml", TABLE.replace("cpu", "gpu"))
    with pytest.raises(ConfigError, match=r"tool\.accelock\.targets"):
        diagnose(here(tmp_path), EMPTY)
