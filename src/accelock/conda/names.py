"""Which conda package is which project of PyPI: a small table, else the same name."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import tomlkit
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from accelock.conda.graph import depends_on_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelock.conda.record import Record

__all__ = ["Mapped", "conda_version", "load_names", "projects_of", "same_version"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A project that conda has under other names.

    `parts` is how many numbers of the project's version conda's has, where that is fewer.
    `exclusive`: an environment must not have it from both.
    """

    project: str
    conda: tuple[str, ...]
    parts: int | None = None
    exclusive: bool = False


@functools.cache
def load_names() -> Mapping[str, Mapped]:
    """Return the table that ships with accelock, by canonical project name (PEP 503)."""
    file = resources.files("accelock.catalogue").joinpath("conda_names.toml")
    data = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    return {
        project: Mapped(
            project, tuple(row["conda"]), row.get("parts"), exclusive=row.get("exclusive", False)
        )
        for row in data["package"]
        for project in row["pypi"]
    }


def projects_of(name: str, record: Record | None = None) -> tuple[str, ...]:
    """Return the projects that the conda package `name` may be: several wheels of one thing.

    `record` tells whether it depends on python; without it that is taken to be so. A package that
    does not is no project of its name: conda's `graphviz` is the program.
    """
    by_table = tuple(mapped.project for mapped in load_names().values() if name in mapped.conda)
    if by_table:
        return by_table
    project = canonicalize_name(name)
    if project in load_names() or (record is not None and not depends_on_python(record)):
        return ()
    return (project,)


def conda_version(version: str, mapped: Mapped | None) -> str:
    """Return a project's version as conda writes it: without label, and no longer than there."""
    try:
        parsed = Version(version)
    except InvalidVersion:
        return version
    if mapped is not None and mapped.parts is not None:
        return ".".join(map(str, parsed.release[: mapped.parts]))
    return parsed.public


def same_version(conda: str, pinned: Iterable[str]) -> bool:
    """Tell whether a conda version is one of these: 2.6 is 2.6.0 on both sides."""
    return any(conda == version or _parsed(conda) == _parsed(version) for version in pinned)


def _parsed(version: str) -> Version | str:
    try:
        return Version(version)
    except InvalidVersion:
        return version
