"""Commands about locks, machines and environments; each is imported when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleo.commands.command import Command


def lazy_command(module: str, name: str) -> Callable[[], Command]:
    """Return the factory of a command, for cleo's loader of commands.

    :param module: the module's full name, which is imported by the call of the factory.
    :param name: the class in it.
    """
    return lambda: cast("Command", getattr(import_module(module), name)())
