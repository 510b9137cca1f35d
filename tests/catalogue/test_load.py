from __future__ import annotations

import datetime as dt
from importlib import resources
from typing import TYPE_CHECKING

import pytest
import tomlkit
from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.targets import Kind, parse_target, sort_targets

if TYPE_CHECKING:
    from accelock.catalogue.hardware import OperatingSystem

CATALOGUE = load_catalogue()
HARDWARE = CATALOGUE.hardware
PLACES = {"family", "default"}
FILES = sorted(
    folder + entry.name
    for folder in ("", "families/")
    for entry in resources.files("accelock.catalogue").joinpath(folder).iterdir()
    if entry.name.endswith(".toml")
)


def tables(name: str) -> list[dict[str, object]]:
    text = resources.files("accelock.catalogue").joinpath(name).read_text(encoding="utf-8")
    found: list[dict[str, object]] = []
    for value in tomlkit.parse(text).unwrap().values():
        tables = value if isinstance(value, list) else [value]
        found.extend(table for table in tables if isinstance(table, dict))
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_table_says_where_it_is_from_and_when_it_was_reviewed(name: str) -> None:
    text = resources.files("accelock.catalogue").joinpath(name).read_text(encoding="utf-8")
    whole_file = tomlkit.parse(text).unwrap()
    for table in tables(name):
        assert str(table.get("source", whole_file.get("source"))).startswith("https://")
        reviewed = table.get("reviewed", whole_file.get("reviewed"))
        assert isinstance(reviewed, dt.date)
        assert reviewed >= dt.date(2026, 1, 1)


def test_is_read_once() -> None:
    assert load_catalogue() is CATALOGUE


def test_packages_are_canonical_and_named_once() -> None:
    for family in CATALOGUE.families:
        names = [package.name for package in family.packages]
        assert len(names) == len(set(names))
        assert names == [canonicalize_name(name) for name in names]
        assert {place for package in family.packages for place in package.lookup} <= PLACES
        assert all(package.lookup for package in family.packages)


def test_lockstep_is_for_what_users_ask_for() -> None:
    for family in CATALOGUE.families:
        assert not [p.name for p in family.packages if p.lockstep and (p.runtime or p.is_glob)]


def test_every_target_is_well_formed() -> None:
    assert {target.name for target in sort_targets(CATALOGUE.targets)} == CATALOGUE.targets
    assert {"cpu", "xpu", "cu118", "cu126", "cu130", "rocm6.2.4", "rocm7.2"} <= CATALOGUE.targets
    assert {"cu92", "cu113", "rocm5.4.2"} <= CATALOGUE.targets  # older, and still in input files


@pytest.mark.parametrize(
    ("name", "os", "floor"),
    [
        ("cu132", "linux", (580,)),
        ("cu130", "windows", (580,)),
        ("cu126", "linux", (525, 60, 13)),
        ("cu126", "windows", (528, 33)),
        ("cu118", "linux", (450, 80, 2)),
        ("cu110", "linux", (450, 36, 6)),
        ("cu102", "linux", (440, 33)),
        ("cu140", "linux", None),
        ("cpu", "linux", None),
        ("rocm6.3", "linux", None),
    ],
)
def test_driver_floor(name: str, os: OperatingSystem, floor: tuple[int, ...] | None) -> None:
    assert HARDWARE.driver_floor(parse_target(name, CATALOGUE.targets), os) == floor


def test_every_known_cuda_has_a_floor() -> None:
    for target in sort_targets(CATALOGUE.targets):
        floors = [HARDWARE.driver_floor(target, os) for os in ("linux", "windows")]
        assert (None not in floors) == (target.kind is Kind.CUDA)


def test_floors_rise_with_cuda() -> None:
    cuda = [target for target in sort_targets(CATALOGUE.targets) if target.kind is Kind.CUDA]
    for os in ("linux", "windows"):
        floors = [HARDWARE.driver_floor(target, os) or () for target in cuda]
        assert floors == sorted(floors)


@pytest.mark.parametrize(
    ("name", "torch", "capability", "runs"),
    [
        ("cu126", "2.9.1+cu126", (5, 0), True),
        ("cu126", "2.9.1+cu126", (8, 9), True),
        ("cu126", "2.9.1+cu126", (12, 0), False),
        ("cu126", "2.9.1+cu126", (3, 7), False),
        ("cu128", "2.10.0+cu128", (7, 0), True),
        ("cu128", "2.11.0+cu128", (7, 0), False),
        ("cu128", "2.11.0+cu128", (7, 5), True),
        ("cu128", "2.11.0+cu128", (11, 0), False),
        ("cu130", "2.11.0+cu130", (11, 0), True),
        ("cu130", "2.9.0+cu130", (12, 1), True),  # code for 12.0 runs on 12.1
        ("cu130", "2.9.0+cu130", (13, 0), False),
        ("cu130", "2.9.0.dev20250901+cu130", (7, 5), True),
        ("cu128", "2.7.0+cu128", (7, 0), False),
        ("cu129", "2.8.0+cu129", (7, 0), True),
        ("cu124", "2.5.1+cu124", (12, 0), False),
        ("cu134", "2.16.0+cu134", (7, 0), False),
        ("cu134", "2.16.0+cu134", (12, 0), True),
        ("cu134", "2.16.0+cu134", (13, 0), False),
        # Newer than the reviewed ones: what those dropped is not back, of the rest nothing is said.
        ("cu136", "2.16.0+cu136", (7, 0), False),
        ("cu136", "2.16.0+cu136", (7, 5), True),
        ("cu136", "2.16.0+cu136", (13, 0), True),
        ("cu140", "2.16.0+cu140", (6, 1), False),
    ],
)
def test_compute_capability(name: str, torch: str, capability: tuple[int, int], runs: bool) -> None:
    target = parse_target(name, CATALOGUE.targets)
    found = HARDWARE.capability_range(target, Version(torch))
    assert found is not None
    assert (capability in found) is runs


@pytest.mark.parametrize(
    ("name", "torch", "capability", "runs"),
    [
        ("cu126", "2.6.0", (8, 0), False),
        ("cu126", "2.9.1", (8, 0), True),
        ("cu126", "2.9.1", (7, 0), False),
        ("cu130", "2.9.1", (11, 0), True),
        ("cu128", "2.9.1", (11, 0), False),
    ],
)
def test_compute_capability_on_arm(
    name: str, torch: str, capability: tuple[int, int], runs: bool
) -> None:
    target = parse_target(name, CATALOGUE.targets)
    found = HARDWARE.capability_range(target, Version(torch), "aarch64")
    assert found is not None
    assert (capability in found) is runs


@pytest.mark.parametrize(
    ("name", "reviewed"),
    [("cpu", True), ("xpu", True), ("cu134", True), ("cu117", False),
     ("rocm7.2", True), ("rocm7.14", True), ("rocm5.7", False)],
)  # fmt: skip
def test_targets_whose_gpus_are_known(name: str, *, reviewed: bool) -> None:
    assert HARDWARE.is_reviewed(parse_target(name, CATALOGUE.targets)) is reviewed


def test_windows_has_the_wheels_of_its_processor() -> None:
    target = parse_target("cu126", CATALOGUE.targets)
    assert HARDWARE.capability_ranges(target, "AMD64") == HARDWARE.capability_ranges(
        target, "x86_64"
    )


def test_no_capabilities_where_the_data_says_nothing() -> None:
    for name, torch in (("cpu", "2.9.1"), ("cu92", "1.7.1"), ("cu117", "2.0.1")):
        target = parse_target(name, CATALOGUE.targets)
        assert HARDWARE.capability_range(target, Version(torch)) is None


@pytest.mark.parametrize(
    ("gfx", "first", "last", "count"),
    [
        ("gfx906", "rocm6.0", "rocm7.2", 9),
        ("gfx90a", "rocm6.0", "rocm7.14", 10),
        ("942", "rocm6.0", "rocm7.14", 10),
        ("gfx1201", "rocm6.2.4", "rocm7.14", 7),
        ("gfx1101", "rocm6.1", "rocm7.14", 8),
        ("gfx950", "rocm7.0", "rocm7.14", 4),
        ("gfx1151", "rocm7.2", "rocm7.14", 2),
    ],
)
def test_rocm_targets(gfx: str, first: str, last: str, count: int) -> None:
    found = sort_targets(HARDWARE.rocm_targets(gfx))
    assert (found[0].name, found[-1].name, len(found)) == (first, last, count)


def test_rocm_6_2_lacks_gfx1101() -> None:
    assert "rocm6.2" not in HARDWARE.rocm_targets("gfx1101")


def test_unknown_gfx_has_no_target() -> None:
    assert HARDWARE.rocm_targets("gfx803") == frozenset()
