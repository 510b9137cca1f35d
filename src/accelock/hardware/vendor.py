"""A vendor of GPUs: one value that holds all that accelock knows of its hardware.

To add a vendor, write `probes/NAME.py` with such a value and list it in `probes.VENDORS`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from accelock.hardware.machine import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packaging.version import Version

    from accelock.catalogue import HardwareTables
    from accelock.hardware.context import Found, Probe, Surroundings
    from accelock.hardware.machine import Gpu, Machine
    from accelock.targets import Kind, Target

VARIABLE = "ACCELOCK_TARGET"
NONE = "none"  # what an override says for "there is none"
_NO_DEVICES = frozenset({"-1", "nodevfiles", "none", "void"})
_LONGEST = 6  # digits of an index
_SEPARATORS = re.compile(r"[,;\s]+")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class LockedTarget:
    """What a lock has for one target.

    :param torch: the version of torch, None where the lock has none.
    :param platforms: the names of the platforms that it holds the target for; None: not known.
    """

    torch: Version | None = None
    platforms: frozenset[str] | None = None


class Reason(enum.Enum):
    """Why a target does not fit; the values are the codes of `doctor`."""

    NO_BUILDS = "no-builds"
    NOT_LOCKED = "platform-not-locked"
    NO_DRIVER = "no-driver"
    OLD_DRIVER = "driver-too-old"
    NO_CODE = "gpu-not-supported"
    NO_GPU = "no-gpu"
    HIDDEN = "gpu-hidden"
    JETSON = "jetson"
    UNKNOWN = "not-known"

    @property
    def is_of_nothing_seen(self) -> bool:
        """Tell whether there is no sign of hardware that the target needs."""
        return self in (Reason.NO_DRIVER, Reason.NO_GPU)


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a target fits a machine, why in words, and a code where it does not."""

    fits: bool
    reason: str
    cause: Reason | None = None

    @classmethod
    def no(cls, cause: Reason, reason: str) -> Fit:
        """Return that a target does not fit."""
        return cls(fits=False, reason=reason, cause=cause)


@dataclass(frozen=True)
class Vendor:
    """A row of `probes.VENDORS`.

    :param name: the word for it in JSON; the `vendor` of its GPUs.
    :param kind: the kind of target that its GPUs run, None where there is none.
    :param probes: by the names that notes call them; all vendors' run at once.
    :param then: more probes to run, by what was found so far; asked until it names none.
    :param add: adds what its probes found to the machine, as far as programs can use it.
    :param fit: whether a target of `kind`, which has builds for the machine's platform, runs there.
    :param overrides: variables in which a user says what the machine has, with what applies their
        text; ValueError where it cannot be read.
    """

    name: str
    kind: Kind | None
    probes: Mapping[str, Probe]
    add: Callable[[Machine, Mapping[str, Found], Surroundings], Machine]
    fit: Callable[[Target, Machine, HardwareTables, LockedTarget], Fit]
    then: Callable[[Mapping[str, Found], Surroundings], Mapping[str, Probe]] = lambda *_: {}
    overrides: Mapping[str, Callable[[Machine, str], Machine]] = field(default_factory=dict)


def add_gpus(probe: str) -> Callable[[Machine, Mapping[str, Found], Surroundings], Machine]:
    """Return the `add` of a vendor whose GPUs a single probe lists, and nothing hides."""

    def add(machine: Machine, found: Mapping[str, Found], _around: Surroundings) -> Machine:
        return replace(machine, gpus=(*machine.gpus, *(found[probe].gpus or ())))

    return add


def not_passed_in(machine: Machine, host_has: str, todo: str) -> Machine:
    """Return the machine with the note that its container was started without the host's GPUs."""
    what = f"the host has {host_has}"
    return machine.noted(Note("gpu-not-passed-in", what, f"{todo}, or set {VARIABLE}"))


def parse_list(word: str, parse: Callable[[str], _Value | None], example: str) -> list[_Value]:
    """Return what `parse` makes of each part of a list.

    :raises ValueError: it makes nothing of one.
    """
    values = []
    for part in filter(None, _SEPARATORS.split(word)):
        value = parse(part)
        if value is None:
            raise ValueError(f"write {example}")
        values.append(value)
    return values


# The variables of CUDA and ROCm that leave only some GPUs to programs.
# CUDA: CUDA C++ Programming Guide, "CUDA Environment Variables". ROCm: "GPU isolation techniques".


def devices(value: str) -> list[str]:
    """Return the devices that a variable names, up to the first that is none, as CUDA reads it."""
    words: list[str] = []
    for word in value.split(","):
        bare = word.strip()
        if not bare or bare.lower() in _NO_DEVICES or bare.startswith("-"):
            break
        words.append(bare)
    return words


def mark_hidden(gpus: Sequence[Gpu], value: str, name: str) -> tuple[Gpu, ...]:
    """Return the GPUs, those marked that the variable `name` hides by its `value`."""
    chosen: set[int] = set()
    for word in devices(value):
        index = _index(word, gpus)
        if index is None:
            break
        chosen.add(index)
    return tuple(
        gpu if index in chosen else replace(gpu, hidden_by=name) for index, gpu in enumerate(gpus)
    )


def _index(word: str, gpus: Sequence[Gpu]) -> int | None:
    if word.isascii() and word.isdigit():
        index = int(word) if len(word) <= _LONGEST else len(gpus)
        return index if index < len(gpus) else None
    # Old drivers name an instance after its GPU: MIG-GPU-<uuid>/<instance>/<compute instance>.
    if word.upper().startswith("MIG-GPU-"):
        word = word[len("MIG-") :].partition("/")[0]
    # A UUID may be cut short; a MIG instance is a part of some GPU, and they are alike.
    for index, gpu in enumerate(gpus):
        if gpu.uuid and gpu.uuid.lower().startswith(word.lower()):
            return index
    is_unknown = all(gpu.uuid is None for gpu in gpus) or word.upper().startswith("MIG-")
    return 0 if gpus and is_unknown else None
