"""The commands `conda lock`, `conda install` and `conda capture`; no conda is needed for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import option
from cleo.io.outputs.output import Type, Verbosity

from accelock.commands.base import Command, ContextCommand, shows_progress
from accelock.conda import capture, guarantee
from accelock.conda.beside import renew
from accelock.conda.formats import FORMATS, LOCK, on_request
from accelock.conda.formats.lock import read_lock
from accelock.conda.formats.model import COMMAND, read_stamp
from accelock.conda.project import load_project
from accelock.errors import AccelockError, UnknownWordError, UsageError
from accelock.locks import journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleo.io.inputs.option import Option

    from accelock.conda.capture import Captured
    from accelock.conda.link import Contents
    from accelock.conda.project import CondaEnvironment, CondaProject
    from accelock.conda.record import Record
    from accelock.targets import Platform, Target


class CondaLockCommand(Command):
    """Solves what is stale of [tool.accelock.conda], and writes all of its files or none."""

    name = "conda lock"
    help = (
        "Writes environment-<target>.yml and conda-<target>-lock.yml for every target and group, "
        "each for all platforms. It leaves fresh files alone, and keeps locked versions that "
        "still fit. It needs the extra `conda`, but no conda."
    )
    options: ClassVar[list[Option]] = [
        option("update", None, "Let this package change its version.", flag=False, multiple=True),
        option("update-all", None, "Let every package change its version."),
        option(
            "format",
            None,
            "Also write this format: "
            + ", ".join(f"`{name}` ({FORMATS[name].says})" for name in on_request())
            + ".",
            flag=False,
            multiple=True,
        ),
    ]

    def handle(self) -> int:
        """Solve, write and return the exit code."""
        # rattler is loaded only by the command that needs it.
        from accelock.conda.run import CondaRequest, sidecars  # noqa: PLC0415

        directory = self.directory()
        for recovery in journal.recover(directory):
            self._say(str(recovery))
        asked = CondaRequest(
            update=tuple(self.option("update")),
            everything=self.option("update-all"),
            formats=tuple(_format(word) for word in self.option("format")),
        )
        project = load_project(directory)
        files = sidecars(
            project,
            asked,
            name=project.name,
            say=self._say,
            warn=self._warn,
            show_progress=shows_progress(self.io),
        )
        if files:
            journal.write_all(files, directory)
        renew(directory, project.environments())
        for path in files:
            self.io.write_line(f"{path.name} written", type=Type.RAW)
        if not files:
            self.io.write_line(
                "The conda files are fresh; there was nothing to solve.", type=Type.RAW
            )
        return 0

    def _say(self, text: str) -> None:
        self.io.write_error_line(text, verbosity=Verbosity.NORMAL, type=Type.RAW)

    def _warn(self, text: str) -> None:
        self._say(f"WARNING: {text}")


def _format(word: str) -> str:
    if word not in on_request():
        raise UnknownWordError("format", word, on_request())
    return word


_FORMATS = ("table", "environment")


class CondaCaptureCommand(Command):
    """Prints what was asked for in a conda environment, pinned and portable."""

    name = "conda capture"
    help = "Reads the environment's own records, without conda. It lists pip's packages separately."
    options: ClassVar[list[Option]] = [
        option("prefix", "p", "The environment's folder.", flag=False),
        option("from", None, "Read this environment.yml or export instead.", flag=False),
        option("keep", None, "Keep only the packages in this requirements.in.", flag=False),
        option("format", None, "`table` (the default) or `environment`.", flag=False),
        option("output", "o", "Write to this file instead of standard output.", flag=False),
    ]

    def handle(self) -> int:
        """Capture, print or write, and return the exit code."""
        prefix, file = self.option("prefix"), self.option("from")
        if bool(prefix) == bool(file):
            raise UsageError(
                "name an environment: accelock conda capture --prefix FOLDER, or --from FILE"
            )
        if file and self.option("keep"):
            raise UsageError("--keep works with --prefix only; with --from, edit the output")
        form = self.option("format") or _FORMATS[0]
        if form not in _FORMATS:
            raise UnknownWordError("format", form, _FORMATS)
        if file:
            found = capture.captured_from(_read(file) or "", file)
        else:
            found = capture.capture(Path(prefix), _read(self.option("keep")))
        self._tell(found)
        text = capture.table(found) if form == "table" else capture.environment(found)
        if self.option("output"):
            _write(Path(self.option("output")), text)
        else:
            self.io.write(text, type=Type.RAW)
        return 0

    def _tell(self, found: Captured) -> None:
        """Say on stderr how the packages were found, and what the keep-list has in vain."""
        count = len(found.requested)
        noun = "package" if count == 1 else "packages"
        self.io.write_error_line(f"{count} {noun}, known by {found.how}", type=Type.RAW)
        for word in found.missing:
            told = f"WARNING: {word} is in the --keep file, and not in the environment"
            self.io.write_error_line(told, type=Type.RAW)


def _write(path: Path, text: str) -> None:
    """Write a new file; one that is there is a source of somebody's, pyproject.toml at worst."""
    if path.is_file():
        try:
            before = path.read_bytes()
        except OSError as error:
            raise AccelockError(f"{path}: cannot be read: {error.strerror}") from None
        if before.strip() and before != text.encode():
            raise AccelockError(
                f"{path} exists already; nothing was written. Name another file, or move this one "
                "away. Without --output, the table for pyproject.toml is printed"
            )
    journal.write_all({path: text.encode()})


def _read(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AccelockError(f"{path}: cannot be read: {error}") from error


class CondaInstallCommand(ContextCommand):
    """Makes a prefix hold exactly what the lock of this machine's target has."""

    name = "conda install"
    help = (
        "Installs conda-<target>-lock.yml for this machine's platform. --target or "
        "ACCELOCK_TARGET chooses the target; otherwise it is the only one declared, or the one "
        "that fits this machine. accelock checks the sha256 of every archive before it links "
        "anything, and removes a new folder again if the install fails. It keeps what pip "
        "installed into the folder. It does not run the link scripts of packages."
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
            raise UsageError("name a folder: accelock conda install --prefix FOLDER")
        journal.refuse_unfinished(directory)
        project = load_project(directory)
        target, why = self._target(project)
        group = _group(project, self.option("group"))
        environment = next(
            each for each in project.environments() if (each.target, each.group) == (target, group)
        )
        name = LOCK.file_name(target, group)
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
                f"WARNING: {', '.join(scripts)}: accelock did not run the link scripts of these "
                "packages. If you need what they do, create the folder from the lock with "
                "micromamba or conda"
            )
        if menus:
            self._say(
                f"NOTE: {', '.join(menus)}: accelock did not add the desktop menu entries of "
                "these packages"
            )

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
            raise AccelockError(f"{name} does not exist; run: accelock conda lock")
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
        name = LOCK.file_name(of.target, of.group)
        try:
            stamp = read_stamp(project.read(name) or "", name)
            today = {p.conda_subdir: each for p, each in project.digests(of, locked).items()}
            stale = stamp.changed(today) if stamp is not None else ()
        except AccelockError as error:  # a lock of pip's that is not here, as in a container
            self._say(f"WARNING: accelock cannot tell whether {name} is fresh: {error}")
            return
        if stale:
            self._say(
                f"WARNING: {name} is stale: its inputs changed, or are missing "
                f"({', '.join(stale)}); to update it, run: {COMMAND}"
            )

    def _say(self, text: str) -> None:
        self.io.write_error_line(text, type=Type.RAW)


def _group(project: CondaProject, word: str | None) -> str | None:
    if word is not None and word not in project.conda.groups:
        raise UnknownWordError("group", word, sorted(project.conda.groups))
    return word
