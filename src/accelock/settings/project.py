"""A project's settings beside what the catalogue knows, and the targets that its [tool.uv] has."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock import toml
from accelock.catalogue import load_catalogue
from accelock.catalogue.source import sources_from_environment
from accelock.errors import UnknownWordError
from accelock.settings.config import Config
from accelock.settings.settings import read_config
from accelock.targets import Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from accelock.catalogue import Catalogue, Source


@dataclass(frozen=True, slots=True)
class Settings:
    """The catalogue with the project's own packages, and its [tool.accelock].

    `config` has the defaults where there is no such table.
    """

    catalogue: Catalogue
    config: Config

    @classmethod
    def of(cls, directory: Path) -> Settings:
        """Return those of the project whose pyproject.toml is in `directory`.

        :raises ConfigError: the table is faulty; all of its faults are named.
        """
        catalogue = load_catalogue()
        config = read_config(directory / "pyproject.toml", catalogue) or Config()
        return cls(config.extend(catalogue), config)

    def sources(self, environ: Mapping[str, str]) -> dict[str, Source]:
        """Return where each family is read here: by a variable, the table, or its own index.

        :raises ConfigError: a variable says what is no source.
        """
        of_all = {family.name: self.config.source(family) for family in self.catalogue.families}
        return {**of_all, **sources_from_environment(environ, self.catalogue)}


def uv_targets(directory: Path, known: Collection[str]) -> tuple[Target, ...]:
    """Return the targets that `[tool.uv] conflicts` of a pyproject.toml names, in its order.

    uv's documentation has an extra for each build of torch (`cpu`, `cu128`), of which a machine
    takes one: what conflicts in one set, and is called like targets.

    :param known: the names of the targets that the catalogue has.
    :raises TomlError: the file cannot be read, or is no TOML.
    """
    path = directory / "pyproject.toml"
    found: dict[Target, None] = {}
    for each in _conflicting(toml.read(path, str(path)) or {}):
        if (target := target_named(each, known)) is not None:
            found[target] = None
    return tuple(found)


def target_named(name: str, known: Collection[str]) -> Target | None:
    """Return the target that an extra or a group is called like; it has no dot (PEP 685)."""
    with contextlib.suppress(UnknownWordError):
        return parse_target(name.replace("-", "."), known)  # rocm6-3 is rocm6.3
    return None


def _conflicting(data: Any) -> Iterator[str]:
    """Yield the extras and groups of all sets of conflicts."""
    for key in ("tool", "uv"):
        data = data.get(key) if isinstance(data, dict) else None
    sets = data.get("conflicts") if isinstance(data, dict) else None
    for members in sets if isinstance(sets, list) else ():
        for member in members if isinstance(members, list) else ():
            if isinstance(member, dict):
                names = (member.get(kind) for kind in ("extra", "group"))
                yield from (name for name in names if isinstance(name, str))
