"""Pages that are kept between runs: never taken without the server's word, and never damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelock.errors import OfflineError
from accelock.sources import kept, reader
from accelock.sources.http import Reply
from accelock.sources.kept import Pages, go_offline
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from accelock.sources.reader import Session
    from tests.sources.little_server import LittleServer

PAGE = (
    '<!DOCTYPE html><html><head><base href="/files/"></head><body>'
    '<a href="torch-1.0-py3-none-any.whl#sha256=' + "a" * 64 + '" data-yanked="no">x</a>'
    '<a href="torch-2.0-py3-none-any.whl" data-core-metadata="true">x</a><a href="notes">x</a>'
    "</body></html>"
)


def test_a_page_that_is_the_same_comes_from_the_cache(
    server: LittleServer, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("/torch/", PAGE, headers={"ETag": '"1"', "Last-Modified": "yesterday"})
    first = IndexReader(session, cache=tmp_path).project(server.url, "torch")
    server.serve("/torch/", status=304)
    parsed: list[bytes] = []
    monkeypatch.setattr(reader, "as_json", lambda *args: parsed.append(args[0]))
    second = IndexReader(session, cache=tmp_path).project(server.url, "torch")

    assert second == first
    assert len(first.files) == 2
    assert parsed == [], "HTML is parsed once"
    asked = server.asked("/torch/")[-1].headers
    assert asked["if-none-match"] == '"1"'
    assert asked["if-modified-since"] == "yesterday"


def test_a_page_that_has_changed_is_read(
    server: LittleServer, session: Session, tmp_path: Path
) -> None:
    server.serve("/torch/", PAGE, headers={"ETag": '"1"'})
    IndexReader(session, cache=tmp_path).project(server.url, "torch")
    server.serve("/torch/", PAGE.replace("2.0", "3.0"), headers={"ETag": '"2"'})
    page = IndexReader(session, cache=tmp_path).project(server.url, "torch")

    assert [str(file.version) for file in page.files] == ["1.0", "3.0"]


def test_a_page_without_a_mark_is_asked_for_whole(
    server: LittleServer, session: Session, tmp_path: Path
) -> None:
    for _ in range(2):
        server.serve("/torch/", PAGE)
        IndexReader(session, cache=tmp_path).project(server.url, "torch")

    assert "if-none-match" not in server.asked("/torch/")[-1].headers


def test_an_offline_session_refuses_what_is_not_kept(
    server: LittleServer, session: Session, tmp_path: Path
) -> None:
    server.serve("/torch/", PAGE)
    first = IndexReader(session, cache=tmp_path).project(server.url, "torch")
    absent = IndexReader(session, cache=tmp_path).project(server.url, "nothing")
    server.log.clear()
    go_offline(session)
    offline = IndexReader(session, cache=tmp_path, offline=True)

    assert offline.project(server.url, "torch") == first
    assert offline.project(server.url, "nothing") == absent
    with pytest.raises(OfflineError, match="/numpy/ is not in accelock's cache"):
        offline.project(server.url, "numpy")
    assert server.log == []


@pytest.mark.parametrize("damage", [None, b"", b"\x00", b"{}\n", b"[1]\nx", b'{"sha256": 1}\nx'])
def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes | None) -> None:
    pages = Pages(tmp_path)
    pages.put("http://a/", Reply(200, {"ETag": "1"}, "http://a/", b"text"))
    (path,) = (each for each in tmp_path.rglob("*") if each.is_file())
    known = pages.get("http://a/")
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)

    assert known is not None
    assert known.body == b"text"
    assert pages.get("http://a/") is None


@pytest.mark.parametrize("answer", [
    Reply(200, {"Cache-Control": "private, no-store"}, "http://a/", b"text"),
    Reply(503, {}, "http://a/", b"text"),
])  # fmt: skip
def test_what_is_not_to_be_kept(tmp_path: Path, answer: Reply) -> None:
    Pages(tmp_path).put("http://a/", answer)

    assert Pages(tmp_path).get("http://a/") is None


@pytest.mark.parametrize("end", ["http://{}@a/x/", "http://a/?token={}", "http://b/?token={}"])
def test_no_credentials_are_kept(tmp_path: Path, end: str) -> None:
    """Of a redirect that leads to some, nothing is kept."""
    url = end.format("user:geheim") if "@" in end else "http://user:geheim@a/?token=geheim"
    pages = Pages(tmp_path)
    pages.put(url, Reply(200, {}, end.format("user:geheim"), b"text"))

    assert (pages.get(url) is not None) is (url == end.format("user:geheim"))
    assert not any(b"geheim" in each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())


def test_the_oldest_pages_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST_BYTES", 10_000)
    pages = Pages(tmp_path)
    for number in range(2_000):
        pages.put(f"http://a/{number}", Reply(200, {}, "http://a/", b"x" * 4_000))

    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) <= 256 * 3
    assert pages.get("http://a/1999") is not None


def test_a_page_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    Pages(tmp_path).put("http://a/", Reply(200, {}, "http://a/", b"text"))

    assert not any(each.is_file() for each in tmp_path.rglob("*"))
