"""What a network does to an answer: every fault by its name, told to a little server."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from tests.support.answers import LOGIN_PAGE

if TYPE_CHECKING:
    from tests.sources.little_server import LittleServer

JSON = "application/vnd.pypi.simple.v1+json"
MOST_BYTES = 100_000_000
# What keeps a run waiting until its patience is over, though no silence is long.
_SLOW = frozenset({"drip", "drip-headers", "drip-status"})
_SHORT, _LONG = 0.5, 60.0  # seconds: where an answer never comes, and on a busy machine

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
        "drip-headers": {"body": body, "drip_headers": True},
        "drip-status": {"body": body, "drip_headers": True, "status": 0},
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


def silence(fault: str) -> float:
    """Return for how many seconds a server may say nothing."""
    return _SHORT if fault == "stall" else _LONG


def patience(fault: str) -> float:
    """Return how many seconds an answer may take."""
    return _SHORT if fault in _SLOW else _LONG


def spoil(server: LittleServer, path: str, fault: str, body: bytes, kind: str) -> str:
    """Answer a path with a fault; return its URL."""
    return server.serve(path, **{"content_type": kind, **faults(path, body, kind)[fault]})
