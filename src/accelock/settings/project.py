"""A project's settings, beside what the catalogue knows: what every command begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.settings.settings import Config, read_config

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.catalogue import Catalogue


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
