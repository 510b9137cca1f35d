from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from accelock.report import Level, check
from tests.report.poetry_locks import PYPROJECT, SITE, X86, PoetryFolder, entry
from tests.report.projects import CPU, CU126, CUDA_PLATFORMS, Project, codes, only

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sound(tmp_path: Path) -> PoetryFolder:
    return PoetryFolder(tmp_path)


class TestSound:
    def test_a_lock_of_two_targets(self, sound: PoetryFolder) -> None:
        report = sound.write().check()
        assert list(report.lines()) == ["1 file checked (poetry.lock): fresh and whole"]
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
        assert "it holds cpu, cu126; declared are cpu, cu118" in finding.what

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
        assert "declared are none" in only(sound.check(), "stale").what

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
    def test_a_build_of_pypi(self, sound: PoetryFolder) -> None:
        del sound.named("cpu", "torch")["source"]
        finding = only(sound.write().check(), "foreign-source")
        assert f"torch 2.6.0+cpu comes from PyPI, not from {SITE}/whl/cpu" in finding.what
        assert finding.what.startswith("for cpu,")

    def test_a_build_of_another_target(self, sound: PoetryFolder) -> None:
        sound.entries["cu126"][2] = sound.named("cpu", "torch")
        found = codes(sound.write().check())
        assert [code for code, _file in found] == ["foreign-source", "foreign-label"]

    def test_a_build_of_another_target_under_one_url(self, sound: PoetryFolder) -> None:
        sound.pyproject = PYPROJECT.replace("{target}", "torch_stable.html")
        for entries in sound.entries.values():
            for each in entries:
                if "source" in each:
                    each["source"]["url"] = f"{SITE}/whl/torch_stable.html"
        assert sound.write().check().findings == ()
        sound.named("cu126", "torch")["version"] = "2.6.0+cpu"
        assert (
            "is a build for cpu, not for cu126" in only(sound.write().check(), "foreign-label").what
        )

    def test_a_library_of_another_target(self, sound: PoetryFolder) -> None:
        sound.named("cu126", "triton")["source"]["url"] = f"{SITE}/whl/cpu"
        assert "triton 3.2.0" in only(sound.write().check(), "foreign-source").what

    def test_a_library_that_the_family_alone_has(self, sound: PoetryFolder) -> None:
        sound.entries["cu126"].append(entry("pytorch-triton-rocm", "99.0"))
        finding = only(sound.write().check(), "foreign-source")
        assert "pytorch-triton-rocm 99.0 comes from PyPI, not from" in finding.what

    def test_releases_that_do_not_go_together(self, sound: PoetryFolder) -> None:
        for target in ("cpu", "cu126"):
            sound.entries[target].append(entry("torchaudio", f"2.11.0+{target}", target))
        finding = only(sound.write().check(), "foreign-pair")
        assert "for cpu, cu126, torchaudio 2.11.0 does not go with torch 2.6.0:" in finding.what

    def test_a_library_may_come_from_pypi(self, sound: PoetryFolder) -> None:
        del sound.named("cu126", "triton")["source"]
        assert sound.write().check().findings == ()

    def test_a_package_that_no_family_has(self, sound: PoetryFolder) -> None:
        for target in ("cpu", "cu126"):
            sound.named(target, "filelock")["source"] = {"type": "legacy", "url": f"{SITE}/whl/cpu"}
        finding = only(sound.write().check(), "foreign-source")
        assert finding.what.startswith("for cpu, filelock 3.18.0 comes from")

    def test_the_users_own_packages_are_of_a_family(self, sound: PoetryFolder) -> None:
        sound.pyproject += '[tool.accelock.packages]\nmy-ext = { family = "pytorch" }\n'
        sound.entries["cpu"].insert(1, entry("my-ext", "1.0", "cpu"))
        sound.entries["cu126"].insert(1, entry("my-ext", "1.0"))
        finding = only(sound.write().check(), "foreign-source")
        assert finding.what.startswith("for cu126, my-ext 1.0 comes from PyPI")

    def test_cpu_builds_everywhere(self, sound: PoetryFolder) -> None:
        sound.pyproject += "[tool.accelock.packages]\ntorch = { cpuonly = true }\n"
        sound.entries["cu126"] = [
            each for each in sound.entries["cpu"] if each["version"] != "2.6.0"
        ]
        sound.platforms["cu126"] = ("linux-x86_64",)
        assert sound.write().check().findings == ()

    @pytest.mark.parametrize(
        "spec",
        ['{ source = "other" }', '{ url = "https://x.example/t.whl" }', '{ git = "https://x" }'],
    )
    def test_by_hand_is_the_users_word(self, sound: PoetryFolder, spec: str) -> None:
        sound.pyproject = PYPROJECT.replace(
            "[tool.accelock]\n", f"[tool.poetry.dependencies]\ntorch = {spec}\n[tool.accelock]\n"
        )
        for entries in sound.entries.values():
            entries[:] = [each for each in entries if each["name"] != "torch"]
            entries.append(entry("torch", "2.5.0"))
        assert sound.write().check().findings == ()

    @pytest.mark.parametrize("digest", ["", "sha256:", "sha256:zz"])
    def test_a_file_without_a_hash(self, sound: PoetryFolder, digest: str) -> None:
        sound.named("cpu", "torch")["files"][0]["hash"] = digest
        finding = only(sound.write().check(), "no-hash")
        assert "torch-2.6.0+cpu-py3-none-manylinux_2_28_x86_64.whl" in finding.what

    def test_no_file(self, sound: PoetryFolder) -> None:
        sound.named("cu126", "nvidia-cudnn-cu12")["files"] = []
        assert (
            "nvidia-cudnn-cu12 9.5.1.17 has no file" in only(sound.write().check(), "no-hash").what
        )

    def test_a_platform_without_a_file(self, sound: PoetryFolder) -> None:
        del sound.named("cpu", "torch")["files"][2]
        finding = only(sound.write().check(), "not-whole")
        assert "for cpu, torch 2.6.0+cpu has no file for linux-aarch64" in finding.what

    def test_a_platform_on_which_it_is_not_wanted(self, sound: PoetryFolder) -> None:
        torch = sound.named("cpu", "torch")
        del torch["files"][2]
        torch["markers"] += ' and platform_machine != "aarch64"'
        assert sound.write().check().findings == ()
        torch["markers"] = {"main": torch["markers"]}
        assert sound.write().check().findings == ()

    def test_versions_out_of_step(self, sound: PoetryFolder) -> None:
        sound.entries["cu126"][2] = entry("torch", "2.7.1+cu126", "cu126", X86)
        finding = only(sound.write().check(), "lockstep")
        assert "torch is 2.6.0 for cpu and 2.7.1 for cu126" in finding.what
        sound.pyproject = PYPROJECT.replace(
            "[tool.accelock]\n", "[tool.accelock]\nlockstep = false\n"
        )
        assert sound.write().check().findings == ()

    def test_each_fault_is_told_once(self, sound: PoetryFolder) -> None:
        shared = entry("torchvision", "0.21.0")
        for entries in sound.entries.values():
            entries.insert(1, shared)
        found: Any = sound.write().check().findings
        assert [each.what.partition(",")[0] for each in found] == ["for cpu", "for cu126"]
        shared["source"] = {"type": "legacy", "url": f"{SITE}/whl/cpu"}
        shared["files"] = []
        found = sound.write().check().findings
        assert [each.what.partition(", torch")[0] for each in found] == [
            "for cpu, cu126",
            "for cu126",
        ]


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
            ('targets = ["cpu", "cu126"]', 'targets = ["cu126", "cpu"]', "not of the first target"),
            ("/whl/cpu", "/whl/cpu/x", "has another URL"),
            ('"explicit"', '"supplemental"', "is supplemental"),
            ('torch = { source = "accelock-pytorch-cpu" }', "", "torch, in the group main"),
            ('dependencies = ["torch>=2.5"]', "", "through other packages only"),
            ("torch>=2.5", 'torch>=2.5", "torchvision', "torchvision, in the group main"),
        ],
    )
    def test_one_that_would_mislead(
        self, sound: PoetryFolder, old: str, new: str, said: str
    ) -> None:
        sound.pyproject = (PYPROJECT + FALLBACK).replace(old, new)
        if said.startswith("through"):
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
