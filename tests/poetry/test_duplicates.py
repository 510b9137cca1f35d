"""One version of each package in one environment, in whatever words packages name a system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from poetry.core.packages.package import Package
from poetry.core.version.markers import parse_marker
from poetry.packages.transitive_package_info import TransitivePackageInfo

from accelock.hosts.poetry.platform_markers import by_platform
from accelock.hosts.poetry.solution import duplicates
from accelock.targets import PLATFORMS, PythonVersion
from tests.support.sites import Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.wheels import Distribution

SYSTEM = 'platform_system == "Linux"'
MACHINES = (
    '(sys_platform == "linux" and (platform_machine == "x86_64" or platform_machine == "aarch64") '
    'or sys_platform == "win32" and platform_machine == "AMD64")'
)
LINUX, ARM, WINDOWS = (
    PLATFORMS[name] for name in ("linux-x86_64", "linux-aarch64", "windows-x86_64")
)


def site_of(*simple: Distribution, requires: tuple[str, ...] = ()) -> Site:
    """Return torch 2.11 for cpu and cu130 on Linux; that of cu130 with requirements."""
    site = Site().with_files("/simple", *simple)
    for target in ("cpu", "cu130"):
        wheels = [
            wheel(
                "torch",
                f"2.11.0+{target}",
                f"cp3{minor}-cp3{minor}-manylinux_2_28_{machine}",
                requires if target == "cu130" else (),
            )
            for minor in (10, 11, 12, 13)
            for machine in ("x86_64", "aarch64")
        ]
        site = site.with_files(f"/whl/{target}", *wheels)
    return site


def toolkit(requirement: str, *versions: str) -> list[Distribution]:
    """Return what requires a library by version, what does by its name alone, and the library."""
    name, extras = requirement.partition("==")[0], ["cublas", "cusolver"]
    pins = [f'{requirement} and extra == "{extra}"' for extra in extras]
    return [
        wheel("cuda-toolkit", "13.0.3", requires=pins, extras=extras),
        wheel("nvidia-cudnn-cu13", "9.20", "py3-none-manylinux_2_27_x86_64", [name]),
        wheel("nvidia-cudnn-cu13", "9.20", "py3-none-manylinux_2_27_aarch64", [name]),
        *(
            wheel(name, version, f"py3-none-manylinux_2_27_{machine}")
            for version in versions
            for machine in ("x86_64", "aarch64")
        ),
    ]


TORCH = (f"cuda-toolkit[cublas,cusolver]==13.0.3; {SYSTEM}", f"nvidia-cudnn-cu13==9.20; {SYSTEM}")


@pytest.mark.parametrize("platforms", [["linux-x86_64"], ["linux-x86_64", "linux-aarch64"]])
def test_a_library_of_torch(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    platforms: list[str],
) -> None:
    """As from torch 2.11 on: by the system here, by the machine there, and without a version."""
    pin = f"nvidia-cublas==13.1.1; {MACHINES}"
    project = project_at(serve(site_of(*toolkit(pin, "13.1.1", "13.10"), requires=TORCH)))
    project.write_pyproject(
        ["torch"], targets=("cpu", "cu130"), table=f"platforms = {platforms}"
    ).poetry("lock")

    libraries = [each["version"] for each in project.view("cu130") if "cublas" in each["name"]]
    assert libraries == ["13.1.1"]
    for platform in platforms:
        assert project.pins("cu130", platform)["nvidia-cublas"] == "13.1.1"
        assert "nvidia-cublas" not in project.pins("cpu", platform)
    before = project.read()
    project.poetry("lock")
    assert project.read() == before


def test_packages_that_no_family_has(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """The same of plain packages: they are solved again, with one word for a system."""
    pins = [f'library==1; {MACHINES} and extra == "{extra}"' for extra in ("a", "b")]
    kit = [
        wheel("kit", "1", requires=pins, extras=["a", "b"]),
        wheel("user", "1", requires=["library"]),
        *(wheel("library", version) for version in ("1", "2")),
        wheel("above", "1", requires=[f"kit[a,b]; {SYSTEM}", f"user; {SYSTEM}"]),
    ]
    project = project_at(serve(site_of(*kit)))
    project.write_pyproject(
        ["torch", "above"], targets=("cpu", "cu130"), table='platforms = ["linux-x86_64"]'
    ).poetry("lock")

    for target in ("cpu", "cu130"):
        assert project.pins(target)["library"] == "1"


def test_what_cannot_be_told_apart_is_refused(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    python = 'platform_python_implementation == "CPython"'
    either = '(implementation_name == "cpython" or implementation_name == "pypy")'
    pin = f"nvidia-cublas==13.1.1; {either}"
    requires = tuple(each.replace(SYSTEM, python) for each in TORCH)
    project = project_at(serve(site_of(*toolkit(pin, "13.1.1", "13.10"), requires=requires)))
    project.write_pyproject(
        ["torch"], targets=("cpu", "cu130"), table='platforms = ["linux-x86_64"]'
    )
    said = project.refused("lock")

    assert "For cu130, linux the solution has nvidia-cublas" in said
    assert "13.10" in said
    assert not (project.folder / "poetry.lock").exists()


@pytest.mark.parametrize(
    ("marker", "among", "expected"),
    [
        (SYSTEM, [LINUX, ARM], ""),
        (MACHINES, [LINUX], ""),
        (SYSTEM, [LINUX, ARM, WINDOWS], 'sys_platform == "linux"'),
        ('os_name != "nt"', [LINUX, WINDOWS], 'sys_platform == "linux"'),
        ('platform_machine == "x86_64"', [LINUX, ARM], 'platform_machine == "x86_64"'),
        (
            'platform_machine == "x86_64"',
            [LINUX, ARM, WINDOWS],
            'sys_platform == "linux" and platform_machine == "x86_64"',
        ),
        ('sys_platform == "darwin"', [LINUX, WINDOWS], "<empty>"),
        (f'{SYSTEM} and python_version < "3.12"', [LINUX], 'python_version < "3.12"'),
        (
            f'{SYSTEM} and extra == "a" or python_version < "3.12"',
            [WINDOWS],
            'python_version < "3.12"',
        ),
    ],
)
def test_a_marker_by_platform(marker: str, among: list[object], expected: str) -> None:
    assert str(by_platform(parse_marker(marker), among, among)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "is_twice"),
    [
        (SYSTEM, MACHINES, True),
        (SYSTEM, 'sys_platform == "win32"', False),
        ('python_version < "3.12"', 'python_version >= "3.12"', False),
        ("extra == 'a' and extra != 'b'", "extra == 'b'", False),
        ("extra == 'a'", SYSTEM, True),
    ],
)
def test_two_versions_in_one_environment(first: str, second: str, is_twice: bool) -> None:
    main = canonicalize_name("main")
    solved = {
        Package("library", version): TransitivePackageInfo(0, {main}, {main: parse_marker(marker)})
        for version, marker in (("1", first), ("2", second))
    }
    found = duplicates(solved, [LINUX.marker_environment(PythonVersion(3, 12))])
    assert found == ({"library": ("1", "2")} if is_twice else {})
