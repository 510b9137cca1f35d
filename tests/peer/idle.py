"""A pytest plugin: pip-tools' own tests call `accelock compile` and `sync`, without targets.

Their modules import pip-tools' commands by name, and hand them to click's runner, which calls
`main`. What accelock itself takes from pip-tools stays what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
import piptools.scripts.sync as sync_module

from accelock.hosts.piptools import command, sync

if TYPE_CHECKING:
    import pytest


class Idle(click.Command):
    """A command of pip-tools' by its name and parameters, which runs accelock's."""

    def __init__(self, theirs: click.Command, ours: click.Command) -> None:
        super().__init__(theirs.name, params=theirs.params)
        self.ours = ours

    def main(self, *_: Any, **named: Any) -> Any:
        words = list(named.pop("args", None) or ())
        return self.ours.main(args=words, obj=words, **named)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put accelock's commands in the place of pip-tools' own."""
    commands = {
        compile_module.cli: Idle(compile_module.cli, command.command()),
        sync_module.cli: Idle(sync_module.cli, sync.command()),
    }
    for module in {getattr(item, "module", None) for item in items}:
        if (theirs := getattr(module, "cli", None)) in commands:
            module.cli = commands[theirs]  # type: ignore[union-attr]
