"""Core metadata of one file: PEP 658, else out of the wheel itself; never by a download of it."""

from __future__ import annotations

import functools
import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from remotezip import RemoteZip
from remotezip import RemoteZipError as RangeError

from accelock.catalogue.source import redact
from accelock.errors import MetadataError, SourceError
from accelock.sources.deadline import Deadline
from accelock.sources.http import OK, describe_status, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.sources.http import Http, Response
    from accelock.sources.model import IndexFile

__all__ = ["CoreMetadata", "checked", "parse_metadata", "parse_requirement", "read_metadata"]

_MEGABYTE = 1_000_000
PARTIAL = 206

# As pip's lazy_wheel: nothing on the way may compress a range, or answer it from a cache.
HEADERS = {"Accept-Encoding": "identity", "Cache-Control": "no-cache"}

# What zipfile raises for archives that are damaged, encrypted or compressed in unknown ways.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """The headers of a METADATA (PEP 566), parsed once; `raw` is what they were read from.

    `requires` are its Requires-Dist as they are written; `parse_requirement` parses each once.
    """

    raw: bytes
    name: str
    version: Version
    requires: tuple[str, ...]
    requires_python: str | None
    extras: tuple[str, ...]
    summary: str


@functools.lru_cache(maxsize=8_192)
def parse_metadata(raw: bytes) -> CoreMetadata:
    """Return the headers of a METADATA.

    :raises MetadataError: it has no Name, or no Version that is one.
    """
    headers = HeaderParser().parsestr(raw.decode("utf-8", "replace"))
    name, version = headers.get("Name"), headers.get("Version")
    if name is None or version is None:
        raise MetadataError("its metadata has no Name or no Version")
    try:
        parsed = Version(version)
    except ValueError as error:
        raise MetadataError(f"its metadata belongs to another file ({name} {version})") from error
    return CoreMetadata(
        raw=raw,
        name=canonicalize_name(name),
        version=parsed,
        requires=tuple(headers.get_all("Requires-Dist", [])),
        requires_python=headers.get("Requires-Python"),
        extras=tuple(headers.get_all("Provides-Extra", [])),
        summary=headers.get("Summary", ""),
    )


@functools.lru_cache(maxsize=65_536)
def parse_requirement(text: str) -> Requirement:
    """Return a Requires-Dist (PEP 508); MetadataError says which is none. Not to be changed."""
    try:
        return Requirement(text)
    except ValueError as error:
        raise MetadataError(f"{text!r} is not a requirement ({error})") from error


def read_metadata(file: IndexFile, http: Http) -> CoreMetadata:
    """Return the metadata of a file, as the first of its places has it that can be trusted.

    The places are the PEP 658 file, checked against the hash that the index gives, then the
    wheel, by range requests (a local wheel is opened). Each must be of this name and version.

    :raises MetadataError: no place has it. The wheel is not downloaded instead.
    """
    reasons: list[str] = []
    for read in _places(file):
        try:
            return checked(read(file, http), file)
        except (MetadataError, SourceError) as error:  # noqa: PERF203 - two places at most
            reasons.append(str(error).rstrip("."))
    raise MetadataError(_refusal(file, reasons))


def _places(file: IndexFile) -> tuple[Callable[[IndexFile, Http], bytes], ...]:
    if not file.is_wheel:
        return (_read_published,)
    if path_of(file.url) is not None:
        return (_read_local,)
    return (_read_published, read_from_remote_wheel)


def _read_published(file: IndexFile, http: Http) -> bytes:
    """Return the PEP 658 file; MetadataError gives the reason why not."""
    if file.core_metadata is None:
        raise MetadataError("the index offers no metadata file for it (PEP 658)")
    parts = urlsplit(file.url)
    url = urlunsplit(parts._replace(path=f"{parts.path}.metadata"))
    answer = http.get(url, {"Accept-Encoding": "identity"})
    if answer.status != OK:
        status = describe_status(answer.status)
        raise MetadataError(f"the index announces a metadata file, but for that file {status}")
    for kind, digest in file.core_metadata.items():
        if kind in hashlib.algorithms_guaranteed and not kind.startswith("shake"):
            found = hashlib.new(kind, answer.body, usedforsecurity=False).hexdigest()
            if found != digest:
                raise MetadataError(f"its metadata file has the wrong {kind} (it is {found})")
    return answer.body


def _read_local(file: IndexFile, _: Http) -> bytes:
    path = path_of(file.url) or file.url
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(find_metadata(wheel, file))
    except (OSError, *DAMAGED) as error:
        raise MetadataError(f"it cannot be read ({error})") from error


def checked(raw: bytes, file: IndexFile) -> CoreMetadata:
    """Parse metadata, which must be of this file's project and version, as pip demands too.

    :raises MetadataError: it is not, or is none.
    """
    found = parse_metadata(raw)
    if (found.name, found.version) != (file.name, file.version):
        raise MetadataError(f"its metadata belongs to another file ({found.name} {found.version})")
    return found


def _refusal(file: IndexFile, reasons: list[str]) -> str:
    size = "" if file.size is None else f" ({file.size / _MEGABYTE:.1f} MB)"
    return (
        f"the metadata of {file.filename}{size} at {redact(file.url)} cannot be read: "
        f"{'; '.join(reasons)}. accelock never downloads a whole file for its metadata. Use an "
        "index that serves metadata files (PEP 658) or a server that supports range requests."
    )


def read_from_remote_wheel(file: IndexFile, http: Http) -> bytes:
    """Return the METADATA of a wheel on a server that supports range requests.

    :raises MetadataError: the server does not support them (no byte of the body is then asked
        for), or what it sends is no wheel. The message is a reason, to be put into a sentence.
    :raises SourceError: the server does not answer.
    """
    session = _RangeSession(http)
    try:
        # Stream reads happen inside, and raise what the session's own library raises.
        with (
            http.failures(file.url),
            RemoteZip(file.url, session=session, support_suffix_range=False) as wheel,
        ):
            metadata: bytes = wheel.read(find_metadata(wheel, file))
            return metadata
    except (SourceError, RangeError, *DAMAGED) as error:
        if session.is_too_slow:  # pip 24.0 takes what had come by then for the whole range
            raise MetadataError(f"a range of it: {http.too_slow}") from None
        if isinstance(error, SourceError):
            raise
        raise MetadataError(f"it cannot be read as a wheel ({error})") from error
    finally:
        session.close()


def find_metadata(wheel: zipfile.ZipFile, file: IndexFile) -> str:
    """Return the name of a wheel's METADATA within it (PEP 427).

    :raises MetadataError: there is none for this project.
    """
    for name in wheel.namelist():
        folder, _, rest = name.partition("/")
        if rest == "METADATA" and folder.endswith(".dist-info"):
            project = folder.removesuffix(".dist-info").rpartition("-")[0]
            if canonicalize_name(project) == file.name:
                return name
    raise MetadataError(f"it holds no METADATA of {file.name}")


class _RangeSession:
    """What remotezip takes for a session: it sees only answers that are ranges.

    remotezip 0.12 asks for the size by HEAD and reads ranges by GET. A server that does not
    announce ranges is not asked for one, and an answer of 200, the whole body, is closed unread.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        self._answers: list[Response] = []
        self._deadlines: list[Deadline] = []

    @property
    def is_too_slow(self) -> bool:
        """Whether a range was still on its way when its time was over."""
        return any(each.is_over for each in self._deadlines)

    def head(self, url: str, **_: object) -> Response:
        answer = self._keep(self._http.head(url, HEADERS))
        if answer.status_code != OK:
            raise MetadataError(
                f"for the request of its size, {describe_status(answer.status_code)}"
            )
        if "bytes" not in answer.headers.get("Accept-Ranges", ""):
            size = answer.headers.get("Content-Length", "unknown")
            raise MetadataError(f"its server does not support range requests (its size: {size} B)")
        return answer

    def get(self, url: str, *, headers: Mapping[str, str], **_: object) -> Response:
        answer = self._keep(self._http.stream(url, {**HEADERS, **headers}))
        if answer.status_code == OK:
            raise MetadataError("its server announces range requests but ignores them")
        if answer.status_code != PARTIAL:
            raise MetadataError(
                f"for the request of a range, {describe_status(answer.status_code)}"
            )
        self._deadlines.append(Deadline.of_body(answer.raw, self._http.most_seconds))
        return answer

    def close(self) -> None:
        for deadline in self._deadlines:
            deadline.cancel()
        for answer in self._answers:
            answer.close()

    def _keep(self, answer: Response) -> Response:
        self._answers.append(answer)
        return answer
