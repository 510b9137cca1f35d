"""The door to the network: the host tool's session, and its failures as our errors.

pip and Poetry each bring a session with the user's proxies, certificates and credentials. Both are
`requests` sessions, pip's a vendored one, so they are met here by what they do, not by their class.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from accelock.catalogue.source import hide_credentials, redact
from accelock.errors import SourceError
from accelock.sources.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

__all__ = [
    "ABSENT",
    "Http",
    "Reply",
    "Response",
    "Session",
    "hide_credentials",
    "path_of",
]

OK = 200
FORBIDDEN = 403
# S3 answers 403 (AccessDenied) for a key that is not there.
ABSENT = frozenset({FORBIDDEN, 404, 410})

ADVICE = (
    "Check the address and the network and try again, "
    "or name a mirror (in [tool.accelock.sources], in ACCELOCK_SOURCE_<FAMILY>, or for accelock "
    "compile by --source)."
)

MOST_BYTES = 64_000_000
"""The largest page that is read, decompressed: several times the largest of PyPI and PyTorch."""
MOST_SECONDS = 300.0
"""How long a page may take as a whole, however steadily its bytes drip in."""

MOST_WAIT = 10.0
"""How many seconds to wait before a server is asked again, whatever it wishes (Retry-After)."""

_PATIENCE = threading.local()
"""`until` is when a thread's request is given up, instead of being sent again."""

_CHUNK = 1 << 16  # bytes
_MEGABYTE = 1_000_000
_UNAUTHORISED = frozenset({401, 407})
_REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 300, 400, 500
# What urllib3 raises where no connection comes about, whatever is asked for.
_UNREACHABLE = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})


class Response(Protocol):
    """The part of `requests.Response` that is used here, with that library's meanings."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names are case-insensitive."""

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """Yield the body, decompressed, in pieces of that many bytes."""

    @property
    def url(self) -> str:
        """Where the answer came from in the end, after redirects."""

    @property
    def raw(self) -> Any:
        """The stream beneath (urllib3's)."""

    def close(self) -> None:
        """Let go of the connection, without reading what is left."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: `body` is decompressed, `url` where it came from after redirects."""

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes


class Session(Protocol):
    """The part of `requests.Session` that is used here; pip's and Poetry's sessions have it."""

    def get(
        self, url: str, *, headers: Mapping[str, str], timeout: float, stream: bool
    ) -> Response:
        """Send a GET, following redirects; `timeout` is in seconds."""

    def head(
        self, url: str, *, headers: Mapping[str, str], timeout: float, allow_redirects: bool
    ) -> Response:
        """Send a HEAD; `timeout` is in seconds."""


@dataclass(slots=True)
class Http:
    """A session with a limit in seconds for each answer, and the list of what was asked.

    `fetched` holds the URL of every request that went out, without credentials; `advice` is how
    messages end. A body that is read whole has at most `most_bytes` and takes at most
    `most_seconds`. A server to which no connection came about, after all attempts of the session,
    is in `unreachable` with the reason, and is not asked again. Threads may share it, as they may
    share the session.
    """

    session: Session
    timeout: float
    fetched: list[str] = field(default_factory=list)
    advice: str = ADVICE
    most_bytes: int = MOST_BYTES
    most_seconds: float = MOST_SECONDS
    unreachable: dict[str, str] = field(default_factory=dict)

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a GET and return the whole answer, of whatever status.

        :raises SourceError: there was no answer, less of one than was announced, or one that is too
            large or takes too long.
        """
        response = self.stream(url, headers)
        return Reply(response.status_code, response.headers, response.url, self.read(response, url))

    def stream(self, url: str, headers: Mapping[str, str]) -> Response:
        """Send a GET and return the answer of whatever status; the caller reads and closes it.

        :raises SourceError: there was no answer.
        """
        return self._answer(
            url,
            lambda: self.session.get(url, headers=headers, timeout=self.timeout, stream=True),
        )

    def read(self, response: Response, url: str) -> bytes:
        """Return the whole body of an answer that was streamed, and close it.

        :raises SourceError: it is less than was announced, too large, or takes too long.
        """
        with contextlib.closing(response):
            body = self._body(response, url)
            if response.status_code == OK:
                _check_length(response, body, url)
        return body

    def _body(self, response: Response, url: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        deadline = Deadline.of_body(response.raw, self.most_seconds)
        with self.in_time(url, deadline), self.failures(url):
            for chunk in response.iter_content(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > self.most_bytes:
                    break
        if size > self.most_bytes:
            why = f"it has more than {self.most_bytes / _MEGABYTE:g} MB"
            raise SourceError(self._unread(url, why))
        return b"".join(chunks)

    @property
    def too_slow(self) -> str:
        """What to say of an answer that a `Deadline` has ended."""
        return f"it was not whole after {self.most_seconds:g} s"

    def _unread(self, url: str, why: str) -> str:
        return f"{redact(url)} could not be read: {why}. {self.advice}"

    def head(self, url: str, headers: Mapping[str, str]) -> Response:
        """Send a HEAD, follow redirects, and return the answer of whatever status.

        :raises SourceError: there was no answer.
        """
        return self._answer(
            url,
            lambda: self.session.head(
                url, headers=headers, timeout=self.timeout, allow_redirects=True
            ),
        )

    def _answer(self, url: str, send: Callable[[], Response]) -> Response:
        """Return the answer, also where a session wraps it in an exception.

        Poetry's session raises for 4xx and 5xx. What a status means is decided elsewhere.
        """
        server = url.partition("://")[2].partition("/")[0]
        if server in self.unreachable:
            raise SourceError(self._unread(url, self.unreachable[server]))
        self.fetched.append(redact(url))
        _PATIENCE.until = time.monotonic() + self.timeout
        with self.in_time(url), self.failures(url):
            try:
                return send()
            except EOFError as error:  # pip asked for a login, and nobody sat there
                raise SourceError(self._unread(url, describe_status(401))) from error
            except Exception as error:
                response = getattr(error, "response", None)
                if isinstance(getattr(response, "status_code", None), int):
                    return cast("Response", response)
                if any(type(one).__name__ in _UNREACHABLE for one in _chain(error)):
                    self.unreachable[server] = self._reason(error)
                raise
            finally:
                _PATIENCE.until = None

    @contextlib.contextmanager
    def in_time(self, url: str, deadline: Deadline | None = None) -> Iterator[None]:
        """End what is not there within `most_seconds`.

        :param deadline: of a body; None: of the headers of what the block asks for, all attempts
            and redirects of the session together.
        :raises SourceError: it was not there in time.
        """
        deadline = deadline or Deadline.of_headers(self.most_seconds)
        try:
            yield
        except Exception:
            if not deadline.is_over:
                raise
        finally:
            deadline.cancel()
        if deadline.is_over:
            raise SourceError(self._unread(url, self.too_slow))

    @contextlib.contextmanager
    def failures(self, url: str) -> Iterator[None]:
        """Turn what a session (or the stream of an answer) raises into a SourceError."""
        try:
            yield
        except Exception as error:
            if not _is_of_network(error):
                raise
            raise SourceError(self._unread(url, self._reason(error))) from error

    def _reason(self, error: BaseException) -> str:
        chain = list(_chain(error))
        if any("Timeout" in type(one).__name__ for one in chain):
            return f"no answer within {self.timeout:g} s"
        if any("IncompleteRead" in str(one) or "InvalidChunkLength" in str(one) for one in chain):
            return "the answer was cut off"
        # A diagnostic of pip's has its text there; `str` gives its name.
        last = getattr(chain[-1], "context", None) or chain[-1]
        said = hide_credentials(str(last)).strip().rstrip(".")
        return said or type(chain[-1]).__name__


def cap_waits(session: object) -> None:
    """Keep a host tool's session from waiting longer than `MOST_WAIT` before it tries again.

    pip (by urllib3's Retry) and Poetry wait for as long as a server's Retry-After says, an hour if
    it says so, without a word. Poetry also asks a server that is silent six times, without a word:
    where the request is ours, it does not once the time for its answer is over.
    """
    for adapter in getattr(session, "adapters", {}).values():
        retries: Any = getattr(adapter, "max_retries", None)
        if hasattr(retries, "get_retry_after") and type(retries).__module__ != __name__:
            # urllib3 makes the Retry of the next attempt with the class of the one before.
            retries.__class__ = _capped(cast("Hashable", type(retries)))
    backoff = getattr(session, "_get_backoff", None)
    if callable(backoff):  # Poetry's Authenticator, 2.0.1 to 2.5.1
        vars(session)["_get_backoff"] = functools.partial(_impatient, backoff)


def _impatient(backoff: Callable[..., float], response: object, attempt: int) -> float:
    """Return how long to wait before the next attempt.

    :raises TimeoutError: there is to be none: nothing was answered, and the time for it is over.
    """
    until = getattr(_PATIENCE, "until", None)
    if response is None and until is not None and time.monotonic() > until:
        raise TimeoutError("no answer")
    return min(backoff(response, attempt), MOST_WAIT)


@functools.cache
def _capped(kind: Any) -> Any:
    def get_retry_after(self: Any, response: Any) -> float | None:
        seconds = kind.get_retry_after(self, response)
        return None if seconds is None else min(seconds, MOST_WAIT)

    return type(kind.__name__, (kind,), {"get_retry_after": get_retry_after})


def path_of(location: str) -> Path | None:
    """Return the path of a `file:` URL or of a path that exists (as pip does); else None."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if parts.scheme in {"http", "https"}:
        return None
    path = Path(location)
    return path.absolute() if path.exists() else None


def describe_status(status: int, headers: Mapping[str, str] | None = None) -> str:
    """Say what an HTTP status other than 200 means for somebody who wanted a page."""
    wait = (headers or {}).get("Retry-After", "")
    later = f" (it asks to come back in {wait} s)" if wait.isdigit() else ""
    if status in _UNAUTHORISED:
        return (
            f"it answered {status}: it wants credentials (put them into the URL or netrc; with "
            "Poetry also: poetry config http-basic.accelock-FAMILY-TARGET USER, as "
            "accelock-pytorch-cpu)"
        )
    if status in ABSENT:
        return f"it answered {status}: nothing is there"
    if _REDIRECT <= status < _CLIENT_ERROR:
        return f"it answered {status}: it redirects without an end, or to no address"
    if status >= _SERVER_ERROR:
        return f"it answered {status}: the server failed{later}"
    return f"it answered {status}{later}"


def _check_length(response: Response, body: bytes, url: str) -> None:
    """Compare the body with Content-Length: urllib3 1, which older pips vendor, does not."""
    announced = response.headers.get("Content-Length", "")
    if not announced.isdigit():
        return
    if response.headers.get("Content-Encoding", "identity").lower() == "identity":
        received: object = len(body)
    else:
        tell = getattr(response.raw, "tell", None)
        received = tell() if callable(tell) else None
    if isinstance(received, int) and 0 < received < int(announced):
        raise SourceError(
            f"{redact(url)} could not be read: the answer was cut off "
            f"({received} of {announced} bytes). {ADVICE}"
        )


def _is_of_network(error: Exception) -> bool:
    """Tell a failure of the network from a mistake in a program.

    `requests` derives its exceptions from OSError; pip's own and urllib3's do not. And pip raises
    a bare Exception where an index wants a password and $PIP_NO_INPUT forbids to ask for it.
    """
    if isinstance(error, OSError) or type(error) is Exception:
        return True
    roots = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return not roots.isdisjoint({"pip", "requests", "urllib3", "poetry"})


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, outermost first; urllib3 wraps by hand."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), *current.args]
        inner += [current.__cause__, current.__context__]
        current = next((one for one in inner if isinstance(one, BaseException)), None)
