"""A family of a user's own, in pyproject.toml: an index per target, and builds with a label.

The builds for macOS carry none, and PyPI has a newer project of the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

TABLE = """\
[tool.accelock.families.kernels]
index = "{url}/kernels/{{target}}"
label = "{{target}}"
unlabelled-platforms = ["macos-arm64"]

[[tool.accelock.families.kernels.package]]
names = ["fast-kernels"]

[[tool.accelock.families.kernels.exclusive]]
names = ["fast-kernels", "fast-kernels-lite"]
imports = "fast_kernels"
"""
RELEASES = {"cpu": ("1.0", "1.1", "1.2"), "cu126": ("1.0", "1.1")}
PLATFORMS = ("linux-x86_64", "macos-arm64")


def with_kernels(site: Site) -> Site:
    """Return a site with the family's indexes, and what of it must not be taken on PyPI."""
    for target in RELEASES:
        site = site.with_files(f"/kernels/{target}", *builds(target))
    pypi = (wheel("fast-kernels", "9.0", note="of PyPI"), wheel("fast-kernels-lite", "1.0"))
    return site.with_files("/simple", *pypi)


def builds(target: str) -> Iterator[Distribution]:
    for version in RELEASES[target]:
        requires = ("torch>=2.5", "tqdm")
        yield wheel("fast-kernels", f"{version}+{target}", "py3-none-linux_x86_64", requires)
        if target == "cpu":
            yield wheel("fast-kernels", version, "py3-none-macosx_11_0_arm64", requires)


def hashes(site: Site, target: str, version: str) -> set[str]:
    """Return the hashes that an index has of a version."""
    files = site.index(f"/kernels/{target}").projects["fast-kernels"]
    return {file.distribution.hash for file in files if file.distribution.version == version}
