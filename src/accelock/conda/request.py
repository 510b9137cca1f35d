"""What a conda solver is asked for: plain values, which no solver's library has touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = ["Request", "VirtualPackage"]


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
