"""Changes to the PyTorch-like site that single tests need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.pytorch_site import pytorch_site
from tests.support.sites import FindLinks, HostedFile, Index
from tests.support.torch_releases import HERE
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.sites import Site
    from tests.support.wheels import Distribution

WHEREVER = (
    "manylinux_2_28_x86_64",
    "manylinux_2_28_aarch64",
    "macosx_11_0_arm64",
    "macosx_10_9_x86_64",
    "win_amd64",
)


def on_pypi(*distributions: Distribution) -> Site:
    """Return the site with more files on its PyPI-like index."""
    return pytorch_site().with_files("/simple", *distributions)


def with_whole_page() -> Site:
    """Return the site with all files of its indexes on the find-links page, as the real one has."""
    site = pytorch_site()
    page = FindLinks("/whl/torch_stable.html", site.index("/whl").files)
    return replace(site, pages=(page,))


def with_mirror(site: Site, prefix: str, torch: str, target: str = "cpu") -> Site:
    """Return the site with one more index of a target, which has one version of torch.

    So the version in a compiled file tells where it was read.
    """
    files = [
        HostedFile(prefix + each.path, each.distribution)
        for each in site.index(f"/whl/{target}").projects["torch"]
        if each.distribution.version.partition("+")[0] == torch
    ]
    mirror = Index.of(f"{prefix}/whl/{target}", files)
    return replace(site, indexes=(*site.indexes, mirror))


def pure(name: str, version: str, *requires: str, python: str | None = ">=3.8") -> Distribution:
    """Return a wheel for any platform."""
    return wheel(name, version, "py3-none-any", requires, python)


def binary(
    name: str, version: str, *tags: str, requires: tuple[str, ...] = (), python: str = HERE
) -> list[Distribution]:
    """Return a wheel for each of these platform tags, all of them by default."""
    return [wheel(name, version, f"{python}-{python}-{tag}", requires) for tag in tags or WHEREVER]
