"""The real pages, where a snapshot of PyTorch's indexes lies beside the repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.sources.reader import IndexReader

SNAPSHOT = Path(__file__).resolve().parents[2].parent / "shared" / "pytorch-index"

pytestmark = [
    pytest.mark.snapshot,
    pytest.mark.skipif(
        not (SNAPSHOT / "serve.py").exists(), reason="../shared/pytorch-index is not there"
    ),
]


@pytest.fixture(params=[(), ("--url", "absolute", "--hash", "none", "--no-metadata")])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    chosen: tuple[str, ...] = request.param
    return chosen


@pytest.fixture
def host(options: tuple[str, ...]) -> Iterator[str]:
    command = [sys.executable, str(SNAPSHOT / "serve.py"), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().split()[0])
        try:
            yield f"{url.scheme}://{url.netloc}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SNAPSHOT / "index.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("project", ["torch", "torchvision", "triton", "nvidia-cudnn-cu12"])
def test_project_pages(
    reader: IndexReader,
    host: str,
    options: tuple[str, ...],
    data: dict[str, Any],
    project: str,
) -> None:
    page = reader.project(f"{host}/whl/cu126", project)

    expected = {file["filename"]: file["sha256"] for file in data["cu126"][project]["files"]}
    if "--hash" in options:
        expected = dict.fromkeys(expected)
    assert {file.filename: file.sha256 for file in page.files} == expected
    assert page.skipped == ()
    assert all(file.url.endswith(file.filename.replace("+", "%2B")) for file in page.files)


@pytest.mark.parametrize("options", [()], indirect=True)
def test_metadata_differs_between_wheels_of_one_version(reader: IndexReader, host: str) -> None:
    needs_nvidia = {
        (file.filename.rpartition("_")[2], b"Requires-Dist: nvidia" in reader.metadata(file).raw)
        for file in reader.project(f"{host}/whl/cu126", "torch").files
        if file.version == Version("2.6.0+cu126") and "linux" in file.filename
    }

    assert needs_nvidia == {("64.whl", True), ("aarch64.whl", False)}


def test_absent_project(reader: IndexReader, host: str) -> None:
    assert reader.project(f"{host}/whl/cu126", "no-such-project").absent == 403


def test_find_links_page_of_all_variants(reader: IndexReader, host: str) -> None:
    page = reader.find_links(f"{host}/whl/torch_stable.html")

    labels = {file.label for file in page.files_of("torch")}
    assert {None, "cpu", "cu118", "cu126", "rocm6.3"} <= labels
    assert page.skipped == ()
    assert {file.name for file in page.files} == {"torch", "torchvision", "torchaudio"}
