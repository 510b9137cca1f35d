"""The door to the network: the host tool's session, and its failures as our errors.

pip and Poetry each bring a session with the user's proxies, certificates and credentials. Both are
`requests` sessions, pip's a vendored one, so they are met here by what they do, not by their class.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from accelock.catalogue.source import redact
from accelock.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ABSENT", "Http", "Response", "Session"]

OK = 200
ABSENT = frozenset({403, 404, 410})  # S3 answers 403 (AccessDenied) for a key that is not there

ADVICE = (
    "Check the address and the network and try again, "
    "or name a mirror (in [tool.accelock.sources], in ACCELOCK_SOURCE_<FAMILY>, or for accelock "
    "compile by --source)."
)

_UNAUTHORISED = frozenset({401, 407})
_SERVER_ERROR = 500
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s'\"]+@")
_IN_QUERY = re.compile(r"(://[^\s?'\"]*\?|&)([^\s=&#'\"]+)=[^\s&#'\"]+")


class Response(Protocol):
    """The part of `requests.Response` that is used here, with that library's meanings."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names are case-insensitive."""

    @property
    def content(self) -> bytes:
        """The whole body, decompressed."""

    @property
    def url(self) -> str:
        """Where the answer came from in the end, after redirects."""

    @property
    def raw(self) -> Any:
        """The stream beneath (urllib3's)."""

    def raise_for_status(self) -> None:
        """Raise for a status of 400 and more."""

    def close(self) -> None:
        """Let go of the connection, without reading what is left."""


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
    messages end.
    """

    session: Session
    timeout: float
    fetched: list[str] = field(default_factory=list)
    advice: str = ADVICE

    def get(self, url: str, headers: Mapping[str, str], *, stream: bool = False) -> Response:
        """Send a GET and return the answer of whatever status; the body is whole unless streamed.

        :raises SourceError: there was no answer, or less of one than was announced.
        """
        response = self._answer(
            url,
            lambda: self.session.get(url, headers=headers, timeout=self.timeout, stream=stream),
        )
        if not stream and response.status_code == OK:
            _check_length(response, url)
        return response

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
        self.fetched.append(redact(url))
        with self.failures(url):
            try:
                return send()
            except Exception as error:
                response = getattr(error, "response", None)
                if not isinstance(getattr(response, "status_code", None), int):
                    raise
                return cast("Response", response)

    @contextmanager
    def failures(self, url: str) -> Iterator[None]:
        """Turn what a session (or the stream of an answer) raises into a SourceError."""
        try:
            yield
        except Exception as error:
            if not _is_of_network(error):
                raise
            message = f"{redact(url)} could not be read: {self._reason(error)}."
            raise SourceError(f"{message} {self.advice}") from error

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


def hide_credentials(text: str) -> str:
    """Return a text with the credentials of any URL in it as `****@`, and tokens as `****`."""
    return _IN_QUERY.sub(r"\1\2=****", _CREDENTIALS.sub("****@", text))


def describe_status(status: int) -> str:
    """Say what an HTTP status other than 200 means for somebody who wanted a page."""
    if status in _UNAUTHORISED:
        return (
            f"it answered {status}: it wants credentials (put them into the URL or netrc; with "
            "Poetry also: poetry config http-basic.accelock-FAMILY-TARGET USER, as "
            "accelock-pytorch-cpu)"
        )
    if status in ABSENT:
        return f"it answered {status}: nothing is there"
    if status >= _SERVER_ERROR:
        return f"it answered {status}: the server failed"
    return f"it answered {status}"


def _check_length(response: Response, url: str) -> None:
    """Compare the body with Content-Length: urllib3 1, which older pips vendor, does not."""
    announced = response.headers.get("Content-Length", "")
    if not announced.isdigit():
        return
    if response.headers.get("Content-Encoding", "identity").lower() == "identity":
        received: object = len(response.content)
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
