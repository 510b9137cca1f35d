"""Commands about locks, machines and environments; each is imported when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cleo.commands.command import Command

#: name -> what it is: a list of commands imports none. A class of `accelock.commands.base` takes it
#: from here.
COMMANDS = {
    "cache clear": "remove accelock's cache",
    "cache info": "show where the cache of pages, metadata, sizes and hashes is, and its size",
    "check": "check that every lock is fresh and complete; offline, for CI",
    "completions": "print a completion script for bash, zsh, fish or PowerShell",
    "conda capture": "print the requested packages of a conda environment, pinned",
    "conda install": "install a conda lock into a folder, without conda",
    "conda lock": "lock [tool.accelock.conda]: an environment.yml and a lock per target",
    "detect": "show what this machine has: driver, GPUs, platform",
    "diff": "compare two targets: their packages, and the MB to download for each",
    "doctor": "find problems in the machine, the lock and the environment, and say what to do",
    "families": "list packages with a build per target, their indexes, and what goes together",
    "init": "move a hardware set-up that was made by hand into [tool.accelock]",
    "pylock": "write the lock as pylock.<target>.toml (PEP 751), for pip, uv and others",
    "target": "print only the target that this machine gets, for scripts and uv",
    "targets": "show what the indexes have for each target: versions, Pythons, drivers, GPUs",
    "why": "explain which target this machine gets, or which build of a package",
}
# The modules that are called like their commands; all others are in `reports`.
_MODULES = frozenset({"cache", "completions", "conda", "init", "pylock"})


def load(name: str) -> type[Command]:
    """Return the class of a command of `COMMANDS`, whose module is imported for it."""
    words = name.split()
    module = words[0] if words[0] in _MODULES else "reports"
    kind = "".join(map(str.title, words)) + "Command"
    return cast("type[Command]", getattr(import_module(f"accelock.commands.{module}"), kind))
