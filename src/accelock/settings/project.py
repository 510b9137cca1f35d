"""A project's settings, beside what the catalogue knows: what every command begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.settings.settings import Config, read_config, sources_from_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
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
