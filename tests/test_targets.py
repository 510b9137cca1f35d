from __future__ import annotations

import platform as host
import sys
from typing import TYPE_CHECKING

import pytest
from packaging import tags as packaging_tags
from packaging.markers import Marker, default_environment
from packaging.utils import parse_wheel_filename

from accelock.errors import AccelockError, UnknownWordError
from accelock.targets import (
    CONDA_ALIASES,
    DEFAULT_PLATFORMS,
    PLATFORMS,
    Cell,
    Kind,
    Levels,
    PythonVersion,
    Target,
    host_platform,
    parse_platform,
    parse_target,
    sort_targets,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag

LINUX, ARM, MAC, INTEL_MAC, WINDOWS = PLATFORMS.values()
PY311 = PythonVersion(3, 11)
LEVELS = Levels()
KNOWN = frozenset(
    {"cpu", "xpu", "cu118", "cu124", "cu126", "cu128", "cu130", "rocm6.2", "rocm6.2.4", "rocm6.3"}
)


class TestPythonVersion:
    def test_reads_writes_and_orders(self) -> None:
        version = PythonVersion.parse("3.12")
        assert (version.major, version.minor) == (3, 12)
        assert (str(version), version.release()) == ("3.12", "3.12.0")
        assert PythonVersion(3, 9) < PythonVersion(3, 10)

    def test_host(self) -> None:
        assert str(PythonVersion.host()) == ".".join(host.python_version_tuple()[:2])

    @pytest.mark.parametrize("text", ["", "3", "2.7", "3.12.1", "3.x", ">=3.10", "312", " 3.12"])
    def test_refuses(self, text: str) -> None:
        with pytest.raises(AccelockError, match=r"not a Python version; write it as in '3\.12'"):
            PythonVersion.parse(text)


class TestPlatforms:
    def test_names_in_order(self) -> None:
        assert list(PLATFORMS) == [
            "linux-x86_64",
            "linux-aarch64",
            "macos-arm64",
            "macos-x86_64",
            "windows-x86_64",
        ]
        assert DEFAULT_PLATFORMS == (LINUX, ARM, MAC, WINDOWS)

    @pytest.mark.parametrize(
        ("word", "name"),
        [
            ("linux-64", "linux-x86_64"),
            ("linux-aarch64", "linux-aarch64"),
            ("osx-arm64", "macos-arm64"),
            ("osx-64", "macos-x86_64"),
            ("win-64", "windows-x86_64"),
            ("macos-arm64", "macos-arm64"),
        ],
    )
    def test_parse_takes_names_and_conda_aliases(self, word: str, name: str) -> None:
        assert str(parse_platform(word)) == name

    def test_every_conda_subdir_is_an_alias(self) -> None:
        assert {CONDA_ALIASES[place.conda_subdir] for place in PLATFORMS.values()} == set(PLATFORMS)

    @pytest.mark.parametrize(
        ("word", "nearest"),
        [
            ("linux_x86_64", "linux-x86_64"),
            ("linux-arm64", "linux-aarch64"),
            ("Macos-ARM64", "macos-arm64"),
            ("osx-arm", "osx-arm64"),
            ("linux/amd64", "linux-x86_64"),
            ("linux/arm64/v8", "linux-aarch64"),
            ("manylinux_2_28_x86_64", "linux-x86_64"),
            ("darwin/arm64", "macos-arm64"),
            ("x86_64-apple-darwin", "macos-x86_64"),
            ("windows/amd64", "windows-x86_64"),
            ("windows-x64", "windows-x86_64"),
        ],
    )
    def test_unknown_offers_the_nearest(self, word: str, nearest: str) -> None:
        with pytest.raises(UnknownWordError) as caught:
            parse_platform(word)
        assert str(caught.value) == f"unknown platform {word!r}; did you mean {nearest!r}?"

    def test_unknown_and_near_to_nothing_lists_all(self) -> None:
        with pytest.raises(UnknownWordError) as caught:
            parse_platform("amiga")
        assert str(caught.value) == (
            "unknown platform 'amiga'; choose one of: "
            "linux-x86_64, linux-aarch64, macos-arm64, macos-x86_64, windows-x86_64"
        )

    @pytest.mark.parametrize(
        ("system", "machine", "name"),
        [
            ("linux", "x86_64", "linux-x86_64"),
            ("linux", "aarch64", "linux-aarch64"),
            ("darwin", "arm64", "macos-arm64"),
            ("darwin", "x86_64", "macos-x86_64"),
            ("win32", "AMD64", "windows-x86_64"),
            ("linux", "riscv64", None),
            ("freebsd14", "amd64", None),
        ],
    )
    def test_host(
        self, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, name: str | None
    ) -> None:
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(host, "machine", lambda: machine)
        found = host_platform()
        assert (found.name if found else None) == name


class TestMarkerEnvironment:
    def test_has_the_names_of_pep_508_but_two(self) -> None:
        # A newer packaging may know `extras` and the like: only what a machine decides is ours.
        theirs = set(default_environment()) - {"platform_release", "platform_version"}
        assert set(LINUX.marker_environment(PY311)) == theirs

    def test_equals_this_machine_where_it_is_this_machine(self) -> None:
        platform = host_platform()
        if platform is None or host.python_implementation() != "CPython":
            pytest.skip("accelock has no name for this machine")
        ours, theirs = platform.marker_environment(PythonVersion.host()), default_environment()
        for name in ("os_name", "sys_platform", "platform_system", "platform_machine"):
            assert ours[name] == dict(theirs)[name]

    @pytest.mark.parametrize(
        ("marker", "where"),
        [
            ('platform_machine == "x86_64"', {LINUX, INTEL_MAC}),
            ('platform_machine == "AMD64"', {WINDOWS}),
            ('platform_machine == "arm64"', {MAC}),
            ('platform_machine == "aarch64"', {ARM}),
            ('sys_platform == "darwin"', {MAC, INTEL_MAC}),
            ('sys_platform == "win32" and os_name == "nt"', {WINDOWS}),
            ('platform_system == "Linux" and os_name == "posix"', {LINUX, ARM}),
            (
                'implementation_name == "cpython" and python_version < "3.12"',
                set(PLATFORMS.values()),
            ),
            ('python_full_version >= "3.11.1"', set()),
        ],
    )
    def test_answers_markers(self, marker: str, where: set[object]) -> None:
        found = {
            platform
            for platform in PLATFORMS.values()
            if Marker(marker).evaluate(dict(platform.marker_environment(PY311)))
        }
        assert found == where


class TestTags:
    def test_wheel_platforms_of_linux(self) -> None:
        platforms = LINUX.wheel_platforms(LEVELS)
        assert platforms[:2] == ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64")
        assert platforms[-1] == "linux_x86_64"
        for glibc, legacy in ((17, "2014"), (12, "2010"), (5, "1")):
            place = platforms.index(f"manylinux_2_{glibc}_x86_64")
            assert platforms[place + 1] == f"manylinux{legacy}_x86_64"
        assert not any("_2_4_" in name for name in platforms)

    def test_arm_has_neither_manylinux1_nor_2010(self) -> None:
        assert ARM.wheel_platforms(LEVELS)[-3:] == (
            "manylinux_2_17_aarch64",
            "manylinux2014_aarch64",
            "linux_aarch64",
        )

    def test_levels_decide(self) -> None:
        old, new = Levels(glibc=(2, 17), macos=(12, 0)), Levels(glibc=(2, 34), macos=(15, 0))
        assert LINUX.wheel_platforms(old)[0] == "manylinux_2_17_x86_64"
        assert LINUX.wheel_platforms(new)[0] == "manylinux_2_34_x86_64"
        assert MAC.wheel_platforms(old)[0] == "macosx_12_0_arm64"
        assert MAC.wheel_platforms(new)[0] == "macosx_15_0_arm64"

    def test_macos_and_windows(self) -> None:
        assert {"macosx_11_0_arm64", "macosx_10_9_universal2"} <= set(MAC.wheel_platforms(LEVELS))
        assert "macosx_10_9_x86_64" in INTEL_MAC.wheel_platforms(LEVELS)
        assert WINDOWS.wheel_platforms(LEVELS) == ("win_amd64",)

    @pytest.mark.parametrize(
        ("filename", "where"),
        [
            ("torch-2.6.0+cu126-cp311-cp311-manylinux_2_28_x86_64.whl", {LINUX}),
            ("torch-1.7.1+cpu-cp311-cp311-linux_x86_64.whl", {LINUX}),
            ("torch-2.6.0+cu126-cp311-cp311-linux_aarch64.whl", {ARM}),
            ("torch-2.6.0-cp311-none-macosx_11_0_arm64.whl", {MAC}),
            ("torch-2.2.2-cp311-none-macosx_10_9_x86_64.whl", {INTEL_MAC}),
            ("torch-2.6.0+cpu-cp311-cp311-win_amd64.whl", {WINDOWS}),
            ("xformers-0.0.31-cp39-abi3-win_amd64.whl", {WINDOWS}),
            ("MarkupSafe-2.1.5-cp311-cp311-macosx_10_9_universal2.whl", {MAC, INTEL_MAC}),
            ("numpy-1.26-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", {LINUX}),
            ("sympy-1.13.3-py3-none-any.whl", set(PLATFORMS.values())),
            ("torch-2.6.0+cu126-cp312-cp312-manylinux_2_28_x86_64.whl", set()),
            ("torch-2.6.0+cu126-cp311-cp311-manylinux_2_34_x86_64.whl", set()),
            ("torch-2.9.1+cpu-cp311-cp311-win_arm64.whl", set()),
            ("torch-2.9.1+cpu-cp313-cp313t-manylinux_2_28_x86_64.whl", set()),
        ],
    )
    def test_real_wheels_fit(self, filename: str, where: set[object]) -> None:
        wheel = parse_wheel_filename(filename)[3]
        found = {p for p in PLATFORMS.values() if wheel & set(p.tags(PY311, LEVELS))}
        assert found == where

    def test_are_cached(self) -> None:
        assert LINUX.tags(PY311, LEVELS) is LINUX.tags(PythonVersion(3, 11), Levels())

    def test_interpreters_and_abis_are_those_of_this_machine(self) -> None:
        theirs = list(packaging_tags.sys_tags())
        if theirs[0].abi != theirs[0].interpreter:
            pytest.skip("a debug or free-threaded build")
        ours = LINUX.tags(PythonVersion.host(), LEVELS)
        assert _without_platforms(ours) == _without_platforms(theirs)


def _without_platforms(tags: Iterable[Tag]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((tag.interpreter, tag.abi) for tag in tags))


class TestTargets:
    @pytest.mark.parametrize(
        ("word", "kind", "version"),
        [
            ("cpu", Kind.CPU, ()),
            ("xpu", Kind.XPU, ()),
            ("cu118", Kind.CUDA, (11, 8)),
            ("cu126", Kind.CUDA, (12, 6)),
            ("rocm6.3", Kind.ROCM, (6, 3)),
            ("rocm6.2.4", Kind.ROCM, (6, 2, 4)),
            ("cu131", Kind.CUDA, (13, 1)),  # newer than what is known
            ("cu140", Kind.CUDA, (14, 0)),
            ("rocm7.0", Kind.ROCM, (7, 0)),
        ],
    )
    def test_parse(self, word: str, kind: Kind, version: tuple[int, ...]) -> None:
        assert parse_target(word, KNOWN) == Target(word, kind, version)

    def test_two_digits_are_an_old_cuda(self) -> None:
        assert parse_target("cu92", {"cu92"}).version == (9, 2)

    @pytest.mark.parametrize(
        ("word", "nearest"),
        [
            ("cuda12.6", "cu126"),
            ("cu12.6", "cu126"),
            ("CUDA-12.6", "cu126"),
            ("cu126 ", "cu126"),
            ("cu127", "cu126"),  # well-formed, and neither known nor newer
            ("cu129", "cu128"),
            ("cu119", "cu118"),
            ("cu216", "cu126"),
            ("cu12", "cu128"),
            ("cu13", "cu130"),
            ("rocm6", "rocm6.3"),
            ("cu999", None),
            ("rocm63", "rocm6.3"),
            ("rocm-6.2.4", "rocm6.2.4"),
            ("rocm6.1", "rocm6.2"),
            ("rocm9.0", "rocm6.3"),
            ("CPU", "cpu"),
            ("cpuonly", None),
            ("gpu", None),
            ("NVIDIA", None),
            ("amd", None),
            ("intel", "xpu"),
            ("mps", "cpu"),
            ("tpu", None),
            ("", None),
        ],
    )
    def test_unknown_offers_the_nearest(self, word: str, nearest: str | None) -> None:
        with pytest.raises(UnknownWordError) as caught:
            parse_target(word, KNOWN)
        assert caught.value.nearest == nearest

    def test_messages(self) -> None:
        with pytest.raises(UnknownWordError) as caught:
            parse_target("cuda12.6", KNOWN)
        assert str(caught.value) == "unknown target 'cuda12.6'; did you mean 'cu126'?"
        with pytest.raises(UnknownWordError) as caught:
            parse_target("tpu", KNOWN)
        assert str(caught.value) == (
            "unknown target 'tpu'; choose one of: cpu, cu130, cu128, cu126, cu124, cu118, rocm6.3, "
            "rocm6.2.4, rocm6.2, xpu. `accelock targets` shows the torch and the driver of each"
        )
        with pytest.raises(UnknownWordError) as caught:
            parse_target("mps", KNOWN)
        assert str(caught.value) == (
            "unknown target 'mps' (the cpu builds use Apple's GPUs); did you mean 'cpu'?"
        )

    def test_a_vendors_name_offers_what_runs_here(self) -> None:
        with pytest.raises(UnknownWordError, match="did you mean 'cu118'"):
            parse_target("gpu", KNOWN, {Kind.CUDA: "cu118"}.get)

    def test_a_vendors_name_lists_the_newest_where_the_machine_does_not_tell(self) -> None:
        older = {"cu113", "cu116", "cu117"}
        with pytest.raises(UnknownWordError) as caught:
            parse_target("cuda", {*KNOWN, *older})
        assert str(caught.value) == (
            "unknown target 'cuda'; choose one of: cu130, cu128, cu126, cu124, cu118, cu117. "
            "`accelock targets` shows the torch and the driver of each"
        )

    @pytest.mark.parametrize("word", ["macos-arm64", "linux/amd64", "osx-64"])
    def test_a_platform_is_told_apart(self, word: str) -> None:
        with pytest.raises(
            UnknownWordError, match=rf"target '{word}' \(it is a platform\); choose one"
        ):
            parse_target(word, KNOWN)

    def test_nothing_is_newer_than_nothing(self) -> None:
        with pytest.raises(UnknownWordError, match="there is no target to choose from"):
            parse_target("cu126", ())

    def test_sorted_for_people(self) -> None:
        names = [target.name for target in sort_targets({"xpu", "cu92", "cu118", "cpu", "rocm6.3"})]
        assert names == ["cpu", "cu92", "cu118", "rocm6.3", "xpu"]

    @pytest.mark.parametrize(
        ("word", "where"),
        [
            ("cpu", set(PLATFORMS.values())),
            ("cu126", {LINUX, ARM, WINDOWS}),
            ("rocm6.3", {LINUX}),
            ("xpu", {LINUX, WINDOWS}),
        ],
    )
    def test_platforms_of_a_kind(self, word: str, where: set[object]) -> None:
        target = parse_target(word, KNOWN)
        assert {platform for platform in PLATFORMS.values() if target.exists_on(platform)} == where

    def test_cell_reads_as_a_place(self) -> None:
        cell = Cell(parse_target("cu126", KNOWN), LINUX, PY311)
        assert str(cell) == "cu126, linux-x86_64, Python 3.11"
