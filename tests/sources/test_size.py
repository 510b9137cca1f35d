"""Sizes of files: the index's word, else a HEAD, once ever, and never a body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from accelock.sources.model import IndexFile
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.sources.cache import Sizes
    from accelock.sources.reader import IndexReader


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(pytorch_site()) as running:
        yield running


@pytest.fixture
def sizes(reader: IndexReader, tmp_path: Path) -> Sizes:
    return reader.sizes(tmp_path / "cache")


def wheel(reader: IndexReader, index: IndexServer) -> IndexFile:
    return reader.project(f"{index.url}/whl/cpu", "torch").files[0]


def test_what_the_index_says_is_asked_of_nobody(sizes: Sizes, reader: IndexReader) -> None:
    file = IndexFile("a-1.0.tar.gz", "http://127.0.0.1:9/a-1.0.tar.gz", "a", Version("1"), size=7)
    assert sizes.of(file) == 7
    assert reader.fetched == []


def test_else_a_head_and_no_body(sizes: Sizes, reader: IndexReader, index: IndexServer) -> None:
    file = wheel(reader, index)
    content = index.site.hosted()[file.url.removeprefix(index.url).replace("%2B", "+")]
    assert sizes.of(file) == len(content.distribution.content)
    assert [each.method for each in index.requests if each.is_file] == ["HEAD"]
    assert index.bodies() == ()


def test_once_a_run_and_once_ever(
    sizes: Sizes, reader: IndexReader, index: IndexServer, tmp_path: Path
) -> None:
    file = wheel(reader, index)
    first = sizes.of(file)
    assert sizes.of(file) == first
    sizes.keep()
    again = reader.sizes(tmp_path / "cache")
    assert again.of(file) == first
    assert len([each for each in index.requests if each.is_file]) == 1


@pytest.mark.parametrize("fault", ["unavailable", "drop"])
def test_a_host_that_does_not_answer_is_asked_again_next_time(
    sizes: Sizes, reader: IndexReader, index: IndexServer, fault: str
) -> None:
    file = wheel(reader, index)
    path = file.url.removeprefix(index.url).replace("%2B", "+")
    index.configure(path, fault=fault)
    assert sizes.of(file) is None
    index.configure(path, fault=None)
    assert sizes.of(file) is not None


def test_a_local_file(sizes: Sizes, tmp_path: Path) -> None:
    path = tmp_path / "a-1.0.tar.gz"
    path.write_bytes(b"12345")
    file = IndexFile(path.name, path.as_uri(), "a", Version("1"))
    assert sizes.of(file) == 5
    path.unlink()
    assert sizes.of(IndexFile("b-1.0.tar.gz", path.as_uri() + "x", "b", Version("1"))) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"k": "7"}', '{"k": -1}', '{"k": true}', "\x00"])
def test_a_cache_that_was_spoilt_is_none(
    sizes: Sizes, reader: IndexReader, index: IndexServer, tmp_path: Path, text: str
) -> None:
    file = wheel(reader, index)
    (tmp_path / "cache").mkdir()
    key = json.dumps(f"{file.url} {file.sha256}")
    (tmp_path / "cache/sizes.json").write_text(text.replace('"k"', key))
    found = sizes.of(file)
    assert found is not None
    assert found > 1


def test_a_cache_that_cannot_be_written_costs_nothing_else(
    sizes: Sizes, reader: IndexReader, index: IndexServer, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file in the folder's place")
    assert sizes.of(wheel(reader, index)) is not None
    sizes.keep()


def test_no_credentials_are_kept(
    sizes: Sizes, reader: IndexReader, index: IndexServer, tmp_path: Path
) -> None:
    base = index.url.replace("//", "//user:secret@")
    file = reader.project(f"{base}/whl/cpu", "torch").files[0]
    assert sizes.of(file) is not None
    sizes.keep()
    assert "secret" not in (tmp_path / "cache/sizes.json").read_text()
