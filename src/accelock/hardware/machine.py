"""A machine, as far as targets go: frozen values, free of how they were found out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelock.targets import Platform

# Of every real form: 440.33, 550.54.15, 580.82.07, and gcc's 12.3.0 is none of them. The lengths
# are bounded, because Python refuses to read numbers of thousands of digits.
_DRIVER = re.compile(r"(?<![\d.])[1-9]\d{2,3}(?:\.\d{1,5}){1,2}(?![\d.]*\d)")
_CAPABILITY = re.compile(r"([1-9]\d?)\.(\d)")
_GFX = re.compile(r"gfx[0-9a-f]{3,4}")
_LARGEST_GFX = 999_999  # major 99, minor 99, stepping 99


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver version such as (550, 54, 15), as it is written, and where it was read."""

    version: tuple[int, ...]
    text: str
    source: str

    @classmethod
    def find(cls, text: str, source: str) -> Driver | None:
        """Return the first driver version in a text, or None."""
        found = _DRIVER.search(text)
        if found is None:
            return None
        return cls(tuple(int(part) for part in found[0].split(".")), found[0], source)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    `vendor` is the name of a row of `accelock.hardware.probes.VENDORS`. `capability` is NVIDIA's
    compute capability, (9, 0) for an H100, None where it is not known. `gfx` is AMD's architecture,
    as the compiler writes it: gfx90a. `integrated` is one that shares the processor's memory.
    `hidden_by` names the variable that hides it from programs. `uuid` is what these variables may
    call it; no file of ours has it.
    """

    vendor: str
    name: str | None = None
    capability: tuple[int, int] | None = None
    gfx: str | None = None
    integrated: bool = False
    hidden_by: str | None = None
    source: str = ""
    uuid: str | None = None

    @property
    def is_visible(self) -> bool:
        """Tell whether programs can use it."""
        return self.hidden_by is None

    def __str__(self) -> str:
        known = [
            f"compute capability {spell_capability(self.capability)}" if self.capability else None,
            self.gfx if self.name else None,
        ]
        more = ", ".join(word for word in known if word)
        named = self.name or self.gfx or f"a GPU of {self.vendor.upper()}"
        return f"{named} ({more})" if more else named


def listed(gpus: Iterable[Gpu]) -> str:
    """Return GPUs in words, equal ones together: `2 x NVIDIA H100 (compute capability 9.0)`."""
    counts: Mapping[str, int] = Counter(map(_spelt, gpus))
    return ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counts.items())


def _spelt(gpu: Gpu) -> str:
    if gpu.name is None and gpu.capability is not None:
        return f"compute capability {spell_capability(gpu.capability)}"
    return str(gpu)


def harmless(text: str) -> str:
    """Return a text of somebody else's with a space for what would do things to a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a probe could not find out, or that is not as it should be.

    `code` is a word for scripts; `what` says what was seen, `todo` what to do about it.
    """

    code: str
    what: str
    todo: str

    def __post_init__(self) -> None:
        """Keep what a tool or a variable said from a terminal's escapes."""
        for name in ("what", "todo"):
            object.__setattr__(self, name, harmless(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Machine:
    """What the probes found.

    `platform` is None where accelock has no name for it; `system` and `machine` are what the system
    calls itself (`linux`, `riscv64`). `libc` is "glibc 2.36", "musl 1.2", or None. `container` is
    the kind of it, `jetson` the release of Jetson Linux, such as "R36.4.3". `driver` is NVIDIA's.
    `gpus` has the hidden ones too. `about` is what a profile says of itself.
    """

    platform: Platform | None
    system: str = ""
    machine: str = ""
    libc: str | None = None
    container: str | None = None
    wsl: bool = False
    jetson: str | None = None
    driver: Driver | None = None
    gpus: tuple[Gpu, ...] = ()
    notes: tuple[Note, ...] = ()
    about: str | None = None

    def of(self, vendor: str) -> tuple[Gpu, ...]:
        """Return the visible GPUs of a vendor."""
        return tuple(gpu for gpu in self.gpus if gpu.vendor == vendor and gpu.is_visible)

    def hidden(self, vendor: str) -> str | None:
        """Return the variable that hides all GPUs of a vendor, or None where one is visible."""
        found = [gpu for gpu in self.gpus if gpu.vendor == vendor]
        return found[0].hidden_by if found and not self.of(vendor) else None

    def without(self, vendor: str) -> tuple[Gpu, ...]:
        """Return the GPUs of all other vendors."""
        return tuple(gpu for gpu in self.gpus if gpu.vendor != vendor)

    def noted(self, *notes: Note) -> Machine:
        """Return the machine with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def where(self) -> str:
        """Return what to call the platform in a message."""
        if self.platform:
            return self.platform.name
        # A profile need not say either of them.
        return " on ".join(filter(None, (self.system, self.machine))) or "an unknown platform"

    @property
    def is_musl(self) -> bool:
        """Tell whether programs link to musl, for which PyTorch has no wheels."""
        return (self.libc or "").startswith("musl")


def parse_capability(text: str) -> tuple[int, int] | None:
    """Return the compute capability in a text such as "9.0", or None."""
    found = _CAPABILITY.fullmatch(text.strip())
    return (int(found[1]), int(found[2])) if found else None


def spell_capability(capability: tuple[int, int]) -> str:
    """Return a compute capability as NVIDIA writes it: 9.0."""
    return f"{capability[0]}.{capability[1]}"


def spell_driver(version: tuple[int, ...]) -> str:
    """Return a driver version as NVIDIA writes it: 450.80.02."""
    first, rest = version[:2], version[2:]
    return ".".join([*map(str, first), *(f"{part:02}" for part in rest)])


def parse_gfx(text: str) -> str | None:
    """Return an architecture in the compiler's spelling, without features such as `:xnack-`."""
    word = text.strip().partition(":")[0]
    return word if _GFX.fullmatch(word) and word != "gfx000" else None


def gfx_of(version: int) -> str | None:
    """Return the name of 90010, which is major 9, minor 0, stepping 10: gfx90a; None for 0."""
    if not 0 < version <= _LARGEST_GFX:
        return None
    return parse_gfx(f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}")
