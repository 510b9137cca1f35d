"""Reading a lock of conda-lock's format v1 back: ours, or one that conda-lock wrote.

The format lacks some of what a record has; that is taken from the URL and the build string, by
conda's own rules for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from accelock.conda.record import Record
from accelock.conda.urls import strip_credentials
from accelock.errors import AccelockError, MissingExtraError
from accelock.targets import parse_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.targets import Platform

__all__ = ["LockError", "read_lock"]

_FORMAT = 1
_DIGESTS = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}
_URL = re.compile(r"(?P<channel>.+)/(?P<subdir>[^/]+)/(?P<filename>[^/]+)")
_FILENAME = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+)\.(conda|tar\.bz2)")
_BUILD_NUMBER = re.compile(r"(?:^|_)(\d+)$")
_HINT = "make it again (accelock conda lock)"


class LockError(AccelockError):
    """A conda lock is not what it should be; the message names the file and the entry."""


def read_lock(text: str, where: str) -> Mapping[Platform, tuple[Record, ...]]:
    """Return the packages of a lock by platform, each in the order of the file.

    A platform that is locked and needs nothing has no packages. Raises LockError, which names
    `where`, and MissingExtraError without PyYAML.
    """
    data = _parse(text, where)
    if not isinstance(data, dict) or data.get("version") != _FORMAT:
        found = data.get("version") if isinstance(data, dict) else None
        what = f"has format version {found}" if found is not None else "is no conda lock"
        raise LockError(f"{where}: {what}; accelock reads conda-lock's format {_FORMAT}; {_HINT}")
    return _records(data, where)


def _parse(text: str, where: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 - of the extra, and only needed to read a lock back
    except ImportError as error:
        raise MissingExtraError("conda", f"reading {where}") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is built
    try:
        return yaml.load(text.removeprefix("\ufeff"), Loader=loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise LockError(f"{where}{line}: is not valid YAML; {_HINT}") from error


def _records(data: dict[str, Any], where: str) -> dict[Platform, tuple[Record, ...]]:
    metadata, entries = data.get("metadata"), data.get("package")
    named = metadata.get("platforms") if isinstance(metadata, dict) else None
    if not isinstance(named, list) or not isinstance(entries, list):
        raise LockError(f"{where}: has no list metadata.platforms, or no list package; {_HINT}")
    found: dict[Platform, list[Record]] = {
        _platform(word, f"{where}, metadata.platforms"): [] for word in named
    }
    for number, entry in enumerate(entries):
        at = f"{where}, package[{number}]"
        if not isinstance(entry, dict):
            raise LockError(f"{at}: is no package; {_HINT}")
        if entry.get("manager") == "conda":  # conda-lock puts what pip installs beside it
            platform = _platform(entry.get("platform"), at)
            found.setdefault(platform, []).append(_record(entry, platform, at))
    return {platform: tuple(records) for platform, records in found.items()}


def _platform(word: object, at: str) -> Platform:
    try:
        return parse_platform(str(word))
    except AccelockError as error:
        raise LockError(f"{at}: {error}; {_HINT}") from error


def _record(entry: Mapping[str, Any], platform: Platform, at: str) -> Record:
    url = strip_credentials(str(entry.get("url", "")))
    place = _URL.fullmatch(url)
    file = _FILENAME.fullmatch(unquote(place["filename"])) if place else None
    if place is None or file is None or place["subdir"] not in (platform.conda_subdir, "noarch"):
        raise LockError(f"{at}: {url!r} is no package of {platform.conda_subdir}; {_HINT}")
    if (file["name"], file["version"]) != (entry.get("name"), entry.get("version")):
        raise LockError(f"{at}: {url!r} is not the package that the entry names; {_HINT}")
    digests = _digests(entry.get("hash"), at)
    depends = _depends(entry.get("dependencies"), at)
    return Record(
        name=file["name"],
        version=file["version"],
        build=file["build"],
        build_number=_build_number(file["build"]),
        subdir=place["subdir"],
        channel=place["channel"],
        url=url,
        filename=unquote(place["filename"]),
        md5=digests["md5"],
        sha256=digests["sha256"],
        depends=depends,
        noarch=_noarch(place["subdir"], depends),
    )


def _digests(value: object, at: str) -> dict[str, str]:
    found = {}
    for name, form in _DIGESTS.items():
        digest = value.get(name) if isinstance(value, dict) else None
        if not isinstance(digest, str) or not form.fullmatch(digest):
            raise LockError(f"{at}: has no {name}, and what is installed is checked; {_HINT}")
        found[name] = digest
    return found


def _depends(value: object, at: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise LockError(f"{at}: its dependencies are no table; {_HINT}")
    return tuple(f"{name} {constraint or ''}".strip() for name, constraint in value.items())


def _build_number(build: str) -> int:
    """Return the number at the end of a build string, where conda-build puts it."""
    found = _BUILD_NUMBER.search(build)
    return int(found[1]) if found else 0


def _noarch(subdir: str, depends: tuple[str, ...]) -> str | None:
    if subdir != "noarch":
        return None
    return "python" if any(depend.split()[0] == "python" for depend in depends) else "generic"
