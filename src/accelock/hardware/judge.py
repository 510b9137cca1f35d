"""Whether a target fits a machine, and why: pure, from the tables of the catalogue."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.hardware.model import Gpu, Machine, Vendor, spell_capability, spell_driver
from accelock.hardware.visible import CUDA, ROCM
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.version import Version

    from accelock.catalogue import HardwareTables
    from accelock.catalogue.hardware import CapabilityRange, OperatingSystem
    from accelock.targets import Target

VARIABLE = "ACCELOCK_TARGET"
DRIVER = "ACCELOCK_CUDA_DRIVER"
# The first Jetson that runs the wheels for servers: CUDA 13 has one build for all Arm.
_THOR = (11, 0)


@dataclass(frozen=True, slots=True)
class Locked:
    """What a lock has for one target.

    :param torch: the version of torch, None where the lock has none.
    :param platforms: the names of the platforms that it holds the target for; None: not known.
    """

    torch: Version | None = None
    platforms: frozenset[str] | None = None


class Cause(enum.Enum):
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a target fits, the reason in words, and a word for it where it does not."""

    fits: bool
    reason: str
    cause: Cause | None = None


def judge(
    target: Target, machine: Machine, tables: HardwareTables, locked: Locked | None = None
) -> Verdict:
    """Return whether `target` runs on `machine`, as the lock has it where there is one."""
    lock = locked or Locked()
    platform = machine.platform
    has_builds = target.exists_on(platform) if platform else target.kind is Kind.CPU
    if not has_builds:
        return _no(Cause.NO_BUILDS, f"there are no builds for {machine.where}")
    if lock.platforms is not None and machine.where not in lock.platforms:
        has = ", ".join(sorted(lock.platforms)) or "no platform"
        what = f"the lock has it for {has}, and this is {machine.where}"
        return _no(Cause.NOT_LOCKED, what)
    if target.kind is Kind.CPU:
        return Verdict(fits=True, reason=_of_cpu(machine))
    if target.kind is Kind.CUDA:
        return _cuda(target, machine, tables, lock)
    if target.kind is Kind.ROCM:
        return _rocm(target, machine, tables)
    return _xpu(machine)


def _of_cpu(machine: Machine) -> str:
    apple = machine.of(Vendor.APPLE)
    return f"{apple[0]}: the cpu builds use its GPU (MPS)" if apple else "runs on every machine"


def _cuda(target: Target, machine: Machine, tables: HardwareTables, locked: Locked) -> Verdict:
    gpus = machine.of(Vendor.NVIDIA)
    if machine.jetson and not any(gpu.capability and gpu.capability >= _THOR for gpu in gpus):
        return _no(
            Cause.JETSON,
            f"a Jetson ({machine.jetson}) takes NVIDIA's own builds of PyTorch: these wheels are "
            f"for Arm servers; set {VARIABLE}={target} if yours can run them",
        )
    obstacle = _driver_obstacle(target, machine, tables)
    if obstacle is not None:
        return obstacle
    lacking = _without_code(target, machine, tables, locked)
    if lacking:
        what = f"torch {locked.torch.public}" if locked.torch else "it"
        others = len(lacking) < len(gpus)
        todo = f" ({CUDA} can leave the others)" if others else ""
        return _no(Cause.NO_CODE, f"{what} has no code for {_listed(lacking)}{todo}")
    return Verdict(fits=True, reason=_evidence_cuda(machine, gpus))


def _driver_obstacle(target: Target, machine: Machine, tables: HardwareTables) -> Verdict | None:
    """Return what of the driver stops a target, or None."""
    if hidden := machine.hidden(Vendor.NVIDIA):
        return _no(Cause.HIDDEN, f"{hidden} hides the NVIDIA GPUs")
    if machine.driver is None:
        return _no_driver(machine)
    floor = tables.driver_floor(target, _driver_system(machine))
    if floor is None:
        what = f"it is not known which driver it needs; set {VARIABLE}={target}"
        return _no(Cause.UNKNOWN, what)
    if machine.driver.version >= floor:
        return None
    has = f"this machine has {machine.driver.text}"
    return _no(Cause.OLD_DRIVER, f"needs NVIDIA driver {spell_driver(floor)} or newer, {has}")


def _no_driver(machine: Machine) -> Verdict:
    """Return what stops a target; GPUs without a driver are those that a user named."""
    gpus = machine.of(Vendor.NVIDIA)
    if not gpus:
        return _no(Cause.NO_DRIVER, "no NVIDIA driver found")
    what = f"no NVIDIA driver found for {_listed(gpus)}; set {DRIVER} to its version"
    return _no(Cause.UNKNOWN, what)


def _driver_system(machine: Machine) -> OperatingSystem:
    """Return whose version numbers the driver has: WSL's libraries tell the driver of Windows."""
    is_windows = machine.system == "win32" or (
        machine.platform is not None and machine.platform.sys_platform == "win32"
    )
    return "windows" if is_windows or machine.wsl else "linux"


def _without_code(
    target: Target, machine: Machine, tables: HardwareTables, locked: Locked
) -> list[Gpu]:
    """Return the GPUs that no wheel of the target has code for; in doubt a GPU is not among them.

    Without a version of torch one that any release has code for will do.
    """
    arch = machine.platform.machine if machine.platform else machine.machine
    rows: Iterable[CapabilityRange]
    if locked.torch is None:
        rows = tables.capability_ranges(target, arch)
    else:
        row = tables.capability_range(target, locked.torch, arch)
        rows = () if row is None else (row,)
    rows = tuple(rows)
    return [
        gpu
        for gpu in machine.of(Vendor.NVIDIA)
        if rows and gpu.capability is not None and not any(gpu.capability in row for row in rows)
    ]


def _evidence_cuda(machine: Machine, gpus: Iterable[Gpu]) -> str:
    driver = machine.driver
    if driver is None:
        return ""
    known = [gpu for gpu in gpus if gpu.capability is not None]
    if not known:
        return f"NVIDIA driver {driver.text}, from {driver.source}"
    return f"{_listed(known)}, NVIDIA driver {driver.text}"


def _rocm(target: Target, machine: Machine, tables: HardwareTables) -> Verdict:
    """Judge ROCm; a GPU that no target has code for, as processors bring, does not count."""
    found = list(dict.fromkeys(gpu.gfx for gpu in machine.of(Vendor.AMD) if gpu.gfx))
    if not found:
        hidden = machine.hidden(Vendor.AMD)
        if hidden:
            return _no(Cause.HIDDEN, f"{hidden} hides the AMD GPUs")
        return _no(Cause.NO_GPU, "no AMD GPU found")
    if target.name not in tables.targets:
        what = f"it is not known which GPUs it has code for; set {VARIABLE}={target}"
        return _no(Cause.UNKNOWN, what)
    usable = [gfx for gfx in found if tables.rocm_targets(gfx)]
    lacking = [gfx for gfx in usable if target.name not in tables.rocm_targets(gfx)]
    if usable and not lacking:
        return Verdict(fits=True, reason=f"AMD GPU {', '.join(usable)}")
    todo = f" ({ROCM[0]} can leave the others)" if lacking and len(lacking) < len(usable) else ""
    return _no(Cause.NO_CODE, f"has no code for {', '.join(lacking or found)}{todo}")


def _xpu(machine: Machine) -> Verdict:
    gpus = machine.of(Vendor.INTEL)
    discrete = [gpu for gpu in gpus if not gpu.integrated]
    if discrete:
        return Verdict(fits=True, reason=_listed(discrete))
    if gpus:
        what = f"a processor's own Intel GPU does not choose it; set {VARIABLE}=xpu"
        return _no(Cause.NO_GPU, what)
    if machine.platform is not None and machine.platform.sys_platform == "win32":
        what = f"Intel GPUs are not detected on Windows; set {VARIABLE}=xpu"
        return _no(Cause.UNKNOWN, what)
    return _no(Cause.NO_GPU, "no Intel GPU found")


def _no(cause: Cause, reason: str) -> Verdict:
    return Verdict(fits=False, reason=reason, cause=cause)


def _listed(gpus: Iterable[Gpu]) -> str:
    """Return GPUs in words, equal ones together: `2 x NVIDIA H100 (compute capability 9.0)`."""
    counts: Mapping[str, int] = Counter(map(_spelt, gpus))
    return ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counts.items())


def _spelt(gpu: Gpu) -> str:
    if gpu.name is None and gpu.capability is not None:
        return f"compute capability {spell_capability(gpu.capability)}"
    return str(gpu)
