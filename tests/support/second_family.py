"""A second family: one data file beside PyTorch's, and nothing else of accelock changed.

It has an index per target, builds that need no label to be told apart, and a name that is somebody
else's on PyPI.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import accelock
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

NAME = "fused-kernels"
FAMILY = f"""\
index = "https://fused.example/whl/{{target}}"
recognise = ["*/fused/whl/{{target}}"]
source = "https://fused.example/"
reviewed = 2026-11-30

[[package]]
names = ["{NAME}"]
lockstep = true
labelled = false
lookup = ["family"]
runtime = false
source = "https://fused.example/"
reviewed = 2026-11-30
"""
RELEASES = {"cpu": ("0.3.1", "0.3.2"), "cu124": ("0.3.1",)}


def accelock_with_it(folder: Path) -> Path:
    """Copy accelock into a folder, for PYTHONPATH, with the family's file."""
    copy = folder / "accelock"
    shutil.copytree(Path(accelock.__file__).parent, copy)
    (copy / "catalogue" / "families" / f"{NAME}.toml").write_text(FAMILY)
    return folder


def with_it(site: Site) -> Site:
    """Return a site with an index per target, and a name on PyPI that must not be taken."""
    for target, versions in RELEASES.items():
        site = site.with_files(f"/fused/whl/{target}", *builds(target, versions))
    return site.with_files("/simple", wheel(NAME, "0.9", "py3-none-any", note="of PyPI"))


def builds(target: str, versions: tuple[str, ...]) -> Iterator[Distribution]:
    for version in versions:
        for python in ("cp310", "cp311", "cp312", "cp313"):
            tag = f"{python}-{python}-linux_x86_64"
            yield wheel(NAME, version, tag, ("numpy>=1.20.0",), note=f"for {target}")
