"""What is locked, out of compiled files and out of poetry.lock, as the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.locks.markers import Place
from accelock.report.locked import Locks, find_locks, read_locks
from accelock.report.project import Project as Known
from accelock.settings.settings import Config, read_config
from accelock.targets import PLATFORMS, PythonVersion
from tests.report.poetry_locks import PoetryFolder, entry
from tests.report.projects import CPU, CUDA_PLATFORMS, SITE, TABLE, Project

if TYPE_CHECKING:
    from pathlib import Path

LINUX = Place(PLATFORMS["linux-x86_64"], PythonVersion(3, 11))
MAC = Place(PLATFORMS["macos-arm64"], PythonVersion(3, 11))


def known(folder: Path) -> Known:
    catalogue = load_catalogue()
    config = read_config(folder / "pyproject.toml", catalogue) or Config()
    return Known(config.extend(catalogue), config)


def found(folder: Path, name: str | None = None) -> Locks:
    return read_locks(folder, known(folder), name)


def versions(locks: Locks, target: str, place: Place) -> dict[str, str | None]:
    lock = next(each for each in locks.targets if each.target.name == target)
    return {name: package.version for name, package in lock.at(place).items()}


class TestCompiledFiles:
    def test_each_target_at_each_place(self, project: Project) -> None:
        locks = found(project.folder)
        assert locks.kind == "requirements files"
        assert locks.files == ("requirements.cpu.txt", "requirements.cu126.txt")
        assert versions(locks, "cpu", LINUX)["torch"] == "2.6.0+cpu"
        assert versions(locks, "cpu", MAC)["torch"] == "2.6.0"
        assert versions(locks, "cu126", LINUX) == {
            "filelock": "3.18.0",
            "nvidia-cudnn-cu12": "9.5.1.17",
            "torch": "2.6.0+cu126",
        }

    def test_what_a_choice_has_to_know(self, project: Project) -> None:
        facts = found(project.folder).facts(LINUX)
        assert facts["cu126"].torch == Version("2.6.0+cu126")
        assert facts["cu126"].platforms == frozenset(CUDA_PLATFORMS)

    def test_a_package_with_its_line_index_and_askers(self, project: Project) -> None:
        torch = found(project.folder).targets[0].at(LINUX)["torch"]
        assert torch.where.startswith("requirements.cpu.txt, line ")
        assert torch.index == f"{SITE}/whl/cpu"
        assert (torch.via, torch.label) == (("-r requirements.in",), "cpu")

    def test_one_file_of_one_target(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        project.write("requirements.in", "torch\n")
        project.compiled("requirements.txt", "cpu", CPU)
        assert found(tmp_path).files == ("requirements.txt",)

    def test_unstamped_files_count_under_a_declared_name(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        project.write("pyproject.toml", TABLE)
        project.write("requirements.cpu.txt", "torch==2.6.0+cpu\n-e .\n./wheels/x-1.0.tar.gz\n")
        project.write("requirements.cu118.txt", "torch==2.6.0+cu118\n")
        locks = found(tmp_path)
        assert locks.files == ("requirements.cpu.txt",)
        assert locks.targets[0].platforms is None

    def test_another_layer_by_name(self, project: Project) -> None:
        project.compiled("requirements-dev.cpu.txt", "cpu", "pytest==8.0\n")
        assert found(project.folder, "requirements-dev.txt").files == ("requirements-dev.cpu.txt",)

    def test_none(self, tmp_path: Path) -> None:
        assert find_locks(tmp_path, known(tmp_path)) is None
        with pytest.raises(AccelockError, match="accelock compile"):
            found(tmp_path)
        with pytest.raises(AccelockError, match=r"requirements-dev\.txt is not here"):
            found(tmp_path, "requirements-dev.txt")

    def test_a_damaged_file_is_named(self, project: Project) -> None:
        project.write("requirements.cpu.txt", "# accelock: pins; sha256 x\ntorch\n")
        with pytest.raises(AccelockError, match=r"^requirements\.cpu\.txt: "):
            found(project.folder)


class TestPoetry:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> PoetryFolder:
        return PoetryFolder(tmp_path)

    def test_each_target_at_each_place(self, folder: PoetryFolder) -> None:
        locks = found(folder.write().folder)
        assert (locks.kind, locks.files) == ("poetry.lock", ("poetry.lock",))
        assert versions(locks, "cpu", LINUX) == {"filelock": "3.18.0", "torch": "2.6.0+cpu"}
        assert versions(locks, "cpu", MAC)["torch"] == "2.6.0"
        assert versions(locks, "cu126", LINUX)["torch"] == "2.6.0+cu126"

    def test_a_package_with_its_files_index_and_askers(self, folder: PoetryFolder) -> None:
        at = found(folder.write().folder).targets[0].at(LINUX)
        assert at["torch"].index == f"{SITE}/whl/cpu"
        assert list(at["torch"].files) == [
            f"torch-2.6.0+cpu-py3-none-{tag}.whl"
            for tag in ("manylinux_2_28_x86_64", "win_amd64", "manylinux_2_28_aarch64")
        ]
        assert at["filelock"].via == ("torch (any version)",)

    def test_what_only_extras_or_other_pythons_want_is_not_installed(
        self, folder: PoetryFolder
    ) -> None:
        folder.entries["cpu"] += [
            entry("a", "1.0", optional=True),
            entry("b", "1.0", markers='python_version < "3.11"'),
            entry("c", "1.0", markers={"main": 'python_version < "3.11"', "dev": ""}),
            entry("d", "1.0", markers={"main": 'sys_platform == "win32"'}),
            entry("e", "1.0", markers='platform_release == "5"'),
            # A group without a marker of its own, which is how Poetry writes "everywhere".
            {
                **entry("f", "1.0", markers={"dev": 'sys_platform == "win32"'}),
                "groups": ["main", "dev"],
            },
            entry("g", "1.0", markers="<empty>"),
        ]
        assert set(versions(found(folder.write().folder), "cpu", LINUX)) == {
            "filelock",
            "torch",
            "c",
            "e",
            "f",
        }

    def test_what_an_extra_may_ask_for_counts_for_the_choice(self, folder: PoetryFolder) -> None:
        at_ml: dict[str, Any] = {"optional": True, "markers": {"main": 'extra == "ml"'}}
        at_mac: dict[str, Any] = {
            "optional": True,
            "markers": 'extra == "ml" and sys_platform == "darwin"',
        }
        folder.entries["cpu"] = [
            entry("torch", "2.11.0+cpu", "cpu", **at_ml),
            entry("torch", "2.5.1+cpu", "cpu", **at_ml),
            entry("triton", "3.2.0", **at_mac),
            entry("numpy", "2.0"),
            entry("numpy", "2.1", optional=True),
        ]
        (cpu, _) = found(folder.write().folder).targets
        assert {name: each.version for name, each in cpu.at(LINUX).items()} == {"numpy": "2.0"}
        every = {name: each.version for name, each in cpu.every(LINUX).items()}
        assert every == {"numpy": "2.0", "torch": "2.11.0+cpu"}
        assert cpu.fact(LINUX).torch == Version("2.11.0+cpu")

    def test_it_comes_before_files(self, folder: PoetryFolder) -> None:
        folder.write()
        Project(folder.folder).compiled("requirements.cpu.txt", "cpu", CPU)
        assert found(folder.folder).kind == "poetry.lock"
        assert found(folder.folder, "requirements.txt").kind == "requirements files"
        assert found(folder.folder, "poetry.lock").kind == "poetry.lock"

    def test_a_lock_without_targets_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "poetry.lock").write_text('[metadata]\nlock-version = "2.1"\n')
        assert find_locks(tmp_path, known(tmp_path)) is None

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("3.18.0", "3.18.1", "edited by hand"),
            ("format = 1", "format = 2", "format 2"),
            ("[metadata]", "[metadata", "poetry.lock"),
        ],
    )
    def test_one_that_was_spoilt(self, folder: PoetryFolder, old: str, new: str, said: str) -> None:
        folder.write().replace(old, new)
        with pytest.raises(AccelockError, match=said):
            found(folder.folder)
