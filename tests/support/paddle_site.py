"""PaddlePaddle as it is published: GPU builds on an index per CUDA, without labels or hashes.

PyPI has the builds for CPU, and under the other name sources that nobody wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sites import HostedFile, Index
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from tests.support.sites import Site

GPU = "paddlepaddle-gpu"
CPU_TAGS = ("manylinux1_x86_64", "macosx_11_0_arm64", "win_amd64")
GPU_TAGS = ("linux_x86_64", "win_amd64")


def with_paddle(site: Site) -> Site:
    """Return a site with its indexes, and what PyPI has of it."""
    plain = (wheel("paddlepaddle", "3.1.0", f"cp311-cp311-{tag}", ("tqdm",)) for tag in CPU_TAGS)
    site = site.with_files("/simple", *plain, sdist(GPU, "9.9"))
    for target in ("cu118", "cu126"):
        made = [
            wheel(GPU, "3.1.0", f"cp311-cp311-{tag}", ("tqdm",), note=f"for {target}")
            for tag in GPU_TAGS
        ]
        files = [HostedFile(f"/paddle-whl/{target}/{each.filename}", each) for each in made]
        index = Index.of(f"/packages/stable/{target}", files)
        site = type(site)((*site.indexes, index), site.pages, site.changes)
    return site.configured("/packages/stable", format="html", hashes="none", metadata="off")


def table(url: str) -> str:
    """Return lines of pyproject.toml that name the server in the place of the real index."""
    return f'paddle = "{url}/packages/stable/{{target}}"\n'
