"""A project on the disk, as the commands of the conda side take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import TOMLKitError

from accelock.catalogue import load_catalogue
from accelock.conda.config import parse_conda
from accelock.conda.plan import Project
from accelock.errors import AccelockError, ConfigError
from accelock.locks import journal
from accelock.settings.settings import read_config

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.settings.settings import Config

__all__ = ["load_project", "name_of", "project_of", "refuse_unfinished"]


def load_project(directory: Path) -> Project:
    """Return the project whose pyproject.toml is in `directory`.

    Raises ConfigError for a faulty table, and AccelockError where there is no table for conda.
    """
    pyproject = directory / "pyproject.toml"
    project = project_of(directory, read_config(pyproject, load_catalogue()))
    if project is None:
        raise AccelockError(
            f"{pyproject}: has no table [tool.accelock.conda]; write one, with at least "
            'channels = ["conda-forge"], or let `accelock conda capture` write it'
        )
    return project


def project_of(directory: Path, config: Config | None) -> Project | None:
    """Return a project whose [tool.accelock] is read already; None without a table for conda.

    Raises ConfigError with every fault of that table.
    """
    if config is None or config.conda is None:
        return None
    conda = parse_conda(config.conda, str(directory / "pyproject.toml"), config)
    return Project(directory, config, conda, lambda name: _read(directory / name))


def name_of(directory: Path) -> str | None:
    """Return the project's name (PEP 621, else Poetry's), or None where nothing says it."""
    try:
        data = tomlkit.parse((directory / "pyproject.toml").read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, TOMLKitError):
        return None
    whole = data.unwrap()
    poetry = whole.get("tool", {}).get("poetry", {})
    name = whole.get("project", {}).get("name", poetry.get("name"))
    return name if isinstance(name, str) and name else None


def refuse_unfinished(directory: Path) -> None:
    """Raise AccelockError where an interrupted run has left files some of which may be old."""
    if journal.pending(directory):
        raise AccelockError(
            f"{directory.resolve()}: an accelock that wrote files here was interrupted, so that "
            "some may be old and some new. Nothing was changed. Run: accelock check (it finishes "
            "the writing), then this again."
        )


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"cannot be read: {error}"], str(path)) from error
