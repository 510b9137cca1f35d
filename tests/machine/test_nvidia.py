from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.machine.nvidia import Driver, find_driver
from tests.machine.machines import PROC_VERSION, PROC_VERSION_OPEN, Commands, with_driver, write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_kernels_word_needs_no_command(tmp_path: Path) -> None:
    commands = Commands({"nvidia-smi": "1.2.3"})
    assert find_driver(with_driver(tmp_path, "580.65.06"), commands) == Driver(
        (580, 65, 6), "580.65.06", "/sys/module/nvidia/version"
    )
    assert commands.asked == []


@pytest.mark.parametrize(
    ("text", "version"), [(PROC_VERSION, (550, 54, 15)), (PROC_VERSION_OPEN, (570, 86, 15))]
)
def test_proc_has_it_within_a_sentence(tmp_path: Path, text: str, version: tuple[int, ...]) -> None:
    driver = find_driver(write(tmp_path, {"proc/driver/nvidia/version": text}), Commands())
    assert driver is not None
    assert (driver.version, driver.source) == (version, "/proc/driver/nvidia/version")


def test_nvidia_smi_answers_where_the_kernel_does_not(tmp_path: Path) -> None:
    commands = Commands({"nvidia-smi": "551.61\n551.61\n"})
    assert find_driver(tmp_path, commands) == Driver((551, 61), "551.61", "nvidia-smi")
    assert commands.asked == [
        (("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"), 2.0)
    ]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "No devices were found\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
        "Failed to initialize NVML: Driver/library version mismatch\n",
    ],
)
def test_no_driver(tmp_path: Path, answer: str | None) -> None:
    write(tmp_path, {"sys/module/nvidia/version": "", "proc/driver/nvidia/version": "GCC 12.3.0\n"})
    assert find_driver(tmp_path, Commands({"nvidia-smi": answer or ""})) is None


def test_a_file_that_says_nothing_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"sys/module/nvidia/version": "\n"})
    write(tmp_path, {"proc/driver/nvidia/version": PROC_VERSION})
    driver = find_driver(tmp_path, Commands())
    assert driver is not None
    assert driver.text == "550.54.15"
