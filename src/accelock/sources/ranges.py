"""Reading METADATA out of a remote wheel by ranges: kilobytes of a file of gigabytes."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from remotezip import RemoteZip
from remotezip import RemoteZipError as RangeError

from accelock.errors import MetadataError
from accelock.sources.fetch import OK, describe_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.sources.fetch import Http, Response
    from accelock.sources.model import IndexFile

PARTIAL = 206

# As pip's lazy_wheel: nothing on the way may compress a range, or answer it from a cache.
HEADERS = {"Accept-Encoding": "identity", "Cache-Control": "no-cache"}

# What zipfile raises for archives that are damaged, encrypted or compressed in unknown ways.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)


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
    except (RangeError, *DAMAGED) as error:
        raise MetadataError(f"it is no readable wheel ({error})") from error
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

    def head(self, url: str, **_: object) -> Response:
        answer = self._keep(self._http.head(url, HEADERS))
        if answer.status_code != OK:
            raise MetadataError(f"asked for its size, {describe_status(answer.status_code)}")
        if "bytes" not in answer.headers.get("Accept-Ranges", ""):
            size = answer.headers.get("Content-Length", "unknown")
            raise MetadataError(f"its server does not support range requests (its size: {size} B)")
        return answer

    def get(self, url: str, *, headers: Mapping[str, str], **_: object) -> Response:
        answer = self._keep(self._http.get(url, {**HEADERS, **headers}, stream=True))
        if answer.status_code == OK:
            raise MetadataError("its server announces range requests but ignores them")
        if answer.status_code != PARTIAL:
            raise MetadataError(f"asked for a range, {describe_status(answer.status_code)}")
        return answer

    def close(self) -> None:
        for answer in self._answers:
            answer.close()

    def _keep(self, answer: Response) -> Response:
        self._answers.append(answer)
        return answer
