"""Run the probes, each in its time, and put together what they found."""

from __future__ import annotations

import os
import platform
import sys
import threading
from typing import TYPE_CHECKING

from packaging.tags import platform_tags

from accelock.errors import ConfigError
from accelock.hardware import probes
from accelock.hardware.context import Found, ProbeContext, Surroundings
from accelock.hardware.machine import Machine, Note
from accelock.hardware.probes import host
from accelock.hardware.vendor import NONE, VARIABLE
from accelock.targets import host_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.hardware.context import Probe
    from accelock.targets import Platform

_GRACE = 0.5  # seconds; a probe that keeps to its time is not cut off for the last command


def surroundings(environ: Mapping[str, str] | None = None) -> Surroundings:
    """Return this machine's."""
    return Surroundings(
        os.environ if environ is None else environ,
        sys.platform,
        platform.machine(),
        tags=lambda: list(platform_tags()),  # one of them names the interpreter's C library
    )


def detect(around: Surroundings, named: Platform | None = None) -> Machine:
    """Return the machine that is around.

    :param named: its platform, where the caller knows better: of another interpreter.
    :raises ConfigError: a variable that stands for hardware cannot be read. No probe raises.
    """
    first: dict[str, Probe] = {"host": host.probe}
    for vendor in probes.VENDORS:
        first |= vendor.probes
    found, notes = _run(first, around)
    for vendor in probes.VENDORS:
        while more := vendor.then(found, around):
            later, said = _run(more, around)
            found, notes = found | later, [*notes, *said]
    system = found["host"]
    machine = Machine(
        platform=named or host_platform(),
        system=around.system,
        machine=around.machine,
        libc=system.libc,
        container=system.container,
        wsl=system.wsl,
        jetson=system.jetson,
        notes=tuple(notes),
    )
    if (note := musl_note(machine)) is not None:
        machine = machine.noted(note)
    for vendor in probes.VENDORS:
        machine = vendor.add(machine, found, around)
    return _overridden(machine, around.environ)


def musl_note(machine: Machine) -> Note | None:
    """Return what to say of a machine that no wheel of PyTorch is for, by its libc alone."""
    if not machine.is_musl:
        return None
    what = f"this Python is linked to {machine.libc}, for which PyTorch has no wheels"
    return Note("musl", what, "use an image with glibc (python:3.12-slim), not Alpine")


def _overridden(machine: Machine, environ: Mapping[str, str]) -> Machine:
    """Return the machine with what a user says of it, for images that are built away from it.

    An empty variable is no variable; `none` says that there is no driver, or no GPU. All that
    cannot be read are named.
    """
    faults: list[str] = []
    for vendor in probes.VENDORS:
        for name, apply in vendor.overrides.items():
            word = environ.get(name, "").strip()
            try:
                machine = apply(machine, word) if word else machine
            except ValueError as error:
                faults.append(f"{name} is {word!r}; {error}, or {NONE}")
    if faults:
        raise ConfigError(faults, "environment")
    return machine


def _run(wanted: Mapping[str, Probe], around: Surroundings) -> tuple[dict[str, Found], list[Note]]:
    """Return what each probe found, and what all of them noted; they run at once."""
    threads = [_Run(name, probe, ProbeContext(around)) for name, probe in wanted.items()]
    for thread in threads:
        thread.start()
    results = {thread.probe_name: thread.result() for thread in threads}
    found = {name: result for name, (result, _notes) in results.items()}
    return found, [note for _found, notes in results.values() for note in notes]


class _Run(threading.Thread):
    """One probe at work. A daemon, so that one that hangs does not keep the program from ending."""

    def __init__(self, name: str, probe: Probe, context: ProbeContext) -> None:
        super().__init__(name=f"accelock-{name}", daemon=True)
        self.probe_name = name
        self._probe = probe
        self._context = context
        self._found: Found | None = None
        self._fault = ""

    def run(self) -> None:
        try:
            self._found = self._probe(self._context)
        except Exception as error:  # noqa: BLE001 - whatever a machine shows must not stop a sync
            self._fault = f"failed ({type(error).__name__}: {error})"

    def result(self) -> tuple[Found, list[Note]]:
        limit = self._context.around.limit
        self.join(limit + _GRACE)
        if self._found is not None:
            return self._found, list(self._context.notes)
        fault = self._fault or f"did not end within {limit:g} s"
        todo = f"accelock works without its answer; to choose yourself, set {VARIABLE}"
        note = Note("probe", f"the probe {self.probe_name} {fault}", todo)
        return Found(), [*self._context.notes, note]
