"""Every declared platform and Python has a file of an accelerated package, and of what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.resolve.serving import covered, holes
from accelock.targets import PLATFORMS, Levels, PythonVersion
from tests.support.sites import Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.wheels import Distribution

LINUX, WINDOWS = "manylinux_2_28_x86_64", "win_amd64"
NAMED = 'platforms = ["linux-x86_64", "windows-x86_64"]'


def wheels(
    name: str,
    version: str,
    platform: str,
    pythons: Iterable[int] = (10, 11, 12),
    requires: Iterable[str] = (),
) -> list[Distribution]:
    return [wheel(name, version, f"cp3{p}-cp3{p}-{platform}", tuple(requires)) for p in pythons]


@pytest.fixture
def project_of(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[..., Project]:
    """Make a project for Python 3.10 to 3.12 that requires torch 2.9.0 for cu129 from a site."""

    def make(site: Site, table: str = NAMED) -> Project:
        project = project_at(serve(site))
        return project.write_pyproject(
            ["torch==2.9.0"], targets=["cu129"], table=table, python=">=3.10,<3.13"
        )

    return make


def torch_with_a_hole() -> Site:
    """Return a site on which torch for Windows is for Python 3.12 alone."""
    linux = wheels("torch", "2.9.0+cu129", LINUX)
    return (
        Site()
        .with_files("/whl/cu129", *linux, *wheels("torch", "2.9.0+cu129", WINDOWS, [12]))
        .with_files("/simple", wheel("six", "1"))
    )


def test_a_platform_that_was_named_is_an_error(project_of: Callable[..., Project]) -> None:
    said = project_of(torch_with_a_hole()).refused("lock")
    assert "cannot be locked for cu129, windows-x86_64" in said
    assert "torch 2.9.0 has no file for windows-x86_64 on Python 3.10, 3.11" in said


def test_a_default_platform_is_left_out_and_it_is_said(
    project_of: Callable[..., Project],
) -> None:
    project = project_of(torch_with_a_hole(), table="")
    done = project.poetry("lock")

    assert "windows-x86_64 is left out of cu129" in done.stderr
    assert "no file for windows-x86_64 on Python 3.10, 3.11" in " ".join(done.stderr.split())
    for python in (10, 11, 12):
        assert project.pins("cu129", python=PythonVersion(3, python))["torch"] == "2.9.0+cu129"


def test_a_python_that_nobody_has_is_no_hole(project_of: Callable[..., Project]) -> None:
    """The project's range allows it, and no torch of that version is there for it anywhere."""
    files = (wheels("torch", "2.9.0+cu129", p, [11, 12]) for p in (LINUX, WINDOWS))
    site = Site().with_files("/whl/cu129", *(each for found in files for each in found))
    project = project_of(site.with_files("/simple", wheel("six", "1")))
    project.poetry("lock")
    assert project.pins("cu129")["torch"] == "2.9.0+cu129"


@pytest.mark.parametrize("there", [(), (12,)])
def test_a_library_that_torch_requires(
    project_of: Callable[..., Project], there: tuple[int, ...]
) -> None:
    """It is nowhere for the platform, or for one of torch's Pythons only."""
    torch = wheels("torch", "2.9.0+cu129", "manylinux_2_28_aarch64", requires=["triton==3.5.0"])
    site = Site().with_files("/whl/cu129", *torch)
    libraries = wheels("triton", "3.5.0", LINUX)
    libraries += wheels("triton", "3.5.0", "manylinux_2_28_aarch64", there)
    site = site.with_files("/simple", *libraries)
    said = project_of(site, table='platforms = ["linux-aarch64"]').refused("lock")
    assert "torch 2.9.0 requires triton==3.5.0, which cu129, linux-aarch64 has no file of" in said


def test_a_library_comes_from_where_its_files_are(project_of: Callable[..., Project]) -> None:
    """PyTorch's own page has triton for the newest Pythons alone, and PyPI for all."""
    torch = wheels("torch", "2.9.0+cu129", LINUX, requires=["triton==3.5.0"])
    ours = wheels("triton", "3.5.0", LINUX, [12])
    site = Site().with_files("/whl/cu129", *torch, *ours)
    site = site.with_files("/simple", *wheels("triton", "3.5.0", LINUX))
    project = project_of(site, table='platforms = ["linux-x86_64"]')
    project.poetry("lock")

    (triton,) = (each for each in project.view("cu129") if each["name"] == "triton")
    assert triton["source"]["reference"] == "local"
    assert len(triton["files"]) == 3
    before = project.read()
    project.poetry("lock")
    assert project.read() == before


SPOTS = [
    (PLATFORMS[name], PythonVersion(3, minor))
    for name in ("linux-x86_64", "windows-x86_64")
    for minor in (11, 12)
]


def test_what_files_cover() -> None:
    levels = Levels()
    linux = [f"a-1-cp3{p}-cp3{p}-{LINUX}.whl" for p in (11, 12)]
    windows = [f"a-1-cp312-cp312-{WINDOWS}.whl"]

    assert covered(linux, SPOTS, levels) == set(SPOTS[:2])
    assert covered(["a-1.tar.gz"], SPOTS, levels) == set(SPOTS)
    assert covered(["a-1-py3-none-any.whl"], SPOTS, levels) == set(SPOTS)
    assert [str(each) for each in holes({"a 1": (linux + windows, SPOTS)}, levels)] == [
        "a 1 has no file for windows-x86_64 on Python 3.11"
    ]
