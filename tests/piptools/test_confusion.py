"""A name of a family is looked up where the catalogue says, whatever another index offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_sites import on_pypi
from tests.support.pytorch_site import pytorch_site
from tests.support.torch_releases import HERE
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

LINUX = "--platform=linux-x86_64"
EVIL = "99.0"
NOTE = "of somebody else"
FAMILYS_OWN = ("pytorch-triton-rocm", "triton-rocm", "pytorch-triton-xpu", "pytorch-triton")
ON_BOTH = ("torchao", "torchtext", "xformers", "triton")


@pytest.fixture
def at(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[[Site], Project]:
    return lambda site: project_at(serve(site))


def of_somebody_else(name: str, version: str = EVIL) -> Distribution:
    return wheel(name, version, "py3-none-any", note=NOTE)


def on_both(name: str) -> Site:
    """A newer release of a package on PyPI than at the family's source."""
    own = wheel(name, "3.0", f"{HERE}-{HERE}-manylinux_2_28_x86_64", note="of the family")
    return on_pypi(of_somebody_else(name, "9.0")).with_files("/whl/cpu", own)


@pytest.mark.parametrize("hashes", ["--generate-hashes", "--no-generate-hashes"])
@pytest.mark.parametrize("name", FAMILYS_OWN)
def test_what_the_family_alone_has_never_comes_from_pypi(
    at: Callable[[Site], Project], name: str, hashes: str
) -> None:
    own = wheel(name, "3.4.0", f"{HERE}-{HERE}-linux_x86_64")
    site = on_pypi(of_somebody_else(name)).without("/whl/rocm6.3", name)
    project = at(site.with_files("/whl/rocm6.3", own)).write(requirements_in=f"{name}\n")
    project.compile("-q", "-t", "rocm6.3", LINUX, hashes)

    assert project.pins() == {name: "3.4.0"}
    assert project.hashes()[name] == ({own.hash} if hashes == "--generate-hashes" else set())


@pytest.mark.parametrize("absent", [403, 404])
@pytest.mark.parametrize("gone", ["torch", "pytorch-triton-rocm"])
def test_what_the_family_lacks_is_not_filled_by_pypi(
    at: Callable[[Site], Project], gone: str, absent: int
) -> None:
    site = on_pypi(of_somebody_else(gone, "3.4.0"), of_somebody_else(gone))
    site = site.without("/whl/rocm6.3", gone).configured("/whl/rocm6.3", absent=absent)
    project = at(site).write(requirements_in="torch\n")

    assert gone in project.refused("-t", "rocm6.3", LINUX, "--generate-hashes")


@pytest.mark.parametrize("name", ON_BOTH)
class TestOnBoth:
    def test_the_familys_build_counts(self, at: Callable[[Site], Project], name: str) -> None:
        project = at(on_both(name)).write(requirements_in=f"{name}<=9\n")
        project.compile("-q", "-t", "cpu", LINUX)

        assert project.pins()[name] == {"triton": "3.4.0"}.get(name, "3.0")

    def test_pypi_has_what_the_family_has_no_version_of(
        self, at: Callable[[Site], Project], name: str
    ) -> None:
        project = at(on_both(name)).write(requirements_in=f"{name}>=4\n")
        project.compile("-q", "-t", "cpu", LINUX)

        assert project.pins()[name] == "9.0"


def test_a_page_of_the_family_that_fails_is_no_absence(at: Callable[[Site], Project]) -> None:
    site = on_both("xformers").configured("/whl/cpu/xformers", fault="unavailable")
    project = at(site).write(requirements_in="xformers\n")

    assert "/whl/cpu/xformers" in project.refused("-t", "cpu", LINUX)


@pytest.mark.parametrize("fault", ["unavailable", "drop", "forbidden"])
def test_a_page_of_pypi_that_fails_is_no_absence(at: Callable[[Site], Project], fault: str) -> None:
    """The family's copies have other bytes: the hashes would depend on a fault of the network."""
    page = "/simple/nvidia-cudnn-cu12"
    site = pytorch_site()
    if fault == "forbidden":
        site = site.without("/simple", "nvidia-cudnn-cu12").configured(page, absent=403)
    else:
        site = site.configured(page, fault=fault)
    project = at(site).write(requirements_in="torch==2.8.0\n")

    assert page in project.refused("-t", "cu126", LINUX, "--generate-hashes")


def test_what_pypi_does_not_have_comes_from_the_family(at: Callable[[Site], Project]) -> None:
    project = at(pytorch_site().without("/simple", "nvidia-cudnn-cu12"))
    project.write(requirements_in="torch==2.8.0\n").compile("-q", "-t", "cu126", LINUX)

    assert project.pins()["nvidia-cudnn-cu12"] == "9.10.2.21"
