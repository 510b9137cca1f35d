"""Requests and cells for the tests of the adapter, and a channel of tools for four platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda import guarantee
from accelock.conda.cell import CondaCell
from accelock.conda.record import Request
from accelock.conda.spec import Spec, parse
from accelock.targets import CPU, PLATFORMS, Levels
from tests.conda.scenarios import noarch
from tests.support.channels import Channel, every_platform

if TYPE_CHECKING:
    from accelock.conda.record import Record
    from accelock.targets import Platform

LINUX, ARM, MAC, WINDOWS = (
    PLATFORMS[name] for name in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
)
ALL = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
TOOLS = Channel.of(
    every_platform("nodejs", "20.12.2", ALL),
    every_platform("nodejs", "22.4.0", ALL),
    every_platform("vega-cli", "5.30.0", ALL, depends=("nodejs >=20,<23.0a0",)),
    noarch("tzdata", "2024a"),
)


def request(platform: Platform, *asked: str, locked: tuple[Record, ...] = ()) -> Request:
    system = guarantee.virtual_packages(CPU, platform, Levels())
    return Request(platform, tuple(map(parse, asked)), (), system, locked)


def cell(*asked: str, platform: Platform = LINUX, python: Spec | None = None) -> CondaCell:
    return CondaCell(CPU, platform, None, tuple(map(parse, asked)), Levels(), python)


def versions(records: tuple[Record, ...]) -> dict[str, str]:
    return {record.name: record.version for record in records}
