"""What cells may take of one package and its companions: `decide`, a function over tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import create_autospec

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.resolve.host import Available, Demand
from accelock.resolve.lockstep import Bound, Refused, decide, passed_over
from accelock.resolve.question import Question
from tests.resolve.fake_host import FAMILY, cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.targets import Cell

CPU, CUDA, OLD = cell("cpu"), cell("cu126"), cell("cu118")
ARM, OLD_WINDOWS = cell("cu126", "linux-aarch64"), cell("cu118", "windows-x86_64")
WINDOWS, MAC = cell("cpu", "windows-x86_64"), cell("cpu", "macos-arm64")


def versions(*texts: str) -> frozenset[Version]:
    return frozenset(map(Version, texts))


def question(
    has: Mapping[Cell, str],
    *,
    optional: Mapping[Cell, str] | None = None,
    asked: Mapping[Cell, str] | str = "",
    companions: Mapping[str, Mapping[Cell, str]] | None = None,
    **others: Any,
) -> Question:
    """Return a question on torch, which the project asks for.

    :param has: the required cells, and the versions that each has: "2.6 2.7".
    :param optional: the optional ones.
    :param asked: specifiers, by cell or the same for all; a cell that is not named asks nothing.
    :param companions: what is released with torch, and the versions that cells have of it.
    """
    cells = {**has, **(optional or {})}
    tables = {"torch": cells, **(companions or {})}
    specifiers = dict.fromkeys(cells, asked) if isinstance(asked, str) else asked
    return Question(
        required=tuple(has),
        optional=tuple(optional or {}),
        names=tuple(tables),
        demands={("torch", c): Demand(SpecifierSet(text)) for c, text in specifiers.items()},
        available={
            (name, c): Available({Version(t): Version(f"{t}+x") for t in text.split()})
            for name, table in tables.items()
            for c, text in table.items()
        },
        companions={name: [n for n in FAMILY if n != name] for name in FAMILY},
        **others,
    )


def bound(*cells: Cell, **taken: str) -> Bound:
    return Bound(cells, {name: versions(text) for name, text in taken.items()})


def refused(name: str, version: str, *cells: Cell) -> Refused:
    return Refused(name, Version(version), frozenset(cells), cells[0])


class TestRequired:
    def test_what_all_cells_have(self) -> None:
        both = decide(question({CPU: "2.6 2.7 2.8", OLD: "2.6 2.7"}))

        assert both.allowed["torch", CPU] == both.allowed["torch", OLD] == versions("2.6", "2.7")
        assert both.picks["torch", CPU] == both.picks["torch", OLD] == Version("2.7")
        assert both.failure is None
        assert both.takes("torch", CPU, Version("2.6"))
        assert not both.takes("torch", CPU, Version("2.8"))

    def test_each_by_itself_where_it_is_off(self) -> None:
        apart = decide(question({CPU: "2.8", OLD: "2.7"}, together=False))

        assert apart.allowed["torch", CPU] == versions("2.8")
        assert apart.allowed["torch", OLD] == versions("2.7")
        assert apart.failure is None

    def test_what_the_inputs_ask_for(self) -> None:
        has = {CPU: "2.6 2.7 2.8", OLD: "2.6 2.7"}
        both = decide(question(has, asked={CPU: "<2.8", OLD: ">2.6"}))

        assert both.allowed["torch", CPU] == versions("2.7")

    def test_the_users_word_for_one_platform_wins(self) -> None:
        """`torch==2.2 ; sys_platform == "darwin"` beside `torch==2.8`."""
        has = {CPU: "2.2 2.8", MAC: "2.2", WINDOWS: "2.2 2.8"}
        apart = decide(question(has, asked={CPU: "==2.8", MAC: "==2.2", WINDOWS: "==2.8"}))

        assert apart.allowed["torch", MAC] == versions("2.2")
        assert apart.allowed["torch", CPU] == apart.allowed["torch", WINDOWS] == versions("2.8")
        assert apart.failure is None

    def test_a_pre_release_only_where_it_is_asked_for(self) -> None:
        has = {CPU: "2.8 2.9rc1", OLD: "2.8 2.9rc1"}

        assert decide(question(has)).allowed["torch", CPU] == versions("2.8")
        asked = decide(question(has, asked="==2.9rc1"))
        assert asked.allowed["torch", CPU] == versions("2.9rc1")

    def test_a_final_release_goes_before_a_newer_pre_release(self) -> None:
        found = decide(question({CPU: "2.8 2.9rc1"}, asked=">=2.6.dev0"))

        assert found.allowed["torch", CPU] == versions("2.8", "2.9rc1")
        assert found.picks["torch", CPU] == Version("2.8")

    def test_a_package_that_nothing_is_said_of_follows_the_projects_word(self) -> None:
        pre = SpecifierSet(prereleases=True)
        found = decide(question({CPU: "2.8 2.9rc1"}, asked={}, anything=pre))

        assert found.allowed["torch", CPU] == versions("2.8", "2.9rc1")

    def test_what_is_locked_stays_where_all_have_it(self) -> None:
        has = {CPU: "2.6 2.7 2.8", OLD: "2.6 2.7"}
        locked = {("torch", c): Version("2.6") for c in has}

        assert decide(question(has, previous=locked)).picks["torch", OLD] == Version("2.6")
        gone = {("torch", c): Version("2.8") for c in has}
        assert decide(question(has, previous=gone)).picks["torch", CPU] == Version("2.7")

    def test_a_constraint_is_no_demand(self) -> None:
        """A cell without the package fails only where the project asks for it."""
        asked = question({CPU: "2.6", OLD: ""}, asked="<2.7")
        only = replace(
            asked, demands={p: replace(d, is_root=False) for p, d in asked.demands.items()}
        )

        assert decide(asked).failure is not None
        found = decide(only)
        assert found.failure is None
        assert found.allowed["torch", CPU] == versions("2.6")
        assert found.allowed["torch", OLD] == frozenset()
        assert "no wheel of torch" in found.lacking["torch", OLD]

    def test_a_cell_that_is_not_asked_keeps_no_other_back(self) -> None:
        """Only its solve tells whether it needs torch."""
        found = decide(question({CPU: "2.6 2.7", OLD: "2.6"}, asked={CPU: ""}))

        assert found.allowed["torch", CPU] == versions("2.6", "2.7")
        assert found.allowed["torch", OLD] == versions("2.6")

    def test_a_cell_that_needs_it_has_a_say(self) -> None:
        both = question(
            {CPU: "2.6 2.7", OLD: "2.6"}, asked={CPU: ""}, needed={("torch", OLD): True}
        )

        assert decide(both).allowed["torch", CPU] == versions("2.6")

    def test_a_cell_that_does_without_has_none(self) -> None:
        found = question({CPU: "2.6 2.7", OLD: "2.6"}, asked={}, needed={("torch", OLD): False})

        assert decide(found).allowed["torch", CPU] == versions("2.6", "2.7")


class TestBound:
    HAS = {CPU: "2.6 2.7", OLD: "2.6 2.7"}  # noqa: RUF012 - read only

    def test_what_is_taken_binds_the_cells_that_follow(self) -> None:
        found = decide(question(self.HAS), bound=[bound(CPU, torch="2.6")])

        assert found.allowed["torch", OLD] == versions("2.6")

    def test_the_first_binds(self) -> None:
        found = decide(question(self.HAS), bound=[bound(CPU, torch="2.6"), bound(OLD, torch="2.7")])

        assert found.allowed["torch", CPU] == found.allowed["torch", OLD] == versions("2.6")

    def test_not_where_lockstep_is_off(self) -> None:
        found = decide(question(self.HAS, together=False), bound=[bound(CPU, torch="2.6")])

        assert found.allowed["torch", OLD] == versions("2.6", "2.7")

    def test_what_not_all_have_does_not(self) -> None:
        """The leader took it before it was known that the others have to agree."""
        found = decide(question(self.HAS), bound=[bound(CPU, torch="2.8")])

        assert found.allowed["torch", CPU] == versions("2.6", "2.7")

    def test_a_cell_that_is_not_asked_takes_it_or_nothing(self) -> None:
        asked = question({CPU: "2.6 2.7", OLD: "2.6"}, asked={CPU: ""})
        found = decide(asked, bound=[bound(CPU, torch="2.7")])

        assert found.allowed["torch", OLD] == frozenset()
        assert "the only torch that it has is 2.6" in found.lacking["torch", OLD]

    def test_a_refused_version_is_out_for_all_that_share_it(self) -> None:
        asked = question(self.HAS, companions={"torchvision": self.HAS})
        found = decide(asked, refused=[refused("torch", "2.7", OLD)])

        assert found.allowed["torch", CPU] == found.allowed["torch", OLD] == versions("2.6")
        assert found.allowed["torchvision", CPU] == versions("2.6", "2.7")


class TestLoose:
    """A package that any index may have: what cells have of it is not known beforehand."""

    def test_follows_the_leader(self) -> None:
        asked = question({CPU: "2.6", OLD: "2.6"}, loose=("torchtext",))
        before = decide(asked)
        after = decide(asked, bound=[bound(CPU, torchtext="0.17")])

        assert before.takes("torchtext", OLD, Version("0.18"))
        assert not after.takes("torchtext", OLD, Version("0.18"))
        assert after.takes("torchtext", OLD, Version("0.17"))

    def test_a_refused_version_is_barred(self) -> None:
        asked = question({CPU: "2.6", OLD: "2.6"}, loose=("torchtext",))
        found = decide(asked, refused=[refused("torchtext", "0.18", OLD, CPU)])

        assert not found.takes("torchtext", CPU, Version("0.18"))
        assert found.takes("torchtext", CPU, Version("0.17"))

    def test_the_users_word_for_an_optional_platform_wins(self) -> None:
        asked = question({CPU: "2.6"}, optional={WINDOWS: "2.6"}, loose=("torchtext",))
        demand = {("torchtext", WINDOWS): Demand(SpecifierSet("==0.15"))}
        found = decide(
            replace(asked, demands={**asked.demands, **demand}),
            bound=[bound(CPU, torchtext="0.17")],
        )

        assert found.takes("torchtext", WINDOWS, Version("0.15"))


class TestSplit:
    """What the inputs ask for by platform, of torch."""

    HAS = {CPU: "2.6 2.7 2.8", CUDA: "2.7 2.8", MAC: "2.6 2.7"}  # noqa: RUF012 - read only

    def test_what_is_released_with_it_is_split_too(self) -> None:
        has = {**self.HAS, ARM: "2.7 2.8"}
        asked = question(
            has,
            asked={CPU: "==2.8", CUDA: "==2.8", MAC: "==2.7", ARM: "==2.8"},
            companions={"torchvision": has},
        )
        found = decide(asked, bound=[bound(CPU, torchvision="2.8")])

        assert found.allowed["torchvision", MAC] == versions("2.6", "2.7")
        assert found.allowed["torchvision", ARM] == versions("2.8")
        assert found.allowed["torchvision", CUDA] == versions("2.8")

    def test_what_is_ruled_out_is_so_in_its_part(self) -> None:
        asked = question(
            self.HAS,
            asked={CPU: "==2.8", CUDA: "==2.8", MAC: "==2.7"},
            companions={"torchvision": self.HAS},
        )
        found = decide(asked, refused=[refused("torchvision", "2.7", CUDA)])

        assert found.allowed["torchvision", CPU] == versions("2.8")
        assert found.allowed["torchvision", MAC] == versions("2.6", "2.7")

    def test_one_version_for_all_goes_before(self) -> None:
        asked = question(self.HAS, asked={CPU: ">=2.6", CUDA: ">=2.6", MAC: ">=2.6,<2.8"})

        found = decide(asked)
        assert found.allowed["torch", CPU] == found.allowed["torch", MAC] == versions("2.7")
        found = decide(asked, split=frozenset(["torch"]))
        assert found.allowed["torch", CPU] == versions("2.7", "2.8")
        assert found.allowed["torch", MAC] == versions("2.6", "2.7")


class TestOptional:
    """Platforms that nobody named never lower a version and never stop a lock."""

    def test_is_left_out_where_it_lacks_what_the_others_take(self) -> None:
        found = decide(question({CPU: "2.6 2.8", CUDA: "2.6 2.8"}, optional={ARM: "2.6"}))

        assert found.failure is None
        assert found.picks["torch", CUDA] == Version("2.8")
        assert list(found.left_out) == [ARM]
        assert "torch cannot be locked for cu126, linux-aarch64" in found.left_out[ARM]
        assert "cpu, linux-x86_64, Python 3.11: 2.8" in found.left_out[ARM]

    def test_follows_where_it_can(self) -> None:
        found = decide(question({CPU: "2.6 2.8"}, optional={ARM: "2.6 2.8 2.9"}))

        assert found.allowed["torch", ARM] == versions("2.8")
        assert not found.left_out

    def test_follows_what_was_taken(self) -> None:
        asked = question({CPU: "2.6 2.8"}, optional={ARM: "2.6", MAC: "2.8"})
        found = decide(asked, bound=[bound(CPU, torch="2.6")])

        assert found.allowed["torch", ARM] == versions("2.6")
        assert list(found.left_out) == [MAC]

    def test_is_not_left_out_of_what_it_is_not_asked_for(self) -> None:
        found = decide(question({CPU: "2.8"}, optional={ARM: "2.6"}, asked={}))

        assert not found.left_out
        assert found.allowed["torch", ARM] == frozenset()
        assert "the only torch that it has is 2.6" in found.lacking["torch", ARM]

    def test_words_of_its_own_give_it_a_version_of_its_own(self) -> None:
        """`torch==2.7.1 ; sys_platform == "win32"` beside `torch`."""
        has = {CPU: "2.7.1 2.9", CUDA: "2.7.1 2.9"}
        asked = {CPU: "", CUDA: "", WINDOWS: "==2.7.1"}
        found = decide(question(has, optional={WINDOWS: "2.7.1 2.9"}, asked=asked))

        assert found.picks["torch", CPU] == found.picks["torch", CUDA] == Version("2.9")
        assert found.allowed["torch", WINDOWS] == versions("2.7.1")
        assert not found.left_out

    def test_words_that_no_required_cell_can_have(self) -> None:
        asked = {CPU: "", WINDOWS: "==2.7.1"}
        found = decide(question({CPU: "2.9"}, optional={WINDOWS: "2.7.1 2.9"}, asked=asked))

        assert found.allowed["torch", WINDOWS] == versions("2.7.1")
        assert found.allowed["torch", CPU] == versions("2.9")

    def test_words_of_its_own_that_the_others_choice_meets(self) -> None:
        asked = {CPU: "", WINDOWS: "<3"}
        found = decide(question({CPU: "2.8 2.9"}, optional={WINDOWS: "2.8 2.9"}, asked=asked))

        assert found.allowed["torch", WINDOWS] == versions("2.9")

    def test_words_of_its_own_for_which_there_is_nothing(self) -> None:
        asked = {CPU: "", WINDOWS: "==2.7.1"}
        found = decide(question({CPU: "2.9"}, optional={WINDOWS: "2.9"}, asked=asked))

        assert list(found.left_out) == [WINDOWS]
        assert "torch==2.7.1 cannot be locked for cpu, windows" in found.left_out[WINDOWS]

    def test_its_companions_have_versions_of_their_own_too(self) -> None:
        has = {CPU: "2.7 2.9", WINDOWS: "2.7 2.9"}
        for asked in ({CPU: "", WINDOWS: "==2.7"}, {CPU: ">2.7", WINDOWS: "==2.7"}):
            found = decide(
                question(
                    {CPU: "2.7 2.9"},
                    optional={WINDOWS: "2.7 2.9"},
                    asked=asked,
                    companions={"torchvision": has},
                )
            )

            assert found.picks["torchvision", CPU] == Version("2.9")
            assert found.allowed["torchvision", WINDOWS] == versions("2.7", "2.9")

    def test_those_that_are_asked_alike_agree(self) -> None:
        asked = question(
            {CPU: "2.9", OLD: "2.9"},
            optional={WINDOWS: "2.6 2.7", OLD_WINDOWS: "2.6", MAC: "2.9"},
            asked={CPU: "", OLD: "", WINDOWS: "<2.8", OLD_WINDOWS: "<2.8", MAC: ""},
        )
        found = decide(asked)

        assert found.allowed["torch", WINDOWS] == versions("2.6")
        assert found.allowed["torch", OLD_WINDOWS] == versions("2.6")
        assert found.allowed["torch", MAC] == versions("2.9")

    def test_a_package_that_they_alone_are_asked_for(self) -> None:
        has, here = {CPU: "2.9", OLD: "2.9"}, {WINDOWS: "2.6 2.7", OLD_WINDOWS: "2.6"}
        needless = {("torch", c): False for c in has}
        asked = question(has, optional=here, asked=dict.fromkeys(here, ""), needed=needless)
        found = decide(asked)

        assert found.allowed["torch", WINDOWS] == found.allowed["torch", OLD_WINDOWS]
        assert found.allowed["torch", WINDOWS] == versions("2.6")

    def test_what_one_took_binds_those_after_it(self) -> None:
        """No required cell needs it, nor does the project ask for it."""
        has, here = {CPU: "2.9"}, {WINDOWS: "2.6 2.7", MAC: "2.6"}
        asked = question(has, optional=here, asked={}, needed={("torch", CPU): False})
        found = decide(asked, bound=[bound(WINDOWS, torch="2.7")])

        assert found.allowed["torch", MAC] == frozenset()
        assert "the only torch that it has is 2.6" in found.lacking["torch", MAC]

    def test_each_by_itself_where_lockstep_is_off(self) -> None:
        found = decide(question({CPU: "2.9"}, optional={MAC: "2.6"}, together=False))

        assert found.allowed["torch", MAC] == versions("2.6")
        assert not found.left_out


class TestFailure:
    def test_a_named_platform(self) -> None:
        said = decide(question({CPU: "2.8", OLD: "2.6 2.7"})).failure

        assert said is not None
        assert "torch cannot be locked for cu118, linux-x86_64, Python 3.11" in said
        assert "newest torch is 2.7" in said
        assert "cpu, linux-x86_64, Python 3.11: 2.8" in said

    def test_names_the_oldest_where_older_ones_are_wanted(self) -> None:
        said = decide(question({CPU: "2.4 2.5", CUDA: "2.6 2.7"})).failure

        assert said is not None
        assert "its oldest torch is 2.6 (it has 2.6, 2.7)" in said

    def test_the_only_cell_there_is(self) -> None:
        said = decide(question({CPU: ""})).failure

        assert said is not None
        assert "no wheel of torch" in said
        assert "lockstep" not in said

    def test_names_what_was_asked_for(self) -> None:
        said = decide(question({OLD: "2.6 2.7"}, asked="==2.8")).failure

        assert said is not None
        assert "torch==2.8 cannot be locked for cu118" in said

    @pytest.mark.parametrize(("unhashed", "is_said"), [("2.8", True), ("2.5", False)])
    def test_names_versions_without_a_hash(self, unhashed: str, *, is_said: bool) -> None:
        asked = question({CPU: "2.6"}, asked=">2.6")
        bare = Available(asked.available["torch", CPU].builds, versions(unhashed))
        said = decide(replace(asked, available={("torch", CPU): bare})).failure

        assert said is not None
        assert ("torch 2.8 exists" in said and "--allow-downloads" in said) is is_said


def test_twice_the_cells_are_twice_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = create_autospec(Question.sharing, side_effect=Question.sharing)
    monkeypatch.setattr(Question, "sharing", counted)

    def work(count: int) -> int:
        counted.reset_mock()
        decide(question({cell("cpu", python=each): "2.6 2.7" for each in range(count)}))
        return len(counted.mock_calls)

    assert 0 < work(24) <= 2 * work(12)


def over(asked: Question, name: str, place: Cell, chosen: Version) -> Version | None:
    return passed_over(asked, decide(asked), name, place, chosen)


class TestPassedOver:
    """torch 2.8 is there, and its index publishes no sha256 of it."""

    @staticmethod
    def unhashed(has: Mapping[Cell, str], without: Mapping[Cell, str], **others: Any) -> Question:
        asked = question(has, **others)
        tables = {
            (name, c): replace(table, unhashed=versions(*without.get(c, "").split()))
            for (name, c), table in asked.available.items()
        }
        return replace(asked, available=tables)

    def test_the_newest_that_would_do(self) -> None:
        asked = self.unhashed({CPU: "2.6 2.9"}, {CPU: "2.5 2.7 2.8"}, asked="<2.9")

        assert over(asked, "torch", CPU, Version("2.6")) == Version("2.8")

    def test_an_older_one_or_the_same_is_none(self) -> None:
        asked = self.unhashed({CPU: "2.6"}, {CPU: "2.5 2.6"})

        assert over(asked, "torch", CPU, Version("2.6")) is None

    def test_what_others_ask_keeps_it_back(self) -> None:
        asked = self.unhashed({CPU: "2.5 2.6"}, {CPU: "2.8"})

        assert over(asked, "torch", CPU, Version("2.5")) is None
        assert over(asked, "torchvision", CPU, Version("2.6")) is None

    def test_a_cell_with_a_say_that_lacks_it_keeps_it_back(self) -> None:
        has = {CPU: "2.6", CUDA: "2.6"}
        chosen = Version("2.6")

        assert over(self.unhashed(has, {CPU: "2.8"}), "torch", CPU, chosen) is None
        both = self.unhashed(has, {CPU: "2.8", CUDA: "2.8"})
        assert over(both, "torch", CPU, chosen) == Version("2.8")
        other = self.unhashed({**has, CUDA: "2.6 2.8"}, {CPU: "2.8"})
        assert over(other, "torch", CPU, chosen) == Version("2.8")

    def test_an_optional_cell_has_none(self) -> None:
        asked = self.unhashed({CPU: "2.6"}, {CPU: "2.8"}, optional={WINDOWS: "2.6"})

        assert over(asked, "torch", CPU, Version("2.6")) == Version("2.8")
