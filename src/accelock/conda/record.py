"""What a conda solver is asked for, and the packages that it chose: plain values of no library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = ["Record", "Request", "VirtualPackage"]


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


@dataclass(frozen=True, slots=True)
class VirtualPackage:
    """A property of the system that packages may depend on, such as `__glibc` 2.28 (CEP 30)."""

    name: str
    version: str
    build: str = "0"

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.build}"


@dataclass(frozen=True, slots=True)
class Request:
    """One environment to solve.

    `specs` are to be installed; `constraints` install nothing, but hold for whatever is. `locked`
    are the records of an earlier solution, which stay wherever they can.
    """

    platform: Platform
    specs: tuple[Spec, ...]
    constraints: tuple[Spec, ...] = ()
    virtual_packages: tuple[VirtualPackage, ...] = ()
    locked: tuple[Record, ...] = ()
