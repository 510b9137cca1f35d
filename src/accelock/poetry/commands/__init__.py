"""The `poetry accelock ...` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.poetry.commands.use import UseCommand

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleo.commands.command import Command

COMMANDS: dict[str, Callable[[], Command]] = {"accelock use": UseCommand}
