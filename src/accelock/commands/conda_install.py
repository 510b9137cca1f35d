"""The command `conda install`: a lock into a prefix, with no conda on the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import option
from cleo.io.outputs.output import Type

from accelock.commands.base import ContextCommand, shows_progress
from accelock.conda import guarantee
from accelock.conda.formats import LOCK
from accelock.conda.formats.lock import read_lock
from accelock.conda.formats.model import COMMAND, read_stamp
from accelock.conda.project import load_project
from accelock.errors import AccelockError, UnknownWordError, UsageError
from accelock.locks import journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleo.io.inputs.option import Option

    from accelock.conda.link import Contents
    from accelock.conda.project import CondaEnvironment, CondaProject
    from accelock.conda.record import Record
    from accelock.targets import Platform, Target


class CondaInstallCommand(ContextCommand):
    """Makes a prefix hold exactly what the lock of this machine's target has."""

    name = "conda install"
    description = "install a conda lock into a folder; no conda needed"
    help = (
        "Installs conda-<target>-lock.yml for this machine's platform. The target is the only one "
        "declared, or that of --target, of ACCELOCK_TARGET, or the one that fits this machine. "
        "Each archive's sha256 is checked before anything is linked; a new folder is removed again "
        "if the install fails. What pip installed into the folder stays. Scripts that packages "
        "want to run after they were linked are not run."
    )
    options: ClassVar[list[Option]] = [
        option("prefix", "p", "The folder to install into.", flag=False),
        option("target", "t", "The target to install.", flag=False),
        option("group", None, "The group to install too.", flag=False),
    ]

    def handle(self) -> int:
        """Install, say what was installed, and return the exit code."""
        # rattler is loaded only by the command that needs it.
        from accelock.conda.install import Progress, choose_records, install  # noqa: PLC0415

        directory = self.directory()
        prefix = self.option("prefix")
        if not prefix:
            raise UsageError("say where to: accelock conda install --prefix FOLDER")
        journal.refuse_unfinished(directory)
        project = load_project(directory)
        target, why = self._target(project)
        group = _group(project, self.option("group"))
        environment = next(
            each for each in project.environments() if (each.target, each.group) == (target, group)
        )
        name = LOCK.file_name(target, group, None)
        locked = read_lock(self._text(project, name), name)
        platform, records = choose_records(locked, name)
        specs = project.conda.specs_for(target, platform, group)
        guarantee.verify(records, target, platform, specs)
        self._warn_of_age(project, environment, locked)
        self._say(f"{name}{f' ({why})' if why else ''}")
        found = install(
            records,
            Path(prefix),
            platform,
            channels=project.conda.channels,
            requested=specs,
            progress=Progress(self._say, on_terminal=shows_progress(self.io)),
        )
        self._tell_what_was_not_run(found)
        self._say(f"{len(records)} packages are in {prefix}")
        return 0

    def _tell_what_was_not_run(self, found: Sequence[Contents]) -> None:
        """Name the packages whose scripts, or entries of a desktop's menu, are left to others."""
        scripts = [each.name for each in found if each.scripts]
        menus = [each.name for each in found if each.menus]
        if scripts:
            self._say(
                f"WARNING: {', '.join(scripts)}: scripts that were to run at linking were not run; "
                "where they are needed, make the folder with micromamba or conda from the lock"
            )
        if menus:
            self._say(f"NOTE: {', '.join(menus)}: nothing was put into the desktop's menu")

    def _target(self, project: CondaProject) -> tuple[Target | None, str]:
        """Return the target to install, and why it is that."""
        declared = project.config.targets
        wanted = self.option("target")
        if wanted is None and not declared:
            return None, ""
        if wanted is None:
            choice = self.context().choice()
            if warning := choice.container_warning:
                self._say(f"WARNING: {warning}")
            return choice.target, str(choice)
        for target in declared:
            if target.name == wanted:
                return target, "--target says so"
        raise UnknownWordError("declared target", wanted, [target.name for target in declared])

    def _text(self, project: CondaProject, name: str) -> str:
        text = project.read(name)
        if text is None:
            raise AccelockError(f"{name} is not there; make it with: accelock conda lock")
        stamp = read_stamp(text, name)
        if stamp is None or not stamp.describes(text):
            self._say(f"WARNING: {name} was edited by hand, or written by another tool")
        return text

    def _warn_of_age(
        self,
        project: CondaProject,
        of: CondaEnvironment,
        locked: Mapping[Platform, tuple[Record, ...]],
    ) -> None:
        """Warn of a lock that `check` would call stale; it is what there is, and is installed."""
        name = LOCK.file_name(of.target, of.group, None)
        try:
            stamp = read_stamp(project.read(name) or "", name)
            today = {p.conda_subdir: each for p, each in project.digests(of, locked).items()}
            stale = stamp.changed(today) if stamp is not None else ()
        except AccelockError as error:  # a lock of pip's that is not here, as in a container
            self._say(f"WARNING: it cannot be told whether {name} is fresh: {error}")
            return
        if stale:
            self._say(
                f"WARNING: {name} is stale: what it was solved from changed, or is not here "
                f"({', '.join(stale)}); to renew it, run: {COMMAND}"
            )

    def _say(self, text: str) -> None:
        self.io.write_error_line(text, type=Type.RAW)


def _group(project: CondaProject, word: str | None) -> str | None:
    if word is not None and word not in project.conda.groups:
        raise UnknownWordError("group", word, sorted(project.conda.groups))
    return word
