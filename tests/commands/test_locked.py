"""What is locked, out of compiled files and out of poetry.lock, as the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from accelock.errors import AccelockError
from accelock.locks.markers import Place
from accelock.locks.open import facts, find_lock, open_lock
from accelock.settings.project import Settings
from accelock.targets import PLATFORMS, PythonVersion
from tests.commands.poetry_locks import PoetryFolder, entry
from tests.commands.projects import CPU, CUDA_PLATFORMS, SITE, TABLE, Project

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.locks.model import Lock, TargetLock

LINUX = Place(PLATFORMS["linux-x86_64"], PythonVersion(3, 11))
MAC = Place(PLATFORMS["macos-arm64"], PythonVersion(3, 11))


def found(folder: Path, name: str | None = None) -> Lock:
    return open_lock(folder, Settings.of(folder), name)


def of(lock: Lock, name: str) -> TargetLock:
    return next(each for target, each in lock.targets.items() if target.name == name)


def versions(lock: Lock, target: str, place: Place) -> dict[str, str | None]:
    pins = lock.at(of(lock, target).target, place)
    return {name: pin.version for name, pin in pins.items()}


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
        lock = found(project.folder)
        known = facts(project.folder, lock, lock.targets, LINUX)
        assert known["cu126"].torch == Version("2.6.0+cu126")
        assert known["cu126"].platforms == frozenset(CUDA_PLATFORMS)

    def test_a_package_with_its_line_index_and_askers(self, project: Project) -> None:
        lock = found(project.folder)
        torch = of(lock, "cpu").at(LINUX)["torch"]
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
        assert of(locks, "cpu").platforms is None

    def test_another_layer_by_name(self, project: Project) -> None:
        project.compiled("requirements-dev.cpu.txt", "cpu", "pytest==8.0\n")
        assert found(project.folder, "requirements-dev.txt").files == ("requirements-dev.cpu.txt",)

    def test_none(self, tmp_path: Path) -> None:
        assert find_lock(tmp_path, Settings.of(tmp_path)) is None
        with pytest.raises(AccelockError, match="accelock compile"):
            found(tmp_path)
        with pytest.raises(AccelockError, match=r"requirements-dev\.txt: there is no such file"):
            found(tmp_path, "requirements-dev.txt")

    @pytest.mark.parametrize(
        ("name", "command"),
        [
            ("pylock.toml", "accelock pylock -o pylock.toml"),
            ("poetry.lock", "poetry lock (with the plugin)"),
            ("requirements-dev.txt", "accelock compile requirements-dev.in"),
        ],
    )
    def test_a_lock_that_is_missing_names_what_makes_it(
        self, tmp_path: Path, name: str, command: str
    ) -> None:
        with pytest.raises(AccelockError) as caught:
            found(tmp_path, name)
        assert "there is no such file" in str(caught.value)
        assert f". Run: {command}, or name another lock with --lock" in str(caught.value)

    def test_a_file_of_another_tool_has_no_targets(self, tmp_path: Path) -> None:
        (tmp_path / "requirements.in").write_text("torch\n", encoding="utf-8")
        with pytest.raises(AccelockError, match="it has no targets, so accelock did not make it"):
            found(tmp_path, "requirements.in")

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
        at = of(found(folder.write().folder), "cpu").at(LINUX)
        assert at["torch"].index == f"{SITE}/whl/cpu"
        assert list(at["torch"].files) == [
            f"torch-2.6.0+cpu-py3-none-{tag}.whl"
            for tag in ("manylinux_2_28_x86_64", "win_amd64", "manylinux_2_28_aarch64")
        ]
        assert at["torch"].requires == {"filelock": "any version"}

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
        lock = found(folder.write().folder)
        cpu = of(lock, "cpu")
        assert {name: each.version for name, each in cpu.at(LINUX).items()} == {"numpy": "2.0"}
        every = {name: each.version for name, each in cpu.every(LINUX).items()}
        assert every == {"numpy": "2.0", "torch": "2.11.0+cpu"}
        known = facts(folder.folder, lock, lock.targets, LINUX)
        assert known["cpu"].torch == Version("2.11.0+cpu")

    def test_it_comes_before_files(self, folder: PoetryFolder) -> None:
        folder.write()
        Project(folder.folder).compiled("requirements.cpu.txt", "cpu", CPU)
        assert found(folder.folder).kind == "poetry.lock"
        assert found(folder.folder, "requirements.txt").kind == "requirements files"
        assert found(folder.folder, "poetry.lock").kind == "poetry.lock"

    def test_a_lock_without_targets_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "poetry.lock").write_text('[metadata]\nlock-version = "2.1"\n')
        assert find_lock(tmp_path, Settings.of(tmp_path)) is None

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
