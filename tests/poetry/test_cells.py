"""Each platform gets its own: labels, wheels and requirements differ between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker

from accelock.targets import PLATFORMS, PythonVersion, host_platform
from tests.poetry.support_cells import resolved_alone
from tests.poetry.support_project import new_project
from tests.support.sites import Site
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer

ROOTS = ("torch>=2.5,<2.7", "torchvision", "lightning", "linux-only")
CELLS = [
    *(("cpu", name) for name in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")),
    *(("cu126", name) for name in ("linux-x86_64", "linux-aarch64", "windows-x86_64")),
]


@pytest.fixture(scope="module")
def everywhere(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("everywhere"), shared)
    project.write_pyproject(ROOTS).poetry("lock")
    return project


@pytest.mark.parametrize(("target", "platform"), CELLS, ids=str)
def test_a_platform_gets_what_it_alone_would_get(
    everywhere: Project, target: str, platform: str
) -> None:
    pins = everywhere.pins(target, platform)

    assert resolved_alone(everywhere, target, ROOTS, pins, platform) == pins


class TestLabels:
    @pytest.mark.parametrize(
        ("platform", "torch", "torchvision"),
        [
            ("linux-x86_64", "2.6.0+cpu", "0.21.0+cpu"),
            ("linux-aarch64", "2.6.0+cpu", "0.21.0"),
            ("macos-arm64", "2.6.0", "0.21.0"),
            ("windows-x86_64", "2.6.0+cpu", "0.21.0+cpu"),
        ],
    )
    def test_each_has_the_label_that_its_index_gives_it(
        self, everywhere: Project, platform: str, torch: str, torchvision: str
    ) -> None:
        pins = everywhere.pins("cpu", platform)

        assert (pins["torch"], pins["torchvision"]) == (torch, torchvision)

    def test_the_entries_of_a_package_exclude_each_other_and_leave_no_machine_out(
        self, everywhere: Project
    ) -> None:
        """A machine that nobody declared fails on a wheel that does not fit: torch is there."""
        torch = [each for each in everywhere.view("cpu") if each["name"] == "torch"]
        for platform in PLATFORMS.values():
            environment = platform.marker_environment(PythonVersion(3, 12))
            for changed in ({}, {"platform_machine": "riscv64"}, {"sys_platform": "freebsd14"}):
                there = {**environment, **changed}
                assert [Marker(each["markers"]).evaluate(there) for each in torch].count(True) == 1


def test_labels_are_known_before_anything_is_solved(project: Project) -> None:
    """The labels of torchvision differ on aarch64: a solve for each label, and no other."""
    done = project.write_pyproject(ROOTS).poetry("lock")

    assert [line for line in done.stderr.splitlines() if line.startswith("Resolving")] == [
        "Resolving cpu, linux-x86_64 and windows (1/5)",
        "Resolving cu126, linux-x86_64 and windows (2/5)",
        "Resolving cpu, linux-aarch64 (3/5)",
        "Resolving cpu, macos (4/5)",
        "Resolving cu126, linux-aarch64 (5/5)",
    ]


class TestPlatforms:
    def test_a_cell_that_does_not_exist_is_said_once(self, project: Project) -> None:
        project.write_pyproject(targets=("cpu", "cu118", "cu126"))
        done = project.poetry("lock")

        assert done.stderr.count("cu126 does not exist on macos-arm64: left out there.") == 1
        assert done.stderr.count("macos-arm64") == 2 * 1

    def test_a_default_platform_without_wheels_is_left_out_with_a_warning(
        self, project: Project
    ) -> None:
        project.write_pyproject(["torch>=2.7"])
        done = project.poetry("lock")

        assert done.stderr.count("linux-aarch64 is left out of cu126") == 1
        assert done.stderr.count("Resolving cpu, macos") == 1
        assert project.pins("cu126")["torch"] == "2.8.0+cu126"
        platforms = project.lock()["metadata"]["accelock"]["platforms"]
        assert platforms["cu126"] == ["linux-x86_64", "windows-x86_64"]

    def test_a_declared_one_stops_the_lock(self, project: Project) -> None:
        project.write_pyproject(
            ["torch>=2.7"], table='platforms = ["linux-x86_64", "linux-aarch64"]'
        )

        said = project.refused("lock")
        assert "torch (>=2.7) cannot be locked for cu126, linux-aarch64" in said
        assert "2.6.0" in said

    def test_one_target_may_have_fewer(self, project: Project) -> None:
        project.write_pyproject(
            ["torch>=2.7"],
            table='platforms = ["linux-x86_64", "linux-aarch64"]',
            more='[tool.accelock.target.cu126]\nplatforms = ["linux-x86_64"]',
        ).poetry("lock")

        assert project.pins("cpu", "linux-aarch64")["torch"] == "2.8.0+cpu"
        assert project.lock()["metadata"]["accelock"]["platforms"]["cu126"] == ["linux-x86_64"]

    def test_a_target_that_exists_on_none_of_them(self, project: Project) -> None:
        project.write_pyproject(table='platforms = ["macos-arm64"]')

        said = project.refused("lock")
        assert "cu126 exists on none of the platforms" in said


# A release whose wheels require different things without a marker that says so, as 2.6.0+cu126 does
# on aarch64 and 2.7.0+cu128 on Windows. Made up: the snapshot knows requirements by version alone.
def two_faced() -> Site:
    def torch(target: str, tag: str, *requires: str) -> list[Distribution]:
        version = f"3.0.0+{target}"
        files = [f"cp3{minor}-cp3{minor}-{tag}" for minor in (10, 11, 12, 13)]
        return [wheel("torch", version, each, ("filelock", *requires), ">=3.9") for each in files]

    x86, arm = "manylinux_2_28_x86_64", "manylinux_2_28_aarch64"
    cuda = [
        *torch("cu126", x86, "cuda-lib==1", "shared-lib; python_version >= '3.8'"),
        *torch("cu126", arm),
        *torch(
            "cu126", "win_amd64", "cuda-lib==2", "win-lib", "shared-lib; python_version >= '3.8'"
        ),
    ]
    cpu = [*torch("cpu", x86), *torch("cpu", arm), *torch("cpu", "win_amd64")]
    others = [
        wheel("filelock", "3.18.0"),
        wheel("cuda-lib", "1", requires=["deep-lib"]),
        wheel("cuda-lib", "2"),
        wheel("deep-lib", "1"),
        wheel("win-lib", "1"),
        wheel("shared-lib", "1"),
    ]
    site = Site().with_files("/whl/cu126", *cuda).with_files("/whl/cpu", *cpu)
    return site.with_files("/simple", *others).configured("/whl", format="html", absent=403)


class TestMetadataPerWheel:
    """uv, and Poetry alone, read one wheel of a version and take it for all."""

    @pytest.fixture
    def two(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> Project:
        project = project_at(serve(two_faced()))
        project.write_pyproject(
            ["torch"], table='platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]'
        ).poetry("lock")
        return project

    @pytest.mark.parametrize(
        ("platform", "wanted"),
        [
            ("linux-x86_64", {"cuda-lib": "1", "deep-lib": "1", "shared-lib": "1"}),
            ("linux-aarch64", {}),
            ("windows-x86_64", {"cuda-lib": "2", "win-lib": "1", "shared-lib": "1"}),
        ],
    )
    def test_each_platform_gets_what_its_own_wheel_requires(
        self, two: Project, platform: str, wanted: dict[str, str]
    ) -> None:
        pins = two.pins("cu126", platform)

        assert pins == {"torch": "3.0.0+cu126", "filelock": "3.18.0", **wanted}
        assert resolved_alone(two, "cu126", ["torch"], pins, platform) == pins
        assert two.pins("cpu", platform) == {"torch": "3.0.0+cpu", "filelock": "3.18.0"}

    def test_one_wheel_of_a_platform_is_read(self, two: Project) -> None:
        assert two.server.bodies_of_wheels() == ()
        read = [each.path for each in two.server.metadata() if "/whl/cu126/torch" in each.path]
        assert len(read) == len(set(read)) == 3


def test_what_no_platform_of_a_wheel_can_need_is_left_out(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """As the macOS wheel of torch 2.8.0, which requires a triton of its own, on Linux alone."""
    linux = 'platform_system == "Linux"'

    def torch(version: str, platform: str, requires: str) -> list[Distribution]:
        pythons = (f"cp3{minor}" for minor in (10, 11, 12, 13))
        return [wheel("torch", version, f"{p}-{p}-{platform}", [requires]) for p in pythons]

    mac = torch("2.8.0", "macosx_11_0_arm64", f"triton==9; {linux}")
    cpu = torch("2.8.0+cpu", "manylinux_2_28_x86_64", "filelock")
    cuda = torch("2.8.0+cu126", "manylinux_2_28_x86_64", f"triton==1; {linux}")
    site = Site().with_files("/whl/cpu", *mac, *cpu).with_files("/whl/cu126", *cuda)
    project = project_at(
        serve(site.with_files("/simple", wheel("triton", "1"), wheel("filelock", "3.18.0")))
    )
    project.write_pyproject(["torch"], table='platforms = ["linux-x86_64", "macos-arm64"]').poetry(
        "lock"
    )

    assert [each["name"] for each in project.view("cpu")].count("triton") == 0
    assert project.pins("cpu", "macos-arm64") == {"torch": "2.8.0"}
    assert project.pins("cu126") == {"torch": "2.8.0+cu126", "triton": "1"}


def test_requirements_several_levels_deep(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """As from torch 2.11 on: torch -> cuda-toolkit[cublas] -> nvidia-cublas; files are made up."""
    linux = 'platform_system == "Linux"'
    torch = [
        wheel(
            "torch",
            f"2.11.0+{target}",
            f"cp3{minor}-cp3{minor}-manylinux_2_28_x86_64",
            [f"cuda-toolkit[cublas]==13.0.2; {linux}"] if target == "cu130" else [],
        )
        for target in ("cpu", "cu130")
        for minor in (10, 11, 12, 13)
    ]
    toolkit = wheel(
        "cuda-toolkit",
        "13.0.2",
        requires=[
            'nvidia-cublas==13.1.0; (platform_system == "Linux") and extra == "cublas"',
            'nvidia-cufft==12.0.0; extra == "cufft"',
        ],
        extras=["cublas", "cufft"],
    )
    libraries = [
        wheel("nvidia-cublas", "13.1.0", f"py3-none-{tag}")
        for tag in ("manylinux_2_27_x86_64", "win_amd64")
    ]
    site = Site().with_files("/simple", toolkit, *libraries)
    for target in ("cpu", "cu130"):
        wheels = [each for each in torch if each.version.endswith(target)]
        site = site.with_files(f"/whl/{target}", *wheels)
    project = project_at(serve(site))
    project.write_pyproject(
        ["torch"], targets=("cpu", "cu130"), table='platforms = ["linux-x86_64"]'
    ).poetry("lock")

    assert project.pins("cpu") == {"torch": "2.11.0+cpu"}
    assert project.pins("cu130") == {
        "torch": "2.11.0+cu130",
        "cuda-toolkit": "13.0.2",
        "nvidia-cublas": "13.1.0",
    }


class TestMarkersOfTheUser:
    def test_one_for_another_platform_leaves_no_empty_entry(self, project: Project) -> None:
        table = 'platforms = ["linux-x86_64", "macos-arm64"]'
        requires = ["torch>=2.5; sys_platform == 'darwin'", "tqdm"]
        project.write_pyproject(requires, targets=("cpu",), table=table).poetry("lock")

        assert "<empty>" not in project.read()
        assert "torch" not in project.pins("cpu")
        assert "torch" in project.pins("cpu", "macos-arm64")
        project.poetry("accelock", "check")


class TestAnotherMachine:
    @pytest.mark.parametrize("words", [("update",), ("add", "tqdm"), ("remove", "torch")])
    def test_a_lock_alone_needs_no_target_that_fits(
        self, project: Project, words: tuple[str, ...]
    ) -> None:
        here = getattr(host_platform(), "name", "")
        elsewhere = "macos-arm64" if here == "windows-x86_64" else "windows-x86_64"
        project.write_pyproject(targets=("cpu",), table=f'platforms = ["{elsewhere}"]')
        project.poetry("lock")
        project.poetry(*words, "--lock")

        project.poetry("accelock", "check")
