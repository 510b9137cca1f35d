"""A family of a user's own whose labels name CUDA and torch: an index per target, none of cpu.

It is laid out as an index of builds for GPUs is, with labels such as `+cu.12.6.torch.2.7`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheels import Distribution, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

NAME = "flash-attn"
TABLE = """\
[tool.accelock.families.gpu-builds]
index = "{url}/gpu/simple/{{target}}"
label = "cu.{{target.version}}.torch.{{torch.minor}}"

[[tool.accelock.families.gpu-builds.package]]
names = ["flash-attn"]
lockstep = false

[tool.accelock.target.cu126.dependencies]
flash-attn = "*"
"""
BUILDS = {"2.8.3": ("2.6", "2.7"), "2.7.4": ("2.6", "2.7", "2.8")}


def with_flash(site: Site) -> Site:
    """Return a site with the index, another target's builds on it, and the sources on PyPI."""
    site = site.with_files("/gpu/simple/cu126", *builds("12.6"), *builds("12.8"))
    return site.with_files("/simple", sdist(NAME, "2.8.3"))


def builds(cuda: str) -> Iterator[Distribution]:
    for version, releases in BUILDS.items():
        for torch in releases:
            label = f"cu.{cuda}.torch.{torch}"
            requires = ("tqdm", f"torch=={torch}.*")
            yield wheel(NAME, f"{version}+{label}", "py3-none-linux_x86_64", requires)
