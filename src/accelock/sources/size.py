"""How large files are, in bytes: as their index says it (PEP 700), else by a HEAD. Never a body."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from accelock.catalogue.source import redact
from accelock.errors import SourceError
from accelock.sources.fetch import OK
from accelock.sources.local import path_of

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.sources.fetch import Http
    from accelock.sources.model import IndexFile

_FILE = "sizes.json"
# Without identity a server may compress, and announce the length of that.
_HEADERS = {"Accept-Encoding": "identity"}
_MOST = 20_000  # entries; older ones are forgotten first


@dataclass
class Sizes:
    """Sizes of files, kept between runs.

    :param folder: where they are kept; the user's cache directory by default.
    """

    http: Http
    folder: Path = field(default_factory=lambda: user_cache_path("accelock", appauthor=False))
    _cache: dict[str, int] | None = None
    _is_changed: bool = False

    def of(self, file: IndexFile) -> int | None:
        """Return a file's size in bytes, or None where nobody tells it."""
        if file.size is not None:
            return file.size
        # What has a hash is the same file for ever; what has none is known by its URL alone.
        key = f"{redact(file.url)} {file.sha256 or ''}"
        known = self._known()
        if key not in known:
            size = self._asked(file)
            if size is None:
                return None
            known[key] = size
            self._is_changed = True
        return known[key]

    def keep(self) -> None:
        """Write the cache; one that cannot be written costs the next run some requests, no more."""
        if not self._is_changed:
            return
        kept = dict(list(self._known().items())[-_MOST:])
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = (self.folder / _FILE).with_suffix(".new")
            fresh.write_text(json.dumps(kept, indent=0), encoding="utf-8")
            fresh.replace(self.folder / _FILE)
            self._is_changed = False

    def _asked(self, file: IndexFile) -> int | None:
        path = path_of(file.url)
        if path is not None:
            with contextlib.suppress(OSError):
                return path.stat().st_size
            return None
        try:
            response = self.http.head(file.url, _HEADERS)
        except SourceError:
            return None
        length = response.headers.get("Content-Length", "")
        response.close()
        return int(length) if response.status_code == OK and length[:20].isdigit() else None

    def _known(self) -> dict[str, int]:
        if self._cache is None:
            self._cache = {}
            with contextlib.suppress(OSError, ValueError):
                found = json.loads((self.folder / _FILE).read_text(encoding="utf-8"))
                if isinstance(found, dict):
                    self._cache = {k: v for k, v in found.items() if type(v) is int and v >= 0}
        return self._cache
