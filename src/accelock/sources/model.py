"""What an index says about files: values, free of the format that they were read from."""

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
    from collections.abc import Collection, Mapping

    from packaging.tags import Tag


__all__ = ["IndexFile", "ProjectPage"]


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One distribution file as an index or a find-links page lists it.

    `name` is canonical (PEP 503). `url` is absolute and has no fragment; it may hold credentials,
    so messages use `accelock.catalogue.source.redact`. `tags` is None for a source distribution.
    `core_metadata` holds the hashes of the PEP 658 file: empty where the file is there without a
    hash, None where the index has none. `size` is in bytes. `yanked` is the reason or True (PEP
    592). `page_url` is where the page was read from in the end, after redirects.
    """

    filename: str
    url: str
    name: str
    version: Version
    tags: frozenset[Tag] | None = None
    sha256: str | None = None
    core_metadata: Mapping[str, str] | None = None
    requires_python: str | None = None
    yanked: str | bool = False
    size: int | None = None
    upload_time: str | None = None
    page_url: str = ""

    @property
    def is_wheel(self) -> bool:
        """Tell a wheel from a source distribution."""
        return self.tags is not None

    @property
    def label(self) -> str | None:
        """Return the local version label, normalised (PEP 440): `cu126`, or None."""
        return self.version.local

    @property
    def public(self) -> Version:
        """Return the version without its local label."""
        return without_label(self.version)

    def fits(self, tags: Collection[Tag]) -> bool:
        """Tell whether a machine that supports `tags` can install this wheel (PEP 425).

        Cheapest where `tags` is a set. A source distribution fits nothing.
        """
        return self.tags is not None and not self.tags.isdisjoint(tags)


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """The files of one page, in the page's order.

    `skipped` names the links that are no distribution file, or not one of the project that was
    asked for. `absent` is the HTTP status (403, 404, 410) of an index without this project.
    """

    url: str
    files: tuple[IndexFile, ...] = ()
    skipped: tuple[str, ...] = ()
    absent: int | None = None

    def files_of(self, name: str) -> tuple[IndexFile, ...]:
        """Return the files of one project, whose name may be written in any way."""
        wanted = canonicalize_name(name)
        return tuple(file for file in self.files if file.name == wanted)


@functools.lru_cache(maxsize=4096)
def without_label(version: Version) -> Version:
    """Return a version without its local label (`2.6.0+cu126` -> `2.6.0`)."""
    return version if version.local is None else Version(version.public)


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
