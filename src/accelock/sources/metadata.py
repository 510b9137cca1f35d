"""Core metadata of one file: PEP 658, else out of the wheel itself; never by a download of it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import zipfile
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from accelock.catalogue.source import redact
from accelock.errors import MetadataError, SourceError
from accelock.sources.fetch import OK, describe_status
from accelock.sources.local import path_of
from accelock.sources.ranges import DAMAGED, find_metadata, read_from_remote_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.sources.fetch import Http
    from accelock.sources.model import IndexFile

__all__ = ["read_metadata"]

_MEGABYTE = 1_000_000


def read_metadata(file: IndexFile, http: Http) -> bytes:
    """Return the METADATA of a file, as the first of its places has it that can be trusted.

    The places are the PEP 658 file, checked against the hash that the index gives, then the
    wheel, by range requests (a local wheel is opened). Each must be of this name and version.

    :raises MetadataError: no place has it. The wheel is not downloaded instead.
    """
    reasons: list[str] = []
    for read in _places(file):
        found = _attempt(read, file, http)
        if isinstance(found, bytes):
            return found
        reasons.append(found)
    raise MetadataError(_refusal(file, reasons))


def _places(file: IndexFile) -> tuple[Callable[[IndexFile, Http], bytes], ...]:
    if not file.is_wheel:
        return (_read_published,)
    if path_of(file.url) is not None:
        return (_read_local,)
    return (_read_published, read_from_remote_wheel)


def _attempt(read: Callable[[IndexFile, Http], bytes], file: IndexFile, http: Http) -> bytes | str:
    """Return the metadata, or the reason why this place does not have it."""
    try:
        return _checked(read(file, http), file)
    except (MetadataError, SourceError) as error:
        return str(error).rstrip(".")


def _read_published(file: IndexFile, http: Http) -> bytes:
    """Return the PEP 658 file; MetadataError gives the reason why not."""
    if file.core_metadata is None:
        raise MetadataError("the index offers no metadata file for it (PEP 658)")
    parts = urlsplit(file.url)
    url = urlunsplit(parts._replace(path=f"{parts.path}.metadata"))
    response = http.get(url, {"Accept-Encoding": "identity"})
    if response.status_code != OK:
        status = describe_status(response.status_code)
        raise MetadataError(f"the index announces a metadata file but, asked for it, {status}")
    for kind, digest in file.core_metadata.items():
        if kind in hashlib.algorithms_guaranteed and not kind.startswith("shake"):
            found = hashlib.new(kind, response.content, usedforsecurity=False).hexdigest()
            if found != digest:
                raise MetadataError(f"its metadata file has the wrong {kind} (it is {found})")
    return response.content


def _read_local(file: IndexFile, _: Http) -> bytes:
    path = path_of(file.url) or file.url
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(find_metadata(wheel, file))
    except (OSError, *DAMAGED) as error:
        raise MetadataError(f"it cannot be read ({error})") from error


def _checked(metadata: bytes, file: IndexFile) -> bytes:
    """Return the metadata if it is of this file's project and version, as pip demands too."""
    headers = BytesHeaderParser().parsebytes(metadata)
    name, version = headers.get("Name"), headers.get("Version")
    if name is None or version is None:
        raise MetadataError("what stands for its metadata has no Name or no Version")
    try:
        same = canonicalize_name(name) == file.name and Version(version) == file.version
    except InvalidVersion:
        same = False
    if not same:
        raise MetadataError(f"its metadata is of another file ({name} {version})")
    return metadata


def _refusal(file: IndexFile, reasons: list[str]) -> str:
    size = "" if file.size is None else f" ({file.size / _MEGABYTE:.1f} MB)"
    return (
        f"the metadata of {file.filename}{size} at {redact(file.url)} cannot be had: "
        f"{'; '.join(reasons)}. accelock never downloads a whole file for its metadata: use an "
        "index that serves metadata files (PEP 658) or a server that supports range requests."
    )


@functools.lru_cache(maxsize=1024)
def requirements_of(metadata: bytes) -> tuple[Requirement, ...]:
    """Return the Requires-Dist lines of a METADATA file that are such as PEP 508 has."""
    found = []
    for line in BytesHeaderParser().parsebytes(metadata).get_all("Requires-Dist", ()):
        with contextlib.suppress(InvalidRequirement):
            found.append(Requirement(str(line)))
    return tuple(found)
