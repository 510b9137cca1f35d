"""What is known of files between runs, in the user's cache: metadata, sizes, unpublished hashes.

PyTorch's index lacks the sha256 of some wheels of GBs. Such a wheel is downloaded to be hashed once
ever, and only where the user allowed it (``--allow-downloads``, or ``allow-downloads = true`` in
[tool.accelock]). Sizes are as the index says (PEP 700), else by a HEAD; never by a body. The
metadata of a file never changes: it is asked for once, by PEP 658 or by ranges of the wheel.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from platformdirs import user_cache_path

from accelock.catalogue.source import redact
from accelock.errors import SourceError
from accelock.sources.http import OK, describe_status, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accelock.sources.http import Http, Response
    from accelock.sources.model import IndexFile

__all__ = ["Digests", "Metadata", "Sizes", "cache_folder"]

_MOST = 20_000  # entries of a file; older ones are forgotten first
_MOST_OF_FOLDER = 80  # metadata of files in each of 256 folders, a few KB each
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_CHUNK = 1 << 20  # bytes
_MEGABYTE = 1_000_000
# Without identity a server may compress, and announce the length of that.
_HEADERS = {"Accept-Encoding": "identity"}
_ANEW = {**_HEADERS, "Cache-Control": "no-store"}

Value = TypeVar("Value", int, str)


def cache_folder() -> Path:
    """Return the user's cache directory for accelock, which need not be there."""
    return user_cache_path("accelock", appauthor=False)


def path_of_key(folder: Path, key: str) -> Path:
    """Return the file that has what is kept of a key, in one of 256 folders."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return folder / digest[:2] / digest[2:]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, however many runs write it at once.

    What cannot be written costs the next run some requests, no more.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as fresh:
            new = Path(fresh.name)
        try:
            new.write_bytes(data)
            new.replace(path)
        except OSError:  # a full disk: half of it is of no use to anybody
            new.unlink()


@dataclass
class _Table(Generic[Value]):
    """Values by key, in a JSON file; what is no such file is an empty one."""

    path: Path
    kind: type[Value]
    _read: dict[str, Value] | None = None
    _new: dict[str, Value] = field(default_factory=dict)

    def get(self, key: str) -> Value | None:
        if self._read is None:
            self._read = self._of_file()
        return self._new.get(key, self._read.get(key))

    def put(self, key: str, value: Value) -> None:
        self._new[key] = value

    def keep(self) -> None:
        """Write the file."""
        if self._new:
            kept = dict(list({**self._of_file(), **self._new}.items())[-_MOST:])
            write_whole(self.path, json.dumps(kept, indent=0).encode())

    def _of_file(self) -> dict[str, Value]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return {key: value for key, value in found.items() if type(value) is self.kind}
        return {}


class Metadata:
    """The headers of METADATA, kept between runs: of files whose sha256 the index tells.

    They are known by URL and hash: what one index says of a file is believed there alone.

    :param folder: where they are kept; the user's cache directory by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = (folder or cache_folder()) / "metadata"

    def get(self, file: IndexFile) -> bytes | None:
        """Return the headers, None where they are not known."""
        path = self._path(file)
        with contextlib.suppress(OSError):
            return path.read_bytes() if path is not None else None
        return None

    def put(self, file: IndexFile, raw: bytes) -> None:
        """Keep the headers of a METADATA."""
        if (path := self._path(file)) is None:
            return
        end = _END_OF_HEADERS.search(raw)
        with contextlib.suppress(OSError):
            if len(there := [*path.parent.iterdir()]) >= _MOST_OF_FOLDER:
                min(there, key=os.path.getmtime).unlink()
        write_whole(path, raw[: end.end()] if end else raw)

    def _path(self, file: IndexFile) -> Path | None:
        if not file.sha256 or path_of(file.url) is not None:
            return None
        return path_of_key(self._folder, f"{redact(file.url)} {file.sha256}")


class Sizes:
    """Sizes of files, kept between runs.

    :param folder: where they are kept; the user's cache directory by default.
    """

    def __init__(self, http: Http, folder: Path | None = None) -> None:
        self._http = http
        self._table = _Table((folder or cache_folder()) / "sizes.json", int)

    def of(self, file: IndexFile) -> int | None:
        """Return a file's size in bytes, or None where nobody tells it."""
        if file.size is not None:
            return file.size
        # What has a hash is the same file for ever; what has none is known by its URL alone.
        key = f"{redact(file.url)} {file.sha256 or ''}"
        size = self._table.get(key)
        if size is None or size < 0:
            size = self._asked(file)
            if size is not None:
                self._table.put(key, size)
        return size

    def keep(self) -> None:
        """Write the cache."""
        self._table.keep()

    def _asked(self, file: IndexFile) -> int | None:
        path = path_of(file.url)
        if path is not None:
            with contextlib.suppress(OSError):
                return path.stat().st_size
            return None
        try:
            response = self._http.head(file.url, _HEADERS)
        except SourceError:
            return None
        length = response.headers.get("Content-Length", "")
        response.close()
        return int(length) if response.status_code == OK and length[:20].isdigit() else None


class Digests:
    """Hashes of downloaded files, kept between runs.

    :param say: gets one line before anything is downloaded: which files, and how many MB.
    :param progress: gets (bytes so far, bytes in all, 0 where unknown) while a file comes in.
    :param folder: where hashes are kept; the user's cache directory by default.
    """

    def __init__(
        self,
        http: Http,
        say: Callable[[str], None],
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        folder: Path | None = None,
    ) -> None:
        self._http = http
        self._say = say
        self._progress = progress
        self._table = _Table((folder or cache_folder()) / "sha256.json", str)
        self._in_this_run: dict[str, str] = {}

    def of(self, files: Sequence[IndexFile]) -> dict[str, str]:
        """Return the sha256, in hex, of each file by its URL.

        A file that was hashed before is asked for its size and ETag alone, where it has one. Within
        a run none is asked for again.

        :raises SourceError: a file cannot be downloaded.
        """
        missing: list[tuple[IndexFile, str | None, int]] = []
        for file in files:
            if file.url in self._in_this_run:
                continue
            key, size = self._identity(file)
            if key is not None and (known := self._table.get(key)) is not None:
                self._in_this_run[file.url] = known
            else:
                missing.append((file, key, size))
        if missing:
            self._announce([(file, size) for file, _, size in missing])
        for file, key, size in missing:
            digest = self._in_this_run[file.url] = self._download(file, size)
            if key is not None:
                self._table.put(key, digest)
                self._table.keep()
        return {file.url: self._in_this_run[file.url] for file in files}

    def _announce(self, files: Sequence[tuple[IndexFile, int]]) -> None:
        total = sum(size for _, size in files) / _MEGABYTE
        names = ", ".join(file.filename for file, _ in files)
        self._say(
            f"Downloading {len(files)} file(s), {total:,.1f} MB, to hash them, because no index "
            f"publishes their sha256: {names}"
        )

    def _identity(self, file: IndexFile) -> tuple[str | None, int]:
        """Return what tells a file's content from a later one at the same URL, and its bytes.

        None where the server says neither: another upload may well have the same size.
        """
        response = self._http.head(file.url, _ANEW)
        if response.status_code != OK:
            raise SourceError(_refused(file, response))
        headers = response.headers
        size = headers.get("Content-Length", "0")
        mark = headers.get("ETag") or headers.get("Last-Modified")
        key = f"{redact(file.url)} {size} {mark}" if mark else None
        return key, int(size) if size.isdigit() else 0

    def _download(self, file: IndexFile, size: int) -> str:
        response = self._http.stream(file.url, _ANEW)
        with contextlib.closing(response):
            if response.status_code != OK:
                raise SourceError(_refused(file, response))
            state, done = hashlib.sha256(), 0
            for chunk in self._chunks(response, file):
                state.update(chunk)
                done += len(chunk)
                self._progress(done, size)
        if size and done != size:
            raise SourceError(f"{redact(file.url)} was cut off: {done} of {size} bytes. Try again.")
        return state.hexdigest()

    def _chunks(self, response: Response, file: IndexFile) -> Iterator[bytes]:
        with self._http.failures(file.url):
            while chunk := response.raw.read(_CHUNK):
                yield chunk


def _refused(file: IndexFile, response: Response) -> str:
    status = describe_status(response.status_code, response.headers)
    return f"{redact(file.url)} cannot be downloaded to be hashed: {status}."
