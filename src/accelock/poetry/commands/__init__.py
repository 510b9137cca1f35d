"""The `poetry accelock ...` commands, by name; each is imported when it runs or is listed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleo.commands.command import Command


def _late(module: str, name: str) -> Callable[[], Command]:
    def make() -> Command:
        return cast("Command", getattr(import_module(f"{__name__}.{module}"), name)())

    return make


COMMANDS: dict[str, Callable[[], Command]] = {
    "accelock check": _late("check", "PoetryCheckCommand"),
    "accelock conda capture": _late("conda", "PoetryCondaCaptureCommand"),
    "accelock conda install": _late("conda", "PoetryCondaInstallCommand"),
    "accelock conda lock": _late("conda", "PoetryCondaLockCommand"),
    "accelock init": _late("init", "InitCommand"),
    "accelock use": _late("use", "UseCommand"),
}
