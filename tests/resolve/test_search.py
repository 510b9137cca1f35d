"""The search over the cells of a lock, on a host of made-up packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.errors import LockstepError, ResolutionError
from accelock.resolve.refusal import NoSolutionError
from tests.resolve.fake_host import FakeHost, cell, locked, release, search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.version import Version

    from accelock.resolve.host import Group
    from accelock.resolve.search import Result
    from accelock.targets import Cell
    from tests.resolve.fake_host import Pinned

CPU, CUDA, OLD = cell("cpu"), cell("cu126"), cell("cu118")
WINDOWS, MAC, ARM = (
    cell("cpu", "windows-x86_64"),
    cell("cpu", "macos-arm64"),
    cell("cpu", "linux-aarch64"),
)
CUDA_ARM, CUDA_WINDOWS = cell("cu126", "linux-aarch64"), cell("cu126", "windows-x86_64")
ANY = release()
TORCH = {"2.7": ANY, "2.8": ANY, "2.9": ANY}


def versions(result: Result[Pinned], name: str = "torch") -> dict[Cell, str | None]:
    """Return the version of a package in each cell of a lock."""
    return {each: pins.get(name) for each, pins in locked(result).items()}


def by_target(each: Cell, _picks: Mapping[tuple[str, Cell], Version]) -> object:
    """Put the cells of a target in one group, as Poetry does."""
    return each.target


class TestRequired:
    def test_a_solve_for_each_cell(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch"])
        told: list[tuple[Group, int, int]] = []
        result = search(
            host, CPU, CUDA, OLD, announce=lambda g, number, of: told.append((g, number, of))
        )

        assert versions(result) == {CPU: "2.9", CUDA: "2.9", OLD: "2.9"}
        assert host.solved == [(CPU,), (CUDA,), (OLD,)]
        assert [(group.cells, number, of) for group, number, of in told] == [
            ((CPU,), 1, 3),
            ((CUDA,), 2, 3),
            ((OLD,), 3, 3),
        ]
        assert [len(found) for found in host.preferred] == [0, 1, 2]

    def test_the_leader_binds_the_others(self) -> None:
        index = {"torch": {**TORCH, "2.9": release("nothing ; sys_platform == 'linux'")}}
        host = FakeHost(index, ["torch"])

        assert versions(search(host, CPU, WINDOWS)) == {CPU: "2.8", WINDOWS: "2.8"}
        assert len(host.solved) == 2

    def test_what_is_locked_stays(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch"], locked={"torch": "2.7"})

        assert versions(search(host, CPU, CUDA)) == {CPU: "2.7", CUDA: "2.7"}

    def test_no_version_in_common(self) -> None:
        index = {"torch": {"2.8": release(only=[CPU]), "2.9": release(only=[CUDA])}}
        host = FakeHost(index, ["torch"])

        with pytest.raises(LockstepError, match="torch cannot be locked for cu126"):
            search(host, CPU, CUDA)
        assert host.solved == []

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_conflict_within_the_family_names_both_sides(self, order: int) -> None:
        vision = {"0.23": release("torch==2.8")}
        inputs = ["torch==2.7", "torchvision==0.23"][::order]
        host = FakeHost({"torch": TORCH, "torchvision": vision}, inputs)

        with pytest.raises(LockstepError) as caught:
            search(host, CPU)
        said = str(caught.value)
        assert "torchvision 0.23 requires torch==2.8" in said
        assert "torch==2.7" in said
        assert "torchvision==0.23" in said
        assert "no file of" not in said
        assert host.solved == []

    def test_a_conflict_says_where_its_versions_are_asked_for(self) -> None:
        vision = {"0.23": release("torch==2.8")}
        host = FakeHost({"torch": TORCH, "torchvision": vision}, ["torch", "torchvision", "six"])
        host.constraints = ["torch==2.7"]
        host.places = {"torch": ("base.in, line 1", "c.txt, line 2"), "six": ("base.in, line 3",)}

        with pytest.raises(LockstepError) as caught:
            search(host, CPU)
        *_, place, todo = str(caught.value).splitlines()
        assert place == "  torch==2.7 is required in base.in, line 1 and c.txt, line 2."
        assert todo == "  Change that line."

        host.places = {**host.places, "torchvision": ("base.in, line 2",)}
        with pytest.raises(LockstepError) as caught:
            search(host, CPU)
        *_, torch, vision_too, todo = str(caught.value).splitlines()
        assert torch == place
        assert vision_too == "  torchvision is required in base.in, line 2."
        assert todo == "  Change one of these."

    def test_a_conflict_with_what_another_cell_can_take(self) -> None:
        torch = {"2.7": ANY, "2.8": release(only=[CPU])}
        vision = {"0.23": release("torch==2.8")}
        host = FakeHost({"torch": torch, "torchvision": vision}, ["torch", "torchvision"])

        only = r"the only torch that it has is 2\.7, at cu126/torch, and no matching version goes"
        with pytest.raises(LockstepError, match=only):
            search(host, CPU, CUDA)

    def test_a_companion_that_another_target_has_no_new_release_of(self) -> None:
        audio = {"2.7": release("torch==2.7"), "2.8": release("torch==2.8", only=[CPU])}
        host = FakeHost({"torch": TORCH, "torchaudio": audio}, ["torch==2.8", "torchaudio"])

        with pytest.raises(LockstepError) as caught:
            search(host, CPU, CUDA)
        last = "; cu126, linux-x86_64, Python 3.11 has torchaudio up to 2.7)"
        assert f"torchaudio 2.7 requires torch==2.7 for {CPU}{last}" in str(caught.value)

        host = FakeHost({"torch": TORCH, "torchaudio": audio}, ["torch==2.9", "torchaudio"])
        with pytest.raises(LockstepError) as caught:
            search(host, CPU)
        assert " up to 2.8)" not in str(caught.value)

    def test_a_conflict_with_what_is_asked_on_another_platform(self) -> None:
        vision = {"0.23": release("torch==2.8")}
        inputs = ["torchvision==0.23", "torch==2.7 ; sys_platform == 'win32'"]
        host = FakeHost({"torch": TORCH, "torchvision": vision}, inputs)

        with pytest.raises(LockstepError) as caught:
            search(host, CPU, WINDOWS)
        said = str(caught.value)
        assert "for cpu, windows-x86_64, Python 3.11 the project requires torch==2.7" in said
        assert "which cpu, linux-x86_64, Python 3.11 may not take, because other cells" in said

    def test_a_conflict_says_why_of_the_newest_versions_alone(self) -> None:
        torch = {f"2.{minor}": ANY for minor in range(1, 10)}
        vision = {f"0.{minor}": release(f"torch==1.{minor}") for minor in range(1, 3)}
        host = FakeHost({"torch": torch, "torchvision": vision}, ["torch>=2", "torchvision"])

        with pytest.raises(LockstepError) as caught:
            search(host, CPU)
        first, *lines = str(caught.value).splitlines()
        assert "torch>=2 cannot be locked for cpu" in first
        assert [line.split()[:2] for line in lines[:4]] == [
            ["torch", f"2.{minor}"] for minor in (9, 8, 7, 6)
        ]
        assert lines[4:] == ["  torch 2.1, 2.2, 2.3, 2.4, 2.5 is ruled out for the same reason."]

    def test_the_first_package_that_stops_is_named(self) -> None:
        vision = {"0.24": release(only=[CPU])}
        torch = {"2.9": release(only=[CPU])}
        host = FakeHost({"torch": torch, "torchvision": vision}, ["torch", "torchvision"])

        with pytest.raises(LockstepError, match="torch cannot be locked for cu126"):
            search(host, CPU, CUDA)

    def test_a_pre_release_only_where_a_final_release_does_not_go(self) -> None:
        torch = {"2.9": ANY, "3.0rc1": ANY}
        vision = {"0.24": release("torch>=2.9")}
        host = FakeHost({"torch": torch, "torchvision": vision}, ["torchvision", "torch>=2.9rc1"])

        assert versions(search(host, CPU, CUDA)) == {CPU: "2.9", CUDA: "2.9"}

    def test_what_a_companion_requires_is_known_before_a_solve(self) -> None:
        """torchvision comes first, and what it requires of torch counts for what comes after."""
        vision = {"0.22": release("torch==2.7")}
        host = FakeHost({"torch": TORCH, "torchvision": vision}, ["torchvision", "torch"])

        assert versions(search(host, CPU, CUDA)) == {CPU: "2.7", CUDA: "2.7"}
        assert host.solved == [(CPU,), (CUDA,)]

    def test_what_another_cell_lacks_of_a_library_is_known_before_a_solve(self) -> None:
        torch = {"2.8": ANY, "2.9": release('triton==3 ; sys_platform == "win32"')}
        triton = {"3": release(only=[CPU])}
        host = FakeHost({"torch": torch, "triton": triton}, ["torch"])

        assert versions(search(host, CPU, WINDOWS)) == {CPU: "2.8", WINDOWS: "2.8"}
        assert host.solved == [(CPU,), (WINDOWS,)]

    def test_each_by_itself_where_lockstep_is_off(self) -> None:
        index = {"torch": {"2.8": release(only=[CPU]), "2.9": release(only=[CUDA])}}
        host = FakeHost(index, ["torch"])

        assert versions(search(host, CPU, CUDA, together=False)) == {CPU: "2.8", CUDA: "2.9"}
        assert len(host.solved) == 2

    def test_a_cell_that_has_no_solution_by_itself(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch", "nothing ; sys_platform == 'win32'"])

        with pytest.raises(NoSolutionError) as caught:
            search(host, CPU, WINDOWS)
        assert str(caught.value) == "No matching distribution found for nothing"
        assert caught.value.group.cells == (WINDOWS,)
        assert caught.value.hints == ()

    def test_one_cell_without_a_solution_is_solved_once(self) -> None:
        host = FakeHost({"torch": TORCH}, ["nothing"])

        with pytest.raises(NoSolutionError):
            search(host, CPU)
        assert len(host.solved) == 1


class TestTransitive:
    """A package in lockstep that no input names."""

    def test_binds_from_where_it_is_met(self) -> None:
        index = {"accelerate": {"1": release("torch")}, "torch": TORCH}
        host = FakeHost(index, ["accelerate"])

        assert versions(search(host, CPU, CUDA)) == {CPU: "2.9", CUDA: "2.9"}
        assert len(host.solved) == 2

    def test_the_leader_is_solved_again_where_others_lack_its_version(self) -> None:
        index = {"accelerate": {"1": release("torch")}, "torch": {**TORCH}}
        index["torch"]["2.9"] = release(only=[CPU])
        host = FakeHost(index, ["accelerate"])

        assert versions(search(host, CPU, CUDA)) == {CPU: "2.8", CUDA: "2.8"}
        assert host.solved == [(CPU,), (CPU,), (CUDA,)]

    def test_a_cell_without_it_is_an_error_that_says_so(self) -> None:
        index = {"accelerate": {"1": release("torch>2.8")}, "torch": {**TORCH}}
        index["torch"]["2.9"] = release(only=[CPU])
        host = FakeHost(index, ["accelerate"])

        with pytest.raises(NoSolutionError) as caught:
            search(host, CPU, CUDA)
        rule, lacks = caught.value.hints
        assert rule == "One version has to serve all cells (lockstep)."
        assert lacks == (
            f"torch 2.9 is needed by accelerate, and {CUDA} has no 2.9: its newest torch is 2.8 "
            "(it has 2.7, 2.8), at cu126/torch."
        )

    def test_a_named_platform_that_needs_it_too(self) -> None:
        """The project requires it on Linux alone; macOS has an older one."""
        index = {
            "torch": {"2.8": ANY, "2.9": release(only=[CPU, CUDA])},
            "accelerate": {"1": release("torch")},
        }
        host = FakeHost(index, ['torch ; sys_platform == "linux"', "accelerate"])

        assert set(versions(search(host, CPU, CUDA, MAC)).values()) == {"2.8"}

    def test_a_leader_that_is_not_asked_for_it(self) -> None:
        """The project requires it on Windows alone."""
        index = {"torch": TORCH, "accelerate": {"1": release("torch<2.9;sys_platform=='linux'")}}
        host = FakeHost(index, ['torch ; sys_platform == "win32"', "accelerate"])

        assert versions(search(host, CPU, WINDOWS)) == {CPU: "2.8", WINDOWS: "2.8"}
        assert len(host.solved) == 2

    def test_a_cell_that_does_without_keeps_nobody_back(self) -> None:
        index = {
            "timm": {"1": release('torchvision ; python_version < "3.11"')},
            "torchvision": {"1": release(only=[CPU]), "2": ANY},
        }
        index["torchvision"]["2"] = release(only=[first := cell("cu126", python=10)])
        second = cell("cu128", python=10)
        index["torchvision"]["2"] = release(only=[first, second])
        host = FakeHost(index, ["timm"])

        assert versions(search(host, CPU, first, second), "torchvision") == {
            CPU: None,
            first: "2",
            second: "2",
        }
        assert len(host.solved) == 3

    def test_a_cell_that_lacks_it_and_does_without(self) -> None:
        """The leader needs it, on Linux alone; Windows has none."""
        index = {
            "timm": {"1": release('torchvision==2 ; sys_platform == "linux"')},
            "torchvision": {"1": ANY, "2": release(only=[CPU])},
        }
        host = FakeHost(index, ["timm"])

        assert versions(search(host, CPU, WINDOWS), "torchvision") == {CPU: "2", WINDOWS: None}

    def test_a_cell_that_does_without_has_no_say_in_what_the_family_needs(self) -> None:
        """Linux needs what torch requires, and Windows has another version of it."""
        index = {
            "torch": {"1": release("torchvision")},
            "torchvision": {"1": release(only=[CPU, CUDA]), "2": release(only=[CPU, WINDOWS])},
        }
        host = FakeHost(index, ['torch ; sys_platform == "linux"'])

        assert versions(search(host, CPU, WINDOWS, CUDA), "torchvision") == {
            CPU: "1",
            WINDOWS: None,
            CUDA: "1",
        }


class TestRefused:
    """A version that the rest of some cell's graph refuses."""

    INDEX = {  # noqa: RUF012 - read only
        "torch": TORCH,
        "old": {"1": release('torch<2.9 ; sys_platform == "win32"')},
        "older": {"1": release('torch<2.8 ; sys_platform == "darwin"')},
    }

    def test_is_ruled_out_for_all(self) -> None:
        host = FakeHost(self.INDEX, ["torch", "old"])

        assert versions(search(host, CPU, WINDOWS)) == {CPU: "2.8", WINDOWS: "2.8"}
        assert host.solved == [(CPU,), (WINDOWS,), (WINDOWS,), (CPU,), (WINDOWS,)]

    def test_twice_in_a_row(self) -> None:
        host = FakeHost(self.INDEX, ["torch", "old", "older"])
        result = search(host, CPU, WINDOWS, MAC)

        assert versions(result) == {CPU: "2.7", WINDOWS: "2.7", MAC: "2.7"}
        assert len(host.solved) == 3 + 2 + 3 + 2

    def test_graphs_that_disagree(self) -> None:
        index = {"torch": TORCH, "old": {"1": release('torch<2.8 ; sys_platform == "win32"')}}
        host = FakeHost(index, ["torch", "old", 'new ; sys_platform == "linux"'])
        host.index = {**index, "new": {"1": release("torch>=2.8")}}

        with pytest.raises(NoSolutionError) as caught:
            search(host, CPU, WINDOWS)
        rule, refused = caught.value.hints
        assert rule == "One version has to serve all cells (lockstep)."
        assert refused == f"torch 2.8, 2.9 is ruled out: other packages refuse it for {WINDOWS}."

    def test_a_version_that_another_cell_lacks(self) -> None:
        index = {
            "torch": {"1": release(only=[WINDOWS]), **TORCH},
            "old": {"1": release('torch<2 ; sys_platform == "win32"')},
        }
        host = FakeHost(index, ["torch", "old"])

        with pytest.raises(NoSolutionError) as caught:
            search(host, CPU, WINDOWS)
        assert f"torch 1 is needed by old, and {CPU} has no 1" in str(caught.value)

    def test_a_cell_that_wants_a_far_older_one(self) -> None:
        """What it passed over is ruled out at once, and not one version after another."""
        many = {f"2.{n}": ANY for n in range(60)}
        lower = {"1": release('torch<=2.0 ; sys_platform == "win32"')}
        host = FakeHost({"torch": many, "lower": lower}, ["torch", "lower"])

        assert set(versions(search(host, CPU, WINDOWS)).values()) == {"2.0"}
        assert len(host.solved) == 5

    def test_the_search_ends_and_says_so(self) -> None:
        lower = {
            "1": release('torch<2.9 ; sys_platform == "darwin"', 'torch<2.8 ; os_name == "nt"')
        }
        host = FakeHost({"torch": TORCH, "lower": lower}, ["torch", "lower"])

        with pytest.raises(ResolutionError) as caught:
            search(host, CPU, MAC, WINDOWS, steps=1)
        said = str(caught.value)
        assert "accelock found no common versions in 1 steps over 3 cells" in said
        assert "torch 2.9 is ruled out" in said
        assert "`lockstep = false`" in said


class TestSplit:
    """The project requires other versions by platform."""

    def test_the_users_word_wins(self) -> None:
        asked = ['torch==2.7 ; sys_platform == "darwin"', 'torch==2.9 ; sys_platform != "darwin"']
        host = FakeHost({"torch": TORCH}, asked)

        assert versions(search(host, CPU, CUDA, MAC)) == {CPU: "2.9", CUDA: "2.9", MAC: "2.7"}
        assert len(host.solved) == 3

    def test_where_the_graph_refuses_one_version(self) -> None:
        index = {"torch": TORCH, "new": {"1": release('torch>2.7 ; sys_platform == "linux"')}}
        asked = ['torch<2.8 ; sys_platform == "darwin"', 'torch ; sys_platform != "darwin"']
        host = FakeHost(index, [*asked, "new"])
        result = search(host, CPU, MAC)

        assert versions(result) == {CPU: "2.9", MAC: "2.7"}
        assert len(host.solved) == 3

    def test_what_is_released_with_it_is_split_too(self) -> None:
        vision = {
            "0.22": release("torch==2.7"),
            "0.23": release("torch==2.8"),
            "0.24": release("torch==2.9"),
        }
        asked = ['torch==2.7 ; sys_platform == "darwin"', 'torch==2.9 ; sys_platform != "darwin"']
        host = FakeHost({"torch": TORCH, "torchvision": vision}, [*asked, "torchvision"])
        result = search(host, CPU, MAC)

        assert versions(result, "torchvision") == {CPU: "0.24", MAC: "0.22"}

    def test_a_loose_package(self) -> None:
        asked = ['torchtext<2 ; sys_platform == "darwin"', 'torchtext>1 ; sys_platform != "darwin"']
        host = FakeHost({"torchtext": {"1": ANY, "2": ANY}}, asked)

        assert versions(search(host, CPU, MAC), "torchtext") == {CPU: "2", MAC: "1"}

    def test_does_not_let_a_refusal_of_one_part_reach_the_other(self) -> None:
        """macOS refuses 2.8 of torchvision, which Windows, that takes another, has to keep."""
        index = {
            "torch": TORCH,
            "torchvision": {"1": ANY, "2": ANY},
            "old": {"1": release('torchvision<2 ; sys_platform == "darwin"')},
        }
        asked = ['torch==2.7 ; sys_platform == "darwin"', 'torch==2.9 ; sys_platform != "darwin"']
        host = FakeHost(index, [*asked, "torchvision", "old"])
        result = search(host, CPU, WINDOWS, MAC)

        assert versions(result, "torchvision") == {CPU: "2", WINDOWS: "2", MAC: "1"}
        assert len(host.solved) == 3


class TestLoose:
    def test_is_in_lockstep(self) -> None:
        index = {"torchtext": {"1": ANY, "2": ANY, "3": release(only=[CPU])}}
        host = FakeHost(index, ["torchtext"])

        assert versions(search(host, CPU, CUDA), "torchtext") == {CPU: "2", CUDA: "2"}

    def test_not_where_lockstep_is_off(self) -> None:
        index = {"torchtext": {"2": ANY, "3": release(only=[CPU])}}
        host = FakeHost(index, ["torchtext"])
        result = search(host, CPU, CUDA, together=False)

        assert versions(result, "torchtext") == {CPU: "3", CUDA: "2"}

    def test_an_optional_cell_follows_or_is_left_out(self) -> None:
        index = {"torchtext": {"2": ANY, "3": release(only=[CPU, WINDOWS])}}
        host = FakeHost(index, ["torchtext"])
        result = search(host, CPU, optional=[WINDOWS, MAC])

        assert versions(result, "torchtext") == {CPU: "3", WINDOWS: "3"}
        assert list(result.left_out) == [MAC]


class TestOptional:
    def test_is_solved_after_the_required_ones(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch"])
        search(host, CPU, CUDA, optional=[ARM, CUDA_ARM])

        assert host.solved == [(CPU,), (CUDA,), (ARM,), (CUDA_ARM,)]

    def test_is_left_out_where_it_lacks_the_version(self) -> None:
        index = {"torch": {"2.8": ANY, "2.9": release(only=[CPU, CUDA, ARM])}}
        host = FakeHost(index, ["torch"])
        result = search(host, CPU, CUDA, optional=[ARM, CUDA_ARM])

        assert versions(result) == {CPU: "2.9", CUDA: "2.9", ARM: "2.9"}
        assert "torch cannot be locked for cu126, linux-aarch64" in result.left_out[CUDA_ARM]
        assert len(host.solved) == 3

    def test_comes_back_where_the_others_take_what_it_has(self) -> None:
        """Also where it alone is asked for a package: only the end of the search tells."""
        index = {
            "torch": {"2.8": ANY, "2.9": release("nothing", only=[CPU, CUDA])},
            "coremltools": {"1": ANY},
        }
        host = FakeHost(index, ["torch", 'coremltools ; sys_platform == "darwin"'])
        result = search(host, CPU, CUDA, optional=[MAC])

        assert versions(result) == {CPU: "2.8", CUDA: "2.8", MAC: "2.8"}
        assert not result.left_out
        assert len(host.solved) == 3

    def test_is_left_out_where_it_has_no_solution(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch", 'nothing ; sys_platform == "darwin"', "torch"])
        host.index = {"torch": TORCH, "six": {"1": release('nothing;sys_platform=="darwin"')}}
        host.inputs = ["torch", "six"]
        result = search(host, CPU, optional=[MAC, WINDOWS])

        assert versions(result) == {CPU: "2.9", WINDOWS: "2.9"}
        assert result.left_out[MAC].startswith("No matching distribution found for nothing")
        assert len(host.solved) == 3

    def test_no_older_release_that_does_without_is_looked_for(self) -> None:
        """A library of today requires torch, and that of ten years ago did not."""
        index = {
            "torch": {"2.8": release(only=[WINDOWS]), "2.9": release(only=[CPU, CUDA])},
            "yolo": {"1": ANY, "8": release("torch>=2.8")},
        }
        host = FakeHost(index, ["yolo"])
        result = search(host, CPU, CUDA, optional=[WINDOWS])

        assert host.solved == [(CPU,), (CUDA,)]
        assert result.left_out[WINDOWS].startswith(
            f"torch 2.9 is needed by yolo, and {WINDOWS} has no 2.9: the only torch"
        )

    def test_one_that_does_without_by_a_marker_is_not_left_out(self) -> None:
        index = {
            "torch": {"2.9": release(only=[CPU])},
            "yolo": {"8": release('torch ; sys_platform == "linux"')},
        }
        host = FakeHost(index, ["yolo"])

        assert versions(search(host, CPU, optional=[WINDOWS])) == {CPU: "2.9", WINDOWS: None}

    def test_says_what_it_lacks_of_what_another_package_needs(self) -> None:
        index = {
            "timm": {"1": release("torchvision")},
            "torchvision": {"1": ANY, "2": release(only=[CPU])},
        }
        host = FakeHost(index, ["timm"])
        result = search(host, CPU, optional=[MAC])

        assert result.left_out[MAC] == (
            "torchvision 2 is needed by timm, and cpu, macos-arm64, Python 3.11 has no 2: the only "
            "torchvision that it has is 1, at cpu/torchvision."
        )

    def test_a_platform_goes_on_all_its_pythons(self) -> None:
        other, arm = cell("cpu", python=12), cell("cpu", "linux-aarch64", 12)
        index = {"torch": {"2.8": ANY, "2.9": release(only=[CPU, other, ARM])}}
        host = FakeHost(index, ["torch"])
        result = search(host, CPU, other, optional=[ARM, arm])

        assert list(result.left_out) == [ARM, arm]
        assert result.left_out[ARM] == result.left_out[arm]
        assert len(host.solved) == 2

    def test_words_of_its_own_keep_it_with_its_companions(self) -> None:
        vision = {"0.22": release("torch==2.7"), "0.24": release("torch==2.9")}
        asked = ['torch==2.7 ; sys_platform == "win32"', 'torch ; sys_platform != "win32"']
        host = FakeHost({"torch": TORCH, "torchvision": vision}, [*asked, "torchvision"])
        result = search(host, CPU, CUDA, optional=[WINDOWS, CUDA_WINDOWS])

        assert versions(result) == {CPU: "2.9", CUDA: "2.9", WINDOWS: "2.7", CUDA_WINDOWS: "2.7"}
        assert versions(result, "torchvision")[WINDOWS] == "0.22"
        assert len(host.solved) == 4

    def test_words_of_their_own_are_one_version_too(self) -> None:
        """The second takes what the first took, which was not its newest."""
        index = {"torch": TORCH, "old": {"1": release("torch<2.8")}}
        asked = ['torch<2.9 ; sys_platform == "win32"', 'torch>=2.9 ; sys_platform != "win32"']
        only = 'old ; sys_platform == "win32" and python_version < "3.12"'
        host = FakeHost(index, [*asked, only])
        later = cell("cpu", "windows-x86_64", 12)
        result = search(host, CPU, optional=[WINDOWS, later])

        assert versions(result) == {CPU: "2.9", WINDOWS: "2.7", later: "2.7"}

    def test_each_by_itself_where_lockstep_is_off(self) -> None:
        index = {"torch": {"2.8": ANY, "2.9": release(only=[CPU, WINDOWS])}}
        host = FakeHost(index, ["torch"])
        result = search(host, CPU, optional=[WINDOWS, MAC], together=False)

        assert versions(result) == {CPU: "2.9", WINDOWS: "2.9", MAC: "2.8"}

    def test_one_that_can_have_nothing_is_never_solved(self) -> None:
        """Nor after another solution was given up: six refuses the newest torch."""
        index = {"torch": TORCH, "six": {"1": release('torch<2.9 ; sys_platform == "darwin"')}}
        host = FakeHost(index, ["torch", "six"])
        result = search(
            host, CPU, MAC, optional=[WINDOWS, ARM], excluded={WINDOWS: "There is no gadget."}
        )

        assert versions(result) == {CPU: "2.8", MAC: "2.8", ARM: "2.8"}
        assert result.left_out == {WINDOWS: "There is no gadget."}
        assert not any(WINDOWS in cells for cells in host.solved)

    def test_is_an_error_where_nothing_is_left_out(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch", 'nothing ; sys_platform == "win32"'])

        with pytest.raises(NoSolutionError, match="No matching distribution found for nothing"):
            search(host, CPU, optional=[WINDOWS], leaves_out=False)

    def test_a_package_that_it_alone_is_asked_for_is_never_taken_away(self) -> None:
        index = {
            "torch": {"2.8": ANY, "2.9": release(only=[CPU, CUDA])},
            "coremltools": {"1": ANY},
        }
        host = FakeHost(index, ["torch", 'coremltools ; sys_platform == "darwin"'])

        with pytest.raises(LockstepError) as caught:
            search(host, CPU, CUDA, optional=[MAC])
        said = str(caught.value)
        assert "requires coremltools on macos-arm64 and on no other platform of cpu" in said
        assert "the only torch that it has is 2.8" in said
        assert "--platform" in said

    def test_one_that_failed_with_a_version_that_was_ruled_out_is_tried_again(self) -> None:
        """In one group with a required cell, it is solved before all of those are."""
        index = {
            "torch": TORCH,
            "six": {"1": release("torch<2.9;sys_platform=='darwin'")},
            "old": {"1": release("torch<2.9;sys_platform=='win32'")},
        }
        host = FakeHost(index, ["torch", "six", "old"], cluster=by_target)
        host.cluster = lambda each, _picks: each if each == WINDOWS else each.target
        result = search(host, CPU, WINDOWS, optional=[MAC])

        assert versions(result) == {CPU: "2.8", WINDOWS: "2.8", MAC: "2.8"}
        assert not result.left_out

    def test_what_it_is_asked_for_alone_is_no_word_for_the_required_ones(self) -> None:
        index = {"six": {"1": release("torchvision")}, "torchvision": {"1": ANY, "2": ANY}}
        index["torchvision"]["2"] = release(only=[CPU])
        host = FakeHost(index, ["six", 'torchvision ; sys_platform == "win32"'])
        result = search(host, CPU, CUDA, optional=[WINDOWS])

        assert versions(result, "torchvision") == {CPU: "1", CUDA: "1", WINDOWS: "1"}


class TestGroups:
    """A host that solves several cells at once."""

    def test_a_solve_for_each_group(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch"], cluster=by_target)
        result = search(host, CPU, WINDOWS, CUDA, optional=[MAC])

        assert host.solved == [(CPU, WINDOWS, MAC), (CUDA,)]
        assert set(versions(result).values()) == {"2.9"}

    def test_unserved_optional_cells_drop_out(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch"], cluster=by_target)
        host.missing = [("torch", "2.9", MAC)]
        result = search(host, CPU, optional=[MAC, WINDOWS])

        assert set(versions(result)) == {CPU, WINDOWS}
        assert list(result.left_out) == [MAC]
        assert result.left_out[MAC].startswith(f"torch 2.9 is needed, and {MAC} ")
        assert host.solved == [(CPU, MAC, WINDOWS)]

    def test_an_unserved_required_cell_is_an_error(self) -> None:
        host = FakeHost({"torch": TORCH}, ["torch"], cluster=by_target)
        host.missing = [("torch", "2.9", MAC)]

        with pytest.raises(LockstepError, match=r"torch 2\.9 is needed, and cpu, macos-arm64"):
            search(host, CPU, MAC)

    def test_an_optional_cell_never_stops_its_group(self) -> None:
        index = {"torch": TORCH, "six": {"1": release('nothing ; sys_platform == "darwin"')}}
        host = FakeHost(index, ["torch", "six"], cluster=by_target)
        result = search(host, CPU, optional=[MAC, WINDOWS])

        assert versions(result) == {CPU: "2.9", WINDOWS: "2.9"}
        assert list(result.left_out) == [MAC]
        assert result.left_out[MAC].startswith("No matching distribution found for nothing")

    def test_nor_lowers_it(self) -> None:
        index = {"torch": TORCH, "six": {"1": release('torch<2.9 ; sys_platform == "darwin"')}}
        host = FakeHost(index, ["torch", "six"], cluster=by_target)
        result = search(host, CPU, optional=[MAC])

        assert versions(result) == {CPU: "2.9"}
        assert list(result.left_out) == [MAC]

    def test_a_group_of_optional_cells_keeps_those_that_have_a_solution(self) -> None:
        index = {"torch": TORCH, "six": {"1": release('nothing ; sys_platform == "darwin"')}}
        host = FakeHost(index, ["torch", "six"])
        host.cluster = lambda each, _picks: each == CPU
        result = search(host, CPU, optional=[MAC, WINDOWS])

        assert versions(result) == {CPU: "2.9", WINDOWS: "2.9"}

    def test_a_group_as_large_as_what_is_required_is_told_what_the_others_lack(self) -> None:
        """Its size tells nothing: some of its cells are optional, and a required one is not in."""
        index = {
            "torch": {"2.7": release("runtime"), "2.8": release(only=[CUDA, CUDA_WINDOWS])},
            "runtime": {"1": release(only=[CPU])},
        }
        host = FakeHost(index, ["torch"], cluster=by_target)

        with pytest.raises(NoSolutionError) as caught:
            search(host, CPU, CUDA, optional=[CUDA_WINDOWS])
        rule, lacks = caught.value.hints
        assert rule == "One version has to serve all cells (lockstep)."
        assert lacks == (
            f"torch 2.8 is needed, and {CPU} has no 2.8: the only torch that it has is 2.7, "
            "at cpu/torch."
        )

    def test_groups_that_change_with_the_picks(self) -> None:
        """The cells whose builds of torch have one label make a group."""
        labelled = {"2.8": [CPU, WINDOWS], "2.9": [CPU]}

        def cluster(each: Cell, picks: Mapping[tuple[str, Cell], Version]) -> object:
            return each in labelled[str(picks["torch", each])]

        index = {"torch": {"2.8": ANY, "2.9": release("nothing")}}
        host = FakeHost(index, ["torch"], cluster=cluster)
        result = search(host, CPU, WINDOWS)

        assert versions(result) == {CPU: "2.8", WINDOWS: "2.8"}
        assert [group.cells for group in result.solutions] == [(CPU, WINDOWS)]
        assert host.solved == [(CPU,), (CPU, WINDOWS)]
