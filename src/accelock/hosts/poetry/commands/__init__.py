"""The `poetry accelock ...` commands, by name; each is imported when it runs or is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.console.late import late

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleo.commands.command import Command


COMMANDS: dict[str, Callable[[], Command]] = {
    "accelock check": late(f"{__name__}.check", "PoetryCheckCommand"),
    "accelock conda capture": late(f"{__name__}.conda", "PoetryCondaCaptureCommand"),
    "accelock conda install": late(f"{__name__}.conda", "PoetryCondaInstallCommand"),
    "accelock conda lock": late(f"{__name__}.conda", "PoetryCondaLockCommand"),
    "accelock detect": late(f"{__name__}.reports", "PoetryDetectCommand"),
    "accelock diff": late(f"{__name__}.reports", "PoetryDiffCommand"),
    "accelock doctor": late(f"{__name__}.reports", "PoetryDoctorCommand"),
    "accelock init": late(f"{__name__}.init", "InitCommand"),
    "accelock use": late(f"{__name__}.use", "UseCommand"),
    "accelock why": late(f"{__name__}.reports", "PoetryWhyCommand"),
}
