"""A package as a conda solver chose it: what every writer, reader and installer shares."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """One package of a solved environment (conda's `repodata_record`).

    `channel` is the base URL of the channel and `url` the package's, both without credentials;
    `subdir` is a platform's or `noarch`. `md5` and `sha256` are in hex, `size` is in bytes,
    `timestamp` in milliseconds since 1970. `depends` and `constrains` are MatchSpecs as the channel
    has them. `noarch` is `python` or `generic`, and None for a package of one platform.
    `python_site_packages_path` is where a python has the modules of others (CEP 17), relative to
    the prefix; None is its default, and unknown where the record was read from a lock.
    """

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    channel: str
    url: str
    filename: str
    md5: str
    sha256: str
    size: int | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    license: str | None = None
    timestamp: int | None = None
    noarch: str | None = None
    python_site_packages_path: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.build}"
