"""`conda-<target>-<subdir>.txt`: the explicit list of one platform, for plain conda and for pixi.

conda installs it without any solve: `conda create -p ./env --file conda-cpu-linux-64.txt`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda import naming
from accelock.conda.graph import topological
from accelock.conda.header import Stamp

if TYPE_CHECKING:
    from accelock.conda.solved import Solved
    from accelock.targets import Platform

__all__ = ["render"]


def render(solved: Solved, platform: Platform) -> str:
    """Return the text of the list for one platform: each URL with its md5, in order of linking."""
    name = naming.explicit(solved.target, platform, solved.group)
    target = None if solved.target is None else solved.target.name
    digest = {platform.conda_subdir: solved.digests[platform]}
    lines = [f"{record.url}#{record.md5}" for record in topological(solved.records[platform])]
    notes = [
        "To install it:", "", f"   conda create -p ./env --file {name}", "",
        f"platform: {platform.conda_subdir}",
    ]  # fmt: skip
    body = "".join(f"{line}\n" for line in ("@EXPLICIT", *lines))
    return Stamp("explicit", target, solved.group, digest).on(body, notes)
