from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import tomlkit

from accelock.commands.check import check
from accelock.commands.findings import Level
from tests.commands.poetry_locks import PYPROJECT, SITE, PoetryFolder, entry
from tests.commands.projects import CPU, CU126, CUDA_PLATFORMS, Project, codes, only

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sound(tmp_path: Path) -> PoetryFolder:
    return PoetryFolder(tmp_path)


class TestSound:
    def test_a_lock_of_two_targets(self, sound: PoetryFolder) -> None:
        report = sound.write().check()
        assert list(report.lines()) == ["1 file checked (poetry.lock): fresh and complete"]
        assert report.exit_code == 0

    def test_without_a_table_it_is_nobodys_business(self, sound: PoetryFolder) -> None:
        sound.put("pyproject.toml", '[project]\nname = "app"\nversion = "1"\n[tool.poetry]\n')
        sound.put("poetry.lock", tomlkit.dumps({"package": [entry("torch", "2.6.0")]}))
        report = sound.check()
        assert report.files == ()
        assert report.exit_code == 0

    def test_without_accelerated_packages_there_is_no_overlay(self, sound: PoetryFolder) -> None:
        sound.write()
        sound.put("poetry.lock", tomlkit.dumps({"package": [entry("filelock", "3.18.0")]}))
        assert sound.check().findings == ()

    def test_compiled_files_beside_it(self, sound: PoetryFolder) -> None:
        project = Project(sound.folder)
        sound.write()
        project.write("requirements.in", "torch\n")
        project.compiled("requirements.cpu.txt", "cpu", CPU)
        project.compiled("requirements.cu126.txt", "cu126", CU126, platforms=CUDA_PLATFORMS)
        report = sound.check()
        assert report.files == ("requirements.cpu.txt", "requirements.cu126.txt", "poetry.lock")
        assert report.findings == ()
        assert sound.check("poetry.lock").files == ("poetry.lock",)
        assert sound.check("requirements.cpu.txt").files == ("requirements.cpu.txt",)

    def test_another_folder_has_its_own_table(self, tmp_path: Path) -> None:
        PoetryFolder(tmp_path / "service").write().replace("torch>=2.5", "torch", "pyproject.toml")
        report = check(tmp_path, ["service/poetry.lock"])
        assert report.files == ("service/poetry.lock",)
        assert report.findings == ()
        PoetryFolder(tmp_path / "service").replace('"2.6.0"', '"2.6.1"')
        assert codes(check(tmp_path, ["service"])) == [("damaged", "service/poetry.lock")]

    def test_as_json(self, sound: PoetryFolder) -> None:
        sound.write().replace("format = 1", "format = 2")
        document = json.loads(sound.check().dumps())
        assert document["files"] == ["poetry.lock"]
        assert [found["code"] for found in document["findings"]] == ["newer-format"]


class TestOverlay:
    def test_dropped_by_a_poetry_without_the_plugin(self, sound: PoetryFolder) -> None:
        sound.write()
        packages = [entry("filelock", "3.18.0"), entry("mkl", "1"), entry("torch", "2.9.1")]
        sound.put("poetry.lock", tomlkit.dumps({"package": packages}))
        report = sound.check()
        finding = only(report, "no-overlay")
        assert (finding.level, finding.file) == (Level.ERROR, "poetry.lock")
        assert "torch 2.9.1 from PyPI" in finding.what
        assert "cpu, cu126" in finding.what
        assert "`poetry lock`" in finding.todo
        assert report.exit_code == 1

    def test_one_target_has_one_too(self, sound: PoetryFolder) -> None:
        sound.pyproject = PYPROJECT.replace(', "cu126"', "")
        del sound.entries["cu126"]
        assert sound.write().check().findings == ()
        sound.put("poetry.lock", tomlkit.dumps({"package": [entry("torch", "2.9.1")]}))
        only(sound.check(), "no-overlay")

    def test_the_settings_changed(self, sound: PoetryFolder) -> None:
        sound.write().replace('"cu126"]', '"cu118"]', "pyproject.toml")
        finding = only(sound.check(), "stale")
        assert "it has cpu, cu126; pyproject.toml declares cpu, cu118" in finding.what

    def test_the_order_of_targets_counts(self, sound: PoetryFolder) -> None:
        sound.write().replace('["cpu", "cu126"]', '["cu126", "cpu"]', "pyproject.toml")
        only(sound.check(), "stale")

    def test_other_tables_do_not(self, sound: PoetryFolder) -> None:
        sound.write()
        text = (sound.folder / "pyproject.toml").read_text()
        sound.put("pyproject.toml", f"{text}\n[tool.black]\nx = 1\n")
        assert sound.check().findings == ()

    def test_the_table_is_gone(self, sound: PoetryFolder) -> None:
        sound.write().put("pyproject.toml", PYPROJECT.partition("[tool.accelock]")[0])
        assert "pyproject.toml declares none" in only(sound.check(), "stale").what

    @pytest.mark.parametrize(
        ("old", "new", "table"),
        [
            ('drop = ["torch"]', "drop = []", "[accelock.cu126]"),
            ('"2.6.0+cu126"', '"2.6.1+cu126"', "[accelock.cu126]"),
            ('"2.6.0+cpu"', '"2.6.1+cpu"', "[[package]]"),
            ('targets = ["cpu", "cu126"]', 'targets = ["cpu"]', "[metadata.accelock.platforms]"),
            ("[accelock.cu126]", "[accelock.cu118]", "[accelock.cu118]"),
            ("format = 1", 'format = "x"', "[metadata.accelock]"),
        ],
    )
    def test_edited_by_hand(self, sound: PoetryFolder, old: str, new: str, table: str) -> None:
        sound.write().replace(old, new)
        report = sound.check()
        assert len(report.findings) == 1
        assert table in report.findings[0].what
        assert report.exit_code == 1

    def test_of_a_newer_accelock(self, sound: PoetryFolder) -> None:
        sound.write().replace("format = 1", "format = 2")
        finding = only(sound.check(), "newer-format")
        assert "format 2" in finding.what
        assert finding.todo.startswith("Upgrade accelock")

    def test_a_word_of_a_newer_accelock(self, sound: PoetryFolder) -> None:
        sound.platforms["cpu"] = ("linux-x86_64", "amiga")
        assert "amiga" in only(sound.write().check(), "damaged").what

    def test_a_merge_conflict(self, sound: PoetryFolder) -> None:
        sound.write().replace("[metadata]", "<<<<<<< HEAD\n[metadata]")
        finding = only(sound.check(), "damaged")
        line = (sound.folder / "poetry.lock").read_text().split("\n").index("<<<<<<< HEAD") + 1
        assert f"poetry.lock, line {line}: has an unresolved merge conflict" in finding.what

    def test_no_toml(self, sound: PoetryFolder) -> None:
        sound.write().put("poetry.lock", "[[package]\n")
        assert "poetry.lock, line 1: is not valid TOML" in only(sound.check(), "damaged").what

    def test_no_text(self, sound: PoetryFolder) -> None:
        sound.write()
        (sound.folder / "poetry.lock").write_bytes(b"\xff\xfe")
        assert "is not UTF-8" in only(sound.check(), "damaged").what

    def test_no_lock_at_all(self, sound: PoetryFolder) -> None:
        sound.put("pyproject.toml", PYPROJECT)
        finding = only(sound.check(), "no-file")
        assert (finding.file, finding.todo) == ("poetry.lock", "run: poetry lock")


class TestEntries:
    @pytest.mark.parametrize(
        ("old", "new", "table"),
        [
            (f'url = "{SITE}/whl/cu126"', f'url = "{SITE}/whl/cpu"', "[accelock.cu126]"),
            ('"2.6.0+cu126"', '"2.6.0"', "[accelock.cu126]"),
            ("0" * 64, "1" * 64, "[[package]]"),
            ("manylinux_2_28_aarch64", "manylinux_2_28_ppc64le", "[[package]]"),
            ('sys_platform == \\"darwin\\"', 'sys_platform == \\"win32\\"', "[[package]]"),
            ('name = "filelock"', 'name = "flielock"', "[[package]]"),
        ],
    )
    def test_whatever_is_edited_by_hand(
        self, sound: PoetryFolder, old: str, new: str, table: str
    ) -> None:
        """A source, a label, a hash, a file, a marker: the digests decide them all."""
        sound.write().replace(old, new)
        finding = only(sound.check(), "damaged")
        assert finding.what == f"{table} was edited by hand or merged badly"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("[metadata.accelock]", "[metadata.accelock_]"),
            ("cu126 = [", "cu126 = 3\ncu128 = ["),
            ('cpu = ["linux-x86_64", ', "cpu = [3, "),
            ('targets = ["cpu", "cu126"]', "targets = [1, 2]"),
            ("[accelock.cu126]\n", "[accelock]\ncu126 = 3\n[accelock_]\n"),
        ],
    )
    def test_a_table_of_another_shape(self, sound: PoetryFolder, old: str, new: str) -> None:
        sound.write().replace(old, new)
        (finding,) = sound.check().findings
        assert finding.code in {"damaged", "newer-format"}

    @pytest.mark.parametrize(
        "text",
        [
            "metadata = 0\n",
            "package = 3\n[metadata.accelock]\nformat = 1\n",
            'package = ["torch"]\n',
            'package = [{ name = 1, version = "2" }]\n',
            "[metadata]\naccelock = 3\n",
            "[accelock]\ncu126 = 3\n",
            "accelock = 3\n",
            "",
        ],
    )
    def test_a_lock_of_another_shape(self, sound: PoetryFolder, text: str) -> None:
        sound.write().put("poetry.lock", text)
        assert all(f.code in {"damaged", "newer-format"} for f in sound.check().findings)

    def test_any_value_of_another_type(self, sound: PoetryFolder) -> None:
        """Each key of the tables of ours, and of an entry, once as a number."""
        lock = sound.write().lock()
        tables = [lock["metadata"], lock["metadata"]["accelock"], lock["accelock"]]
        tables += [lock["accelock"]["cu126"], lock["package"][1], lock]
        for table in tables:
            for key in table.keys() - {"python-versions"}:
                kept, table[key] = table[key], 3
                sound.put("poetry.lock", tomlkit.dumps(lock))
                table[key] = kept
                (finding,) = sound.check().findings
                assert finding.code in {"damaged", "newer-format", "stale"}, key

    def test_releases_that_do_not_go_together(self, sound: PoetryFolder) -> None:
        for target in ("cpu", "cu126"):
            sound.entries[target].append(entry("torchaudio", f"2.11.0+{target}", target))
        finding = only(sound.write().check(), "foreign-pair")
        assert "for cpu, cu126, torchaudio 2.11.0 does not go with torch 2.6.0" in finding.what

    def test_two_versions_that_hold_on_one_machine(self, sound: PoetryFolder) -> None:
        """torch asks for one nvidia-cublas where a toolkit's marker holds, nvidia-cudnn for any."""
        linux = 'sys_platform == "linux" and platform_machine == "x86_64"'
        sound.entries["cu126"] += [
            entry("nvidia-cublas", "13.10.0.20"),
            entry("nvidia-cublas", "13.4.1.3", markers=linux),
        ]
        finding = only(sound.write().check(), "two-versions")
        assert (finding.level, finding.file) == (Level.ERROR, "poetry.lock")
        assert finding.what.startswith(
            "nvidia-cublas is locked as 13.10.0.20 and as 13.4.1.3 for cu126 on linux-x86_64, "
        )

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('sys_platform == "win32"', 'sys_platform != "win32"'),
            ('python_version < "3.11"', 'python_version >= "3.11"'),
            ('python_full_version < "3.11.4"', 'python_full_version >= "3.11.4"'),
            ('extra == "a" and extra != "b"', 'extra == "b" and extra != "a"'),
            ('sys_platform == "freebsd"', 'sys_platform == "linux"'),
            ("<empty>", ""),
            # A lock says nothing of Pythons that its project does not support.
            ('python_version < "3.9"', 'sys_platform == "linux"'),
            # Nobody knows.
            ('platform_release >= "6"', 'sys_platform == "linux"'),
        ],
    )
    def test_two_versions_that_never_meet(self, sound: PoetryFolder, one: str, other: str) -> None:
        sound.entries["cu126"] += [
            entry("numpy", "1.26.4", markers=one),
            entry("numpy", "2.1.0", **({"markers": other} if other else {})),
        ]
        assert sound.write().check().findings == ()


FALLBACK = f"""
[tool.poetry.dependencies]
torch = {{ source = "accelock-pytorch-cpu" }}

[[tool.poetry.source]]
name = "accelock-pytorch-cpu"
url = "{SITE}/whl/cpu"
priority = "explicit"
"""


class TestFallback:
    def test_a_sound_one(self, sound: PoetryFolder) -> None:
        sound.pyproject += FALLBACK
        assert sound.write().check().findings == ()

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (
                'targets = ["cpu", "cu126"]',
                'targets = ["cu126", "cpu"]',
                "the source of the first target",
            ),
            ("/whl/cpu", "/whl/cpu/x", "has another URL"),
            ('"explicit"', '"supplemental"', "is supplemental"),
            ('torch = { source = "accelock-pytorch-cpu" }', "", "torch, in the group main"),
            ('dependencies = ["torch>=2.5"]', "", "only through other packages"),
            ("torch>=2.5", 'torch>=2.5", "torchvision', "torchvision, in the group main"),
        ],
    )
    def test_one_that_would_mislead(
        self, sound: PoetryFolder, old: str, new: str, said: str
    ) -> None:
        sound.pyproject = (PYPROJECT + FALLBACK).replace(old, new)
        if said.startswith("only through"):
            sound.pyproject = sound.pyproject.replace("torch = {", "# torch = {")
        found = [each for each in sound.write().check().findings if each.code == "fallback"]
        assert said in found[0].what
        assert {each.file for each in found} == {"pyproject.toml"}
        assert all("init --fallback" in each.todo for each in found)

    def test_every_group_counts(self, sound: PoetryFolder) -> None:
        sound.pyproject = PYPROJECT + FALLBACK + '[dependency-groups]\nDev = ["Torch", {}]\n'
        assert "torch, in the group dev" in only(sound.write().check(), "fallback").what
        sound.pyproject += (
            '[tool.poetry.group.dev.dependencies]\nTorch = { source = "accelock-pytorch-cpu" }\n'
        )
        assert sound.write().check().findings == ()

    def test_after_the_overlay_was_dropped(self, sound: PoetryFolder) -> None:
        sound.pyproject = PYPROJECT + FALLBACK
        sound.write()
        packages = [entry("torch", "2.9.1+cpu", "cpu"), entry("torchvision", "0.24.1")]
        sound.put("poetry.lock", tomlkit.dumps({"package": packages}))
        assert codes(sound.check()) == [
            ("no-overlay", "poetry.lock"),
            ("fallback", "pyproject.toml"),
        ]
