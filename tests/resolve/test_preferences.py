"""Which pins are kept, on a host of made-up packages that tells what its resolver ran into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from accelock.resolve.lockstep import Decision
from accelock.resolve.preferences import PinConflict, PinRelaxer
from tests.resolve.fake_host import FakeHost, Resolver, cell, release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = cell("cpu")
# The cell has no torch 2. `pinner` goes with one torch, `modest` with any; `quiet` 1 asks for none.
INDEX = {
    "torch": {"1": release("sympy==1"), "2": release("sympy==2", only=())},
    "sympy": {"1": release(), "2": release()},
    "pinner": {"1": release("torch==1", "helper<2"), "2": release("torch==2", "helper")},
    "looser": {"1": release("torch"), "2": release("torch>=2")},
    "modest": {"1": release("torch"), "2": release("torch", "helper")},
    "quiet": {"1": release(), "2": release("torch")},
    "helper": {"1": release(), "2": release()},
}


class UnsolvableError(Exception):
    """What the host raises."""


ENDLESS = PinConflict(UnsolvableError(), is_endless=True)
OF_NO_PIN = PinConflict(UnsolvableError(), frozenset({"other"}), frozenset({"another"}))
TORCH_OF_NO_PIN = PinConflict(UnsolvableError(), frozenset({"torch"}), frozenset({"another"}))


class Solving:
    """Solves with pins as constraints, and blames the first conflict, as pip does the last.

    :param blamed: what is blamed in its place, by the number of the attempt (from 1).
    """

    def __init__(self, *inputs: str, blamed: Mapping[int, PinConflict] | None = None) -> None:
        self.inputs = inputs
        self.blamed = blamed or {}
        self.tried: list[set[str]] = []

    def lost(self, **pins: str) -> list[str]:
        """Return the names of the pins that the last solution lacks."""
        relaxer = PinRelaxer(self.attempt, self.known)
        return relaxer.relax({name: Version(text) for name, text in pins.items()})

    def attempt(self, pins: Mapping[str, Version]) -> Mapping[str, Version] | PinConflict:
        self.tried.append(set(pins))
        constraints = [f"{name}=={version}" for name, version in pins.items()]
        host = FakeHost(INDEX, self.inputs, constraints, labelled=(), loose=())
        resolver = Resolver(host, (HERE,), Decision({}, {}, {}, {}, {}), ())
        found = resolver.search({})
        if found is not None:
            return found.pins
        if len(self.tried) in self.blamed:
            return self.blamed[len(self.tried)]
        name = Requirement(resolver.reason.rpartition(" ")[2]).name
        asking = frozenset(parent for parent, _version, each in self.known() if each.name == name)
        return PinConflict(UnsolvableError(resolver.reason), frozenset({name}), asking)

    def known(self) -> Iterator[tuple[str, str, Requirement]]:
        for name, versions in INDEX.items():
            for version, each in versions.items():
                yield from ((name, version, Requirement(text)) for text in each.requires)


def test_pins_that_fit_together_are_kept_in_one_solve() -> None:
    solving = Solving("torch", "modest")
    assert solving.lost(torch="1", modest="2", helper="1") == []
    assert len(solving.tried) == 1


def test_no_pins_are_one_solve() -> None:
    solving = Solving("torch")
    assert solving.lost() == []
    assert solving.tried == [set()]


def test_what_cannot_stay_goes_and_nothing_else() -> None:
    solving = Solving("torch", "pinner", "looser", "modest")
    lost = solving.lost(torch="2", pinner="2", looser="2", modest="2", helper="2", sympy="2")
    assert sorted(lost) == ["helper", "looser", "pinner", "sympy", "torch"]


def test_what_was_let_go_of_without_need_is_taken_back() -> None:
    error = UnsolvableError("as if modest and helper were to blame")
    wrong = PinConflict(error, frozenset({"modest", "helper", "torch"}))
    solving = Solving("torch", "modest", blamed={1: wrong})
    assert solving.lost(torch="2", modest="2", helper="1", sympy="1") == ["torch"]


def test_those_that_ask_go_where_no_pin_is_of_the_package_in_conflict() -> None:
    solving = Solving("torch", "pinner", "modest")
    assert solving.lost(pinner="2", modest="2") == ["pinner"]
    asking = PinConflict(UnsolvableError(), frozenset({"torch"}), frozenset({"pinner"}))
    solving = Solving("torch", "pinner", "modest", blamed={1: asking})
    solving.lost(pinner="2", modest="2")
    assert solving.tried[1] == {"modest"}


def test_pins_around_an_earlier_conflict_go_where_the_last_one_names_none() -> None:
    """What is named in the end is no pin, and those that ask for it are none either."""
    solving = Solving("torch", "pinner", "modest", blamed={1: TORCH_OF_NO_PIN, 2: OF_NO_PIN})
    pins = {"torch": "2", "pinner": "2", "modest": "2", "helper": "1", "quiet": "1"}
    assert solving.lost(**pins) == ["torch", "pinner"]
    assert solving.tried[2] == {"helper", "quiet"}, "modest asks for torch as pinner does"


def test_a_package_in_dispute_need_not_be_pinned() -> None:
    asking = PinConflict(UnsolvableError(), frozenset({"torch"}), frozenset({"pinner"}))
    solving = Solving("torch", "pinner", "modest", blamed={1: asking, 2: OF_NO_PIN})
    assert solving.lost(pinner="2", modest="2", quiet="1", sympy="2") == ["pinner", "sympy"]
    assert solving.tried[2] == {"quiet"}


def test_what_asked_in_an_earlier_conflict_is_in_dispute_too() -> None:
    asking = PinConflict(UnsolvableError(), frozenset({"other"}), frozenset({"pinner"}))
    solving = Solving("pinner", "quiet", blamed={1: asking, 2: OF_NO_PIN})
    solving.lost(pinner="2", helper="2", quiet="1")
    assert solving.tried[2] == {"quiet"}, "a pinner asks for another helper"


def test_a_pin_that_a_package_in_dispute_asks_to_be_another_goes() -> None:
    solving = Solving("torch", blamed={1: TORCH_OF_NO_PIN, 2: OF_NO_PIN})
    assert solving.lost(torch="2", sympy="2", helper="2") == ["torch", "sympy"]
    assert solving.tried[2] == {"helper"}


def test_an_endless_search_lets_go_of_all_and_takes_back_what_does_no_harm() -> None:
    solving = Solving("torch", "pinner", "modest", blamed={1: ENDLESS})
    assert solving.lost(torch="2", pinner="2", modest="2", helper="1") == ["pinner", "torch"]
    assert solving.tried[1] == set()


def test_both_halves_of_what_went_are_tried_again() -> None:
    for wrong in ({"pinner": "2"}, {"torch": "2"}):
        solving = Solving("helper", "modest", "quiet", "pinner", blamed={1: ENDLESS})
        pins = {"helper": "1", "modest": "1", "quiet": "1", **wrong}
        assert solving.lost(**pins) == [*wrong]


def test_an_attempt_with_more_pins_than_one_that_failed_is_not_made() -> None:
    solving = Solving("torch", "pinner", "modest")
    solving.lost(torch="2", pinner="2", modest="2", helper="2", sympy="2")
    failed: list[set[str]] = []
    for tried in solving.tried:
        assert not any(each <= tried for each in failed)
        probe = Solving(*solving.inputs)
        twos = {name: Version("2") for name in tried}
        if isinstance(probe.attempt(twos), PinConflict):
            failed.append(tried)


def test_a_pin_of_what_is_needed_no_more_is_no_loss() -> None:
    for blamed in ({}, {1: ENDLESS}):
        solving = Solving("torch", blamed=blamed)
        assert solving.lost(torch="2", pinner="2", sympy="1") == ["torch"]


def test_the_label_of_a_build_does_not_make_it_another_version() -> None:
    solving = Solving("torch")
    found: dict[str, Version] = {"torch": Version("1+cpu"), "sympy": Version("1")}
    conflict = PinConflict(UnsolvableError(), frozenset({"torch", "sympy"}))
    answers: list[Mapping[str, Version] | PinConflict] = [conflict, found]
    relaxer = PinRelaxer(lambda _pins: answers.pop(0), solving.known)
    assert relaxer.relax({"torch": Version("1"), "sympy": Version("1")}) == []


@pytest.mark.parametrize(
    "conflict",
    [
        PinConflict(UnsolvableError("an index cannot be read")),
        PinConflict(UnsolvableError("absent is not there"), frozenset({"absent"})),
    ],
)
def test_what_no_pin_has_a_part_in_is_raised_at_once(conflict: PinConflict) -> None:
    solving = Solving("torch", blamed={1: conflict})
    with pytest.raises(UnsolvableError) as raised:
        solving.lost(torch="2")
    assert raised.value is conflict.error
    assert len(solving.tried) == 1


def test_no_solution_without_pins_is_raised_in_the_end() -> None:
    solving = Solving("torch", "sympy==2")
    with pytest.raises(UnsolvableError):
        solving.lost(torch="1", sympy="1", helper="1")
    assert solving.tried[-1] == set()
