"""Which places have a file of a release, and what is said of those that have none."""

from __future__ import annotations

import pytest

from accelock.resolve.serving import Hole, covered, holes
from accelock.targets import PLATFORMS, Levels, PythonVersion

LINUX, MAC = PLATFORMS["linux-x86_64"], PLATFORMS["macos-arm64"]
OLD, NEW = PythonVersion(3, 11), PythonVersion(3, 12)
SPOTS = [(LINUX, OLD), (LINUX, NEW), (MAC, OLD)]
LEVELS = Levels()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a-1-cp311-cp311-manylinux_2_28_x86_64.whl"], {(LINUX, OLD)}),
        (
            ["a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "a-1-cp311-cp311-macosx_11_0_arm64.whl"],
            {(LINUX, OLD), (MAC, OLD)},
        ),
        (["a-1-py3-none-any.whl"], set(SPOTS)),
        (["a-1.tar.gz", "a-1-cp311-cp311-win_amd64.whl"], set(SPOTS)),
        (["a-1.exe", "notes.txt"], set()),
        ([], set()),
    ],
)
def test_what_a_release_has_a_file_for(files: list[str], expected: set[object]) -> None:
    assert covered(files, SPOTS, LEVELS) == expected


def test_what_places_lack_is_said_for_each_release_and_platform() -> None:
    wheel = "a-1-cp311-cp311-manylinux_2_28_x86_64.whl"
    found = holes({"a 1": ([wheel], SPOTS), "b 2": ([], [(LINUX, OLD), (LINUX, NEW)])}, LEVELS)

    assert found == [
        Hole("a 1", LINUX, (NEW,)),
        Hole("a 1", MAC, (OLD,)),
        Hole("b 2", LINUX, (OLD, NEW)),
    ]
    assert str(found[2]) == "b 2 has no file for linux-x86_64 on Python 3.11, 3.12"
