"""Packages that are built for one release of torch at a time, on a host of made-up packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from accelock.errors import LockstepError, ResolutionError
from accelock.resolve.refusal import NoSolutionError
from tests.resolve.fake_host import FakeHost, cell, locked, release, search

if TYPE_CHECKING:
    from accelock.resolve.search import Result
    from accelock.targets import Cell
    from tests.resolve.fake_host import Pinned

CPU, CUDA, MAC = cell("cpu"), cell("cu126"), cell("cpu", "macos-arm64")
ANY = release()
TORCH = {"2.7": ANY, "2.8": ANY, "2.9": ANY}


def host(
    inputs: list[str], built: dict[str, tuple[str, ...]], *, needs: tuple[str, ...] = ()
) -> FakeHost:
    """Return a host with packages that are built for some releases of torch."""
    index = {"torch": TORCH, **{name: {"1": release(*needs)} for name in built}}
    index |= {"fussy": {"1": release("torch<2.9")}}
    ones = frozenset([Version("1")])
    return FakeHost(
        index,
        inputs,
        built={name: dict.fromkeys(releases, ones) for name, releases in built.items()},
    )


def found(each: FakeHost, *cells: Cell) -> Result[Pinned]:
    return search(each, *cells)


def torch_of(result: Result[Pinned]) -> dict[Cell, str]:
    return {each: pins["torch"] for each, pins in locked(result).items()}


def test_the_newest_that_all_are_built_for_and_a_note() -> None:
    each = host(["torch", "scatter", "sparse"], {"scatter": ("2.7", "2.8"), "sparse": ("2.7",)})
    result = found(each, CPU, CUDA)
    assert torch_of(result) == {CPU: "2.7", CUDA: "2.7"}
    assert each.bound == {"cpu": Version("2.7"), "cu126": Version("2.7")}
    (note,) = result.notes
    assert note == (
        "torch 2.7 is taken instead of 2.9, because scatter has no build on cpu, linux-x86_64, "
        "Python 3.11 and sparse has no build on cpu, linux-x86_64, Python 3.11."
    )


def test_nothing_is_said_where_the_newest_is_taken() -> None:
    each = host(["torch", "scatter"], {"scatter": ("2.7", "2.9")})
    result = found(each, CPU, CUDA)
    assert torch_of(result) == {CPU: "2.9", CUDA: "2.9"}
    assert result.notes == ()


def test_what_nobody_asks_for_has_no_say() -> None:
    each = host(["torch"], {"scatter": ("2.7",)})
    assert torch_of(found(each, CPU)) == {CPU: "2.9"}
    assert each.bound == {}


def test_a_version_that_is_asked_for_counts() -> None:
    each = host(["torch", "scatter>1"], {"scatter": ("2.7", "2.9")})
    with pytest.raises(LockstepError, match="scatter is built for no one release of torch"):
        found(each, CPU)


def test_a_release_that_the_graph_refuses_is_passed_over() -> None:
    each = host(["torch", "scatter", "fussy"], {"scatter": ("2.7", "2.8", "2.9")})
    assert torch_of(found(each, CPU, CUDA)) == {CPU: "2.8", CUDA: "2.8"}
    assert each.bound == {"cpu": Version("2.8"), "cu126": Version("2.8")}


def test_what_no_release_helps_with_is_told_as_it_was_met() -> None:
    each = host(["torch", "scatter", "absent"], {"scatter": ("2.7", "2.8", "2.9")})
    with pytest.raises(NoSolutionError, match="No matching distribution found for absent"):
        found(each, CPU)


def test_the_nearest_release_is_told() -> None:
    each = host(["torch==2.9", "scatter"], {"scatter": ("2.7", "2.8")})
    with pytest.raises(LockstepError) as caught:
        found(each, CPU, CUDA)
    assert "of the releases of torch that scatter is built for" in str(caught.value)
    assert str(caught.value).endswith(
        "\n  scatter has no build on cpu, linux-x86_64, Python 3.11 for torch 2.9."
        "\n  torch 2.8 is the newest release that scatter is built for everywhere."
    )


def test_packages_without_a_release_in_common() -> None:
    each = host(["torch", "scatter", "sparse"], {"scatter": ("2.8",), "sparse": ("2.7",)})
    with pytest.raises(LockstepError) as caught:
        found(each, CPU)
    assert "scatter is built for torch 2.8 at the newest everywhere." in str(caught.value)
    assert "sparse is built for torch 2.7 at the newest everywhere." in str(caught.value)


def test_a_target_has_one_release() -> None:
    asked = ["torch==2.8 ; sys_platform == 'darwin'", "torch ; sys_platform != 'darwin'", "scatter"]
    each = host([*asked], {"scatter": ("2.7", "2.8", "2.9")})
    assert torch_of(found(each, CPU, MAC)) == {CPU: "2.8", MAC: "2.8"}
    asked[1] = "torch==2.9 ; sys_platform != 'darwin'"
    with pytest.raises(ResolutionError, match="only on the platforms that have it"):
        found(host(asked, {"scatter": ("2.7", "2.8", "2.9")}), CPU, MAC)
