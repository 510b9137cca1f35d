"""Every fault of a network, on every kind of request that we send ourselves.

Each ends in the right result, or in an error that says what came back or how long was waited.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.errors import MetadataError, SourceError
from accelock.sources import http as door
from accelock.sources.reader import IndexReader
from tests.sources.test_metadata import PATH, RIGHT, TORCH, file_at
from tests.support.faults import FAULTS, JSON, patience, silence, spoil

if TYPE_CHECKING:
    from accelock.sources.reader import Session
    from tests.sources.little_server import LittleServer

HTML_PAGE = (
    b"<!DOCTYPE html><html><body><h1>Links for torch</h1>\n"
    b'<a href="/torch-2.6.0-py3-none-any.whl">torch-2.6.0-py3-none-any.whl</a><br/>\n'
    b"</body></html>"
)
JSON_PAGE = (
    b'{"meta": {"api-version": "1.1"}, "name": "torch", "files": [{"filename": '
    b'"torch-2.6.0-py3-none-any.whl", "url": "/torch-2.6.0-py3-none-any.whl", "hashes": {}}]}'
)
PAGES = {"html": (HTML_PAGE, "text/html"), "json": (JSON_PAGE, JSON)}
SAID = {
    "reset": "reset by peer|cut off|could not be read",
    "cut": "cut off|IncompleteRead|whole",
    "stall": r"no answer within 0\.5 s",
    "drip": r"not whole after 0\.5 s",
    "drip-headers": r"not whole after 0\.5 s",
    "drip-status": r"not whole after 0\.5 s",
    "429": "429",
    "429-hour": "429",
    "500": "500",
    "503-hour": "503",
    "loop": "redirects without an end",
    "no-gzip": "gzip|cut off|incorrect header",
    "half-gzip": "cut off|not a complete JSON|gzip",
    "half": "cut off|not a complete JSON",
    "charset": "not an index page|not a complete JSON|cut off",
    "portal": "not an index page",
    "octet-stream": "its type is application/octet-stream",
    "100-mb": "more than 1 MB",
    "later": "'2.0'",
}
#: An index that says so has no such project; where one is needed, that is an error elsewhere.
ABSENT = {"403": 403, "404": 404}


@pytest.fixture
def impatient(session: Session, monkeypatch: pytest.MonkeyPatch, fault: str) -> IndexReader:
    """A reader that waits half a second where a user's waits for minutes."""
    monkeypatch.setattr(door, "MOST_WAIT", 0.1)
    reader = IndexReader(session, timeout=silence(fault))
    reader._http.most_seconds, reader._http.most_bytes = patience(fault), 1_000_000
    return reader


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_of_a_family(
    server: LittleServer, impatient: IndexReader, kind: str, fault: str
) -> None:
    spoil(server, "/torch/", fault, *PAGES[kind])
    if fault in SAID and (kind, fault) != ("json", "charset"):  # its encoding shows
        with pytest.raises(SourceError, match=f"/torch/ could not be read: .*({SAID[fault]})"):
            impatient.project(server.url, "torch")
    else:
        page = impatient.project(server.url, "torch")
        assert page.absent == ABSENT.get(fault)
        assert [str(file.version) for file in page.files] == [] if page.absent else ["2.6.0"]


@pytest.mark.parametrize("fault", FAULTS)
def test_metadata_of_a_file(server: LittleServer, impatient: IndexReader, fault: str) -> None:
    """A fault is not noticed where the wheel itself has it; where it has not, it is said."""
    kind = "application/octet-stream"
    file = replace(file_at(f"{server.url}{PATH}"), core_metadata=RIGHT)
    spoil(server, f"{PATH}.metadata", fault, TORCH.metadata, kind)
    if fault in {"none", "octet-stream"}:
        assert impatient.metadata(file).raw == TORCH.metadata
    else:
        with pytest.raises(MetadataError, match=r"cannot be read: .*metadata"):
            impatient.metadata(file)
        server.serve(PATH, TORCH.content, ranges="yes")
        again = IndexReader(impatient._http.session, timeout=silence(fault))
        again._http.most_seconds = patience(fault)
        assert again.metadata(file).raw == TORCH.metadata


@pytest.mark.parametrize("fault", FAULTS)
def test_ranges_of_a_wheel(server: LittleServer, impatient: IndexReader, fault: str) -> None:
    file = file_at(f"{server.url}{PATH}")
    spoil(server, PATH, fault, TORCH.content, "application/octet-stream")
    spoilt = server.replies[PATH]
    length = None if fault == "drip" else spoilt.length  # of each range, and not of a wheel
    server.replies[PATH] = replace(spoilt, ranges="yes", length=length)
    if fault in {"none", "octet-stream", "no-gzip"}:  # what was asked for is not encoded
        assert impatient.metadata(file).raw == TORCH.metadata
    else:
        what = r"not whole after 0\.5 s" if fault == "drip" else "could not|wheel|range"
        with pytest.raises(MetadataError, match=f"cannot be read: .*({what})"):
            impatient.metadata(file)
