"""The PyTorch-like site, with what Poetry's users put above torch."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site


@functools.cache
def poetry_site() -> Site:
    """The whole site; it is made once in a process."""
    return pytorch_site().with_files("/simple", *above_torch())


def above_torch() -> Iterator[Distribution]:
    """Packages that require torch without a label, as all of them do; one of them has limits."""
    yield pure("transformers", "4.48.0", "filelock", "numpy>=1.17", "tqdm>=4.27")
    yield pure(
        "sentence-transformers",
        "3.4.1",
        "transformers<5.0.0,>=4.41.0",
        "torch>=1.11.0",
        "tqdm",
        "pillow",
    )
    # Its newest release has not caught up with torch, and says so.
    yield pure("old-fashioned", "1.0", "torch<2.7")
    yield pure("old-fashioned", "0.9", "torch")
    # Asks for torch where most of a cluster is, and nowhere else.
    yield pure("linux-only", "1.0", 'torch>=2.5; sys_platform == "linux"')


def pure(name: str, version: str, *requires: str) -> Distribution:
    return wheel(name, version, "py3-none-any", requires, ">=3.9")
