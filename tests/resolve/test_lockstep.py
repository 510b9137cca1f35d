from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.errors import LockstepError
from accelock.resolve.lockstep import CellDroppedError, Lockstep
from accelock.resolve.messages import held_back_message
from accelock.targets import PLATFORMS, Cell, PythonVersion, parse_target

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN = load_catalogue().targets
PYTHON = PythonVersion(3, 11)


def cell(target: str, platform: str = "linux-x86_64") -> Cell:
    return Cell(parse_target(target, KNOWN), PLATFORMS[platform], PYTHON)


def versions(*texts: str) -> frozenset[Version]:
    return frozenset(map(Version, texts))


def lockstep(
    has: Mapping[Cell, frozenset[Version]],
    *,
    wanted: Mapping[Cell, str] | None = None,
    bound: bool = True,
    together: bool = True,
    unhashed: Mapping[Cell, frozenset[Version]] | None = None,
) -> Lockstep:
    """Return the lockstep of cells that have these versions of the one package there is."""
    return Lockstep(
        cells=tuple(has),
        together=together,
        available=lambda _name, each: has[each],
        wanted=lambda _name, each: SpecifierSet((wanted or {}).get(each, "")),
        may_drop=lambda _cell: not bound,
        unhashed=lambda _name, each: (unhashed or {}).get(each, frozenset()),
    )


CPU, CUDA, OLD = cell("cpu"), cell("cu126"), cell("cu118")
ARM = cell("cu126", "linux-aarch64")
WINDOWS = cell("cpu", "windows-x86_64")
MAC = cell("cpu", "macos-arm64")


class TestAllowed:
    def test_what_all_cells_have(self) -> None:
        both = lockstep({CPU: versions("2.6", "2.7", "2.8"), OLD: versions("2.6", "2.7")})

        assert both.allowed("torch", CPU) == both.allowed("torch", OLD) == versions("2.6", "2.7")

    def test_each_by_itself_where_it_is_off(self) -> None:
        apart = lockstep({CPU: versions("2.8"), OLD: versions("2.7")}, together=False)

        assert apart.allowed("torch", CPU) == versions("2.8")
        assert apart.allowed("torch", OLD) == versions("2.7")

    def test_what_the_inputs_ask_for(self) -> None:
        both = lockstep(
            {CPU: versions("2.6", "2.7", "2.8"), OLD: versions("2.6", "2.7")},
            wanted={CPU: "<2.8", OLD: ">2.6"},
        )

        assert both.allowed("torch", CPU) == versions("2.7")

    def test_the_users_word_for_one_platform_wins(self) -> None:
        """`torch==2.2 ; sys_platform == "darwin"` beside `torch==2.8`."""
        has = {CPU: versions("2.2", "2.8"), MAC: versions("2.2"), WINDOWS: versions("2.2", "2.8")}
        apart = lockstep(has, wanted={CPU: "==2.8", MAC: "==2.2", WINDOWS: "==2.8"})

        assert apart.allowed("torch", MAC) == versions("2.2")
        assert apart.allowed("torch", CPU) == apart.allowed("torch", WINDOWS) == versions("2.8")

    def test_a_pre_release_only_where_it_is_asked_for(self) -> None:
        has = {CPU: versions("2.8", "2.9rc1"), OLD: versions("2.8", "2.9rc1")}

        assert lockstep(has).allowed("torch", CPU) == versions("2.8")
        asked = lockstep(has, wanted={CPU: "==2.9rc1", OLD: "==2.9rc1"})
        assert asked.allowed("torch", CPU) == versions("2.9rc1")

    def test_settled_binds_the_cells_that_follow(self) -> None:
        both = lockstep({CPU: versions("2.6", "2.7"), OLD: versions("2.6", "2.7")})
        both.settle({"torch": versions("2.6")}, [CPU])
        assert both.allowed("torch", OLD) == versions("2.6")

        both.unsettle()
        assert both.allowed("torch", OLD) == versions("2.6", "2.7")

    def test_the_first_settles(self) -> None:
        both = lockstep({CPU: versions("2.6", "2.7"), OLD: versions("2.6", "2.7")})
        both.settle({"torch": versions("2.6")}, [CPU])
        both.settle({"torch": versions("2.7")}, [OLD])

        assert both.allowed("torch", CPU) == versions("2.6")

    def test_excluded_versions_are_out_for_all(self) -> None:
        both = lockstep({CPU: versions("2.6", "2.7"), OLD: versions("2.6", "2.7")})
        both.exclude("torch", Version("2.7"), OLD)

        assert both.allowed("torch", CPU) == both.allowed("torch", OLD) == versions("2.6")
        assert both.allowed("torchvision", CPU) == versions("2.6", "2.7")


class TestParted:
    """What the inputs ask for by platform, of torch."""

    HAS: ClassVar = {CPU: versions("2.6", "2.7", "2.8"), CUDA: versions("2.7", "2.8")}

    def parted(self, asked: Mapping[Cell, str], has: Mapping[Cell, Any]) -> Lockstep:
        return Lockstep(
            cells=tuple(has),
            available=lambda _name, each: has[each],
            wanted=lambda name, each: SpecifierSet(asked[each] if name == "torch" else ""),
            may_drop=lambda _cell: False,
            companions=lambda name: {"torch": ("torchvision",), "torchvision": ("torch",)}[name],
        )

    def test_what_is_released_with_it_is_parted_too(self) -> None:
        has = {**self.HAS, MAC: versions("2.6", "2.7"), ARM: versions("2.7", "2.8")}
        asked = {CPU: "==2.8", CUDA: "==2.8", MAC: "==2.7", ARM: "==2.8"}
        found = self.parted(asked, has)
        found.settle({"torchvision": versions("2.8")}, [CPU])

        assert found.allowed("torchvision", MAC) == versions("2.6", "2.7")
        assert found.allowed("torchvision", ARM) == versions("2.8")
        assert found.binding(MAC) == {}
        assert found.binding(CUDA) == {"torchvision": versions("2.8")}

    def test_what_is_ruled_out_is_so_in_its_part(self) -> None:
        has = {**self.HAS, MAC: versions("2.6", "2.7")}
        found = self.parted({CPU: "==2.8", CUDA: "==2.8", MAC: "==2.7"}, has)
        found.exclude("torchvision", Version("2.7"), CUDA)

        assert found.allowed("torchvision", CPU) == versions("2.8")
        assert found.allowed("torchvision", MAC) == versions("2.6", "2.7")

    def test_one_version_for_all_goes_before(self) -> None:
        has = {**self.HAS, MAC: versions("2.6", "2.7")}
        found = self.parted({CPU: ">=2.6", CUDA: ">=2.6", MAC: ">=2.6,<2.8"}, has)

        assert found.allowed("torch", CPU) == found.allowed("torch", MAC) == versions("2.7")
        assert found.part()
        assert found.allowed("torch", CPU) == versions("2.7", "2.8")
        assert found.allowed("torch", MAC) == versions("2.6", "2.7")
        assert not found.part()

    def test_where_all_ask_for_the_same_nothing_is_parted(self) -> None:
        found = self.parted({CPU: ">=2.6", CUDA: ">=2.6"}, self.HAS)
        assert found.allowed("torch", CPU) == versions("2.7", "2.8")

        assert not found.part()


class TestStop:
    def test_a_named_platform(self) -> None:
        stopped = lockstep({CPU: versions("2.8"), OLD: versions("2.6", "2.7")})

        with pytest.raises(LockstepError) as caught:
            stopped.allowed("torch", CPU)

        assert not isinstance(caught.value, CellDroppedError)
        assert "torch cannot be locked for cu118, linux-x86_64, Python 3.11" in str(caught.value)
        assert "newest torch is 2.7" in str(caught.value)
        assert "cpu, linux-x86_64, Python 3.11: 2.8" in str(caught.value)

    def test_names_the_oldest_where_older_ones_are_wanted(self) -> None:
        both = lockstep({CPU: versions("2.4", "2.5"), CUDA: versions("2.6", "2.7")})

        with pytest.raises(LockstepError) as caught:
            both.allowed("torch", CUDA)
        assert "its oldest torch is 2.6 (it has 2.6, 2.7)" in str(caught.value)

    def test_a_default_platform_is_dropped(self) -> None:
        dropping = lockstep({CUDA: versions("2.8"), ARM: versions("2.6")}, bound=False)

        with pytest.raises(CellDroppedError) as caught:
            dropping.allowed("torch", CUDA)

        assert caught.value.cell == ARM

    def test_not_the_cell_that_is_a_targets_last(self) -> None:
        """linux-aarch64 of cu126 goes, and not all of cu118."""
        has = {CUDA: versions("2.6", "2.7"), ARM: versions("2.6"), OLD: versions("2.7")}
        dropping = lockstep(has, bound=False)

        with pytest.raises(CellDroppedError) as caught:
            dropping.allowed("torch", CUDA)

        assert caught.value.cell == ARM

    def test_the_only_cell_there_is(self) -> None:
        with pytest.raises(LockstepError, match="no wheel of torch") as caught:
            lockstep({CPU: frozenset()}, bound=False).allowed("torch", CPU)

        assert not isinstance(caught.value, CellDroppedError)

    def test_names_what_was_asked_for(self) -> None:
        asked = lockstep({OLD: versions("2.6", "2.7")}, wanted={OLD: "==2.8"})

        with pytest.raises(LockstepError, match=r"torch==2\.8 cannot be locked for cu118"):
            asked.allowed("torch", OLD)

    def test_names_versions_without_a_hash(self) -> None:
        bare = lockstep(
            {CPU: versions("2.6")}, wanted={CPU: ">2.6"}, unhashed={CPU: versions("2.8")}
        )

        with pytest.raises(LockstepError, match=r"torch 2\.8 is there, .* --allow-downloads"):
            bare.allowed("torch", CPU)


class TestHeldBack:
    """A platform that nobody named may keep a package back; the user is to hear of it."""

    @staticmethod
    def message(has: Mapping[Cell, frozenset[Version]], chosen: str) -> str:
        taken = Version(chosen)
        found = lockstep(has, bound=False).held_back("torch", taken)
        return "" if found is None else held_back_message("torch", taken, found)

    def test_by_a_platform_that_can_be_left_out(self) -> None:
        new, old = versions("2.6", "2.8"), versions("2.6")
        said = self.message({CPU: new, CUDA: new, ARM: old}, "2.6")

        assert "torch 2.8 is there, but not for cu126 on linux-aarch64" in said
        assert "linux-aarch64 is one of the default platforms" in said

    def test_by_the_only_platform_of_a_target(self) -> None:
        """To leave it out would be to leave the target out."""
        said = self.message({CPU: versions("2.6", "2.8"), CUDA: versions("2.6")}, "2.6")

        assert "torch 2.8 is there, but not for cu126 on linux-x86_64" in said
        assert "default platforms" not in said
        assert "lockstep = false" in said

    def test_a_pre_release_that_all_have_is_no_reason(self) -> None:
        new, old = versions("2.6", "2.8", "2.9rc1"), versions("2.6", "2.9rc1")
        asked = ">=2.6.dev0"  # which lets pre-releases in
        has = {CPU: new, CUDA: new, ARM: old}
        held = lockstep(has, wanted=dict.fromkeys(has, asked), bound=False)
        found = held.held_back("torch", Version("2.6"))

        assert found is not None
        assert (found.could, found.cells) == (Version("2.8"), (ARM,))

    def test_by_nothing(self) -> None:
        assert self.message({CPU: versions("2.6"), CUDA: versions("2.6", "2.8")}, "2.6") == ""
