"""Which releases of a family go together: `plan`, from tables and metadata, before any solve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.resolve import family
from accelock.resolve.family import plan
from accelock.resolve.host import Available, Demand
from accelock.resolve.lockstep import decide
from accelock.resolve.question import Question
from tests.resolve.fake_host import FAMILY, applying, cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest
    from packaging.requirements import Requirement

    from accelock.resolve.family import FamilyPlan
    from accelock.targets import Cell

    Asked = Mapping[str, Mapping[Cell, str] | str]

CPU, CUDA, OLD = cell("cpu"), cell("cu126"), cell("cu118")
MAC, WINDOWS = cell("cpu", "macos-arm64"), cell("cpu", "windows-x86_64")


class Wheels:
    """The metadata of made-up releases.

    :param requires: "torchvision 0.23" -> what that release requires, with markers.
    :param libraries: "triton 3.4" -> the cells that have it.
    """

    def __init__(
        self,
        requires: Mapping[str, Sequence[str]],
        libraries: Mapping[str, Sequence[Cell]] | None = None,
    ) -> None:
        self.of = requires
        self.libraries = libraries or {}
        self.read: list[tuple[str, Cell]] = []

    def requires(self, name: str, version: Version, each: Cell) -> list[Requirement]:
        self.read.append((f"{name} {version}", each))
        return applying(self.of.get(f"{name} {version}", ()), each)

    def has_library(self, requirement: Requirement, each: Cell, by: tuple[str, Version]) -> bool:
        assert any(r.name == requirement.name for r in self.requires(*by, each))
        return any(
            each in cells and requirement.specifier.contains(text.split()[1])
            for text, cells in self.libraries.items()
            if text.split()[0] == requirement.name
        )


def question(
    has: Mapping[str, Mapping[Cell, str]],
    asked: Asked,
    optional: Sequence[Cell] = (),
    **others: Any,
) -> Question:
    """Return a question.

    :param has: package -> cell -> the versions that it has: "2.7 2.8".
    :param asked: package -> what the project asks for, by cell or the same for all.
    """
    cells = list(dict.fromkeys(c for table in has.values() for c in table))
    demands = {
        (name, c): Demand(SpecifierSet(text))
        for name, said in asked.items()
        for c, text in (dict.fromkeys(cells, said) if isinstance(said, str) else said).items()
    }
    available = {
        (name, c): Available({Version(t): Version(t) for t in table.get(c, "").split()})
        for name, table in has.items()
        for c in cells
    }
    return Question(
        required=tuple(c for c in cells if c not in optional),
        optional=tuple(optional),
        names=tuple(has),
        demands=demands,
        available=available,
        companions={name: [n for n in FAMILY if n != name] for name in FAMILY},
        **others,
    )


def planned(of: Question, wheels: Wheels) -> FamilyPlan:
    return plan(of, decide(of), wheels)


def picks(found: FamilyPlan, name: str) -> dict[Cell, str]:
    return {c: str(version) for (each, c), version in found.picks.items() if each == name}


def refused(found: FamilyPlan) -> list[str]:
    """Return what is refused and why, with the target alone for a cell of Linux."""
    short = ", linux-x86_64, Python 3.11"
    return [f"{each.name} {each.version}: {each.why.replace(short, '')}" for each in found.refused]


def everywhere(versions: str, *cells: Cell) -> dict[Cell, str]:
    return dict.fromkeys(cells, versions)


VISION = {"torchvision 0.22": ["torch==2.7"], "torchvision 0.23": ["torch==2.8"]}
BOTH = {"torch": "", "torchvision": ""}


class TestRequired:
    def test_the_newest_pair_and_not_the_newest_of_each(self) -> None:
        has = {
            "torch": everywhere("2.7 2.8 2.9", CPU, CUDA),
            "torchvision": everywhere("0.22 0.23", CPU, CUDA),
        }
        found = planned(question(has, BOTH), Wheels(VISION))

        assert picks(found, "torch") == {CPU: "2.8", CUDA: "2.8"}
        assert picks(found, "torchvision") == {CPU: "0.23", CUDA: "0.23"}
        assert refused(found) == [
            (
                "torch 2.9: no torchvision goes with torch 2.9 (torchvision 0.23 requires "
                "torch==2.8 for cpu)"
            )
        ]
        assert found.refused[0].cells == {CPU, CUDA}
        assert found.refused[0].by == CPU

    def test_it_tells_which_cell_keeps_the_others_at_an_older_one(self) -> None:
        has = {
            "torch": everywhere("2.7 2.8", CPU, CUDA, OLD),
            "torchvision": {CPU: "0.22 0.23", CUDA: "0.22 0.23", OLD: "0.22"},
        }
        found = planned(question(has, BOTH), Wheels(VISION))

        assert picks(found, "torch") == {CPU: "2.7", CUDA: "2.7", OLD: "2.7"}
        assert refused(found) == [
            (
                "torch 2.8: no torchvision goes with torch 2.8 (torchvision 0.22 requires "
                "torch==2.7 for cpu; cu118 has torchvision up to 0.22)"
            )
        ]

    def test_no_release_in_common_is_refused_for_every_one(self) -> None:
        has = {"torch": {CPU: "2.7 2.8"}, "torchvision": {CPU: "0.23"}}
        asked = {"torch": "<2.8", "torchvision": ""}
        found = planned(question(has, asked), Wheels(VISION))

        assert found.picks == {}
        assert [line.partition(":")[0] for line in refused(found)] == ["torch 2.7"]

    def test_a_third_is_looked_at_with_both_before_it(self) -> None:
        has = {
            "torch": {CPU: "2.7 2.8"},
            "torchvision": {CPU: "0.22 0.23"},
            "torchaudio": {CPU: "2.7 2.8"},
        }
        audio = {"torchaudio 2.7": ["torch==2.7"], "torchaudio 2.8": ["torchvision<0.23"]}
        found = planned(question(has, {**BOTH, "torchaudio": ""}), Wheels({**VISION, **audio}))

        assert picks(found, "torch") == {CPU: "2.7"}
        assert picks(found, "torchvision") == {CPU: "0.22"}
        assert picks(found, "torchaudio") == {CPU: "2.8"}

    def test_what_one_before_requires_of_one_after_counts_too(self) -> None:
        has = {"torch": {CPU: "2.8"}, "torchvision": {CPU: "0.22 0.23"}}
        found = planned(question(has, BOTH), Wheels({"torch 2.8": ["torchvision<0.23"]}))

        assert picks(found, "torchvision") == {CPU: "0.22"}

    def test_and_says_who_requires_it(self) -> None:
        has = {"torch": {CPU: "2.8"}, "torchvision": {CPU: "0.22 0.23"}}
        wheels = {"torch 2.8": ["torchvision<0.23"], "torchvision 0.22": ["absent"]}

        assert refused(planned(question(has, BOTH), Wheels(wheels))) == [
            (
                "torch 2.8: no torchvision goes with torch 2.8 (torch 2.8 requires "
                "torchvision<0.23 for cpu)"
            )
        ]
        has["torchvision"] = {CPU: "0.23"}
        assert refused(planned(question(has, BOTH), Wheels(wheels))) == [
            "torch 2.8: torch 2.8 requires torchvision<0.23, which cpu has no file of"
        ]

    def test_what_is_locked_comes_before_newer_ones(self) -> None:
        has = {"torch": {CPU: "2.7 2.8"}, "torchvision": {CPU: "0.22 0.23"}}
        locked = {("torch", CPU): Version("2.7")}
        found = planned(question(has, BOTH, previous=locked), Wheels(VISION))

        assert picks(found, "torch") == {CPU: "2.7"}
        assert picks(found, "torchvision") == {CPU: "0.22"}
        assert found.refused == ()

    def test_a_final_release_comes_before_a_newer_pre_release(self) -> None:
        has = {"torch": {CPU: "2.8 2.9rc1"}, "torchvision": {CPU: "0.23"}}
        asked = {"torch": ">=2.8rc1", "torchvision": ""}
        found = planned(question(has, asked), Wheels(VISION))

        assert picks(found, "torch") == {CPU: "2.8"}
        assert found.refused == ()

    def test_a_pre_release_satisfies_its_own_companion(self) -> None:
        has = {"torch": {CPU: "2.9rc1"}, "torchvision": {CPU: "0.24rc1"}}
        asked = {"torch": ">=2.9rc1", "torchvision": ">=0.24rc1"}
        wheels = Wheels({"torchvision 0.24rc1": ["torch>2.8"]})

        assert picks(planned(question(has, asked), wheels), "torch") == {CPU: "2.9rc1"}

    def test_cells_that_the_project_asks_in_other_words_are_planned_apart(self) -> None:
        has = {
            "torch": {CPU: "2.7 2.8", MAC: "2.7"},
            "torchvision": {CPU: "0.22 0.23", MAC: "0.22"},
        }
        asked: Asked = {"torch": {CPU: "==2.8", MAC: "==2.7"}, "torchvision": ""}
        found = planned(question(has, asked), Wheels(VISION))

        assert picks(found, "torch") == {CPU: "2.8", MAC: "2.7"}
        assert picks(found, "torchvision") == {CPU: "0.23", MAC: "0.22"}

    def test_a_cell_that_is_not_asked_for_a_companion_has_no_say_on_it(self) -> None:
        has = {
            "torch": {CPU: "2.7 2.8", CUDA: "2.7 2.8"},
            "torchvision": {CPU: "0.23", CUDA: "0.22"},
        }
        asked: Asked = {"torch": "", "torchvision": {CPU: ""}}
        wheels = Wheels({**VISION, "torchvision 0.23": ["torch==2.8", "missing ; extra == 'x'"]})
        found = planned(question(has, asked), wheels)

        assert picks(found, "torch") == {CPU: "2.8", CUDA: "2.8"}
        assert ("torchvision 0.23", CUDA) not in wheels.read

    def test_a_long_search_is_left_to_the_hosts_resolver(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        has = {"torch": {CPU: "2.6 2.7 2.8 2.9"}, "torchvision": {CPU: "0.1 0.2 0.3 0.4"}}
        wheels = Wheels({f"torchvision 0.{n}": ["torch==1"] for n in range(1, 5)})
        of = question(has, BOTH)

        assert len(planned(of, wheels).refused) == 4
        monkeypatch.setattr(family, "_MOST", 6)
        found = planned(of, wheels)
        assert [str(each.version) for each in found.refused] == ["2.9"]
        assert found.picks == {}


class TestWhatAReleaseRequires:
    def test_a_library_that_a_cell_lacks(self) -> None:
        has = {"torch": everywhere("2.7 2.8", CPU, CUDA)}
        wheels = Wheels(
            {"torch 2.8": ["triton==3.4"], "torch 2.7": ["triton==3.3"]},
            {"triton 3.4": [CUDA], "triton 3.3": [CPU, CUDA]},
        )
        found = planned(question(has, {"torch": ""}), wheels)

        assert picks(found, "torch") == {CPU: "2.7", CUDA: "2.7"}
        assert refused(found) == [
            "torch 2.8: torch 2.8 requires triton==3.4, which cpu has no file of"
        ]

    def test_a_library_that_another_cell_of_the_same_version_lacks(self) -> None:
        has = {"torch": everywhere("2.7 2.8", CPU, CUDA)}
        wheels = Wheels({"torch 2.8": ["triton==3.4"]}, {"triton 3.4": [CPU]})
        found = planned(question(has, {"torch": ""}), wheels)

        assert picks(found, "torch") == {CPU: "2.7", CUDA: "2.7"}
        assert refused(found)[0].endswith("which cu126 has no file of")

    def test_a_companion_that_the_input_asks_for_in_other_words(self) -> None:
        has = {"torch": {CPU: "2.7 2.8"}, "torchvision": {CPU: "0.22 0.23"}}
        asked = {"torch": "", "torchvision": "<0.23"}
        wheels = Wheels({"torch 2.8": ["torchvision==0.23"], "torch 2.7": ["torchvision==0.22"]})
        found = planned(question(has, asked), wheels)

        assert picks(found, "torch") == {CPU: "2.7"}
        assert refused(found) == [
            (
                "torch 2.8: torch 2.8 requires torchvision==0.23, and for cpu the project "
                "requires torchvision<0.23"
            )
        ]

    def test_a_companion_that_other_cells_lack(self) -> None:
        """The project requires it, so that all cells have one version."""
        has = {
            "torch": everywhere("2.7 2.8", CPU, CUDA),
            "torchaudio": {CPU: "2.7 2.8", CUDA: "2.7"},
        }
        wheels = Wheels({"torch 2.8": ["torchaudio==2.8"]})
        found = planned(question(has, {"torch": "", "torchaudio": ""}), wheels)

        assert picks(found, "torch") == {CPU: "2.7", CUDA: "2.7"}
        assert refused(found) == [
            (
                "torch 2.8: torch 2.8 requires torchaudio==2.8, which cpu may not take, because "
                "other cells cannot"
            )
        ]

    def test_what_nobody_asks_for_is_narrowed_by_those_that_require_it(self) -> None:
        """A cell that does without torchaudio does not keep the others at its older one."""
        has = {
            "torch": {CPU: "2.8", CUDA: "2.8", MAC: "2.8"},
            "torchaudio": {CPU: "2.8", CUDA: "2.8", MAC: "2.7"},
        }
        wheels = Wheels({"torch 2.8": ["torchaudio==2.8 ; sys_platform == 'linux'"]})
        found = planned(question(has, {"torch": ""}), wheels)
        assert picks(found, "torch") == {CPU: "2.8", CUDA: "2.8", MAC: "2.8"}
        assert found.refused == ()

        wheels = Wheels({"torch 2.8": ["torchaudio==2.8"]})
        found = planned(question(has, {"torch": ""}), wheels)
        assert found.picks == {}
        assert "torchaudio==2.8, which cpu may not take" in refused(found)[0]

    def test_what_requires_something_else_does_not_narrow(self) -> None:
        has = {
            "torch": {CPU: "2.8", MAC: "2.8"},
            "torchaudio": {CPU: "2.8", MAC: "2.7"},
            "torchtext": {CPU: "0.18", MAC: "0.18"},
        }
        linux = "torchaudio==2.8 ; sys_platform == 'linux'"
        wheels = Wheels({"torch 2.8": [linux, "torchtext"]})

        assert planned(question(has, {"torch": ""}), wheels).refused == ()


class TestOptional:
    HAS = {  # noqa: RUF012
        "torch": everywhere("2.7 2.8", CPU, MAC),
        "torchvision": {CPU: "0.22 0.23", MAC: "0.22 0.23"},
    }

    def test_it_takes_what_the_others_take(self) -> None:
        found = planned(question(self.HAS, BOTH, [MAC]), Wheels(VISION))

        assert picks(found, "torchvision") == {CPU: "0.23", MAC: "0.23"}
        assert found.left_out == {}
        assert found.lacking == {}

    def test_it_is_left_out_where_it_cannot(self) -> None:
        only_here = {"torchvision 0.23": ["torch==2.8", "triton ; sys_platform == 'darwin'"]}
        found = planned(question(self.HAS, BOTH, [MAC]), Wheels(VISION | only_here))

        assert picks(found, "torch")[CPU] == "2.8"
        assert found.left_out == {
            MAC: "no torchvision goes with torch 2.8 (torchvision 0.23 requires triton; "
            'sys_platform == "darwin", which cpu, macos-arm64, Python 3.11 has no file of).'
        }

    def test_what_nobody_asks_for_it_may_lack(self) -> None:
        only_here = {"torchvision 0.23": ["torch==2.8", "triton ; sys_platform == 'darwin'"]}
        found = planned(question(self.HAS, {"torch": ""}, [MAC]), Wheels(VISION | only_here))

        assert found.left_out == {}
        (((name, where), why),) = found.lacking.items()
        assert (name, where) == ("torchvision", MAC)
        assert why.startswith("torchvision 0.23 requires triton")
        assert why.endswith("has no file of.")

    def test_what_nobody_asks_for_has_to_go_with_what_is_taken(self) -> None:
        """torchaudio is looked at beside the torchvision that was found to fit."""
        has = {
            "torch": everywhere("2.8", CPU, MAC),
            "torchvision": everywhere("0.23", CPU, MAC),
            "torchaudio": everywhere("2.8", CPU, MAC),
        }
        of = question(has, {"torch": ""}, [MAC])

        assert planned(of, Wheels({"torchaudio 2.8": ["torchvision==0.23"]})).lacking == {}
        found = planned(of, Wheels({"torchvision 0.23": ["torchaudio!=2.8"]}))
        assert set(found.lacking) == {("torchvision", MAC)}
        found = planned(of, Wheels({"torchaudio 2.8": ["torch!=2.8"]}))
        assert set(found.lacking) == {("torchaudio", MAC)}

    def test_what_a_required_cell_is_asked_for_is_not_met_again(self) -> None:
        asked: Asked = {"torch": "", "torchvision": {CPU: ""}}
        only_here = {"torchvision 0.23": ["torch==2.8", "triton ; sys_platform == 'darwin'"]}
        found = planned(question(self.HAS, asked, [MAC]), Wheels(VISION | only_here))

        assert found.lacking == {}
