from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.errors import MetadataError
from accelock.sources import cache
from accelock.sources.model import IndexFile, parse_filename
from accelock.sources.reader import IndexReader
from tests.support.wheels import Distribution, sdist, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.sources.reader import Session
    from tests.sources.little_server import LittleServer

# Beyond what is read first from the end of a wheel (64 KiB).
TORCH = wheel(
    "torch", "2.6.0+cu126", "cp311-cp311-linux_x86_64", ["numpy", "sympy==1.13.1"], padding=300_000
)
PATH = "/whl/cu126/torch-2.6.0%2Bcu126-cp311-cp311-linux_x86_64.whl"
RIGHT = {"sha256": hashlib.sha256(TORCH.metadata).hexdigest()}
WRONG = {"sha256": "0" * 64}


def file_at(
    url: str, distribution: Distribution = TORCH, core_metadata: dict[str, str] | None = None
) -> IndexFile:
    parsed = parse_filename(distribution.filename)
    assert parsed is not None
    name, version, tags = parsed.name, parsed.version, parsed.tags
    return IndexFile(distribution.filename, url, name, version, tags, core_metadata=core_metadata)


@pytest.mark.parametrize("hashes", [RIGHT, {}, {"sha256": RIGHT["sha256"], "newhash": "1"}])
def test_a_metadata_file_is_read_and_nothing_else(
    server: LittleServer, reader: IndexReader, hashes: dict[str, str]
) -> None:
    url = server.serve(PATH, TORCH.content, ranges="yes")
    server.serve(f"{PATH}.metadata", TORCH.metadata)

    assert reader.metadata(file_at(url, core_metadata=hashes)).raw == TORCH.metadata
    assert [seen.path for seen in server.log] == [f"{PATH}.metadata"]


def test_the_query_of_a_signed_url_stays_behind_the_name(
    server: LittleServer, reader: IndexReader
) -> None:
    server.serve(f"{PATH}.metadata?signature=1", TORCH.metadata)

    file = file_at(f"{server.url}{PATH}?signature=1", core_metadata=RIGHT)

    assert reader.metadata(file).raw == TORCH.metadata


def test_metadata_is_read_once(server: LittleServer, reader: IndexReader) -> None:
    url = server.serve(PATH, TORCH.content, ranges="yes")
    server.serve(f"{PATH}.metadata", TORCH.metadata)

    for _ in range(3):
        reader.metadata(file_at(url, core_metadata=RIGHT))

    assert len(server.log) == 1


@pytest.mark.parametrize("published", [RIGHT, None], ids=["PEP 658", "ranges"])
def test_the_next_run_asks_for_nothing(
    server: LittleServer, session: Session, published: dict[str, str] | None
) -> None:
    url = server.serve(PATH, TORCH.content, ranges="yes")
    server.serve(f"{PATH}.metadata", TORCH.metadata)
    file = replace(file_at(url, core_metadata=published), sha256="a" * 64)
    first = IndexReader(session).metadata(file)
    asked = len(server.log)

    again = IndexReader(session).metadata(file)

    assert len(server.log) == asked > 0
    assert replace(again, raw=first.raw) == first

    IndexReader(session).metadata(replace(file, sha256="b" * 64))
    IndexReader(session).metadata(replace(file, sha256=None))
    assert len(server.log) == 3 * asked


@pytest.mark.parametrize("text", [b"", b"Name: other\nVersion: 1\n", b"\xff\x00"])
def test_what_is_kept_and_damaged_is_asked_for_again(
    server: LittleServer, reader: IndexReader, session: Session, own_cache: Path, text: bytes
) -> None:
    url = server.serve(f"{PATH}.metadata", TORCH.metadata).removesuffix(".metadata")
    file = replace(file_at(url, core_metadata=RIGHT), sha256="a" * 64)
    reader.metadata(file)
    (kept,) = (path for path in own_cache.rglob("*") if path.is_file())
    kept.write_bytes(text)

    assert IndexReader(session).metadata(file).raw == TORCH.metadata
    assert len(server.log) == 2
    assert IndexReader(session).metadata(file).version == file.version
    assert len(server.log) == 2


def test_a_cache_that_cannot_be_written_is_no_matter(
    server: LittleServer, reader: IndexReader, own_cache: Path
) -> None:
    own_cache.write_bytes(b"")
    url = server.serve(f"{PATH}.metadata", TORCH.metadata).removesuffix(".metadata")

    file = replace(file_at(url, core_metadata=RIGHT), sha256="a" * 64)
    assert reader.metadata(file).raw == TORCH.metadata


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setattr(cache, "_MOST_OF_FOLDER", 1)
    kept = cache.Metadata()
    for number in range(300):
        kept.put(replace(file_at(f"https://host/{number}"), sha256="a" * 64), TORCH.metadata)

    there = [path for path in own_cache.rglob("*") if path.is_file()]
    assert len(there) == len({path.parent for path in there}) <= 256
    assert kept.get(replace(file_at("https://host/299"), sha256="a" * 64)) is not None


def test_without_a_metadata_file_ranges_of_the_wheel_are_read(
    server: LittleServer, reader: IndexReader
) -> None:
    url = server.serve(PATH, TORCH.content, ranges="yes")

    assert reader.metadata(file_at(url)).raw == TORCH.metadata

    reads = [seen for seen in server.log if seen.method == "GET"]
    assert all(seen.range is not None for seen in reads)
    assert all(seen.headers["accept-encoding"] == "identity" for seen in reads)
    assert all(seen.headers["cache-control"] == "no-cache" for seen in reads)
    assert 0 < server.sent(PATH) < 80_000 < len(TORCH.content)


def test_ranges_through_a_redirect(server: LittleServer, reader: IndexReader) -> None:
    there = server.serve("/cdn/file", TORCH.content, ranges="yes")
    url = server.serve(PATH, status=302, headers={"Location": there})

    assert reader.metadata(file_at(url)).raw == TORCH.metadata


def test_a_small_wheel(server: LittleServer, reader: IndexReader) -> None:
    small = wheel("six", "1.16.0")
    url = server.serve("/six-1.16.0-py3-none-any.whl", small.content, ranges="yes")

    assert reader.metadata(file_at(url, small)).raw == small.metadata


@pytest.mark.parametrize("metadata", ["wrong-hash", "absent", "down", "html", "another-file"])
def test_a_metadata_file_that_cannot_be_trusted_falls_back_to_ranges(
    server: LittleServer, reader: IndexReader, metadata: str
) -> None:
    url = server.serve(PATH, TORCH.content, ranges="yes")
    if metadata == "wrong-hash":
        server.serve(f"{PATH}.metadata", TORCH.metadata)
    elif metadata == "down":
        server.serve(f"{PATH}.metadata", status=503)
    elif metadata == "html":
        server.serve(f"{PATH}.metadata", "<html>Sign in</html>")
    elif metadata == "another-file":
        server.serve(f"{PATH}.metadata", TORCH.metadata.replace(b"+cu126", b"+cpu"))
    hashes = WRONG if metadata == "wrong-hash" else {}

    assert reader.metadata(file_at(url, core_metadata=hashes)).raw == TORCH.metadata
    assert len(server.asked(f"{PATH}.metadata")) == 1


class TestRefusal:
    """No other way is left: the body is never asked for, and the message says what there was."""

    def test_no_metadata_file_and_no_ranges(
        self, server: LittleServer, reader: IndexReader
    ) -> None:
        url = server.serve(PATH, TORCH.content)

        with pytest.raises(MetadataError) as caught:
            reader.metadata(replace(file_at(url), size=766_700_000))

        message = str(caught.value)
        assert message.startswith(f"the metadata of {TORCH.filename} (766.7 MB) at {url} cannot")
        assert "offers no metadata file for it (PEP 658)" in message
        assert "does not support range requests" in message
        assert "never downloads" in message
        assert server.sent(PATH) == 0

    def test_a_wrong_hash_and_no_ranges(self, server: LittleServer, reader: IndexReader) -> None:
        url = server.serve(PATH, TORCH.content)
        server.serve(f"{PATH}.metadata", TORCH.metadata)

        with pytest.raises(MetadataError, match="wrong sha256") as caught:
            reader.metadata(file_at(url, core_metadata=WRONG))

        assert f"its size: {len(TORCH.content)} B" in str(caught.value)
        assert server.sent(PATH) == 0

    def test_announced_but_absent(self, server: LittleServer, reader: IndexReader) -> None:
        url = server.serve(PATH, TORCH.content)

        with pytest.raises(MetadataError, match=r"announces a metadata file, but.*answered 404"):
            reader.metadata(file_at(url, core_metadata=RIGHT))

        assert server.sent(PATH) == 0

    def test_it_is_not_asked_again(self, server: LittleServer, reader: IndexReader) -> None:
        url = server.serve(PATH, TORCH.content)

        for _ in range(2):
            with pytest.raises(MetadataError):
                reader.metadata(file_at(url))

        assert len(server.log) == 1

    def test_another_page_may_know_more(self, server: LittleServer, reader: IndexReader) -> None:
        url = server.serve(PATH, TORCH.content)
        server.serve(f"{PATH}.metadata", TORCH.metadata)

        with pytest.raises(MetadataError):
            reader.metadata(file_at(url))

        assert reader.metadata(file_at(url, core_metadata=RIGHT)).raw == TORCH.metadata

    def test_a_server_that_ignores_ranges_is_cut_short(
        self, server: LittleServer, reader: IndexReader
    ) -> None:
        huge = bytes(64_000_000)  # more than the buffers of a socket take
        url = server.serve(PATH, huge, ranges="ignored")

        with pytest.raises(MetadataError, match="announces range requests but ignores them"):
            reader.metadata(file_at(url))

        assert server.sent(PATH) < len(huge)

    def test_no_such_wheel(self, server: LittleServer, reader: IndexReader) -> None:
        with pytest.raises(MetadataError, match="for the request of its size, it answered 404"):
            reader.metadata(file_at(f"{server.url}{PATH}"))

    def test_no_wheel_in_it(self, server: LittleServer, reader: IndexReader) -> None:
        url = server.serve(PATH, bytes(100_000), ranges="yes")

        with pytest.raises(MetadataError, match="cannot be read as a wheel"):
            reader.metadata(file_at(url))

    def test_a_wheel_of_something_else(self, server: LittleServer, reader: IndexReader) -> None:
        url = server.serve(PATH, wheel("six", "1.16.0").content, ranges="yes")

        with pytest.raises(MetadataError, match="holds no METADATA of torch"):
            reader.metadata(file_at(url))

    def test_slow(self, server: LittleServer, session: Session) -> None:
        url = server.serve(PATH, TORCH.content, hold=True, ranges="yes")

        with pytest.raises(MetadataError, match=r"no answer within 0\.2 s"):
            IndexReader(session, timeout=0.2).metadata(file_at(url))

    def test_credentials_are_never_said(self, server: LittleServer, reader: IndexReader) -> None:
        server.serve(PATH, TORCH.content)

        with pytest.raises(MetadataError) as caught:
            reader.metadata(file_at(f"http://user:secret@{server.netloc}{PATH}"))

        assert "secret" not in str(caught.value)

    def test_a_source_distribution(self, server: LittleServer, reader: IndexReader) -> None:
        source = sdist("antlr4", "4.9.3")
        url = server.serve("/antlr4-4.9.3.tar.gz", source.content, ranges="yes")

        with pytest.raises(MetadataError, match=re.escape("antlr4-4.9.3.tar.gz")):
            reader.metadata(file_at(url, source))

        assert server.log == []


def test_a_local_wheel_is_opened(reader: IndexReader, tmp_path: Path) -> None:
    TORCH.save(tmp_path)
    (file,) = reader.find_links(str(tmp_path)).files

    assert reader.metadata(file).raw == TORCH.metadata


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_local_wheel_that_cannot_be_opened(
    reader: IndexReader, tmp_path: Path, content: bytes | None
) -> None:
    path = TORCH.save(tmp_path)
    (file,) = reader.find_links(str(tmp_path)).files
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)

    with pytest.raises(MetadataError, match="cannot be read"):
        reader.metadata(file)
