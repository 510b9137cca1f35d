"""Names of distribution files: wheels (PEP 427), sdists (PEP 625) and the sdists before it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import (
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

if TYPE_CHECKING:
    from packaging.tags import Tag

# What pip still installs a source distribution from (pip/_internal/utils/filetypes.py).
SDIST_SUFFIXES = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar")


@dataclass(frozen=True, slots=True)
class ParsedName:
    """What a filename says: canonical name, version, and tags (None: a source distribution)."""

    name: str
    version: Version
    tags: frozenset[Tag] | None


@functools.lru_cache(maxsize=131_072)
def parse_filename(filename: str, project: str | None = None) -> ParsedName | None:
    """Return what a filename says, or None where it is no distribution's.

    `project`, the canonical name of the project whose page has the file, tells where name and
    version meet in an old sdist name such as `foo-1.0-1.tar.gz`.
    """
    if filename.endswith(".whl"):
        return _parse_wheel(filename)
    for suffix in SDIST_SUFFIXES:
        if filename.endswith(suffix):
            return _parse_sdist(filename.removesuffix(suffix), project)
    return None


def _parse_wheel(filename: str) -> ParsedName | None:
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except ValueError:
        return None
    # packaging < 26.3 takes an empty name
    return ParsedName(name, version, tags) if name else None


def _parse_sdist(stem: str, project: str | None) -> ParsedName | None:
    if project is None:
        try:
            name, version = parse_sdist_filename(f"{stem}.tar.gz")
        except ValueError:
            return None
        return ParsedName(name, version, None)
    for place, letter in enumerate(stem):
        if letter == "-" and canonicalize_name(stem[:place]) == project:
            try:
                return ParsedName(project, Version(stem[place + 1 :]), None)
            except ValueError:
                continue
    return None
