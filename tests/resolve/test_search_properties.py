"""What holds of every search, over small made-up worlds."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from accelock.errors import ResolutionError
from accelock.resolve.host import Group, NoSolution
from accelock.resolve.lockstep import Decision
from tests.resolve.fake_host import (
    FAMILY,
    FakeHost,
    Pinned,
    Release,
    applying,
    cell,
    locked,
    search,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.targets import Cell

LABELLED, LOOSE, ORDINARY = ("torch", "torchvision"), ("torchtext",), ("a", "b", "c")
NAMES = (*LABELLED, *LOOSE, *ORDINARY)
LINUX, WINDOWS = "linux-x86_64", "windows-x86_64"
MARKERS = ("", "", "", ' ; sys_platform == "linux"', ' ; sys_platform == "win32"')
SPECIFIERS = ("", "", "", "==1", "==2", "==3", "<2", "<3", ">1", "!=3")

requirements = st.builds(
    lambda name, specifier, marker: f"{name}{specifier}{marker}",
    st.sampled_from(NAMES),
    st.sampled_from(SPECIFIERS),
    st.sampled_from(MARKERS),
)


@st.composite
def worlds(
    draw: st.DrawFn,
) -> tuple[Callable[[], FakeHost], tuple[Cell, ...], tuple[Cell, ...]]:
    """Return what makes a host, the required cells and the optional ones."""
    targets = ("cpu", "cu126", "cu118")[: draw(st.integers(2, 3))]
    required: list[Cell] = []
    optional: list[Cell] = []
    for target in targets:
        required.append(cell(target, LINUX))
        kind = draw(st.sampled_from(["required", "optional", "none"]))
        if kind != "none":
            (required if kind == "required" else optional).append(cell(target, WINDOWS))
    cells = [*required, *optional]
    absent = st.lists(st.sampled_from(cells), max_size=2)
    releases = st.builds(
        lambda requires, gone: Release(tuple(requires), frozenset(cells) - set(gone)),
        st.lists(requirements, max_size=2),
        st.one_of(st.just([]), absent),
    )
    index = {
        name: {str(n): draw(releases) for n in range(1, draw(st.integers(1, 3)) + 1)}
        for name in NAMES
    }
    inputs = draw(st.lists(requirements, min_size=1, max_size=4))
    return (
        lambda: FakeHost(index, inputs, labelled=LABELLED, loose=LOOSE),
        tuple(required),
        tuple(optional),
    )


def is_met(host: FakeHost, each: Cell, pins: Mapping[str, str]) -> bool:
    """Return whether the pins of a cell are what its inputs and they themselves require."""
    agenda, reached = list(applying(host.inputs, each)), set()
    while agenda:
        requirement = agenda.pop()
        version = pins.get(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            return False
        if not host.index[requirement.name][version].serves(each):
            return False
        if requirement.name not in reached:
            reached.add(requirement.name)
            agenda += applying(host.index[requirement.name][version].requires, each)
    return reached == set(pins)


def words(host: FakeHost, name: str, each: Cell) -> tuple[str, ...]:
    """Return what the inputs say of a package, and of those released with it, in a cell."""
    demands = host.demands(each)
    names = FAMILY if name in FAMILY else (name,)
    return tuple(str(demands[one].wanted) if one in demands else "" for one in names)


def solved_with(host: FakeHost, each: Cell, versions: Mapping[str, Version]) -> Pinned | None:
    """Solve a cell by itself, with these versions of packages."""
    allowed = {(name, each): frozenset([version]) for name, version in versions.items()}
    decision = Decision(allowed=allowed, barred={}, picks={}, left_out={}, lacking={})
    solution = host.solve(Group((each,)), decision, {})
    return None if isinstance(solution, NoSolution) else solution


def one_version_would_do(host: FakeHost, cells: tuple[Cell, ...]) -> bool:
    """Return whether one version of each package in lockstep serves all cells: by trying all."""
    names = (*LABELLED, *LOOSE)
    return any(
        all(solved_with(host, each, dict(zip(names, versions, strict=True))) for each in cells)
        for versions in itertools.product(*(map(Version, host.index[name]) for name in names))
    )


def outcome(
    host: FakeHost, required: tuple[Cell, ...], optional: tuple[Cell, ...]
) -> tuple[dict[Cell, dict[str, str]], Mapping[Cell, str], str]:
    """Return the lock, the cells that are left out of it, and the error."""
    try:
        result = search(host, *required, optional=optional)
    except ResolutionError as error:
        return {}, {}, str(error)
    return locked(result), result.left_out, ""


thorough = settings(
    deadline=None,
    max_examples=3 * settings().max_examples,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(worlds())
def test_a_lock_is_right(
    world: tuple[Callable[[], FakeHost], tuple[Cell, ...], tuple[Cell, ...]],
) -> None:
    make, required, optional = world
    host = make()
    lock, left_out, error = outcome(host, required, optional)
    event("error" if error else "lock")
    if error:
        return

    assert set(lock) | set(left_out) == {*required, *optional}
    assert not set(left_out) & {*required, *lock}
    for each, pins in lock.items():
        assert is_met(host, each, pins), each
    for name in (*LABELLED, *LOOSE):
        asked: dict[tuple[str, ...], set[str]] = {}
        for each, pins in lock.items():
            if name in pins:
                asked.setdefault(words(host, name, each), set()).add(pins[name])
        assert all(len(versions) == 1 for versions in asked.values()), (name, asked)


@thorough
@given(worlds())
def test_an_optional_cell_changes_nothing_for_the_required_ones(
    world: tuple[Callable[[], FakeHost], tuple[Cell, ...], tuple[Cell, ...]],
) -> None:
    make, required, optional = world
    lock, left_out, error = outcome(make(), required, optional)
    alone, _, its_error = outcome(make(), required, ())
    event(f"{len(left_out)} of {len(optional)} left out")

    if its_error or not error:
        assert error == its_error or (error and its_error)
        assert {each: lock[each] for each in required if lock} == alone
    else:
        assert "cannot have it" in error


@thorough
@given(worlds())
def test_an_optional_cell_is_left_out_only_where_it_cannot_follow(
    world: tuple[Callable[[], FakeHost], tuple[Cell, ...], tuple[Cell, ...]],
) -> None:
    make, required, optional = world
    host = make()
    lock, left_out, _ = outcome(host, required, optional)
    for each in left_out:
        versions = {
            name: Version(pins[name])
            for pins in lock.values()
            for name in (*LABELLED, *LOOSE)
            if name in pins
        }
        assert solved_with(host, each, versions) is None, (str(each), versions)


@thorough
@given(worlds())
def test_an_error_means_that_there_is_no_solution(
    world: tuple[Callable[[], FakeHost], tuple[Cell, ...], tuple[Cell, ...]],
) -> None:
    make, required, _ = world
    _, _, error = outcome(make(), required, ())
    event("error" if error else "lock")

    if error:
        assert not one_version_would_do(make(), required), error
