"""The `poetry accelock ...` commands, by name; each is imported when it runs or is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.commands import lazy_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleo.commands.command import Command


COMMANDS: dict[str, Callable[[], Command]] = {
    "accelock check": lazy_command(f"{__name__}.check", "PoetryCheckCommand"),
    "accelock conda capture": lazy_command(f"{__name__}.conda", "PoetryCondaCaptureCommand"),
    "accelock conda install": lazy_command(f"{__name__}.conda", "PoetryCondaInstallCommand"),
    "accelock conda lock": lazy_command(f"{__name__}.conda", "PoetryCondaLockCommand"),
    "accelock detect": lazy_command(f"{__name__}.reports", "PoetryDetectCommand"),
    "accelock diff": lazy_command(f"{__name__}.reports", "PoetryDiffCommand"),
    "accelock doctor": lazy_command(f"{__name__}.reports", "PoetryDoctorCommand"),
    "accelock init": lazy_command(f"{__name__}.init", "InitCommand"),
    "accelock use": lazy_command(f"{__name__}.use", "UseCommand"),
    "accelock why": lazy_command(f"{__name__}.reports", "PoetryWhyCommand"),
}
