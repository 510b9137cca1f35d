"""A name of a family is looked up where the catalogue says, whatever another source offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_site import poetry_site
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

LINUX = 'platforms = ["linux-x86_64"]'
PYTHONS = ("cp310", "cp311", "cp312", "cp313")
FAMILYS_OWN = ("pytorch-triton-rocm", "triton-rocm", "pytorch-triton-xpu")
ON_BOTH = ("torchao", "torchtext", "xformers", "triton")


@pytest.fixture
def at(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[[Site], Project]:
    return lambda site: project_at(serve(site))


def of_somebody_else(name: str, version: str = "99.0") -> Distribution:
    return wheel(name, version, "py3-none-any", note="of somebody else")


def of_family(name: str, version: str) -> list[Distribution]:
    return [wheel(name, version, f"{cp}-{cp}-manylinux_2_28_x86_64") for cp in PYTHONS]


def on_both(name: str) -> Site:
    """A newer release of a package on PyPI than at the family's source."""
    site = poetry_site().with_files("/simple", of_somebody_else(name, "9.0"))
    return site.with_files("/whl/cpu", *of_family(name, "3.0"))


def locked(project: Project, name: str, target: str = "cpu") -> str:
    return project.pins(target)[name]


@pytest.mark.parametrize("name", FAMILYS_OWN)
def test_what_the_family_alone_has_never_comes_from_pypi(
    at: Callable[[Site], Project], name: str
) -> None:
    site = poetry_site().with_files("/simple", of_somebody_else(name)).without("/whl/rocm6.3", name)
    project = at(site.with_files("/whl/rocm6.3", *of_family(name, "3.4.0")))
    project.write_pyproject([name], table=LINUX, targets=["rocm6.3"]).poetry("lock")

    assert locked(project, name, "rocm6.3") == "3.4.0"


@pytest.mark.parametrize("absent", [403, 404])
@pytest.mark.parametrize("gone", ["torch", "pytorch-triton-rocm"])
def test_what_the_family_lacks_is_not_filled_by_pypi(
    at: Callable[[Site], Project], gone: str, absent: int
) -> None:
    evil = (of_somebody_else(gone, "3.4.0"), of_somebody_else(gone))
    site = poetry_site().with_files("/simple", *evil).without("/whl/rocm6.3", gone)
    project = at(site.configured("/whl/rocm6.3", absent=absent))
    project.write_pyproject(["torch"], table=LINUX, targets=["rocm6.3"])

    assert gone in project.refused("lock")


@pytest.mark.parametrize("name", ["pytorch-triton-rocm", "triton"])
def test_what_is_added_is_a_version_of_the_family(at: Callable[[Site], Project], name: str) -> None:
    project = at(poetry_site().with_files("/simple", of_somebody_else(name)))
    project.write_pyproject([], table=LINUX, targets=["rocm6.3"]).poetry("add", "--lock", name)

    assert locked(project, name, "rocm6.3") == "3.4.0"
    assert "99.0" not in project.read("pyproject.toml")


@pytest.mark.parametrize("name", ON_BOTH)
class TestOnBoth:
    def test_the_familys_build_counts(self, at: Callable[[Site], Project], name: str) -> None:
        project = at(on_both(name))
        project.write_pyproject([f"{name}<=9"], table=LINUX, targets=["cpu"]).poetry("lock")

        assert locked(project, name) == {"triton": "3.4.0"}.get(name, "3.0")

    def test_pypi_has_what_the_family_has_no_version_of(
        self, at: Callable[[Site], Project], name: str
    ) -> None:
        project = at(on_both(name))
        project.write_pyproject([f"{name}>=4"], table=LINUX, targets=["cpu"]).poetry("lock")

        assert locked(project, name) == "9.0"


def test_a_page_of_the_family_that_fails_is_no_absence(at: Callable[[Site], Project]) -> None:
    project = at(on_both("xformers").configured("/whl/cpu/xformers", fault="unavailable"))
    project.write_pyproject(["xformers"], table=LINUX, targets=["cpu"])

    assert "/whl/cpu/xformers" in project.refused("lock")


@pytest.mark.parametrize("fault", ["unavailable", "drop", "forbidden"])
def test_a_page_of_pypi_that_fails_is_no_absence(at: Callable[[Site], Project], fault: str) -> None:
    """The family's copies have other bytes: the hashes would depend on a fault of the network."""
    page = "/simple/nvidia-cudnn-cu12"
    site = poetry_site()
    if fault == "forbidden":
        site = site.without("/simple", "nvidia-cudnn-cu12").configured(page, absent=403)
    else:
        site = site.configured(page, fault=fault)
    project = at(site).write_pyproject(["torch==2.8.0"], table=LINUX, targets=["cu126"])

    said = project.refused("lock")
    assert page in said or (fault == "drop" and "network" in said)  # in Poetry's own words


def test_what_pypi_does_not_have_comes_from_the_family(at: Callable[[Site], Project]) -> None:
    project = at(poetry_site().without("/simple", "nvidia-cudnn-cu12"))
    project.write_pyproject(["torch==2.8.0"], table=LINUX, targets=["cu126"]).poetry("lock")

    assert locked(project, "nvidia-cudnn-cu12", "cu126") == "9.10.2.21"
