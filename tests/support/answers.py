"""Single answers of the server: a part of a file, an absent project, and every way to go wrong."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.support.pages import JSON_TYPE

if TYPE_CHECKING:
    from tests.support.sites import Options

ACCESS_DENIED = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
LOGIN_PAGE = b"<!DOCTYPE html><html><body><h1>Sign in</h1><form><input></form></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)


def absent(options: Options) -> Answer:
    if options.absent == 403:
        return Answer(403, ACCESS_DENIED, "application/xml")
    return Answer(404, b"404 Not Found")


def whole_or_part(content: bytes, header: str, options: Options) -> Answer:
    """Answer a single byte range (RFC 9110), or send everything."""
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    kind = "application/octet-stream"
    if not options.ranges or not wanted or wanted.groups() == ("", ""):
        ranges = {"Accept-Ranges": "bytes"} if options.ranges else {}
        etag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'} if options.etag else {}
        return Answer(200, content, kind, ranges | etag)
    first, last = wanted.groups()
    size = len(content)
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        return Answer(416, headers={"Content-Range": f"bytes */{size}"})
    headers = {"Content-Range": f"bytes {start}-{end}/{size}", "Accept-Ranges": "bytes"}
    return Answer(206, content[start : end + 1], kind, headers)


def spoilt(answer: Answer, options: Options) -> Answer:
    """Give a good answer the fault that the options ask for."""
    if options.fault is None or answer.status not in {200, 206}:
        return answer
    if options.fault == "truncated":
        return replace(answer, body=answer.body[: middle(answer.body)])
    if options.fault == "short":
        headers = answer.headers | {"Content-Length": str(len(answer.body))}
        return replace(answer, body=answer.body[: middle(answer.body)], headers=headers)
    if options.fault == "garbage":
        return Answer(200, bytes(range(256)) * 8, "text/html")
    if options.fault == "broken-json":
        return Answer(200, b'{"meta": {"api-version": "1.1"}, "files": [', JSON_TYPE)
    return Answer(200, LOGIN_PAGE, "text/html")


def middle(body: bytes) -> int:
    """A place inside an anchor in the second half of a page; of anything else, the middle."""
    half = len(body) // 2
    found = body.find(b"<a ", half)
    if found < 0:
        found = body.rfind(b"<a ")
    return half if found < 0 else found + len(b'<a href="/')


def wants_json(options: Options, accept: str) -> bool:
    """Whether JSON it is: forced, or the client likes it at least as much as HTML."""
    if options.format != "negotiate":
        return options.format == "json"
    likes: dict[str, float] = {}
    for part in accept.split(","):
        kind, _, parameters = part.partition(";")
        quality = re.search(r"q=([0-9.]+)", parameters)
        likes[kind.strip()] = float(quality[1]) if quality else 1.0
    html = max(likes.get("text/html", 0), likes.get("application/vnd.pypi.simple.v1+html", 0))
    return likes.get(JSON_TYPE, 0) > 0 and likes[JSON_TYPE] >= html


def basic(login: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(login).encode()).decode()
