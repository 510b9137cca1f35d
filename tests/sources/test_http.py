"""The limits of an answer: how large it may be, how long it may take, and how often it is tried."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from accelock.errors import SourceError
from accelock.sources.http import MOST_WAIT, Http, cap_waits, describe_status
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from accelock.sources.reader import Response, Session
    from tests.sources.little_server import LittleServer


def test_a_page_that_is_too_large_is_not_read_to_its_end(
    server: LittleServer, session: Session
) -> None:
    url = server.serve("/torch/", bytes(30_000_000))
    http = Http(session, 20, most_bytes=1_000_000)

    with pytest.raises(SourceError, match=r"/torch/ could not be read: it has more than 1 MB\. "):
        http.get(url, {})
    assert server.sent("/torch/") < 30_000_000


def test_a_page_of_the_size_is_read(server: LittleServer, session: Session) -> None:
    url = server.serve("/torch/", bytes(1_000_000))

    assert len(Http(session, 20, most_bytes=1_000_000).get(url, {}).body) == 1_000_000


@pytest.mark.parametrize("length", [100_000_000, None])
def test_a_page_that_drips_in_is_given_up(
    server: LittleServer, session: Session, length: int | None
) -> None:
    """No silence in it is as long as the session's timeout."""
    headers = {} if length else {"Connection": "close", "Content-Length": "9" * 12}
    url = server.serve("/torch/", drip=True, length=length, headers=headers)
    http = Http(session, 20, most_seconds=0.5)

    with pytest.raises(SourceError, match=r"could not be read: it was not whole after 0\.5 s"):
        http.get(url, {})


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_is_not_waited_for_as_long_as_it_likes(
    server: LittleServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """An hour, for this one; pip and Poetry would wait."""
    monkeypatch.setattr("accelock.sources.http.MOST_WAIT", 0.1)
    pip = pytest.importorskip("pip._internal.network.session")
    server.serve("/torch/", status=status, headers={"Retry-After": "3600"})
    with pip.PipSession(retries=2) as session:
        session.trust_env = False
        reader = IndexReader(session, timeout=20)
        with pytest.raises(SourceError, match=f"/torch/ could not be read: .*{status}"):
            reader.project(server.url, "torch")

    assert len(server.log) == 3


def test_a_poetry_that_backs_off_does_so_for_seconds_at_most() -> None:
    class Authenticator:
        def _get_backoff(self, response: str | None, attempt: int) -> float:
            return 3600.0 if response else 0.5 * attempt

    session = Authenticator()
    cap_waits(session)

    assert session._get_backoff("Retry-After: 3600", 1) == MOST_WAIT
    assert session._get_backoff(None, 2) == 1.0


def test_a_silent_server_is_not_asked_six_times() -> None:
    """As Poetry does, each time for as long as the request may take."""
    attempts = []

    class Authenticator:
        def _get_backoff(self, _response: str | None, _attempt: int) -> float:
            return 0.0

        def get(self, url: str, **options: Any) -> Response:
            for attempt in range(6):
                attempts.append(attempt)
                time.sleep(options["timeout"])
                time.sleep(self._get_backoff(None, attempt))
            raise ConnectionError(f"All attempts to read {url} failed")

        def head(self, url: str, **options: Any) -> Response:
            return self.get(url, **options)

    session = Authenticator()
    cap_waits(session)

    with pytest.raises(SourceError, match=r"/torch/ could not be read: no answer within 0\.1 s"):
        Http(session, 0.1).get("http://127.0.0.1:9/torch/", {})
    assert attempts == [0]
    assert session._get_backoff(None, 1) == 0.0  # Poetry's own requests are its own matter


def test_when_a_server_wants_to_be_asked_again_is_said() -> None:
    assert describe_status(503, {"Retry-After": "3600"}) == (
        "it answered 503: the server failed (it asks to come back in 3600 s)"
    )
    assert describe_status(503, {"Retry-After": "Wed, 21 Oct"}) == (
        "it answered 503: the server failed"
    )


def test_a_server_that_cannot_be_reached_is_tried_once(session: Session) -> None:
    """Each try of a session takes a quarter of a minute, and a lock asks for hundreds of files."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        http = Http(session, 20)
        for path in ("/torch/", "/numpy/"):
            with pytest.raises(SourceError, match=f"{path} could not be read: .*refused"):
                http.get(f"{url}{path}", {})
            with pytest.raises(SourceError, match="refused"):
                http.head(f"{url}{path}", {})

    assert http.fetched == [f"{url}/torch/"]


def test_a_login_that_nobody_is_there_to_type_is_said() -> None:
    """Python's `input` raises that, within pip's session."""

    class Asking:
        def get(self, *_: object, **__: object) -> Response:
            raise EOFError("EOF when reading a line")

        head = get

    with pytest.raises(SourceError, match="/torch/ could not be read: it answered 401: it wants"):
        Http(Asking(), 20).get("https://user@index.example/torch/", {})
