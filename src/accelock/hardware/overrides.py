"""What a user says of the hardware in variables, for images that are built away from it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from accelock.errors import ConfigError
from accelock.hardware.model import Driver, Gpu, Vendor, parse_capability, parse_gfx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.hardware.model import Machine

CUDA_DRIVER = "ACCELOCK_CUDA_DRIVER"
CAPABILITY = "ACCELOCK_COMPUTE_CAPABILITY"
AMD_GFX = "ACCELOCK_AMD_GFX"
NONE = "none"

_Value = TypeVar("_Value")
_DRIVER = re.compile(r"[1-9]\d{2,3}(?:\.\d{1,5}){0,2}")
_SEPARATORS = re.compile(r"[,;\s]+")


def overridden(machine: Machine, environ: Mapping[str, str]) -> Machine:
    """Return the machine with what the variables say in the place of what was found.

    An empty variable is no variable; `none` says that there is no driver, or no GPU.

    :raises ConfigError: one cannot be read; all of them are named.
    """
    faults: list[str] = []
    for name, apply in _OVERRIDES.items():
        word = environ.get(name, "").strip()
        if word:
            try:
                machine = apply(machine, word)
            except ValueError as error:
                faults.append(f"{name} is {word!r}; {error}, or {NONE}")
    if faults:
        raise ConfigError(faults, "environment")
    return machine


def _driver(machine: Machine, word: str) -> Machine:
    """Put a driver in; what the GPUs of another driver could do, nobody knows."""
    others = _without(machine, Vendor.NVIDIA)
    if word.lower() == NONE:
        return replace(machine, driver=None, gpus=others)
    if not _DRIVER.fullmatch(word):
        raise ValueError("write the driver's version, not that of CUDA, as in 550.54.15")
    version = tuple(int(part) for part in word.split("."))
    return replace(machine, driver=Driver(version, word, CUDA_DRIVER), gpus=others, jetson=None)


def _capabilities(machine: Machine, word: str) -> Machine:
    others = _without(machine, Vendor.NVIDIA)
    if word.lower() == NONE:
        return replace(machine, driver=None, gpus=others)
    values = _values(word, parse_capability, "compute capabilities as in 9.0, or 7.5,8.6")
    gpus = (Gpu(Vendor.NVIDIA, capability=value, source=CAPABILITY) for value in values)
    return replace(machine, gpus=(*others, *gpus))


def _gfx(machine: Machine, word: str) -> Machine:
    others = _without(machine, Vendor.AMD)
    if word.lower() == NONE:
        return replace(machine, gpus=others)
    values = _values(word, parse_gfx, "AMD architectures as in gfx942, or gfx90a,gfx1100")
    gpus = (Gpu(Vendor.AMD, gfx=value, source=AMD_GFX) for value in values)
    return replace(machine, gpus=(*others, *gpus))


def _values(word: str, parse: Callable[[str], _Value | None], example: str) -> list[_Value]:
    """Return what `parse` makes of each part of a list; ValueError where it makes nothing of it."""
    values = []
    for part in filter(None, _SEPARATORS.split(word)):
        value = parse(part)
        if value is None:
            raise ValueError(f"write {example}")
        values.append(value)
    return values


def _without(machine: Machine, vendor: Vendor) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in machine.gpus if gpu.vendor is not vendor)


_OVERRIDES: Mapping[str, Callable[[Machine, str], Machine]] = {
    CUDA_DRIVER: _driver,
    CAPABILITY: _capabilities,
    AMD_GFX: _gfx,
}
