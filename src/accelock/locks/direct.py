"""What a lock has from elsewhere than an index: as PEP 751 says where such a package is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit, urlunsplit

from accelock.catalogue.source import redact
from accelock.errors import AccelockError
from accelock.sources.model import SDIST_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.locks.model import Pin

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # Git's names by SHA-1, and by SHA-256
_SYSTEMS = ("git", "hg", "svn", "bzr")
_ARCHIVES = (".whl", *SDIST_SUFFIXES)


def table_of(pin: Pin, project: Path, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return `archive`, `vcs` or `directory` with what PEP 751 wants to know of it.

    :param project: the folder that the lock's own paths start from.
    :param folder: that of the file that is written: its paths start there.
    :raises AccelockError: the lock does not tell enough of it.
    """
    source = pin.source or _source_of(pin.url or "")
    kind, url = source.get("type", ""), source.get("url", "")
    subdirectory = source.get("subdirectory")
    more: dict[str, Any] = {"subdirectory": subdirectory} if subdirectory else {}
    if redact(url) != url and not (urlsplit(url).scheme == "ssh" and not urlsplit(url).password):
        raise _refusal(pin, "its URL has credentials, and they do not belong in a file")
    if kind in _SYSTEMS:
        commit = source.get("resolved_reference", "")
        if not _COMMIT.fullmatch(commit):
            raise _refusal(pin, f"a branch or tag can move; name a commit ({url}@0123abc...)")
        return {"vcs": {"type": kind, "url": url, "commit-id": commit, **more}}
    if kind == "directory":
        link = {"editable": True} if pin.editable else {}
        return {"directory": {"path": _path(url, project, folder), **link, **more}}
    if len(pin.hashes) != 1:
        raise _refusal(pin, "the lock has no sha256 of it (compile with --generate-hashes)")
    where = {"url": url} if kind == "url" else {"path": _path(url, project, folder)}
    return {"archive": {**where, "hashes": {"sha256": min(pin.hashes)}, **more}}


def line_of(pin: Pin, folder: Path) -> str:
    """Return what a line of a requirements file asks for, without marker and hashes.

    :param folder: that from which the lock's own paths start.
    """
    if pin.url is None:
        return f"{pin.name}=={pin.version}"
    source = pin.source or _source_of(pin.url)
    where, below = source.get("url", ""), source.get("subdirectory")
    if "://" not in where:
        where = (folder / where).resolve().as_uri()
    if source.get("type") in _SYSTEMS:
        where = f"{source['type']}+{where}@{source.get('resolved_reference', '')}"
    words = [f"subdirectory={below}"] if below else []
    if pin.editable:
        return f"-e {where}#{'&'.join([f'egg={pin.name}', *words])}"
    return f"{pin.name} @ {where}{f'#{words[0]}' if words else ''}"


def _source_of(location: str) -> Mapping[str, str]:
    """Return what a line of a requirements file says, in the words of poetry.lock."""
    bare, fragment = urldefrag(location)
    found = {"type": "url", "url": bare}
    if words := parse_qs(fragment).get("subdirectory"):
        found["subdirectory"] = words[0]
    parts = urlsplit(bare)
    system, plus, scheme = parts.scheme.partition("+")
    if plus:
        path, at, commit = parts.path.rpartition("@")
        url = urlunsplit(parts._replace(scheme=scheme, path=path if at else parts.path))
        return {**found, "type": system, "url": url, "resolved_reference": commit if at else ""}
    if parts.scheme in ("http", "https"):
        return found
    path = unquote(parts.path) if parts.scheme == "file" else unquote(bare)
    is_archive = path.endswith(_ARCHIVES)
    return {**found, "type": "file" if is_archive else "directory", "url": path}


def _path(path: str, project: Path, folder: Path) -> str:
    whole = os.path.abspath(project.resolve() / path)  # noqa: PTH100 - a link in it is the user's to keep
    return Path(os.path.relpath(whole, folder.resolve())).as_posix()


def _refusal(pin: Pin, reason: str) -> AccelockError:
    return AccelockError(
        f"{pin.where}: {pin.name} comes from {redact(pin.url or '')}, and a pylock file cannot "
        f"hold that: {reason}. Nothing was written"
    )
