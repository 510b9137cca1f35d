"""`accelock diff A B`: packages and bytes, on a real index that counts its requests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.commands.diff import diff
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks.budget import Download, megabytes
from accelock.locks.model import Pin
from tests.commands.heres import fetching, here, no_network
from tests.commands.poetry_locks import PoetryFolder
from tests.commands.projects import ALL, CUDA_PLATFORMS, Project
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.commands.downloads import Fetching

BOTH = ("cpu", "cu126")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep sizes in a folder of the test."""
    monkeypatch.setattr(
        "accelock.sources.cache.user_cache_path", lambda *_a, **_k: tmp_path / "cache"
    )


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer(pytorch_site()) as running:
        yield running


@pytest.fixture
def reading(server: IndexServer) -> Iterator[Fetching]:
    with fetching(server) as opened:
        yield opened


@pytest.fixture
def compiled(tmp_path: Path, server: IndexServer) -> Project:
    project = Project(tmp_path)
    table = '[tool.accelock]\ntargets = ["cpu", "cu126"]\n[tool.accelock.sources]\n'
    project.write("pyproject.toml", f'{table}pytorch = "{server.url}/whl/{{target}}"\n')
    for target, torch, platforms, more in (
        ("cpu", "torch==2.6.0+cpu", ALL, ""),
        ("cu126", "torch==2.6.0+cu126", CUDA_PLATFORMS, "nvidia-cublas-cu12==12.6.4.1\n"),
    ):
        body = f"--extra-index-url {server.url}/whl/{target}\nfilelock==3.18.0\n{more}{torch}\n"
        project.compiled(f"requirements.{target}.txt", target, body, platforms=platforms)
    return project


def sizes(server: IndexServer) -> dict[str, int]:
    """The bytes of every file of the site, by name; of copies those of PyPI's."""
    hosted = server.site.hosted()
    return {file.distribution.filename: len(file.distribution.content) for file in hosted.values()}


def test_what_differs_and_what_it_costs(
    compiled: Project, server: IndexServer, reading: Fetching
) -> None:
    found = diff(here(compiled.folder), BOTH, lambda: reading)
    names = {name: each.filename for name, each in found.b.items()}
    assert names["torch"] is not None
    assert names["torch"].startswith("torch-2.6.0+cu126-cp311-")
    assert found.b["torch"].size == sizes(server)[names["torch"]]
    assert found.changed == ["torch"]
    assert [each.pin.name for each in found.only(found.b, found.a)] == ["nvidia-cublas-cu12"]
    assert found.only(found.a, found.b) == []
    assert found.faults == ()
    lines = list(found.lines())
    assert lines[0] == (
        "cpu -> cu126 on linux-x86_64, Python 3.11 (requirements.cpu.txt, requirements.cu126.txt)"
    )
    assert "only in cpu: none" in lines
    assert any(line.startswith("only in cu126: 1 (") for line in lines)
    assert "the same: 1" in lines


def test_no_body_is_read_and_no_file_is_asked_for_twice(
    compiled: Project, server: IndexServer, reading: Fetching
) -> None:
    first = diff(here(compiled.folder), BOTH, lambda: reading)
    heads = [each for each in server.requests if each.is_file]
    assert {each.method for each in heads} == {"HEAD"}
    assert len(heads) == 2  # both torch; PEP 700 tells the others
    assert server.bodies() == ()
    server.reset()
    with fetching(server) as again:
        assert diff(here(compiled.folder), BOTH, lambda: again).dumps() == first.dumps()
    assert [each for each in server.requests if each.is_file] == []


def test_the_json(compiled: Project, server: IndexServer, reading: Fetching) -> None:
    document = json.loads(diff(here(compiled.folder), BOTH, lambda: reading).dumps())
    by_name = sizes(server)
    (cublas,) = document["only_b"]
    assert set(document) == {
        "format", "a", "b", "platform", "python", "files", "only_a", "only_b", "changed", "same",
        "total", "faults",
    }  # fmt: skip
    assert cublas["bytes"] == by_name[cublas["file"]]
    (torch,) = document["changed"]
    assert (torch["a"]["version"], torch["b"]["version"]) == ("2.6.0+cpu", "2.6.0+cu126")
    assert document["total"]["cpu"] == {
        "bytes": torch["a"]["bytes"] + by_name["filelock-3.18.0-py3-none-any.whl"],
        "unknown": 0,
    }


def test_without_a_network_sizes_are_not_known(compiled: Project) -> None:
    found = diff(here(compiled.folder), BOTH, no_network)
    lines = list(found.lines())
    assert "  cpu: at least 0.0 MB, 2 not known" in lines
    assert lines[-1] == "note: no index was read: there is no network in this test"
    document = json.loads(found.dumps())
    assert document["only_b"][0]["bytes"] is None


def test_an_index_that_is_down_is_said_once(
    compiled: Project, server: IndexServer, reading: Fetching
) -> None:
    server.configure("/simple", fault="unavailable")
    found = diff(here(compiled.folder), BOTH, lambda: reading)
    assert found.a["torch"].size is not None
    assert len([fault for fault in found.faults if "/simple/" in fault]) == 1
    assert len([each for each in server.requests if each.path.startswith("/simple/")]) == 1


def test_a_cpuonly_build_is_looked_for_where_it_is(
    compiled: Project, server: IndexServer, reading: Fetching
) -> None:
    body = f"--extra-index-url {server.url}/whl/cpu\ntorch==2.6.0+cpu\n"
    compiled.compiled("requirements.cu126.txt", "cu126", body, platforms=CUDA_PLATFORMS)
    found = diff(here(compiled.folder), BOTH, lambda: reading)
    assert found.b["torch"].size is not None
    assert "torch" not in found.changed


def test_hashes_say_which_file_is_meant(compiled: Project, reading: Fetching) -> None:
    pin = f"filelock==3.18.0 --hash=sha256:{'0' * 64}\n"
    compiled.compiled("requirements.cpu.txt", "cpu", pin)
    compiled.compiled("requirements.cu126.txt", "cu126", pin)
    found = diff(here(compiled.folder), BOTH, lambda: reading)
    assert found.a["filelock"].size is None


def test_a_mac_cannot_compare_cuda_and_a_linux_is_meant(compiled: Project) -> None:
    found = diff(here(compiled.folder, platform="macos-arm64"), BOTH, no_network)
    assert found.place.platform.name == "linux-x86_64"
    with pytest.raises(AccelockError, match="not both locked for macos-arm64"):
        diff(here(compiled.folder, machine="mac-m3"), BOTH, no_network)


def test_a_target_that_is_not_locked(compiled: Project) -> None:
    with pytest.raises(UnknownWordError, match=r"'cu128' \(not in requirements\.cpu\.txt, "):
        diff(here(compiled.folder), ("cpu", "cu128"), no_network)
    with pytest.raises(UnknownWordError, match="did you mean 'cu126'"):
        diff(here(compiled.folder), ("cpu", "cuda126"), no_network)


def test_a_poetry_lock_tells_its_files_itself(tmp_path: Path) -> None:
    PoetryFolder(tmp_path).write()
    found = diff(here(tmp_path), BOTH, no_network)
    assert found.b["torch"].filename == "torch-2.6.0+cu126-py3-none-manylinux_2_28_x86_64.whl"
    assert [each.pin.name for each in found.only(found.b, found.a)] == [
        "nvidia-cudnn-cu12",
        "triton",
    ]


@pytest.mark.parametrize(
    ("mine", "other", "is_other"),
    [
        (("torch-2.5.1-a.whl", None), ("torch-2.5.1-b.whl", None), True),
        (("torch-2.5.1-a.whl", 7), ("torch-2.5.1-a.whl", 8), True),
        (("torch-2.5.1-a.whl", 7), ("torch-2.5.1-a.whl", None), False),
        (("torch-2.5.1-a.whl", 7), (None, None), False),
        ((None, None), (None, None), False),
    ],
)
def test_other_files_of_one_version(
    compiled: Project,
    mine: tuple[str | None, int | None],
    other: tuple[str | None, int | None],
    is_other: bool,
) -> None:
    package = Pin("torch", "2.5.1")
    a, b = ({"torch": Download(package, *each)} for each in (mine, other))
    found = replace(diff(here(compiled.folder), BOTH, no_network), a=a, b=b)
    assert found.changed == (["torch"] if is_other else [])


def test_the_whole_text(compiled: Project) -> None:
    filelock = Download(Pin("filelock", "3.18.0"), "filelock-3.18.0.whl", 4_000_000)
    cpu = Download(Pin("torch", "2.6.0+cpu"), "torch-2.6.0+cpu.whl", 178_600_000)
    cuda = Download(Pin("torch", "2.6.0+cu126"), "torch-2.6.0+cu126.whl", 766_700_000)
    cublas = Download(Pin("nvidia-cublas-cu12", "12.6.4.1"), "cublas.whl", 393_100_000)
    nccl = Download(Pin("nvidia-nccl-cu12", "2.21.5"))
    found = replace(
        diff(here(compiled.folder), BOTH, no_network),
        a={"filelock": filelock, "torch": cpu},
        b={each.pin.name: each for each in (filelock, cublas, nccl, cuda)},
        faults=("pypi.example does not publish the size of some files",),
    )
    assert list(found.lines()) == [
        "cpu -> cu126 on linux-x86_64, Python 3.11 (requirements.cpu.txt, requirements.cu126.txt)",
        "only in cpu: none",
        "only in cu126: 2 (at least 393.1 MB, 1 not known)",
        "  nvidia-cublas-cu12 12.6.4.1  393.1 MB",
        "  nvidia-nccl-cu12 2.21.5  ? MB",
        "other builds or versions: 1",
        "  torch 2.6.0+cpu  178.6 MB  ->  2.6.0+cu126  766.7 MB",
        "the same: 1",
        "to download:",
        "  cpu: 182.6 MB",
        "  cu126: at least 1,163.8 MB, 1 not known",
        "note: pypi.example does not publish the size of some files",
    ]


def test_a_target_with_itself(compiled: Project) -> None:
    found = diff(here(compiled.folder), ("cpu", "cpu"), no_network)
    assert found.changed == []


def test_megabytes() -> None:
    assert [megabytes(size) for size in (None, 0, 766_700_000, 4_000_000_000)] == [
        "? MB",
        "0.0 MB",
        "766.7 MB",
        "4,000.0 MB",
    ]
