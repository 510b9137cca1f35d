"""Packages that must not be installed beside each other: one and the same, for other hardware."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import tomlkit

__all__ = ["ExclusiveGroup", "load_exclusive"]


@dataclass(frozen=True, slots=True)
class ExclusiveGroup:
    """Distributions (canonical names) that all install the package `imports`."""

    names: frozenset[str]
    imports: str


@functools.cache
def load_exclusive() -> tuple[ExclusiveGroup, ...]:
    """Return the groups that ship with accelock; read once a process."""
    file = resources.files("accelock.catalogue").joinpath("exclusive.toml")
    data = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    return tuple(
        ExclusiveGroup(frozenset(group["names"]), group["imports"]) for group in data["group"]
    )
