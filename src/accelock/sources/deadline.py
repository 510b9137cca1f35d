"""A limit for all of an answer: a session's timeout is for the silence between two pieces of it."""

from __future__ import annotations

import contextlib
import functools
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_AGAIN = 1.0  # seconds between two looks at a request whose time is over


class Deadline:
    """A limit for the reading of an answer, or of its headers: `is_over` tells that it has passed.

    A server that sends a byte a second is never silent. The connection is shut when the time is
    over, which ends the read that waits on it.

    :param find: returns the connection's socket; None where no server is waited for, but somebody
        who is to type a password.
    """

    def __init__(self, find: Callable[[], Any], seconds: float) -> None:
        self.is_over = False
        self._find = find
        self._read = threading.Event()
        threading.Thread(target=self._watch, args=(seconds,), daemon=True).start()

    @classmethod
    def of_body(cls, raw: Any, seconds: float) -> Deadline:
        """Return the limit for what is still to come of an answer; `raw` is urllib3's stream."""
        return cls(functools.partial(_socket_of, raw), seconds)

    @classmethod
    def of_headers(cls, seconds: float) -> Deadline:
        """Return the limit for what this thread asks for, until it has an answer's headers."""
        return cls(functools.partial(_socket_read_by, threading.get_ident()), seconds)

    def cancel(self) -> None:
        """Take the limit away again."""
        self._read.set()

    def _watch(self, seconds: float) -> None:
        while not self._read.wait(seconds):
            seconds = _AGAIN  # a session may send its request once more
            with contextlib.suppress(OSError, AttributeError):
                if (found := self._find()) is not None:
                    self.is_over = True
                    found.shutdown(socket.SHUT_RDWR)


def _socket_of(raw: Any) -> Any:
    """Return the socket that a body is read from: urllib3 1.26 to 2.6 has no public way to it.

    A cache (CacheControl) wraps the reader of `http.client`.
    """
    reader = raw._fp  # noqa: SLF001  see above
    reader = getattr(reader, "_CallbackFileWrapper__fp", reader)
    return reader.fp.raw._sock  # noqa: SLF001  http.client has no public way either


def _socket_read_by(thread: int) -> Any:
    """Return the socket from which a thread is reading; None where it does something else.

    A session has no way to the connection of a request that has no answer yet. All of them read by
    `http.client`, and that by `socket.SocketIO`: redirects, proxies and TLS too.
    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001  documented, in spite of its name
    while frame is not None:
        reader = frame.f_locals.get("self")
        if isinstance(reader, socket.SocketIO):
            return reader._sock  # type: ignore[attr-defined]  # noqa: SLF001  as above
        frame = frame.f_back
    return None
