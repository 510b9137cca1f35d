"""What hardware a target needs: driver floors, compute capabilities, AMD architectures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from accelock.targets import Kind, sort_targets

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from accelock.targets import Target

__all__ = [
    "CapabilityRange",
    "DriverFloor",
    "GfxSupport",
    "HardwareTables",
    "OperatingSystem",
]

OperatingSystem = Literal["linux", "windows"]
_ANY = (99, 9)  # above every compute capability


@dataclass(frozen=True, slots=True)
class DriverFloor:
    """The oldest NVIDIA driver that runs CUDA `first` to `last`, both included.

    This is minor-version compatibility: what runs at all, not what has every feature.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    linux: tuple[int, ...]
    windows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CapabilityRange:
    """The compute capabilities that the wheels of one target are built for, both ends included.

    `machine` is the processor (x86_64, aarch64) whose wheels these are; `torch` says for which
    releases of torch; `without` lists capabilities inside the range that the wheels lack. `in` asks
    whether a device can run them: code for one capability runs on every later one of the same major
    version, so that 12.0 as the highest includes 12.1.
    """

    target: str
    machine: str
    torch: SpecifierSet
    lowest: tuple[int, int]
    highest: tuple[int, int]
    without: frozenset[tuple[int, int]]

    def __contains__(self, capability: tuple[int, int]) -> bool:
        within = self.lowest <= capability and capability[0] <= self.highest[0]
        return within and capability not in self.without


@dataclass(frozen=True, slots=True)
class GfxSupport:
    """The ROCm targets whose wheels run on some AMD architectures (`gfx90a`)."""

    gfx: frozenset[str]
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class HardwareTables:
    """All tables; each answers None, or nothing, where the reviewed data says nothing.

    `targets` names all that were known when the data was reviewed; those of them for which no
    release of the last years was built are `older` ones.
    """

    targets: frozenset[str]
    older: frozenset[str]
    driver_floors: tuple[DriverFloor, ...]
    capabilities: tuple[CapabilityRange, ...]
    gfx: tuple[GfxSupport, ...]

    def driver_floor(self, target: Target, os: OperatingSystem = "linux") -> tuple[int, ...] | None:
        """Return the oldest driver version that runs a CUDA target, such as (525, 60, 13).

        None for other kinds of target, and for a CUDA that is newer or older than the table.
        Versions compare as tuples: (580,) is met by (580, 65, 6).
        """
        if target.kind is not Kind.CUDA:
            return None
        for floor in self.driver_floors:
            if floor.first <= target.version <= floor.last:
                return floor.linux if os == "linux" else floor.windows
        return None

    def is_reviewed(self, target: Target) -> bool:
        """Tell whether it is known which GPUs the wheels of a target are built for."""
        if target.kind is Kind.CUDA:
            return any(row.target == target.name for row in self.capabilities)
        if target.kind is Kind.ROCM:
            return any(target.name in row.targets for row in self.gfx)
        return True

    def capability_range(
        self, target: Target, torch: Version, machine: str = "x86_64"
    ) -> CapabilityRange | None:
        """Return what the wheels of `torch` for a CUDA target are built for, or None."""
        for row in self.capability_ranges(target, machine):
            if row.torch.contains(torch.public, prereleases=True):
                return row
        return None

    def capability_ranges(self, target: Target, machine: str) -> tuple[CapabilityRange, ...]:
        """Return what the wheels of any release of torch for a CUDA target are built for.

        `machine` is as `platform.machine()` has it, AMD64 for Windows on x86_64. Of a CUDA newer
        than all rows only the lowest is known: what one CUDA dropped no later one brings back.
        """
        arch = "x86_64" if machine.lower() == "amd64" else machine.lower()
        rows = [row for row in self.capabilities if row.machine == arch]
        if own := tuple(row for row in rows if row.target == target.name):
            return own
        known = sort_targets({row.target for row in rows})
        if target.kind is not Kind.CUDA or not known or target.version < known[-1].version:
            return ()
        newest = [row for row in rows if row.target == known[-1].name]
        return tuple(replace(row, highest=_ANY, without=frozenset()) for row in newest)

    def rocm_targets(self, gfx: str) -> frozenset[str]:
        """Return the names of the targets that run on an AMD architecture, as in "gfx90a"."""
        rows = (row.targets for row in self.gfx if gfx.removeprefix("gfx") in row.gfx)
        return frozenset().union(*rows)

    def architectures(self, target: Target) -> tuple[str, ...]:
        """Return the AMD architectures, as in "gfx90a", that the wheels of a target run on."""
        rows = (row.gfx for row in self.gfx if target.name in row.targets)
        found = frozenset[str]().union(*rows)
        return tuple(f"gfx{each}" for each in sorted(found, key=lambda each: int(each, 16)))
