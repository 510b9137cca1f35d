"""The sha256 of files of which no index publishes one: by download, with consent, once ever.

PyTorch's index lacks it for some wheels of GBs. Nothing here is called unless the user allowed it
(``--allow-downloads``, or ``allow-downloads = true`` in [tool.accelock]).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from accelock.catalogue.source import redact
from accelock.errors import SourceError
from accelock.sources.fetch import OK, describe_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from accelock.sources.fetch import Http, Response
    from accelock.sources.model import IndexFile

_CHUNK = 1 << 20  # bytes
_MEGABYTE = 1_000_000
_HEADERS = {"Accept-Encoding": "identity", "Cache-Control": "no-store"}


@dataclass
class Digests:
    """Hashes of downloaded files, kept between runs.

    :param say: gets one line before anything is downloaded: which files, and how many MB.
    :param progress: gets (bytes so far, bytes in all, 0 where unknown) while a file comes in.
    :param folder: where hashes are kept; the user's cache directory by default.
    """

    http: Http
    say: Callable[[str], None]
    progress: Callable[[int, int], None] = lambda _done, _total: None
    folder: Path = field(default_factory=lambda: user_cache_path("accelock", appauthor=False))

    def of(self, files: Sequence[IndexFile]) -> dict[str, str]:
        """Return the sha256, in hex, of each file by its URL.

        A file that was hashed before is asked for its size and ETag alone, where it has one.

        :raises SourceError: a file cannot be downloaded.
        """
        identities = {file.url: self._identity(file) for file in files}
        known = self._known()
        found = {url: known[key] for url, (key, _) in identities.items() if key and key in known}
        missing = [file for file in files if file.url not in found]
        if missing:
            self._announce(missing, [identities[file.url][1] for file in missing])
        for file in missing:
            key, size = identities[file.url]
            found[file.url] = self._download(file, size)
            if key is not None:
                known[key] = found[file.url]
                self._keep(known)
        return found

    def _announce(self, files: Sequence[IndexFile], sizes: Sequence[int]) -> None:
        total = sum(sizes) / _MEGABYTE
        names = ", ".join(file.filename for file in files)
        self.say(
            f"Downloading {len(files)} file(s), {total:,.1f} MB, to hash them, because no index "
            f"publishes their sha256: {names}"
        )

    def _identity(self, file: IndexFile) -> tuple[str | None, int]:
        """Return what tells a file's content from a later one at the same URL, and its bytes.

        None where the server says neither: another upload may well have the same size.
        """
        response = self.http.head(file.url, _HEADERS)
        if response.status_code != OK:
            raise SourceError(_refused(file, response))
        headers = response.headers
        size = headers.get("Content-Length", "0")
        mark = headers.get("ETag") or headers.get("Last-Modified")
        key = f"{redact(file.url)} {size} {mark}" if mark else None
        return key, int(size) if size.isdigit() else 0

    def _download(self, file: IndexFile, size: int) -> str:
        response = self.http.get(file.url, _HEADERS, stream=True)
        with contextlib.closing(response):
            if response.status_code != OK:
                raise SourceError(_refused(file, response))
            state, done = hashlib.sha256(), 0
            for chunk in self._chunks(response, file):
                state.update(chunk)
                done += len(chunk)
                self.progress(done, size)
        if size and done != size:
            raise SourceError(f"{redact(file.url)} was cut off: {done} of {size} bytes. Try again.")
        return state.hexdigest()

    def _chunks(self, response: Response, file: IndexFile) -> Iterator[bytes]:
        with self.http.failures(file.url):
            while chunk := response.raw.read(_CHUNK):
                yield chunk

    def _known(self) -> dict[str, str]:
        try:
            found = json.loads((self.folder / "sha256.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _keep(self, known: dict[str, str]) -> None:
        """Write the cache; one that cannot be written costs the next run a download, no more."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / "sha256.json"
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({**self._known(), **known}, indent=0), encoding="utf-8")
            fresh.replace(path)


def _refused(file: IndexFile, response: Response) -> str:
    status = describe_status(response.status_code)
    return f"{redact(file.url)} cannot be downloaded to be hashed: {status}."
