"""Hashing what nobody publishes the hash of: said before it is downloaded, and once ever."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from accelock.errors import SourceError
from accelock.sources.model import IndexFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelock.sources.cache import Digests
    from accelock.sources.reader import IndexReader
    from tests.sources.little_server import LittleServer

NAME = "torch-2.6.0-py3-none-any.whl"
CONTENT = bytes(2_500_000)


def torch(server: LittleServer, **options: object) -> IndexFile:
    url = server.serve(f"/{NAME}", CONTENT, **options)
    return IndexFile(NAME, url, "torch", Version("2.6.0"))


def digests(
    reader: IndexReader, folder: Path, say: Callable[[str], None] = lambda _line: None
) -> Digests:
    return reader.digests(say, folder=folder)


def test_how_much_it_is_is_said_before_a_byte_comes(
    reader: IndexReader, server: LittleServer, tmp_path: Path
) -> None:
    said: list[str] = []
    asked: list[list[str]] = []

    def say(line: str) -> None:
        said.append(line)
        asked.append([seen.method for seen in server.log])

    file = torch(server)
    found = digests(reader, tmp_path, say).of([file])

    assert found == {file.url: hashlib.sha256(CONTENT).hexdigest()}
    (line,) = said
    assert line.startswith("Downloading 1 file(s), 2.5 MB, to hash them")
    assert line.endswith(NAME)
    assert asked == [["HEAD"]]
    assert server.sent(f"/{NAME}") == len(CONTENT)


@pytest.mark.parametrize("mark", ["ETag", "Last-Modified"])
def test_a_file_that_was_hashed_before_is_not_downloaded(
    reader: IndexReader, server: LittleServer, tmp_path: Path, mark: str
) -> None:
    file = torch(server, headers={mark: "Thu, 26 Jun 2025 10:00:00 GMT"})
    first = digests(reader, tmp_path).of([file])
    server.log.clear()

    def say(line: str) -> None:
        pytest.fail(line)

    assert digests(reader, tmp_path, say).of([file]) == first
    assert [seen.method for seen in server.log] == ["HEAD"]


def test_another_content_at_the_same_address_is(
    reader: IndexReader, server: LittleServer, tmp_path: Path
) -> None:
    file = torch(server, headers={"ETag": '"one"'})
    first = digests(reader, tmp_path).of([file])
    server.serve(f"/{NAME}", CONTENT[1:] + b"1", headers={"ETag": '"two"'})

    again = digests(reader, tmp_path).of([file])
    assert again != first


def test_where_the_server_says_nothing_of_the_content_it_is_hashed_again(
    reader: IndexReader, server: LittleServer, tmp_path: Path
) -> None:
    """Neither an ETag nor a time of change: the address and the size are those of any upload."""
    file = torch(server, headers={})
    assert digests(reader, tmp_path).of([file]) == {file.url: hashlib.sha256(CONTENT).hexdigest()}
    other = CONTENT[1:] + b"1"
    server.serve(f"/{NAME}", other, headers={})

    assert digests(reader, tmp_path).of([file]) == {file.url: hashlib.sha256(other).hexdigest()}


def test_one_that_is_cut_off_has_no_hash(
    reader: IndexReader, server: LittleServer, tmp_path: Path
) -> None:
    file = torch(server, length=len(CONTENT) + 1)

    with pytest.raises(SourceError, match=NAME):
        digests(reader, tmp_path).of([file])
    assert not (tmp_path / "sha256.json").exists()
