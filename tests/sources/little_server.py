"""A server on 127.0.0.1 that says exactly what a test tells it to, and counts what it sent."""

from __future__ import annotations

import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal

from tests.support.threaded import Threaded

if TYPE_CHECKING:
    from types import TracebackType


# 22 bytes, the end of a zip file, take longer than the 0.5 s that an impatient reader has.
DRIP_SECONDS = 0.1
MOST_DRIPS = 300
CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Reply:
    """What a path answers. `ranges`: supported, not known, or announced and then ignored.

    `length` is a Content-Length that is not the body's. `hold`: not before the test is over.
    `stall`: half of the body, and then as `hold`. `drip`: byte after byte, for half a minute,
    without the last; `drip_headers`: so the headers, and a `status` of 0 too. `slow`: so many bytes
    at a time. `reset`: amid the body (RST).
    """

    body: bytes = b""
    status: int = 200
    content_type: str | None = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    ranges: Literal["yes", "no", "ignored"] = "no"
    length: int | None = None
    hold: bool = False
    stall: bool = False
    drip: bool = False
    drip_headers: bool = False
    slow: int | None = None
    reset: bool = False


@dataclass(slots=True)
class Seen:
    """A request, its Range header, and how many bytes of a body the server handed to the socket."""

    method: str
    path: str
    range: str | None
    headers: dict[str, str]
    sent: int = 0


class LittleServer(Threaded):
    """Serves `replies` by their raw path while the `with` block lasts; else answers 404."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.log: list[Seen] = []
        self.over = threading.Event()
        self._http = Httpd(self)
        super().__init__(self._http)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self._http.server_port}"

    def serve(self, path: str, body: str | bytes = b"", **options: object) -> str:
        """Answer a path from now on; return its URL."""
        content = body.encode() if isinstance(body, str) else body
        self.replies[path] = Reply(content, **options)  # type: ignore[arg-type]
        return f"{self.url}{path}"

    def asked(self, path: str) -> list[Seen]:
        return [seen for seen in self.log if seen.path == path]

    def sent(self, path: str) -> int:
        return sum(seen.sent for seen in self.asked(path))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.over.set()
        super().__exit__(kind, error, traceback)


class Httpd(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: LittleServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Httpd

    def do_GET(self) -> None:
        owner = self.server.owner
        reply = owner.replies.get(self.path, Reply(b"not here", 404, "text/plain"))
        if reply.hold:
            owner.over.wait(30)
        status, body, headers = self._part(reply)
        headers = {"Content-Length": str(len(body)), **reply.headers, **headers}
        if reply.length is not None:
            headers["Content-Length"] = str(reply.length)
            self.close_connection = True
        said = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, self.headers.get("Range"), said)
        owner.log.append(seen)  # before the client can know that it was answered
        if reply.drip_headers:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: " if reply.status else b"HTTP/1.1 ")
            self._drip(seen)
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if reply.stall:
            self._send(body[: len(body) // 2], seen)
            owner.over.wait(30)
        elif reply.drip:
            self._drip(seen)
        elif reply.reset:
            self._reset(body)
        elif reply.slow:
            self._send(body, seen, reply.slow, DRIP_SECONDS)
        else:
            self._send(body, seen)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _part(self, reply: Reply) -> tuple[int, bytes, dict[str, str]]:
        headers = {} if reply.content_type is None else {"Content-Type": reply.content_type}
        if reply.ranges != "no":
            headers["Accept-Ranges"] = "bytes"
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if reply.ranges != "yes" or wanted is None:
            return reply.status, reply.body, headers
        first, last = int(wanted[1]), min(int(wanted[2]), len(reply.body) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(reply.body)}"
        return 206, reply.body[first : last + 1], headers

    def _drip(self, seen: Seen) -> None:
        try:
            while not self.server.owner.over.wait(DRIP_SECONDS):
                seen.sent += 1
                if seen.sent > MOST_DRIPS:  # for who waits for the last byte, instead of a hang
                    self.close_connection = True
                    return
                self.wfile.write(b" ")
        except ConnectionError:
            self.close_connection = True

    def _reset(self, body: bytes) -> None:
        self.wfile.write(body[: len(body) // 2])
        linger = struct.pack("ii", 1, 0)  # closed at once, whatever was not read
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _send(self, body: bytes, seen: Seen, size: int = CHUNK, pause: float = 0.0) -> None:
        try:
            for start in range(0, len(body), size):
                chunk = body[start : start + size]
                seen.sent += len(chunk)
                self.wfile.write(chunk)
                self.server.owner.over.wait(pause)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the log is in the server."""
