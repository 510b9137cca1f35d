"""`poetry accelock init`: a [tool.accelock] table, and sources for a Poetry without accelock."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument, option
from poetry.console.commands.command import Command

from accelock import toml
from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.hardware import choose
from accelock.hardware.fit import newest_that_runs
from accelock.hosts.poetry import editing, fallback
from accelock.hosts.poetry.errors import shown
from accelock.settings.project import Settings
from accelock.settings.settings import Config, parse_config
from accelock.targets import CPU, host_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option

    from accelock.hosts.poetry.editing import PyprojectFile
    from accelock.hosts.poetry.fallback import Route

_VARIABLE = "ACCELOCK_TARGET"  # says what to install, not what to declare


class InitCommand(Command):
    """Write what accelock needs into pyproject.toml, and keep its comments and layout."""

    name = "accelock init"
    description = "Adds a [tool.accelock] table to pyproject.toml."
    help = (
        "Without targets it declares cpu and what this machine has. The first target is what a "
        "Poetry without accelock gets from the lock: by default it stops there, and with "
        "--fallback it installs that target, for the packages that the project itself requires."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("targets", "cpu, cu126, rocm6.3, xpu, ...", optional=True, multiple=True)
    ]
    options: ClassVar[list[Option]] = [
        option(
            "fallback",
            None,
            "Also declare the first target's index as an explicit source, for a Poetry without "
            "accelock.",
        )
    ]

    def handle(self) -> int:
        """Change pyproject.toml, or nothing at all."""
        with shown():
            self._change(editing.PyprojectFile.read(Path(self.poetry.pyproject_path)))
        return 0

    def _change(self, old: PyprojectFile) -> None:
        words, with_fallback = self.argument("targets"), self.option("fallback")
        said: list[str] = []
        file = old
        table = old.data.get("tool", {}).get("accelock")
        if table is None:
            targets, reason = _targets(words)
            file = editing.with_targets(old, targets)
            said.append(f"declares {', '.join(targets)}{reason}")
        elif words or not with_fallback:
            raise AccelockError(_there_is_one(old.path, table))
        if with_fallback:
            routes = self._routes(file)
            file = editing.with_routes(file, routes)
            said += _of_routes(routes)
        if file == old:
            self.line("pyproject.toml has all of it already; nothing was changed.")
            return
        file.write()
        for line in said:
            self.line(f"pyproject.toml {line}.")
        self.line("Now run <c1>poetry lock</>, and commit pyproject.toml and poetry.lock.")

    @staticmethod
    def _routes(file: PyprojectFile) -> tuple[Route, ...]:
        pyproject = file.data
        config = _config(pyproject, file.path)
        settings = Settings(config.extend(load_catalogue()), config)
        lock = file.path.with_name("poetry.lock")
        return fallback.plan(pyproject, toml.read(lock, lock.name), settings)


def _targets(words: Sequence[str]) -> tuple[list[str], str]:
    """Return the targets to declare, and what to say of them.

    :raises UnknownWordError: a word is no target.
    """
    catalogue = load_catalogue()
    known, tables = catalogue.targets, catalogue.hardware
    if words:
        runs = functools.partial(newest_that_runs, catalogue=catalogue)
        return list(dict.fromkeys(parse_target(word, known, runs).name for word in words)), ""
    platform = host_platform()
    there = [parse_target(name, known) for name in sorted(known)]
    usable = [
        target
        for target in there
        if target == CPU
        or (platform is not None and target.exists_on(platform) and tables.is_reviewed(target))
    ]
    environ = {name: value for name, value in os.environ.items() if name != _VARIABLE}
    choice = choose(usable, environ=environ, catalogue=catalogue, platform=platform)
    if choice.target == CPU:
        return ["cpu"], " (no GPU found here; add the targets of other machines by hand)"
    return ["cpu", choice.target.name], f" ({choice.target}: {choice.reason})"


def _config(pyproject: dict[str, object], path: Path) -> Config:
    tool = pyproject["tool"]
    table = tool["accelock"] if isinstance(tool, dict) else {}
    config = parse_config(table, str(path), load_catalogue())
    if not config.targets:
        raise AccelockError(f"{path}: [tool.accelock] has no `targets`; name them there first.")
    return config


def _there_is_one(path: Path, table: object) -> str:
    targets = table.get("targets") if isinstance(table, dict) else None
    keys = ", ".join(table) if isinstance(table, dict) else ""
    has = f"targets = {targets}" if targets else f"no targets ({keys or 'it is empty'})"
    return (
        f"{path}: there is a [tool.accelock] already, with {has}. Change it there. "
        "`poetry accelock init --fallback` alone adds the sources for a Poetry without accelock."
    )


def _of_routes(routes: Sequence[Route]) -> Iterator[str]:
    for route in routes:
        names = ", ".join(dict.fromkeys(ask.name for ask in route.asks))
        if names:
            yield f"has {route.source.name} as the source of {names}, where accelock is missing"
        for name in route.by_hand:
            yield f"names where {name} comes from by hand, which stays as it is"
