"""The commands that look and tell: `check`, `detect`, `diff`, `doctor`, `families`, ..."""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from cleo.helpers import argument, option
from cleo.io.outputs.output import Type

from accelock.commands.base import JSON, LOCK, MACHINE, Command, ContextCommand
from accelock.environments import NoEnvironmentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleo.io.inputs.argument import Argument
    from cleo.io.inputs.option import Option

    from accelock.commands.installed import InstalledEnvironment
    from accelock.hardware import Gpu, Machine
    from accelock.targets import PythonVersion

# ruff: noqa: PLC0415 - what a command works with is loaded when it runs, and not to be listed


class CheckCommand(Command):
    """Checks the locks of a project; exits with 1 where there is an error."""

    name = "check"
    help = (
        "Finds the files that accelock compiled (requirements.txt, requirements.<target>.txt, "
        "...) here and one folder below, and poetry.lock and the conda files here, and reports "
        "what is stale, edited, missing or incomplete. It reads nothing from the network, and "
        "installs nothing. It first finishes or undoes an interrupted run. It exits with 1 if it "
        "finds an error."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("files", "Files to check, or their folders.", optional=True, multiple=True)
    ]
    options: ClassVar[list[Option]] = [option("json", None, "Print the findings as JSON.")]

    def handle(self) -> int:
        """Check, print and return the exit code."""
        from accelock.commands.check import check

        report = check(self.directory(), self.argument("files"))
        self.tell(report)
        return report.exit_code


class DetectCommand(ContextCommand):
    """Shows what this machine has."""

    name = "detect"
    help = (
        "Looks at the NVIDIA driver and GPUs (the kernel's files, NVML, nvidia-smi), AMD's (KFD, "
        "rocm_agent_enumerator), Intel's and Apple's, and at the system. It needs no project, "
        "changes nothing, and takes a few seconds at most, even if a driver hangs. What it cannot "
        "read becomes a note. `why --machine FILE` on another machine reads the output of --json."
    )
    options: ClassVar[list[Option]] = [JSON]

    def handle(self) -> int:
        """Look, print and return 0."""
        from accelock.hardware import detect, profile

        found = detect(self.around(), self.platform())
        as_json = self.option("json")
        self.show([json.dumps(profile.dump(found), indent=2)] if as_json else _of_machine(found))
        return 0


class DiffCommand(ContextCommand):
    """Shows what two targets differ in, and what each downloads."""

    name = "diff"
    help = (
        "Compares what is locked for two targets on this machine's platform, or else on the first "
        "platform that both have. The sizes come from the indexes (PEP 700) or from HEAD "
        "requests, and accelock caches them. It downloads no file."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("a", "A target in the lock, such as cpu."),
        argument("b", "Another, as cu126."),
    ]
    options: ClassVar[list[Option]] = [MACHINE, LOCK, JSON]

    def handle(self) -> int:
        """Compare, print and return 0."""
        from accelock.commands.diff import diff

        words = (self.argument("a"), self.argument("b"))
        self.tell(diff(self.context(), words, self.fetching))
        return 0


class DoctorCommand(ContextCommand):
    """Says what is wrong with machine, lock and environment; exits with 1 for an error."""

    name = "doctor"
    help = (
        "Looks at the machine (as `detect`), the lock (as `check`), and at what is installed in "
        "the environment: that of VIRTUAL_ENV, else CONDA_PREFIX, else ./.venv, else the one in "
        "which accelock runs. It installs nothing, and reads nothing from the network. It first "
        "finishes or undoes an interrupted run. It exits with 1 if it finds an error."
    )
    options: ClassVar[list[Option]] = [
        LOCK,
        option("python-executable", None, "Look at the environment of this Python.", flag=False),
        option("strict", None, "Exit with 1 for warnings too."),
        JSON,
    ]

    def handle(self) -> int:
        """Look, print and return the exit code."""
        from accelock.commands.doctor import diagnose

        found = diagnose(self.context(), self.environment)
        self.tell(found)
        return found.exit_code(strict=bool(self.option("strict")))

    def python(self) -> PythonVersion:
        """Return the environment's Python."""
        return self.environment.python if self.environment else super().python()

    @functools.cached_property
    def environment(self) -> InstalledEnvironment | None:
        """Return the environment that is looked at, None where none is to be found."""
        from accelock.commands.installed import InstalledEnvironment

        if word := self._word("python-executable"):
            return InstalledEnvironment.of(word, word)
        try:
            other = self.other_environment()
        except NoEnvironmentError:
            return None
        return (
            InstalledEnvironment.of(other.python, str(other))
            if other
            else InstalledEnvironment.own()
        )


class FamiliesCommand(Command):
    """Shows what the catalogue knows of families of packages, and where they are read."""

    name = "families"
    help = (
        "Without FAMILY: all families that accelock knows, with the settings of pyproject.toml "
        "and the environment, and the packages that exclude each other. With FAMILY, or a package "
        "of a family: everything about that family. It reads nothing from the network."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("family", "A family, such as pytorch, or a package of one.", optional=True)
    ]
    options: ClassVar[list[Option]] = [JSON]

    def handle(self) -> int:
        """Print and return 0."""
        from accelock.commands.families import families
        from accelock.settings.project import Settings

        settings = Settings.of(self.directory())
        found = families(settings, self.argument("family"), os.environ)
        self.show([found.dumps()] if self.option("json") else found.lines())
        return 0


class TargetsCommand(ContextCommand):
    """Shows what the indexes have for each target; exits with 1 where one cannot be read."""

    name = "targets"
    help = (
        "Shows the newest version of each PACKAGE for every target and platform, as `compile` and "
        "`poetry lock` would find it, and the hardware that runs the target. Without PACKAGE: the "
        "project's own requirements that belong to a family, else torch. If an index cannot be "
        "read, it shows the others, and exits with 1."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("packages", "Packages of families, such as torch.", optional=True, multiple=True)
    ]
    options: ClassVar[list[Option]] = [
        option("target", "t", "A target, even an old one; can be given more than once.",
               flag=False, multiple=True),
        MACHINE,
        JSON,
    ]  # fmt: skip

    def handle(self) -> int:
        """Read, print and return the exit code."""
        from accelock.commands.targets import targets

        words, chosen = self.argument("packages"), self.option("target")
        found = targets(self.context(), words, chosen, self.fetching)
        self.show([found.dumps()] if self.option("json") else found.lines())
        return found.exit_code


class WhyCommand(ContextCommand):
    """Explains a choice: of the target for a machine, or of a package's build on each target."""

    name = "why"
    help = (
        "Without PACKAGE: shows the target that this machine gets, and the reason why each "
        "candidate was chosen or not; it exits with 1 if none fits. With PACKAGE: shows its "
        "version, file and index on each target, and what requires it. It reads an index only if "
        "the lock does not name the file."
    )
    arguments: ClassVar[list[Argument]] = [
        argument("package", "A package in the lock.", optional=True)
    ]
    options: ClassVar[list[Option]] = [MACHINE, LOCK, JSON]

    def handle(self) -> int:
        """Answer, and return the exit code."""
        context, package = self.context(), self.argument("package")
        if package is not None:
            from accelock.commands.why_package import why_package

            answer = why_package(context, package, self.fetching)
            self.show([answer.dumps()] if self.option("json") else answer.lines())
            return 0
        from accelock.commands.why import why

        reasons = why(context)
        self.tell(reasons)
        return reasons.exit_code


class TargetCommand(ContextCommand):
    """Prints the target of a machine, for scripts."""

    name = "target"
    help = (
        "Prints the target that this machine gets, and the reason on standard error; it exits "
        "with 1 if none fits. In a uv project whose [tool.uv] conflicts have an extra for each "
        "target, it prints the extra: `uv sync --extra $(accelock target)`."
    )
    options: ClassVar[list[Option]] = [MACHINE, LOCK]

    def handle(self) -> int:
        """Answer, and return 0."""
        choice = self.context().choice()
        self.io.write_error_line(f"{choice.target}: {choice.reason}", type=Type.RAW)
        self.show([choice.target.name])
        return 0


def _of_machine(machine: Machine) -> Iterator[str]:
    """Yield a machine in words, a fact a line."""
    if machine.about:
        yield f"profile:        {machine.about}"
    system = f"{machine.system} on {machine.machine}"
    yield f"platform:       {machine.platform or 'none that accelock knows'} ({system})"
    if machine.libc:
        yield f"C library:      {machine.libc}"
    for name, value in (("container", machine.container), ("Jetson Linux", machine.jetson)):
        if value:
            yield f"{name + ':':<15} {value}"
    if machine.wsl:
        yield "WSL:            yes"
    driver = machine.driver
    told = f"{driver.text}, from {driver.source}" if driver else "none"
    yield f"NVIDIA driver:  {told}"
    yield from _gpus(machine)
    for note in machine.notes:
        yield f"note: {note.what} [{note.code}]; {note.todo}"


def _gpus(machine: Machine) -> Iterator[str]:
    counts = Counter(map(_spelt, machine.gpus))
    if not counts:
        yield "GPUs:           none"
    for number, (text, count) in enumerate(counts.items()):
        head = "GPUs:" if number == 0 else ""
        yield f"{head:<15} {f'{count} x ' if count > 1 else ''}{text}"


def _spelt(gpu: Gpu) -> str:
    more = ", part of the processor" if gpu.integrated else ""
    hidden = f", hidden by {gpu.hidden_by}" if gpu.hidden_by else ""
    return f"{gpu}{more}{hidden} (from {gpu.source})"
