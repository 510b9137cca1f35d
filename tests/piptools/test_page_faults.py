"""Every fault of a network, on the pages that pip's own collector reads within a lock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from accelock.errors import SourceError
from accelock.sources import http as door
from accelock.sources.kept import Pages
from tests.sources.little_server import LittleServer
from tests.support.faults import FAULTS, JSON, patience, silence, spoil

pytest.importorskip("piptools", reason="the extra pip-tools is not installed")

from pip._internal.index import collector, package_finder
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession

from accelock.hosts.piptools import pages
from accelock.hosts.piptools.patches import Patches
from accelock.hosts.piptools.state import Memo

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.hosts.piptools.state import Run

pytestmark = pytest.mark.internals

PAGE = (
    b'{"meta": {"api-version": "1.1"}, "name": "tqdm", "files": [{"filename": '
    b'"tqdm-1.0-py3-none-any.whl", "url": "/tqdm-1.0-py3-none-any.whl", "hashes": {}}]}'
)
#: What stops the run, and what is kept as the reason why a page was passed over.
STOPS = {
    "reset": "could not be read",
    "cut": "cut off",
    "drip": r"not whole after 0\.5 s",
    "drip-headers": r"not whole after 0\.5 s",
    "drip-status": r"not whole after 0\.5 s",
    "loop": "redirects",
    "later": r"of version 2 of its format",
    "no-gzip": "decompressing|gzip",
    "half-gzip": "cut off|not a page of a package index",
    "half": "not a page of a package index",
    "100-mb": "more than 1 MB",
}
UNREAD = {
    "stall": "timed out|within 0.5|after 0.5",
    "429": "429",
    "429-hour": "429",
    "500": "500",
    "503-hour": "503",
    "403": "403",
    "octet-stream": "it is not an index page; its type is application/octet-stream",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_of_an_ordinary_project(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_WAIT", 0.1)
    monkeypatch.setattr(door.Http, "__init__", impatient(door.Http.__init__, fault))
    memo = Memo()
    with LittleServer() as server, PipSession(retries=1) as session, Patches() as patches:
        session.trust_env, session.timeout = False, silence(fault)
        door.cap_waits(session)
        kept = Pages(tmp_path, offline=False)
        run = SimpleNamespace(memo=memo, session=session, kept=kept, routing=None)
        pages.install(cast("Run", run), patches)
        url = spoil(server, "/tqdm/", fault, PAGE, JSON)
        if fault in STOPS:
            with pytest.raises(SourceError, match=f"/tqdm/ .*({STOPS[fault]})"):
                links_of(url, session)
        else:
            found = links_of(url, session)
            if fault in UNREAD:
                assert found is None
                with pytest.raises(SourceError, match=f"/tqdm/ could not .*({UNREAD[fault]})"):
                    pages.require_read(cast("Run", run), "tqdm", is_found=False)
            else:
                assert (found is None) == (fault == "404")
                told = pages.faults(cast("Run", run), "no tqdm")
                assert bool(told) == (fault == "portal")
                assert len(found or ()) == (fault in {"none", "charset"})


def links_of(url: str, session: Any) -> list[Any] | None:
    """What pip does of a page."""
    page = collector._get_index_content(Link(url), session=session)
    return None if page is None else package_finder.parse_links(page)


def impatient(original: Any, fault: str) -> Any:
    """Give what is asked less time and room than a user has."""

    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.most_seconds, self.most_bytes = patience(fault), 1_000_000

    return make
