"""`accelock why PACKAGE`: version, file and index on each target."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock.commands.diff import diff
from accelock.commands.why_package import why_package
from accelock.errors import AccelockError, UnknownWordError
from accelock.hardware.context import Found
from tests.commands.heres import fetching, here, no_network
from tests.commands.poetry_locks import PoetryFolder
from tests.commands.projects import ALL, CUDA_PLATFORMS, SITE, Project
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.hardware.machine import Note


def test_out_of_a_poetry_lock_nothing_is_read(tmp_path: Path) -> None:
    PoetryFolder(tmp_path).write()
    answer = why_package(here(tmp_path), "Torch", no_network)
    assert list(answer.lines()) == [
        "torch on linux-x86_64, Python 3.11",
        "",
        "cpu: 2.6.0+cpu (poetry.lock)",
        "  file: torch-2.6.0+cpu-py3-none-manylinux_2_28_x86_64.whl (one of 1 with a hash)",
        "  version: required by pyproject.toml",
        "  version: one public version on all targets and platforms (lockstep)",
        f"  index: {SITE}/whl/cpu",
        "  index: it belongs to the pytorch family: only builds labelled +cpu are for cpu",
        "",
        "cu126: 2.6.0+cu126 (poetry.lock)",
        "  file: torch-2.6.0+cu126-py3-none-manylinux_2_28_x86_64.whl (one of 1 with a hash)",
        "  version: required by pyproject.toml",
        "  version: one public version on all targets and platforms (lockstep)",
        f"  index: {SITE}/whl/cu126",
        "  index: it belongs to the pytorch family: only builds labelled +cu126 are for cu126",
    ]


def test_a_package_that_one_target_has(tmp_path: Path) -> None:
    PoetryFolder(tmp_path).write()
    lines = list(why_package(here(tmp_path), "triton", no_network).lines())
    assert lines[2:4] == [
        "cpu: not installed",
        f"  nothing requires it here (poetry.lock is for {', '.join(ALL)})",
    ]
    assert "  index: it belongs to the pytorch family, and has one build for all targets" in lines


def test_a_package_of_an_extra(tmp_path: Path) -> None:
    folder = PoetryFolder(tmp_path)
    for target in ("cpu", "cu126"):
        folder.named(target, "torch")["optional"] = True
    lines = list(why_package(here(folder.write().folder), "torch", no_network).lines())
    assert "cu126: 2.6.0+cu126 (poetry.lock)" in lines


def test_a_mac_has_no_label(tmp_path: Path) -> None:
    PoetryFolder(tmp_path).write()
    lines = list(why_package(here(tmp_path, machine="mac-m3"), "torch", no_network).lines())
    assert "cpu: 2.6.0 (poetry.lock)" in lines
    assert (
        "  index: it belongs to the pytorch family, and the builds for this platform have no label"
        in lines
    )


def test_the_json(project: Project) -> None:
    document = json.loads(why_package(here(project.folder), "filelock", no_network).dumps())
    written = (project.folder / "requirements.cpu.txt").read_text().splitlines()
    line = written.index("filelock==3.18.0") + 1
    assert document == {
        "format": 1,
        "package": "filelock",
        "platform": "linux-x86_64",
        "python": "3.11",
        "family": None,
        "lockstep": False,
        "targets": [
            {
                "target": target,
                "version": "3.18.0",
                "label": None,
                "index": None,
                "file": None,
                "where": f"requirements.{target}.txt, line {line}",
                "via": ["torch"],
                "hashes": 0,
                "reasons": [
                    "version: required by torch",
                    "index: the default one (PyPI, or what pip or Poetry is set to)",
                ],
            }
            for target in ("cpu", "cu126")
        ],
        "faults": ["no index was read: there is no network in this test"],
    }


@pytest.mark.parametrize("named", ["table", "command"])
def test_the_file_of_a_compiled_pin_is_the_indexs(tmp_path: Path, named: str) -> None:
    with IndexServer(pytorch_site()) as server, fetching(server) as reading:
        project = Project(tmp_path)
        source = f"{server.url}/whl/{{target}}"
        table = '[tool.accelock]\ntargets = ["cu126"]\n'
        command = f"accelock compile '--source=pytorch={source}'"
        if named == "table":
            table += f'[tool.accelock.sources]\npytorch = "{source}"\n'
            command = "accelock compile"
        project.write("pyproject.toml", table)
        body = f"--extra-index-url {server.url}/whl/cu126\ntorch==2.6.0+cu126\n"
        project.compiled(
            "requirements.txt", "cu126", body, platforms=CUDA_PLATFORMS, command=command
        )
        answer = why_package(here(tmp_path), "torch", lambda: reading)
        assert answer.faults == ()
        (found,) = answer.targets
        assert found.filename is not None
        assert found.filename.startswith("torch-2.6.0+cu126-cp311-")
        assert found.filename.endswith("x86_64.whl")
        assert server.bodies() == ()


@pytest.mark.parametrize("url", ["https://mirror.example/whl/{target}", "https://x/{target}/"])
def test_a_source_of_the_command_line_is_the_index(tmp_path: Path, url: str) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.accelock]\ntargets = ["cu126"]\n')
    line = url.replace("{target}", "cu126").rstrip("/")
    body = f"--extra-index-url {line}\nfilelock==3.18.0\ntorch==2.6.0+cu126\n"
    command = f"accelock compile -t cu126 '--source=pytorch={url}'"
    project.compiled("requirements.txt", "cu126", body, command=command)
    assert f"  index: {line}" in list(why_package(here(tmp_path), "torch", no_network).lines())
    (other,) = why_package(here(tmp_path), "filelock", no_network).targets
    assert other.pin is not None
    assert other.pin.index is None


def test_the_python_is_one_that_the_file_is_for(tmp_path: Path) -> None:
    project = Project(tmp_path)
    body = 'torch==2.6.0+cpu ; python_version < "3.13"\nsix==1.17.0\n'
    project.compiled("requirements.txt", "cpu", body, python=["3.12", "3.10"])
    first = next(why_package(here(tmp_path), "torch", no_network).lines())
    assert first == "torch on linux-x86_64, Python 3.12"
    project.compiled("requirements.txt", "cpu", body, python=["3.12", "3.11"])
    first = next(why_package(here(tmp_path), "torch", no_network).lines())
    assert first == "torch on linux-x86_64, Python 3.11"


def test_a_platform_that_no_target_is_locked_for(tmp_path: Path) -> None:
    folder = PoetryFolder(tmp_path)
    folder.platforms = {"cpu": ("linux-x86_64",), "cu126": ("linux-x86_64", "linux-aarch64")}
    at = here(folder.write().folder, machine="mac-m3")
    with pytest.raises(AccelockError) as caught:
        why_package(at, "torch", no_network)
    assert str(caught.value) == (
        "cpu and cu126 are not locked for macos-arm64; the platforms that poetry.lock has: "
        "linux-x86_64, linux-aarch64"
    )


def test_a_target_that_is_not_locked_for_the_platform_has_none(tmp_path: Path) -> None:
    folder = PoetryFolder(tmp_path)
    folder.platforms["cpu"] = ("linux-x86_64", "windows-x86_64")
    answer = why_package(here(folder.write().folder, machine="gh200"), "torch", no_network)
    lines = list(answer.lines())
    assert lines[2:4] == [
        "cpu: not installed",
        "  poetry.lock has cpu for linux-x86_64, windows-x86_64 only",
    ]
    assert "cu126: 2.6.0+cu126 (poetry.lock)" in lines


def test_no_probe_is_run_for_a_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def count(probes: Mapping[str, object], _around: object) -> tuple[dict[str, Found], list[Note]]:
        runs.extend(probes)
        return {name: Found() for name in ("host", "nvidia", *probes)}, []

    monkeypatch.setattr("accelock.hardware.detection._run", count)
    PoetryFolder(tmp_path).write()
    why_package(here(tmp_path), "torch", no_network)
    diff(here(tmp_path), ("cpu", "cu126"), no_network)
    with pytest.raises(AccelockError, match="both are locked for: linux-x86_64"):
        diff(here(tmp_path, machine="mac-m3"), ("cpu", "cu126"), no_network)
    assert runs == []
    assert here(tmp_path).machine.where == "linux-x86_64"
    assert runs


def test_no_such_package(project: Project) -> None:
    with pytest.raises(UnknownWordError, match=r"'touch' \(not in .*\); did you mean 'torch'\?"):
        why_package(here(project.folder), "touch", no_network)
