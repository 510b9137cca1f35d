from __future__ import annotations

import pytest

from accelock.conda import overlap
from accelock.conda.overlap import OverlapError, Pins
from tests.conda.records import record

PINS = Pins(
    "requirements.cpu.txt",
    {
        "ffmpeg": "1.4",
        "matplotlib": "3.9.0",
        "numpy": "2.2.1",
        "opencv-python": "4.10.0.84",
        "torch": "2.6.0",
        "typing-extensions": "4.12.2",
    },
)
NUMPY = record("numpy 1.26.4", "python >=3.12,<3.13.0a0")
RECORDS = [
    record("vega 1", "numpy", "typing_extensions", "ffmpeg"),
    NUMPY,
    record("ffmpeg 7.1.0", "libx264"),
    record("typing_extensions 4.12.2", "python >=3.8", subdir="noarch"),
]


def test_the_tables_projects_bind_always_and_others_once_seen() -> None:
    always = [
        "matplotlib ==3.9.0",
        "matplotlib-base ==3.9.0",
        "opencv ==4.10.0",
        "py-opencv ==4.10.0",
    ]
    assert [str(spec) for spec in overlap.constraints(PINS)] == always
    assert [str(spec) for spec in overlap.constraints(PINS, RECORDS)] == sorted(
        [*always, "numpy ==2.2.1", "typing_extensions ==4.12.2"]
    )


def test_differences_name_both_versions_and_who_wants_it() -> None:
    (difference,) = overlap.differences(PINS, RECORDS, ["vega"])
    assert difference.record == NUMPY
    assert str(difference) == (
        "numpy is 2.2.1 in requirements.cpu.txt, and conda would install numpy 1.26.4, for vega"
    )
    assert str(overlap.unsolvable([difference], "cpu, linux-x86_64")) == (
        "cpu, linux-x86_64: conda cannot install the versions that pip pins:\n"
        "  - numpy is 2.2.1 in requirements.cpu.txt, and conda would install numpy 1.26.4, for "
        "vega\n"
        'Allow a version that both of them have, or set overlap = "warn" in '
        "[tool.accelock.conda] to have both."
    )


def test_one_of_several_wheels_of_one_thing() -> None:
    pins = Pins("r.txt", {"opencv-python": "4.9.0.80", "opencv-python-headless": "4.10.0.84"})
    assert overlap.differences(pins, [record("py-opencv 4.10.0", "python")]) == ()
    assert overlap.differences(pins, [record("py-opencv 4.9.0", "python")]) == ()
    assert len(overlap.differences(pins, [record("py-opencv 4.8.0", "python")])) == 1


def test_pytorch_from_both_sides_is_refused() -> None:
    records = [
        record("fastai 2.7", "pytorch >=2"),
        record("pytorch 2.6.0 cpu_generic_py312_h0_0", "libtorch 2.6.0", "python"),
        record("libtorch 2.6.0 cpu_generic_h0_0"),
    ]
    with pytest.raises(OverlapError) as caught:
        overlap.refuse_exclusive(PINS, records, ["fastai"])
    assert str(caught.value).startswith(
        "conda would install pytorch 2.6.0 (fastai brings it in), and requirements.cpu.txt holds "
        "torch 2.6.0; one environment cannot have both."
    )
    with pytest.raises(OverlapError, match=r"libtorch 2.6.0 \(it was asked for\)"):
        overlap.refuse_exclusive(PINS, records[2:], ["libtorch"])
    overlap.refuse_exclusive(Pins("r.txt", {"numpy": "1"}), records)
    overlap.refuse_exclusive(PINS, RECORDS)


def test_what_is_pinned_by_pip() -> None:
    assert overlap.bound(PINS, RECORDS) == {"numpy", "typing_extensions"}


def test_only_pins_of_what_the_lock_holds_count() -> None:
    names = ["numpy", "py-opencv", "nodejs"]
    assert overlap.relevant(PINS, names) == {"numpy": "2.2.1", "opencv-python": "4.10.0.84"}
    assert overlap.relevant(PINS, ["pytorch"]) == {"torch": "2.6.0"}
    assert overlap.relevant(None, names) == {}
