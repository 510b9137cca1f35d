"""Commands about locks, machines and environments; each is imported when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cleo.commands.command import Command

#: name -> (module in `accelock.commands`, class, what it is: a list of commands imports none).
COMMANDS = {
    "cache clear": ("cache", "CacheClearCommand", "remove accelock's cache"),
    "cache info": (
        "cache",
        "CacheInfoCommand",
        "where accelock keeps pages, metadata, sizes and hashes, and how many MB",
    ),
    "check": (
        "reports",
        "CheckCommand",
        "check that every lock is fresh and whole; offline, for CI",
    ),
    "completions": (
        "completions",
        "CompletionsCommand",
        "print a completion script for bash, zsh, fish or PowerShell",
    ),
    "conda capture": (
        "conda_capture",
        "CondaCaptureCommand",
        "print what was asked for in a conda environment, pinned",
    ),
    "conda install": (
        "conda_install",
        "CondaInstallCommand",
        "install a conda lock into a folder; no conda needed",
    ),
    "conda lock": (
        "conda_lock",
        "CondaLockCommand",
        "pin [tool.accelock.conda]: an environment.yml and a lock per target",
    ),
    "detect": ("reports", "DetectCommand", "show what this machine has: driver, GPUs, platform"),
    "diff": (
        "reports",
        "DiffCommand",
        "compare two targets: their packages, and the MB that each downloads",
    ),
    "doctor": (
        "reports",
        "DoctorCommand",
        "find out what is wrong with machine, lock and environment, and what to do",
    ),
    "families": (
        "reports",
        "FamiliesCommand",
        "list the packages with a build per target, their indexes, and what goes together",
    ),
    "init": (
        "init",
        "InitCommand",
        "move a hardware set-up that was made by hand into [tool.accelock]",
    ),
    "pylock": (
        "pylock",
        "PylockCommand",
        "write the lock as pylock.<target>.toml (PEP 751), for pip, uv and others",
    ),
    "target": (
        "reports",
        "TargetCommand",
        "print the target that this machine gets, alone on a line, for scripts and uv",
    ),
    "targets": (
        "reports",
        "TargetsCommand",
        "show what the indexes have for each target: versions, Pythons, drivers, GPUs",
    ),
    "why": (
        "reports",
        "WhyCommand",
        "explain which target this machine gets, or which build of a package",
    ),
}


def load(name: str) -> type[Command]:
    """Return the class of a command of `COMMANDS`, whose module is imported for it."""
    module, kind, _says = COMMANDS[name]
    return cast("type[Command]", getattr(import_module(f"accelock.commands.{module}"), kind))
