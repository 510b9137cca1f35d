"""What `poetry export` asks for: our sources as repositories with an URL, and files with theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version as PackagingVersion
from poetry.core.packages.package import Package
from poetry.repositories.exceptions import PackageNotFoundError
from poetry.repositories.legacy_repository import LegacyRepository

if TYPE_CHECKING:
    from collections.abc import Iterable

    from poetry.config.config import Config
    from poetry.core.constraints.version import Version
    from poetry.repositories.repository import Repository

    from accelock.hosts.poetry.repository import FamilyRepository
    from accelock.sources.model import IndexFile


def sources(families: Iterable[FamilyRepository], config: Config) -> list[Repository]:
    """Return repositories whose URLs the exporter writes for pip; nothing is read from them."""
    return [LegacyRepository(each.name, each.url, config=config) for each in families]


def with_files(name: str, version: Version, listed: Iterable[IndexFile]) -> Package:
    """Return a package with the URLs of its files, for the lock format of PEP 751.

    :raises PackageNotFoundError: the source lists no file of that version.
    """
    files: list[Any] = [
        {
            "file": file.filename,
            "hash": f"sha256:{file.sha256}",
            "url": file.url,
            **({"size": file.size} if file.size is not None else {}),
            **({"upload_time": file.upload_time} if file.upload_time else {}),
        }
        for file in listed
        if file.version == PackagingVersion(version.text)
    ]
    if not files:
        raise PackageNotFoundError(f"Package {name} ({version}) not found.")
    package = Package(name, version)
    package.files = files
    return package
