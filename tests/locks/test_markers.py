from __future__ import annotations

import random
from itertools import combinations

import pytest
from packaging.markers import Marker

from accelock.errors import MetadataError
from accelock.locks.markers import (
    Place,
    combine,
    evaluate,
    is_open,
    loosened,
    partition,
    simplest,
)
from accelock.targets import DEFAULT_PLATFORMS, PLATFORMS, Platform, PythonVersion

LINUX, ARM, MAC, WINDOWS = DEFAULT_PLATFORMS
OLD_MAC = PLATFORMS["macos-x86_64"]
ALL = tuple(PLATFORMS.values())
LINUX_X86 = 'sys_platform == "linux" and platform_machine == "x86_64"'


def places(*platforms: Platform, pythons: str = "3.12") -> tuple[Place, ...]:
    versions = [PythonVersion.parse(word) for word in pythons.split()]
    return tuple(Place(platform, python) for platform in platforms for python in versions)


DEFAULT = places(*DEFAULT_PLATFORMS)


@pytest.mark.parametrize(
    ("inside", "marker"),
    [
        ([LINUX, ARM], 'sys_platform == "linux"'),
        ([WINDOWS], 'sys_platform == "win32"'),
        ([LINUX, ARM, WINDOWS], 'sys_platform != "darwin"'),
        ([MAC, WINDOWS], 'sys_platform != "linux"'),
        ([ARM], 'platform_machine == "aarch64"'),
        ([LINUX, MAC, WINDOWS], 'platform_machine != "aarch64"'),
        ([LINUX], LINUX_X86),
        ([ARM, MAC], 'sys_platform == "darwin" or platform_machine == "aarch64"'),
        ([LINUX, WINDOWS], 'sys_platform != "darwin" and platform_machine != "aarch64"'),
        ([ARM, MAC, WINDOWS], 'sys_platform != "linux" or platform_machine == "aarch64"'),
        ([LINUX, ARM, MAC, WINDOWS], None),
    ],
)
def test_the_marker_that_one_would_write_for_the_default_platforms(
    inside: list[Platform], marker: str | None
) -> None:
    assert simplest(places(*inside), DEFAULT) == marker


@pytest.mark.parametrize(
    ("inside", "marker"),
    [
        ([LINUX, OLD_MAC], 'platform_machine == "x86_64"'),
        ([OLD_MAC], 'sys_platform == "darwin" and platform_machine == "x86_64"'),
        ([MAC, OLD_MAC], 'sys_platform == "darwin"'),
        ([LINUX, OLD_MAC, WINDOWS], 'sys_platform == "win32" or platform_machine == "x86_64"'),
        ([LINUX, MAC], f'({LINUX_X86}) or platform_machine == "arm64"'),
    ],
)
def test_five_platforms(inside: list[Platform], marker: str) -> None:
    assert simplest(places(*inside), places(*ALL)) == marker


def test_undeclared_platforms_are_dont_cares() -> None:
    assert simplest(places(LINUX), places(LINUX, MAC)) == 'sys_platform == "linux"'
    assert simplest(places(MAC), places(LINUX, MAC)) == 'sys_platform == "darwin"'
    assert simplest(places(LINUX), places(LINUX, ARM)) == 'platform_machine == "x86_64"'


@pytest.mark.parametrize(
    ("pythons", "marker"),
    [
        ("3.11", 'python_version < "3.12"'),
        ("3.12", 'python_version == "3.12"'),
        ("3.13", 'python_version >= "3.13"'),
        ("3.11 3.13", 'python_version != "3.12"'),
        ("3.12 3.13", 'python_version >= "3.12"'),
    ],
)
def test_several_pythons(pythons: str, marker: str) -> None:
    universe = places(*DEFAULT_PLATFORMS, pythons="3.11 3.12 3.13")
    assert simplest(places(*DEFAULT_PLATFORMS, pythons=pythons), universe) == marker


def test_python_and_platform_together() -> None:
    universe = places(*DEFAULT_PLATFORMS, pythons="3.11 3.12")
    inside = places(LINUX, ARM, pythons="3.12")
    assert simplest(inside, universe) == 'sys_platform == "linux" and python_version >= "3.12"'
    inside = places(LINUX, pythons="3.11") + places(MAC, pythons="3.11 3.12")
    assert simplest(inside, universe) == (
        f'({LINUX_X86} and python_version < "3.12") or sys_platform == "darwin"'
    )


def test_every_subset_of_the_platforms_gets_a_true_marker() -> None:
    for count in range(1, len(ALL)):
        for chosen in combinations(ALL, count):
            assert_true_exactly_on(places(*chosen), places(*ALL))


@pytest.mark.parametrize("seed", range(20))
def test_arbitrary_sets_get_a_true_marker_whatever_their_order(seed: int) -> None:
    chance = random.Random(seed)
    universe = list(places(*ALL, pythons="3.10 3.11 3.12 3.13"))
    inside = chance.sample(universe, chance.randrange(1, len(universe)))
    marker = assert_true_exactly_on(inside, universe)
    chance.shuffle(universe)
    assert simplest(set(inside), universe) == marker


def assert_true_exactly_on(inside: object, universe: object) -> str:
    assert isinstance(inside, (list, tuple))
    assert isinstance(universe, (list, tuple))
    marker = simplest(inside, universe)
    assert marker is not None
    assert {place for place in universe if evaluate(marker, place)} == set(inside)
    return marker


def test_nothing_and_strangers_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        simplest([], DEFAULT)
    with pytest.raises(ValueError, match="universe"):
        simplest(places(OLD_MAC), DEFAULT)


class TestPartition:
    def test_two_groups_are_exact_opposites(self) -> None:
        assert partition([places(LINUX, ARM, WINDOWS), places(MAC)], DEFAULT) == (
            'sys_platform != "darwin"',
            'sys_platform == "darwin"',
        )
        assert partition([places(ARM, MAC), places(LINUX, WINDOWS)], DEFAULT) == (
            'sys_platform == "darwin" or platform_machine == "aarch64"',
            'sys_platform != "darwin" and platform_machine != "aarch64"',
        )

    def test_the_largest_group_takes_every_other_machine_too(self) -> None:
        assert partition([places(LINUX), places(ARM, MAC, WINDOWS)], DEFAULT) == (
            LINUX_X86,
            'sys_platform != "linux" or platform_machine != "x86_64"',
        )
        assert partition([places(MAC), places(WINDOWS), places(LINUX, ARM)], DEFAULT) == (
            'sys_platform == "darwin"',
            'sys_platform == "win32"',
            'sys_platform != "darwin" and sys_platform != "win32"',
        )

    def test_groups_that_leave_something_out_are_each_as_short_as_can_be(self) -> None:
        assert partition([places(LINUX, ARM), places(MAC)], DEFAULT) == (
            'sys_platform == "linux"',
            'sys_platform == "darwin"',
        )

    def test_one_group_of_everything_needs_no_marker(self) -> None:
        assert partition([DEFAULT], DEFAULT) == (None,)

    def test_pythons(self) -> None:
        universe = places(LINUX, MAC, pythons="3.11 3.12")
        groups = [places(LINUX, MAC, pythons="3.11"), places(LINUX, MAC, pythons="3.12")]
        assert partition(groups, universe) == (
            'python_version < "3.12"',
            'python_version >= "3.12"',
        )

    def test_overlapping_groups_are_refused(self) -> None:
        with pytest.raises(ValueError, match="overlap"):
            partition([places(LINUX, ARM), places(ARM)], DEFAULT)

    @pytest.mark.parametrize("seed", range(20))
    def test_each_place_matches_its_group_alone_and_each_machine_matches_one(
        self, seed: int
    ) -> None:
        chance = random.Random(seed)
        universe = places(*ALL, pythons="3.11 3.12 3.13")
        groups: list[list[Place]] = [[] for _ in range(chance.randrange(2, 5))]
        for number, place in enumerate(chance.sample(universe, len(universe))):
            groups[number % len(groups) if number < 4 else chance.randrange(len(groups))] += [place]
        markers = partition(groups, universe)
        for group, marker in zip(groups, markers, strict=True):
            assert marker is not None
            assert {place for place in universe if evaluate(marker, place)} == set(group)
        for environment in strange_machines():
            assert any(Marker(marker or "").evaluate(environment) for marker in markers)


def strange_machines() -> list[dict[str, str]]:
    return [
        {**place.platform.marker_environment(place.python), **strange}
        for place in places(*ALL, pythons="3.10 3.12 3.14")
        for strange in (
            {"platform_machine": "riscv64"},
            {"sys_platform": "freebsd14", "platform_machine": "amd64"},
            {"sys_platform": "linux", "platform_machine": "arm64"},
            {"sys_platform": "win32", "platform_machine": "ARM64"},
        )
    ]


class TestCombine:
    def test_without_one_of_them_the_other_stands(self) -> None:
        mac = 'sys_platform == "darwin"'
        assert combine(None, mac, places(MAC), DEFAULT) == mac
        assert combine(mac, None, places(MAC), DEFAULT) == mac
        assert combine(None, None, DEFAULT, DEFAULT) is None

    def test_an_own_marker_that_says_it_all_is_kept_as_written(self) -> None:
        own = "sys_platform=='darwin' or os_name == 'java'"
        assert combine(own, 'sys_platform == "darwin"', places(MAC), DEFAULT) == own

    def test_nothing_is_said_twice(self) -> None:
        own = 'platform_system == "Linux"'
        ours = simplest(places(LINUX), DEFAULT)
        assert combine(own, ours, places(LINUX), DEFAULT) == (
            'platform_system == "Linux" and platform_machine == "x86_64"'
        )

    def test_parentheses_only_where_an_or_needs_them(self) -> None:
        own = 'python_version < "3.12" or sys_platform == "linux"'
        universe = places(*DEFAULT_PLATFORMS, pythons="3.11 3.12")
        ours = simplest(places(MAC, pythons="3.11 3.12"), universe)
        assert combine(own, ours, places(MAC, pythons="3.11"), universe) == (
            '(python_version < "3.12" or sys_platform == "linux") and sys_platform == "darwin"'
        )
        own, ours = 'os_name == "posix"', 'sys_platform == "win32" or platform_machine == "aarch64"'
        assert combine(own, ours, places(ARM), DEFAULT) == (
            'os_name == "posix" and (sys_platform == "win32" or platform_machine == "aarch64")'
        )

    def test_a_word_in_quotes_is_no_operator(self) -> None:
        own = "platform_python_implementation != 'this or that'"
        assert combine(own, 'sys_platform == "darwin"', places(MAC), DEFAULT) == (
            f'{own} and sys_platform == "darwin"'
        )

    def test_an_own_marker_is_judged_for_the_release_that_was_solved_for(self) -> None:
        own, ours = 'python_full_version >= "3.12.4"', simplest(places(MAC), DEFAULT)
        assert combine(own, ours, places(MAC), DEFAULT) == ours
        assert combine(own, ours, places(MAC), DEFAULT, 4) == f"{own} and {ours}"

    def test_an_own_marker_that_is_false_inside_gives_way(self) -> None:
        own, ours = 'sys_platform == "linux"', 'sys_platform != "win32"'
        assert combine(own, ours, places(LINUX, ARM, MAC), DEFAULT) == ours


class TestEvaluate:
    def test_it_answers_for_the_platform_not_for_this_machine(self) -> None:
        assert evaluate('platform_machine == "AMD64" and os_name == "nt"', places(WINDOWS)[0])
        assert evaluate('python_full_version < "3.12.1"', places(LINUX)[0])
        assert not evaluate('implementation_name == "pypy"', places(LINUX)[0])

    @pytest.mark.parametrize("name", ["platform_release", "platform_version"])
    def test_what_a_platform_does_not_have_is_an_error(self, name: str) -> None:
        with pytest.raises(MetadataError, match=f"depends on {name}.*linux-x86_64"):
            evaluate(f'{name} >= "5"', places(LINUX)[0])

    def test_such_a_name_in_quotes_is_a_word(self) -> None:
        assert not evaluate('sys_platform == "platform_release"', places(LINUX)[0])

    def test_no_marker(self) -> None:
        with pytest.raises(MetadataError, match="'linux only' is not a marker"):
            evaluate("linux only", places(LINUX)[0])


class TestOpen:
    @pytest.mark.parametrize(
        ("marker", "loose"),
        [
            ('platform_release >= "5.10"', 'os_name != ""'),
            ("'Darwin' not in platform_version", 'os_name != ""'),
            (
                'sys_platform == "linux" and (platform_release<"5" or extra == "a")',
                'sys_platform == "linux" and (os_name != "" or extra == "a")',
            ),
            ('sys_platform == "platform_release"', 'sys_platform == "platform_release"'),
            ('os_name == "nt"', 'os_name == "nt"'),
        ],
    )
    def test_what_one_machine_decides_is_taken_for_true(self, marker: str, loose: str) -> None:
        assert loosened(marker) == loose

    @pytest.mark.parametrize(
        ("marker", "is_it"),
        [
            ('platform_release >= "5"', True),
            ('sys_platform == "linux" and platform_release >= "5"', True),
            ('sys_platform == "win32" and platform_release >= "5"', False),
            ('sys_platform == "linux" or platform_release >= "5"', False),
            ('sys_platform == "linux"', False),
        ],
    )
    def test_whether_it_decides_at_all(self, marker: str, is_it: bool) -> None:
        assert is_open(marker, places(LINUX)[0]) is is_it

    def test_it_is_kept_beside_the_cells(self) -> None:
        own, ours = 'platform_release >= "5"', simplest(places(MAC), DEFAULT)
        assert combine(own, ours, places(MAC), DEFAULT) == f"{own} and {ours}"
