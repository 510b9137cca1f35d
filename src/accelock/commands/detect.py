"""`accelock detect`: what a machine has, as lines or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from accelock.hardware import profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.hardware import Gpu, Machine


def lines(machine: Machine) -> Iterator[str]:
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


def dumps(machine: Machine) -> str:
    """Return a machine as JSON, in the schema of `accelock.hardware.profile`."""
    return json.dumps(profile.dump(machine), indent=2)


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
