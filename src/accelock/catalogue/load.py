"""Reading the catalogue's TOML files into values; nothing behind this module knows the format.

Each file of families/ is a family, and that file alone makes it one: how its source is laid out,
what its builds are labelled with, its packages, and which releases go together. It says what a
user's own `[tool.accelock.families.NAME]` says, in the same words.

The files ship with accelock, so that a fault in them is a fault of ours: it raises KeyError,
TypeError or ValueError, and a test reads every file.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from accelock import toml
from accelock.catalogue.families import parse_family
from accelock.catalogue.hardware import (
    CapabilityRange,
    DriverFloor,
    GfxSupport,
    HardwareTables,
)
from accelock.catalogue.model import Catalogue
from accelock.catalogue.relations import Exclusive, Substitute, SubstitutedProject
from accelock.targets import Kind, sort_targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.catalogue.model import Family

__all__ = ["load_catalogue", "load_exclusive", "load_substitutes"]

_DATA = Path(__file__).parent
_HARDWARE_FILE = "hardware.toml"


@functools.cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that ships with accelock; read once a process."""
    hardware = _hardware(_read(_HARDWARE_FILE))
    names = sorted(file.stem for file in _DATA.glob("families/*.toml"))
    families = tuple(_family(name, hardware.targets) for name in names)
    return Catalogue(families, hardware, load_exclusive())


@functools.cache
def load_exclusive() -> tuple[Exclusive, ...]:
    """Return what must not be installed side by side: distributions that are one package."""
    return tuple(
        Exclusive(tuple(group["names"]), group["imports"], group["source"], group["reviewed"])
        for group in _read("exclusive.toml")["group"]
    )


@functools.cache
def load_substitutes() -> Mapping[str, SubstitutedProject]:
    """Return the projects that targets have under other names or with extras, by plain name."""
    tables = _read("substitutes.toml")["project"]
    return {
        table["name"]: SubstitutedProject(
            table["name"],
            table["plain"],
            tuple(_substitute(row, table["name"]) for row in table["rows"]),
        )
        for table in tables
    }


def _substitute(row: dict[str, Any], plain: str) -> Substitute:
    if ("name" in row) == ("extra" in row):
        raise ValueError(f"{plain}: a row has a name or an extra: {row}")
    return Substitute(
        targets=tuple(row["targets"]),
        name=row.get("name", plain),
        extra=row.get("extra"),
        versions=SpecifierSet(row.get("versions", "")),
        platforms=frozenset(row.get("platforms", ())),
    )


def _read(name: str) -> dict[str, Any]:
    return toml.parse(_DATA.joinpath(name).read_text(encoding="utf-8"), name)


def _family(name: str, targets: frozenset[str]) -> Family:
    """Return the family that a file is, by the name of the file."""
    path = f"families/{name}.toml"
    table = toml.Table(_read(path), path, [])
    family = parse_family(name, table, targets)
    if table.faults:
        raise ValueError(table.faults)
    return family


def _hardware(data: dict[str, Any]) -> HardwareTables:
    older = frozenset(data["older_targets"]["names"])
    targets = older.union(data["targets"]["names"])
    return HardwareTables(
        targets=targets,
        older=older,
        driver_floors=tuple(_driver_floor(row) for row in data["driver_floors"]["rows"]),
        capabilities=tuple(_capability_range(row) for row in data["capabilities"]["rows"]),
        gfx=tuple(
            GfxSupport(frozenset(row["gfx"]), _rocm_within(row["rocm"], targets))
            for row in data["gfx"]["rows"]
        ),
    )


def _driver_floor(row: dict[str, Any]) -> DriverFloor:
    first, last = map(_pair, row["cuda"])
    return DriverFloor(first, last, _numbers(row["linux"]), _numbers(row["windows"]))


def _capability_range(row: dict[str, Any]) -> CapabilityRange:
    lowest, highest = map(_pair, row["capability"])
    without = frozenset(map(_pair, row.get("without", ())))
    machine = row.get("machine", "x86_64")
    torch = SpecifierSet(row["torch"])
    return CapabilityRange(row["target"], machine, torch, lowest, highest, without)


def _rocm_within(ranges: list[list[str]], targets: frozenset[str]) -> frozenset[str]:
    bounds = [(_numbers(first), _numbers(last)) for first, last in ranges]
    return frozenset(
        target.name
        for target in sort_targets(targets)
        if target.kind is Kind.ROCM
        and any(first <= target.version <= last for first, last in bounds)
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _pair(text: str) -> tuple[int, int]:
    major, minor = _numbers(text)
    return major, minor
