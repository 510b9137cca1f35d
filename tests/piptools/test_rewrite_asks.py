"""Who asks for what, as METADATA files say it."""

from __future__ import annotations

import pytest

from accelock.hosts.piptools.dependencies import Dependencies
from tests.support.wheels import core_metadata

pytestmark = pytest.mark.internals

LINUX = {"sys_platform": "linux", "python_version": "3.12"}
WINDOWS = {"sys_platform": "win32", "python_version": "3.12"}
SERVER = core_metadata(
    "Some.Server",
    "1.0+cpu",
    (
        "Plain_Name>=1,<3",
        'unix; sys_platform != "win32"',
        'loop; sys_platform != "win32" and extra == "fast"',
        'parser; extra == "fast"',
        'parser; extra == "slow"',
    ),
    extras=("fast", "slow"),
)


def test_names_and_versions_are_canonical() -> None:
    asks = Dependencies.of([SERVER])
    assert asks.knows("some-server", "1.0")
    assert asks.knows("some-server", "1.0+cpu")
    assert not asks.knows("some-server", "1.1")
    assert {ask.name for ask in asks.by("some-server", "1.0")} == {
        "plain-name",
        "unix",
        "loop",
        "parser",
    }
    assert asks.by("other", "1.0") == frozenset()


def test_markers_and_extras() -> None:
    asks = {
        str(ask.requirement): ask
        for ask in Dependencies.of([SERVER]).by("some-server", "1.0")
        if ask.name != "parser"
    }
    plain, unix, loop = (
        next(ask for ask in asks.values() if ask.name == name)
        for name in ("plain-name", "unix", "loop")
    )
    assert plain.holds(LINUX)
    assert plain.holds(WINDOWS)
    assert unix.holds(LINUX)
    assert not unix.holds_with_any(WINDOWS)
    assert not loop.holds(LINUX)
    assert loop.extras_at(LINUX) == {"fast"}
    assert loop.extras_at(WINDOWS) == frozenset()
    assert plain.extras_at(LINUX) == frozenset()


def test_wheels_of_one_version_are_taken_together() -> None:
    linux = core_metadata("torch", "2.6.0+cu126", ("nvidia-nccl-cu12==2.21.5",))
    arm = core_metadata("torch", "2.6.0+cu126", ("filelock",))
    found = Dependencies.of([linux, arm])
    assert {a.name for a in found.by("torch", "2.6.0")} == {"nvidia-nccl-cu12", "filelock"}


def test_broken_metadata_tells_nothing() -> None:
    broken = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: ???\nRequires-Dist: b\n"
    assert {ask.name for ask in Dependencies.of([broken]).by("a", "1")} == {"b"}
    assert not Dependencies.of([b"", b"\xff\xfe"]).knows("a", "1")
