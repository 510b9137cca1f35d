"""What a network does to an answer: every fault by its name, told to a little server."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from tests.support.answers import LOGIN_PAGE

if TYPE_CHECKING:
    from tests.sources.little_server import LittleServer

JSON = "application/vnd.pypi.simple.v1+json"
MOST_BYTES = 100_000_000
# What keeps a run waiting until its patience is over.
_SLOW = frozenset({"stall", "drip"})

_RETRY = {"Retry-After": "1"}
_HOUR = {"Retry-After": "3600"}
_ENCODED = {"Content-Encoding": "gzip"}


def faults(path: str, body: bytes, kind: str) -> dict[str, dict[str, Any]]:
    """Options of `LittleServer.serve` by the name of the fault, for a path that has `body`."""
    return {
        "reset": {"body": body, "reset": True},
        "cut": {"body": body[: len(body) // 2], "length": len(body)},
        "stall": {"body": body, "hold": True},
        "drip": {"body": body, "drip": True, "length": 10**9},
        "429": {"status": 429, "headers": _RETRY},
        "429-hour": {"status": 429, "headers": _HOUR},
        "500": {"status": 500},
        "503-hour": {"status": 503, "headers": _HOUR},
        "403": {"status": 403},
        "404": {"status": 404},
        "loop": {"status": 302, "headers": {"Location": path}},
        "no-gzip": {"body": body, "headers": _ENCODED},
        "half-gzip": {"body": gzip.compress(body)[:-12], "headers": _ENCODED},
        "half": {"body": body[: len(body) // 2]},
        "charset": {"body": body.decode("latin-1").encode("utf-16")},
        "portal": {"body": LOGIN_PAGE, "content_type": "text/html"},
        "octet-stream": {"body": body, "content_type": "application/octet-stream"},
        "100-mb": {"body": bytes(MOST_BYTES)},
        "later": {"body": b'{"meta": {"api-version": "2.0"}, "files": []}', "content_type": JSON},
        "none": {"body": body, "content_type": kind},
    }


FAULTS = tuple(faults("", b"", ""))


def patience(fault: str) -> float:
    """Return how many seconds to wait: few where an answer never comes, many on a busy machine."""
    return 0.5 if fault in _SLOW else 60.0


def spoil(server: LittleServer, path: str, fault: str, body: bytes, kind: str) -> str:
    """Answer a path with a fault; return its URL."""
    return server.serve(path, **{"content_type": kind, **faults(path, body, kind)[fault]})
