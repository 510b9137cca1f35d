from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.machine.amd import find_architectures
from tests.machine.machines import with_gpus, write

if TYPE_CHECKING:
    from pathlib import Path


def test_architectures_are_written_as_the_compiler_does(tmp_path: Path) -> None:
    root = with_gpus(tmp_path, 90010, 90402, 90500, 100306, 110000, 110501, 120001)
    assert find_architectures(root) == (
        "gfx90a",
        "gfx942",
        "gfx950",
        "gfx1036",
        "gfx1100",
        "gfx1151",
        "gfx1201",
    )


def test_equal_gpus_count_once_in_the_order_of_their_nodes(tmp_path: Path) -> None:
    root = with_gpus(tmp_path, *[90402] * 8, 110000, 90010, 110000)
    assert find_architectures(root) == ("gfx942", "gfx1100", "gfx90a")


def test_processors_are_no_gpus(tmp_path: Path) -> None:
    assert find_architectures(with_gpus(tmp_path)) == ()


def test_nothing_there_or_nothing_readable(tmp_path: Path) -> None:
    assert find_architectures(tmp_path) == ()
    write(tmp_path, {"sys/class/kfd/kfd/topology/nodes/0/properties": "gfx_target_version x\n"})
    write(tmp_path, {"sys/class/kfd/kfd/topology/nodes/1": ""})
    assert find_architectures(tmp_path) == ()
