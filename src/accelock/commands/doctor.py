"""`accelock doctor`: the whole diagnosis, of machine, lock and environment.

The JSON: `format` (1), `target` and `reason` (null where none fits or none is declared),
`environment` (its folder or Python, null for none), `files` (those that were checked), `findings`
(each `code`, `level`, `file`, `what`, `todo`), and `machine`, in the schema of `accelock detect
--json`.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from accelock import __version__, toml
from accelock.commands import installed
from accelock.commands.check import check
from accelock.commands.findings import Finding, Level, Report
from accelock.errors import AccelockError
from accelock.hardware import NoTargetError, Rule, profile
from accelock.hardware.choice import ORDER, NotLockedError
from accelock.hardware.detection import musl_note
from accelock.hardware.probes import nvidia
from accelock.hardware.vendor import VARIABLE, Reason
from accelock.locks import compiled, requirements
from accelock.locks.inputs import PYPROJECT
from accelock.settings.poetry_project import read_project
from accelock.settings.project import uv_targets
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from accelock.commands.context import Context
    from accelock.commands.installed import InstalledEnvironment
    from accelock.commands.screen import Screen
    from accelock.hardware import Candidate, Choice, Machine
    from accelock.locks.compiled import Compiled

FORMAT = 1
# What `check` says of a lock that cannot be read.
_UNREADABLE = frozenset({"damaged", "newer-format", "unreadable"})
_ERRORS = frozenset({Reason.NO_BUILDS, Reason.NOT_LOCKED, Reason.OLD_DRIVER, Reason.NO_CODE})
_TODO = {
    Reason.NO_BUILDS: "choose another target",
    Reason.NOT_LOCKED: "add the platform to `platforms` in [tool.accelock] and lock again",
    Reason.OLD_DRIVER: "upgrade the driver, or choose an older target",
    Reason.NO_CODE: "choose another target, or lock another version of torch",
}
_GLIBC = re.compile(r"glibc (\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was looked at, and what was found.

    `environment` is what to call the one there is. `areas` has the worst level of what was found in
    the machine, the lock and the environment, None where all is well.
    """

    report: Report
    machine: Machine
    choice: Choice | None
    environment: str | None
    areas: Mapping[str, Level | None]

    def exit_code(self, *, strict: bool) -> int:
        """Return 1 for an error, and for a warning where `strict`; else 0."""
        return int(bool(self.report.findings)) if strict else self.report.exit_code

    def lines(self) -> Iterator[str]:
        """Yield a line for each finding, and one that sums up."""
        yield from map(str, self.report.findings)
        target = f"target {self.choice}" if self.choice else "no target"
        files = ", ".join(self.report.files) or "no lock"
        looked = f"{files}, {self.environment or 'no environment'}"
        yield f"{target}; looked at {looked}: {self.report.counts or 'all is well'}"

    def on_screen(self, screen: Screen) -> Iterator[str]:
        """Yield the diagnosis for a terminal: what was looked at, and each finding."""
        told = {
            "machine": ", ".join(map(str, _summary(self.machine))),
            "lock": ", ".join(self.report.files) or "none here",
            "environment": self.environment or "none is active",
        }
        states = {area: level.value if level else "ok" for area, level in self.areas.items()}
        rows = [(states[area], area, text) for area, text in told.items()]
        chosen = ("ok", "target", str(self.choice)) if self.choice else ("", "target", "none")
        yield from screen.table([rows[0], chosen, *rows[1:]], indent=0)
        yield ""
        for finding in self.report.findings:
            yield from finding.on_screen(screen)
            yield ""
        yield self.report.counts or "All is well."

    def dumps(self) -> str:
        """Return the diagnosis as JSON."""
        document = {
            "format": FORMAT,
            "target": self.choice.target.name if self.choice else None,
            "reason": self.choice.reason if self.choice else None,
            "environment": self.environment,
            "files": list(self.report.files),
            "findings": [finding.as_json() for finding in self.report.findings],
            "machine": profile.dump(self.machine),
        }
        return json.dumps(document, indent=2)


def diagnose(context: Context, environment: InstalledEnvironment | None) -> Diagnosis:
    """Return what is wrong with a project on this machine, and with an environment.

    What an interrupted run left is finished or taken back first, as `check` does it.

    :param environment: None where accelock is a tool, and no environment is active.
    :raises ConfigError: [tool.accelock], or a variable that stands for hardware, is broken.
    """
    checked = check(context.directory)
    declared, refusal = _declared(context)
    is_told = any(each.code in _UNREADABLE for each in checked.findings)
    choice, obstacle = _choice(context) if declared else (None, ())
    machine = [*(obstacle or check_machine(context, choice))] if declared else []
    lock = [] if refusal else [*check_lock(context)]
    there = [] if refusal else [*_environment(environment, context, choice)]
    # A project without targets needs no lock of ours.
    counted = [each for each in checked.findings if declared or each.code != "no-file"]
    told = () if is_told else refusal
    once = dict.fromkeys([*told, *machine, *lock, *there, *counted])
    areas = {"machine": machine, "lock": [*told, *lock, *counted], "environment": there}
    is_ours = declared or refusal or checked.files or context.settings.config.conda is not None
    if not is_ours:
        once[_nothing(context.directory)] = None
    name = environment.name if environment else None
    report = Report(checked.files, tuple(once))
    levels = {area: _worst(each) for area, each in areas.items()}
    return Diagnosis(report, context.machine, choice, name, levels)


def _worst(findings: Iterable[Finding]) -> Level | None:
    levels = {each.level for each in findings}
    return next((level for level in Level if level in levels), None)


def _summary(machine: Machine) -> Iterator[str]:
    """Yield a machine in few words: its platform, its driver and its GPUs."""
    yield machine.where
    if machine.driver:
        yield f"driver {machine.driver.text}"
    yield from dict.fromkeys(gpu.name or "a GPU" for gpu in machine.gpus)
    if not machine.gpus:
        yield "no GPU"


def _environment(
    environment: InstalledEnvironment | None, context: Context, choice: Choice | None
) -> Iterator[Finding]:
    if environment is not None:
        yield from installed.check(environment.packages, context, choice)
        return
    what = "no environment is active, and there is no .venv here: nothing installed was looked at"
    todo = "activate the project's environment, or name its Python with --python-executable"
    yield Finding("no-environment", Level.WARNING, None, what, todo)


def _nothing(directory: Path) -> Finding:
    what = (
        f"{directory.resolve()} has no lock of accelock's, and no pyproject.toml with targets in "
        "[tool.accelock]: there is nothing to look at"
    )
    todo = "run it in a project's folder"
    return Finding("nothing-here", Level.WARNING, None, what, todo)


def _declared(context: Context) -> tuple[bool, tuple[Finding, ...]]:
    """Tell whether there are targets to choose among, and what keeps the lock from being read."""
    try:
        lock = context.lock
    except AccelockError as error:
        what, _, todo = str(error).partition(". ")
        return False, (Finding("damaged", Level.ERROR, None, what, todo or "repair it first"),)
    known = context.settings.catalogue.targets
    declared = context.settings.config.targets or uv_targets(context.directory, known)
    return bool(lock or declared), ()


def _choice(context: Context) -> tuple[Choice | None, tuple[Finding, ...]]:
    """Return the choice, None without one, and what a variable has to do with that."""
    try:
        return context.choice(), ()
    except NoTargetError:
        return None, ()
    except NotLockedError as error:
        what, _, todo = str(error).partition(". ")
        return None, (Finding("no-target", Level.ERROR, None, what, todo),)


# The machine


def check_machine(context: Context, choice: Choice | None) -> Iterator[Finding]:
    """Yield what the probes noted, and what of the machine the chosen target cannot live with."""
    musl = musl_note(context.machine)  # a profile may come without its notes
    if musl is not None:
        yield Finding(musl.code, Level.ERROR, None, musl.what, musl.todo)
    for note in context.machine.notes:
        if note != musl:
            yield Finding(note.code, Level.WARNING, None, note.what, note.todo)
    yield from _old_glibc(context)
    found = context.candidates()
    if choice is None:
        what = "no target fits this machine (accelock why gives the reasons)"
        todo = f"set {VARIABLE} to choose one anyway, or declare `cpu` too"
        yield Finding("no-target", Level.ERROR, None, what, todo)
        return
    mine = next(each for each in found if each.target == choice.target)
    yield from _chosen(mine, choice)
    yield from _unused(context, found, choice)
    yield from _two_makers(context, found)


def _old_glibc(context: Context) -> Iterator[Finding]:
    machine = context.machine
    found = _GLIBC.fullmatch(machine.libc or "")
    level = context.settings.config.levels.glibc
    if found and (int(found[1]), int(found[2])) < level:
        wanted = ".".join(map(str, level))
        what = f"this machine has {machine.libc}, and the lock requires glibc {wanted}"
        todo = "set `glibc` in [tool.accelock] to this machine's and lock again"
        yield Finding("glibc-too-old", Level.ERROR, None, what, todo)


def _chosen(mine: Candidate, choice: Choice) -> Iterator[Finding]:
    """Yield why a target that somebody chose does not run here."""
    if mine.fits or mine.cause is None:
        return
    level = Level.ERROR if mine.cause in _ERRORS else Level.WARNING
    what = f"{choice.target} is chosen ({choice.reason}), and {mine.reason}"
    todo = _TODO.get(mine.cause, "nothing, if you will not run it on this machine")
    yield Finding(mine.cause.value, level, None, what, todo)


def _unused(context: Context, found: tuple[Candidate, ...], choice: Choice) -> Iterator[Finding]:
    """Yield that a GPU stands idle, where the hardware chose cpu all the same."""
    if choice.target.kind is not Kind.CPU or choice.rule is not Rule.LAST_RESORT:
        return
    lacking = {Reason.OLD_DRIVER, Reason.NO_CODE, Reason.NOT_LOCKED, Reason.JETSON, Reason.UNKNOWN}
    reasons = [f"{each.target}: {each.reason}" for each in found if each.cause in lacking]
    gpus = [gpu for gpu in context.machine.gpus if gpu.is_visible and not gpu.integrated]
    if reasons and (gpus or context.machine.driver):
        what = f"there is a GPU, and cpu is chosen: {'; '.join(reasons)}"
        todo = "declare a target that the GPU can run, and lock again, or upgrade the driver"
        yield Finding("gpu-unused", Level.WARNING, None, what, todo)
    elif choice.container_warning:
        what = "this container has no GPU (an image build never has one), and cpu is chosen"
        todo = f"if the image is for a machine with a GPU, set {VARIABLE} (ENV {VARIABLE}=cu126)"
        yield Finding("container-without-gpu", Level.WARNING, None, what, todo)


def _two_makers(context: Context, found: tuple[Candidate, ...]) -> Iterator[Finding]:
    kinds = {each.target.kind for each in found if each.fits}
    if {Kind.CUDA, Kind.ROCM} <= kinds and context.machine.of(nvidia.NAME):
        what = "targets for NVIDIA's and for AMD's GPUs both fit this machine"
        todo = f"the order is {ORDER}; set {VARIABLE} to choose"
        yield Finding("two-makers", Level.WARNING, None, what, todo)


# The lock


def check_lock(context: Context) -> Iterator[Finding]:
    """Yield what `check` has no word for, because it is no fault of the lock itself."""
    known = context.settings.catalogue.targets
    for path in compiled.find(context.directory):
        found = None
        with contextlib.suppress(AccelockError):  # `check` says which file cannot be read
            found = compiled.read(path, compiled.shown(path, context.directory), known)
        if found is not None:
            yield from _newer(found)
            yield from _exposed(found, context)
    yield from _poetry_sources(context)


def _newer(file: Compiled) -> Iterator[Finding]:
    try:
        is_newer = Version(file.stamp.version) > Version(__version__)
    except ValueError:
        return
    if is_newer:
        what = f"it was made by accelock {file.stamp.version}, and this is {__version__}"
        yield Finding("older-accelock", Level.WARNING, file.name, what, "upgrade accelock")


def _exposed(file: Compiled, context: Context) -> Iterator[Finding]:
    """Yield what of a file without hashes lets an index answer for packages that are not its own.

    pip takes the newest file of any of its indexes: dependency confusion.
    """
    content = file.requirements
    bare = [pin for pin in content.pins if not pin.hashes and pin.url is None]
    extra = (*content.values("--extra-index-url"), *content.values("--find-links"))
    catalogue = context.settings.catalogue
    ours = sorted({pin.name for pin in bare if pin.name and catalogue.family_of(pin.name)})
    others = [pin.name for pin in bare if pin.name not in ours]
    if bare:
        others += requirements.left_out(content.text)
    todo = "compile again; with a target, the file then has hashes, and setuptools is pinned"
    if ours:
        what = f"{_counted(ours)} without a hash: pip installs whatever the index has on that day"
        yield Finding("unhashed", Level.WARNING, file.name, what, todo)
    if extra and others:
        what = (
            f"{_counted(others)} without a hash beside an extra index ({len(extra)}), and pip "
            "asks it for every package: it may serve a package that is not its own"
        )
        yield Finding("index-confusion", Level.WARNING, file.name, what, todo)


def _counted(names: list[str]) -> str:
    head = ", ".join(names[:3])
    if len(names) > 3:  # noqa: PLR2004
        return f"{head} and {len(names) - 3} more are"
    return f"{head} {'is' if len(names) == 1 else 'are'}"


def _poetry_sources(context: Context) -> Iterator[Finding]:
    """Yield a source of pyproject.toml that Poetry asks for every package, and is a family's."""
    try:
        pyproject = toml.read(context.directory / PYPROJECT, PYPROJECT) or {}
    except AccelockError as error:
        yield Finding("damaged", Level.ERROR, None, str(error), "repair it first")
        return
    for source in read_project(pyproject).sources:
        families = context.settings.catalogue.families
        if source.priority.lower() != "explicit" and any(f.recognise(source.url) for f in families):
            what = (
                f"the source {source.name} is {source.priority}: Poetry asks it for every "
                "package, and it may serve one that is not its own"
            )
            todo = "set its priority to explicit, or remove it: accelock knows the family's index"
            yield Finding("index-confusion", Level.WARNING, PYPROJECT, what, todo)
