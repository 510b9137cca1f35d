"""Which of the declared targets fits this machine: the environment's word, then the hardware's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError, UnknownWordError
from accelock.machine.amd import find_architectures
from accelock.machine.commands import run_command
from accelock.machine.nvidia import find_driver
from accelock.target import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelock.catalogue import Catalogue, HardwareTables
    from accelock.machine.commands import Runner
    from accelock.machine.nvidia import Driver
    from accelock.target import Platform, Target

VARIABLE = "ACCELOCK_TARGET"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A declared target that was not chosen, and why."""

    target: Target
    reason: str

    def __str__(self) -> str:
        return f"{self.target}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The target for this machine, why it was taken, and what was passed over before it."""

    target: Target
    reason: str
    passed_over: tuple[PassedOver, ...] = ()

    def __str__(self) -> str:
        return f"{self.target} ({self.reason})"


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the probes found."""

    platform: Platform | None
    driver: Driver | None
    architectures: tuple[str, ...]


def choose(
    declared: Sequence[Target],
    *,
    environ: Mapping[str, str],
    catalogue: Catalogue,
    platform: Platform | None,
    saved: str | None = None,
    root: Path = Path("/"),
    run: Runner = run_command,
) -> Choice:
    """Return the declared target that fits this machine.

    The only one declared; else what the variable ACCELOCK_TARGET says; else the `saved` choice of
    the environment, as long as it is declared; else the newest CUDA target
    that the NVIDIA driver runs, then the newest ROCm target for the AMD GPUs; else `cpu`.
    `platform` is this machine's, None where accelock has no name for it; `root` and `run` are where
    the probes look. Raises UnknownWordError where the variable names no declared target, and
    AccelockError, which lists why each target was passed over, where none fits.
    """
    if not declared:
        raise AccelockError("no target is declared; list them in [tool.accelock] as `targets`")
    if len(declared) == 1:
        return Choice(declared[0], "the only target declared")
    if wanted := environ.get(VARIABLE, "").strip():
        return _told(wanted, declared)
    for target in declared:
        if target.name == saved:
            return Choice(target, "chosen for this environment")
    machine = _Machine(platform, _driver(environ, root, run), find_architectures(root))
    return _detected(declared, machine, catalogue.hardware)


def _told(wanted: str, declared: Sequence[Target]) -> Choice:
    for target in declared:
        if target.name == wanted:
            return Choice(target, f"{VARIABLE} says so")
    what = f"target in {VARIABLE} (only declared ones count)"
    raise UnknownWordError(what, wanted, [target.name for target in declared])


def _driver(environ: Mapping[str, str], root: Path, run: Runner) -> Driver | None:
    """Return the NVIDIA driver, unless the user hides its GPUs from CUDA."""
    hidden = environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}
    return None if hidden else find_driver(root, run)


def _detected(declared: Iterable[Target], machine: _Machine, tables: HardwareTables) -> Choice:
    passed_over: list[PassedOver] = []
    for target in sorted(declared, key=_eagerness, reverse=True):
        if target.kind is Kind.CPU:
            why = _in_short(passed_over)
            return Choice(target, f"no other declared target fits: {why}", tuple(passed_over))
        obstacle = _obstacle(target, machine, tables)
        if obstacle is None:
            return Choice(target, _evidence(target, machine), tuple(passed_over))
        passed_over.append(PassedOver(target, obstacle))
    names = ", ".join(str(refusal.target) for refusal in passed_over)
    reasons = "".join(f"\n  {refusal}" for refusal in passed_over)
    raise AccelockError(
        f"none of the declared targets fits this machine:{reasons}\n"
        f"Set {VARIABLE} to one of them ({names}) to choose it all the same, or declare `cpu` too."
    )


def _eagerness(target: Target) -> tuple[int, tuple[int, ...]]:
    """Order targets for trying, highest first: CUDA, ROCm, XPU, each the newest first; then cpu."""
    kinds = [Kind.CPU, Kind.XPU, Kind.ROCM, Kind.CUDA]
    return kinds.index(target.kind), target.version


def _obstacle(target: Target, machine: _Machine, tables: HardwareTables) -> str | None:
    """Return why `target` does not fit, or None where it does."""
    if machine.platform is not None and not target.exists_on(machine.platform):
        return f"there are no builds for {machine.platform}"
    if target.kind is Kind.CUDA:
        return _cuda_obstacle(target, machine, tables)
    if target.kind is Kind.ROCM:
        return _rocm_obstacle(target, machine, tables)
    return f"Intel GPUs are not detected; set {VARIABLE}={target}"


def _cuda_obstacle(target: Target, machine: _Machine, tables: HardwareTables) -> str | None:
    if machine.driver is None:
        return "no NVIDIA driver found"
    is_windows = machine.platform is not None and machine.platform.sys_platform == "win32"
    floor = tables.driver_floor(target, "windows" if is_windows else "linux")
    if floor is None:
        return f"it is not known which driver it needs; set {VARIABLE}={target}"
    if machine.driver.version >= floor:
        return None
    needed = ".".join(map(str, floor))
    return f"needs NVIDIA driver {needed} or newer, this machine has {machine.driver.text}"


def _rocm_obstacle(target: Target, machine: _Machine, tables: HardwareTables) -> str | None:
    """Return why not; a GPU that no target has code for (as processors bring) does not count."""
    if not machine.architectures:
        return "no AMD GPU found"
    if target.name not in tables.targets:
        return f"it is not known which GPUs it has code for; set {VARIABLE}={target}"
    usable = [gfx for gfx in machine.architectures if tables.rocm_targets(gfx)]
    lacking = [gfx for gfx in usable if target.name not in tables.rocm_targets(gfx)]
    if usable and not lacking:
        return None
    return f"has no code for {', '.join(lacking or machine.architectures)}"


def _evidence(target: Target, machine: _Machine) -> str:
    if target.kind is Kind.CUDA and machine.driver is not None:
        return f"NVIDIA driver {machine.driver.text}, from {machine.driver.source}"
    return f"AMD GPU {', '.join(machine.architectures)}"


def _in_short(passed_over: Iterable[PassedOver]) -> str:
    """Return the reasons, each once with all of its targets."""
    targets: dict[str, list[str]] = {}
    for refusal in passed_over:
        targets.setdefault(refusal.reason, []).append(refusal.target.name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in targets.items())
