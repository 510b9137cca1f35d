"""Findings about the machine, and about the target that it gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.hardware import Rule, container
from accelock.hardware.choose import ORDER
from accelock.hardware.detection import musl_note
from accelock.hardware.probes import nvidia
from accelock.hardware.vendor import VARIABLE, Reason
from accelock.report.findings import Finding, Level
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hardware import Candidate, Choice
    from accelock.report.here import Here

_ERRORS = frozenset({Reason.NO_BUILDS, Reason.NOT_LOCKED, Reason.OLD_DRIVER, Reason.NO_CODE})
_TODO = {
    Reason.NO_BUILDS: "choose another target",
    Reason.NOT_LOCKED: "add the platform to `platforms` in [tool.accelock] and lock again",
    Reason.OLD_DRIVER: "upgrade the driver, or choose an older target",
    Reason.NO_CODE: "choose another target, or lock another version of torch",
}
_GLIBC = re.compile(r"glibc (\d+)\.(\d+)")


def check_machine(here: Here, choice: Choice | None) -> Iterator[Finding]:
    """Yield what the probes noted, and what of the machine the chosen target cannot live with."""
    musl = musl_note(here.machine)  # a profile may come without its notes
    if musl is not None:
        yield Finding(musl.code, Level.ERROR, None, musl.what, musl.todo)
    for note in here.machine.notes:
        if note != musl:
            yield Finding(note.code, Level.WARNING, None, note.what, note.todo)
    yield from _old_glibc(here)
    found = here.candidates()
    if choice is None:
        what = "none of the targets fits this machine (accelock why tells the reasons)"
        todo = f"set {VARIABLE} to choose one all the same, or declare `cpu` too"
        yield Finding("no-target", Level.ERROR, None, what, todo)
        return
    mine = next(each for each in found if each.target == choice.target)
    yield from _chosen(mine, choice)
    yield from _unused(here, found, choice)
    yield from _two_makers(here, found)


def _old_glibc(here: Here) -> Iterator[Finding]:
    machine = here.machine
    found = _GLIBC.fullmatch(machine.libc or "")
    level = here.project.config.levels.glibc
    if found and (int(found[1]), int(found[2])) < level:
        wanted = ".".join(map(str, level))
        what = f"this machine has {machine.libc}, and the lock counts on glibc {wanted}"
        todo = "set `glibc` in [tool.accelock] to this machine's and lock again"
        yield Finding("glibc-too-old", Level.ERROR, None, what, todo)


def _chosen(mine: Candidate, choice: Choice) -> Iterator[Finding]:
    """Yield why a target that somebody chose does not run here."""
    if mine.fits or mine.cause is None:
        return
    level = Level.ERROR if mine.cause in _ERRORS else Level.WARNING
    what = f"{choice.target} is taken ({choice.reason}), and {mine.reason}"
    todo = _TODO.get(mine.cause, "nothing, if this is no machine to run it on")
    yield Finding(mine.cause.value, level, None, what, todo)


def _unused(here: Here, found: tuple[Candidate, ...], choice: Choice) -> Iterator[Finding]:
    """Yield that a GPU stands idle, where the hardware chose cpu all the same."""
    if choice.target.kind is not Kind.CPU or choice.rule is not Rule.LAST_RESORT:
        return
    lacking = {Reason.OLD_DRIVER, Reason.NO_CODE, Reason.NOT_LOCKED, Reason.JETSON, Reason.UNKNOWN}
    reasons = [f"{each.target}: {each.reason}" for each in found if each.cause in lacking]
    gpus = [gpu for gpu in here.machine.gpus if gpu.is_visible and not gpu.integrated]
    if reasons and (gpus or here.machine.driver):
        what = f"there is a GPU, and cpu is taken: {'; '.join(reasons)}"
        todo = "declare a target that it can run, and lock; or upgrade the driver"
        yield Finding("gpu-unused", Level.WARNING, None, what, todo)
    elif container.warns(choice):
        what = "no GPU is seen in this container, as in every image build, and cpu is taken"
        todo = f"if the image is for a machine with one, set {VARIABLE} (ENV {VARIABLE}=cu126)"
        yield Finding("container-without-gpu", Level.WARNING, None, what, todo)


def _two_makers(here: Here, found: tuple[Candidate, ...]) -> Iterator[Finding]:
    kinds = {each.target.kind for each in found if each.fits}
    if {Kind.CUDA, Kind.ROCM} <= kinds and here.machine.of(nvidia.NAME):
        what = "targets for NVIDIA's and for AMD's GPUs both fit this machine"
        todo = f"the order is {ORDER}; set {VARIABLE} to choose"
        yield Finding("two-makers", Level.WARNING, None, what, todo)
