"""Forty machines, declared targets, and the target that each gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.hardware import LockedTarget, Machine, profile
from accelock.hardware.choice import choose_for
from accelock.targets import parse_target
from tests.hardware.fleet import FLEET, Box
from tests.hardware.machines import look, nvml

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE = load_catalogue()
BOXES = {box.name: box for box in FLEET}


def test_there_are_forty() -> None:
    assert len(BOXES) == len(FLEET) >= 40


@pytest.mark.parametrize("box", FLEET, ids=lambda box: box.name)
def test_each_machine_gets_its_target_for_its_reason(box: Box, tmp_path: Path) -> None:
    declared = [parse_target(word, CATALOGUE.targets) for word in box.declared.split()]
    torch = Version(box.torch) if box.torch else None
    locked = {target.name: LockedTarget(torch=torch) for target in declared}
    machine = box.build(tmp_path / "root")

    choice = choose_for(declared, machine, CATALOGUE.hardware, locked)

    assert choice.target.name == box.gets, choice
    assert box.because in choice.reason
    assert {each.target for each in choice.candidates} == set(declared)
    assert [each.target for each in choice.candidates if each.taken] == [choice.target]
    assert all(each.reason for each in choice.candidates)


@pytest.mark.parametrize("box", FLEET, ids=lambda box: box.name)
def test_each_machine_survives_being_printed_and_read(box: Box, tmp_path: Path) -> None:
    machine = box.build(tmp_path / "root")
    data = profile.dump(machine)
    again = profile.parse(json.dumps(data), "the test")
    assert profile.dump(again) == data
    declared = [parse_target(word, CATALOGUE.targets) for word in box.declared.split()]
    mine, theirs = (choose_for(declared, each, CATALOGUE.hardware) for each in (machine, again))
    assert mine == theirs


def notes(box: str, root: Path) -> list[str]:
    return [note.code for note in BOXES[box].build(root).notes]


def test_a_container_that_was_not_given_the_gpus_is_a_finding(tmp_path: Path) -> None:
    for number, kind in enumerate(("host's GPU", "host's AMD GPU", "host's Arc")):
        assert notes(f"container without the {kind}", tmp_path / str(number)) == [
            "gpu-not-passed-in"
        ]
    assert notes("container with its GPU", tmp_path / "with") == []


def test_musl_is_a_finding(tmp_path: Path) -> None:
    assert notes("musl", tmp_path / "root") == ["musl"]


def test_a_driver_without_gpus_is_a_finding(tmp_path: Path) -> None:
    box = Box("none", "cpu", "", "580.82.07", files={"dev/nvidiactl": ""})
    root = tmp_path / "root"
    box.build(root)
    machine = look(root, {"NVML": nvml("580.82.07")})
    assert machine.driver is None
    assert [note.code for note in machine.notes] == ["no-gpu"]


def test_an_index_counts_by_speed_where_gpus_differ(tmp_path: Path) -> None:
    box = BOXES["GT 1030 beside RTX 5090"]
    by_index = Box("x", "", "", box.driver, box.gpus, environ={"CUDA_VISIBLE_DEVICES": "0"}).build(
        tmp_path / "root"
    )
    assert len(by_index.of("nvidia")) == 2
    assert [note.code for note in by_index.notes] == ["visible-devices"]


def test_the_same_machine_twice(tmp_path: Path) -> None:
    first: Machine = BOXES["8 x H100"].build(tmp_path / "root")
    assert first == BOXES["8 x H100"].build(tmp_path / "root")
