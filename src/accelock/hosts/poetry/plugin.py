"""The entry points of the plugin.

Poetry calls ``activate`` for every command, ``config --list`` too: nothing is detected, read or
fetched here, and a project without a [tool.accelock] table is left alone.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cleo.events.console_command_event import ConsoleCommandEvent
from cleo.events.console_events import COMMAND
from poetry.plugins.application_plugin import ApplicationPlugin
from poetry.plugins.plugin import Plugin

from accelock.commands import COMMANDS

if TYPE_CHECKING:
    from cleo.commands.command import Command
    from cleo.events.event import Event
    from cleo.events.event_dispatcher import EventDispatcher
    from cleo.io.io import IO
    from poetry.console.application import Application
    from poetry.poetry import Poetry

    from accelock.hosts.poetry.project import Project


# What the console application alone has: Poetry has a cache and completions of its own.
_NOT_HERE = frozenset({"cache clear", "cache info", "completions"})
# The command that runs: Poetry activates plugins for a project only when the command asks for it.
_running: ContextVar[Command | None] = ContextVar("running", default=None)


class AccelockPlugin(Plugin):
    """Gives a project with a [tool.accelock] table a pool and a locker that know its targets."""

    def activate(self, poetry: Poetry, io: IO) -> None:
        """Take over a project's pool and locker; only a table that says something asks for it.

        :raises UserError: this Poetry is none that accelock works with.
        """
        # As Poetry's factory read it: `poetry.pyproject.data` would parse the file a second time,
        # and be what it was now for the rest of the command (private in Poetry 2.0.1 to 2.5.1).
        data = getattr(poetry.locker, "_pyproject_data", None) or poetry.pyproject.data
        table = data.get("tool", {}).get("accelock")
        if not table:
            return
        from accelock.hosts.poetry import probe
        from accelock.hosts.poetry.errors import shown

        with shown():
            probe.check()
        from accelock.hosts.poetry import takeover

        _tell(takeover.take_over(poetry, data, io), _running.get())


class AccelockApplicationPlugin(ApplicationPlugin):
    """Adds the commands, and tells a project which command runs."""

    def activate(self, application: Application) -> None:
        """Register the commands and listen for the one that runs."""
        for name in ("use", *(each for each in COMMANDS if each not in _NOT_HERE)):
            make = functools.partial(_command, name)
            application.command_loader.register_factory(f"accelock {name}", make)
        dispatcher = application.event_dispatcher
        if dispatcher is not None:
            dispatcher.add_listener(COMMAND, _tell_project, priority=-1)


def _command(name: str) -> Command:
    from accelock.hosts.poetry import commands

    return commands.command(name)


def _tell_project(event: Event, _name: str, _dispatcher: EventDispatcher) -> None:
    if not isinstance(event, ConsoleCommandEvent):
        return
    _running.set(event.command)
    # Poetry's own listeners may have loaded the project already; a command that never asks for
    # one must not make it load (private in Poetry 2.0.1 to 2.5.1).
    poetry: Any = getattr(event.command.application, "_poetry", None)
    project = getattr(getattr(poetry, "locker", None), "project", None)
    if project is not None:
        _tell(project, event.command)


def _tell(project: Project, command: Command | None) -> None:
    project.command = command
    if project.is_exporting:
        from accelock.hosts.poetry import takeover

        takeover.hook_export()
