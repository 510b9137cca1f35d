"""`poetry accelock use TARGET`: what this environment takes from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument
from poetry.console.commands.env_command import EnvCommand

from accelock.errors import AccelockError, UnknownWordError
from accelock.hosts.poetry import environment
from accelock.hosts.poetry.errors import shown

if TYPE_CHECKING:
    from cleo.io.inputs.argument import Argument

_AUTO = "auto"


class UseCommand(EnvCommand):
    """Keep a choice of target in the project's environment."""

    name = "accelock use"
    description = "Chooses the hardware target that this environment takes from now on."
    arguments: ClassVar[list[Argument]] = [
        argument("target", "One of the declared targets; `auto` forgets the choice.")
    ]

    def handle(self) -> int:
        """Note the choice; `poetry install` then installs it."""
        wanted = self.argument("target")
        with shown():
            environment.remember(
                self.env, chosen=None if wanted == _AUTO else self._declared(wanted)
            )
        takes = "what fits this machine" if wanted == _AUTO else f"<c1>{wanted}</>"
        self.line(f"This environment takes {takes}. Run <c1>poetry install</> to have it.")
        return 0

    def _declared(self, wanted: str) -> str:
        project = getattr(self.poetry.locker, "project", None)
        if project is None:
            raise AccelockError("This project declares no `targets` in [tool.accelock].")
        names = [target.name for target in project.targets]
        if wanted not in names:
            note = "only declared ones can be used"
            raise UnknownWordError("target", wanted, names, note=note)
        return str(wanted)
