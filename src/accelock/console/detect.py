"""The command `detect`, for the console application and for Poetry's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from accelock.console.base import JSON, HereCommand
from accelock.hardware import detect
from accelock.report import machine

if TYPE_CHECKING:
    from cleo.io.inputs.option import Option


class DetectCommand(HereCommand):
    """Shows what this machine has."""

    name = "detect"
    description = "what this machine has: driver, GPUs, platform"
    help = (
        "Looks at the NVIDIA driver and GPUs (the kernel's files, NVML, nvidia-smi), AMD's (KFD, "
        "rocm_agent_enumerator), Intel's and Apple's, and at the system. It needs no project, "
        "changes nothing, and takes seconds at most where a driver hangs: what could not be read "
        "is a note. --json prints what `why --machine FILE` reads on another machine."
    )
    options: ClassVar[list[Option]] = [JSON]

    def handle(self) -> int:
        """Look, print and return 0."""
        found = detect(self.around(), self.platform())
        self.show([machine.dumps(found)] if self.option("json") else machine.lines(found))
        return 0
