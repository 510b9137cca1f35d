"""`conda-<target>-<subdir>.txt`: the explicit list of one platform, for plain conda and for pixi.

conda installs it without any solve: `conda create -p ./env --file conda-cpu-linux-64.txt`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda.formats.model import Body, Format, Part, joined
from accelock.conda.graph import topological

if TYPE_CHECKING:
    from accelock.targets import Platform, Target

__all__ = ["EXPLICIT"]


def _file_name(
    target: Target | str | None, group: str | None = None, platform: Platform | None = None
) -> str:
    subdir = platform.conda_subdir if platform is not None else ""
    return f"{joined('conda', target, group)}-{subdir}.txt"


def _body(part: Part) -> Body:
    """Return each URL with its md5, in order of linking."""
    (solved,), platform = part.solved, part.platform
    if platform is None:
        raise ValueError("an explicit list is for one platform")
    name = _file_name(solved.target, solved.group, platform)
    lines = [f"{record.url}#{record.md5}" for record in topological(solved.records[platform])]
    notes = ("To install it:", "", f"   conda create -p ./env --file {name}", "",
             f"platform: {platform.conda_subdir}")  # fmt: skip
    return Body("".join(f"{line}\n" for line in ("@EXPLICIT", *lines)), notes)


EXPLICIT = Format(
    name="explicit",
    says="a list for plain conda per platform",
    holds="platform",
    file_name=_file_name,
    body=_body,
)
