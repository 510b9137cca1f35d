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
    "accelock detect": _late("reports", "PoetryDetectCommand"),
    "accelock diff": _late("reports", "PoetryDiffCommand"),
    "accelock doctor": _late("reports", "PoetryDoctorCommand"),
    "accelock init": _late("init", "InitCommand"),
    "accelock use": _late("use", "UseCommand"),
    "accelock why": _late("reports", "PoetryWhyCommand"),
}
