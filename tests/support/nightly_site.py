"""Nightly builds as PyTorch publishes them: no hashes, and labels that name a commit.

    /whl/nightly/cpu, cu128    an index per target
    /simple                    like PyPI

torch asks for its compiler by the commit (`pytorch-triton==3.4.0+git11ac7a41`), and the compilers
of several nights have one public version.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tests.support.pypi_projects import pypi_distributions
from tests.support.sites import HostedFile, Index, Site
from tests.support.torch_releases import HERE, ON_LINUX_X86
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

#: (night, torch, torchvision, pytorch-triton)
NIGHTS = (
    ("20250731", "2.9.0.dev20250731", "0.24.0.dev20250731", "3.4.0+git0011aa22"),
    ("20250801", "2.9.0.dev20250801", "0.24.0.dev20250801", "3.4.0+git11ac7a41"),
    ("20250802", "2.9.0.dev20250802", "0.24.0.dev20250802", "3.4.0+gitf7888497"),
)
LINUX = "manylinux_2_28_x86_64"


@functools.cache
def nightly_site() -> Site:
    """The whole site; it is made once in a process."""
    shared = [HostedFile(f"/whl/nightly/{each.filename}", each) for each in compilers()]
    indexes = []
    for target in ("cpu", "cu128"):
        own = [HostedFile(f"/whl/nightly/{target}/{e.filename}", e) for e in builds(target)]
        indexes.append(Index.of(f"/whl/nightly/{target}", (*own, *shared)))
    pypi = (HostedFile(f"/packages/{each.filename}", each) for each in pypi_distributions())
    site = Site((*indexes, Index.of("/simple", pypi)))
    return site.configured("/whl", format="html", absent=403, requires_python=False, hashes="none")


def builds(target: str) -> Iterator[Distribution]:
    for _night, torch, torchvision, triton in NIGHTS:
        gpu = () if target == "cpu" else (f"pytorch-triton=={triton}; {ON_LINUX_X86}",)
        for tag in (LINUX, "win_amd64"):
            where = f"{HERE}-{HERE}-{tag}"
            yield wheel("torch", f"{torch}+{target}", where, ("filelock", *gpu))
            yield wheel("torchvision", f"{torchvision}+{target}", where, (f"torch=={torch}",))


def compilers() -> Iterator[Distribution]:
    for *_others, triton in NIGHTS:
        yield wheel("pytorch-triton", triton, f"{HERE}-{HERE}-{LINUX}")
