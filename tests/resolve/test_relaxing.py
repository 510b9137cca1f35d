from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.resolve.lockstep import CellDroppedError, Lockstep
from accelock.resolve.relaxing import Trial, make_way
from accelock.targets import PLATFORMS, Cell, PythonVersion, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

KNOWN = load_catalogue().targets


def cell(target: str, platform: str = "linux-x86_64") -> Cell:
    return Cell(parse_target(target, KNOWN), PLATFORMS[platform], PythonVersion(3, 11))


def versions(*texts: str) -> frozenset[Version]:
    return frozenset(map(Version, texts))


CPU, CUDA, OLD = cell("cpu"), cell("cu126"), cell("cu118")
ARM, CUDA_ARM = cell("cpu", "linux-aarch64"), cell("cu126", "linux-aarch64")
WINDOWS, MAC = cell("cpu", "windows-x86_64"), cell("cpu", "macos-arm64")
ALL = versions("2.6", "2.7", "2.8")


class Tried:
    """Cells of which the first has no solution at first: the rest of its graph needs some torch."""

    def __init__(
        self,
        has: Mapping[Cell, Collection[Version]],
        *needs: str,
        bound: Collection[Cell] = (),
        wanted: Mapping[Cell, str] | None = None,
        together: bool = True,
    ) -> None:
        self.first = next(iter(has))
        self.needs = versions(*needs)
        self.solves = 0
        self.lockstep = Lockstep(
            cells=tuple(has),
            together=together,
            available=lambda _name, each: frozenset(has[each]),
            wanted=lambda _name, each: SpecifierSet((wanted or {}).get(each, "")),
            may_drop=lambda each: each not in bound,
        )
        assert self.solve() is None
        self.solves = 0

    def solve(self) -> Trial | None:
        self.solves += 1
        found = self.needs & self.lockstep.allowed("torch", self.first)
        return Trial({"torch": (max(found),)}, {"torch": {"needy"}}) if found else None

    def reason(self) -> str | None:
        said = make_way(self.lockstep, [self.first], self.solve)
        assert self.lockstep.waived == frozenset()
        return said

    def dropped(self) -> list[CellDroppedError]:
        with pytest.raises(CellDroppedError) as caught:
            self.reason()
        return [caught.value, *caught.value.others]

    def left_out(self) -> list[Cell]:
        return [error.cell for error in self.dropped()]


class TestLeavesOut:
    def test_the_cell_that_lacks_what_is_needed(self) -> None:
        tried = Tried({CPU: ALL, ARM: ALL, CUDA: ALL, CUDA_ARM: versions("2.6")}, "2.8")

        (error,) = tried.dropped()

        assert error.cell == CUDA_ARM
        assert str(error) == (
            "torch 2.8 is needed by needy, and cu126, linux-aarch64, Python 3.11 has no 2.8: the "
            "only torch that it has is 2.6, at its index."
        )
        assert tried.solves == 1

    def test_all_that_lack_it_at_once(self) -> None:
        little = versions("2.6")
        tried = Tried({CPU: ALL, ARM: little, MAC: little, WINDOWS: little}, "2.8")

        assert tried.left_out() == [ARM, MAC, WINDOWS]
        assert tried.solves == 2, "one without them, and one with the first of three that are equal"

    def test_not_one_that_has_it(self) -> None:
        tried = Tried({CPU: ALL, ARM: versions("2.6", "2.8"), MAC: versions("2.6")}, "2.8")

        assert tried.left_out() == [MAC]

    def test_not_one_that_an_older_version_serves_too(self) -> None:
        """As where the inputs ask for it: the cells have their say in order, while there is one."""
        tried = Tried({CPU: ALL, ARM: versions("2.6", "2.7"), MAC: versions("2.6")}, "2.7", "2.8")

        (error,) = tried.dropped()
        assert error.cell == MAC
        assert "torch 2.7 is needed" in str(error)

    def test_not_one_that_is_asked_for_another_by_the_user(self) -> None:
        tried = Tried(
            {CPU: ALL, ARM: versions("2.6", "2.7"), MAC: versions("2.6")},
            "2.8",
            wanted={CPU: ">2.6", ARM: ">2.6", MAC: "==2.6"},
        )

        assert tried.left_out() == [ARM]


class TestLeavesAllIn:
    def test_where_there_is_no_solution_anyway(self) -> None:
        tried = Tried({CPU: ALL, ARM: versions("2.6")}, "2.99")

        assert tried.reason() is None
        assert tried.solves == 1

    def test_where_nothing_is_hidden(self) -> None:
        tried = Tried({CPU: ALL, ARM: ALL}, "2.99")

        assert tried.reason() is None
        assert tried.solves == 0

    def test_where_each_cell_is_by_itself(self) -> None:
        tried = Tried({CPU: ALL, ARM: versions("2.6")}, "2.99", together=False)

        assert tried.reason() is None
        assert tried.solves == 0

    def test_a_platform_that_the_user_named(self) -> None:
        tried = Tried({CPU: ALL, CUDA_ARM: versions("2.6")}, "2.8", bound=[CPU, CUDA_ARM])

        assert tried.reason() == (
            "One version has to serve all cells (lockstep). torch 2.8 is needed by needy, and "
            "cu126, linux-aarch64, Python 3.11 has no 2.8: the only torch that it has is 2.6, at "
            "its index."
        )

    def test_a_whole_target(self) -> None:
        """A default platform that has no 2.8 either is no help, and goes unmentioned."""
        has = {CPU: ALL, ARM: versions("2.6"), OLD: versions("2.6", "2.7")}
        said = Tried(has, "2.8").reason()

        assert said is not None
        assert "cu118, linux-x86_64, Python 3.11 has no 2.8" in said
        assert "linux-aarch64" not in said
