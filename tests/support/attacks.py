"""What an attacker puts where, of which nothing may be locked or installed.

All placements are in one site at once, so that a lock and an installation say it of each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.support.pytorch_site import pytorch_site
from tests.support.sites import HostedFile, Index
from tests.support.torch_releases import HERE
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

TARGET = "cu126"
PYPI, FAMILYS, THIRD = "/simple", f"/whl/{TARGET}", "/third"
BUILD = f"{HERE}-{HERE}-manylinux_2_28_x86_64"
PURE = "py3-none-any"
#: What the project asks for.
ASKED = ("torch==2.8.0", "torchvision==0.23.0", "numpy==2.2.6", "tqdm==4.67.1")
#: What belongs to the family, and what PyPI has the original of: name -> version that is locked.
FAMILY = {"torch": "2.8.0", "torchvision": "0.23.0", "triton": "3.4.0"}
ORIGINALS = {
    "nvidia-cublas-cu12": "12.6.4.1",
    "nvidia-cudnn-cu12": "9.10.2.21",
    "nvidia-nccl-cu12": "2.27.3",
}
ORDINARY = {
    "numpy": "2.2.6",
    "tqdm": "4.67.1",
    "jinja2": "3.1.6",
    "markupsafe": "3.0.2",
    "sympy": "1.14.0",
    "mpmath": "1.3.0",
    "typing-extensions": "4.14.0",
    "fsspec": "2025.5.1",
    "setuptools": "70.2.0",
}
HOW = ("higher", "label", "post", "bytes")


@dataclass(frozen=True, slots=True)
class Placement:
    """One file of an attacker, on an index where it has no business."""

    index: str
    file: Distribution
    name: str

    def __str__(self) -> str:
        return f"{self.name}-at-{self.index.rpartition('/')[2]}"


def _file(name: str, version: str, tag: str) -> Distribution:
    return wheel(name, version, tag, note="of an attacker")


def _all() -> Iterator[Placement]:
    for name, version in (ORDINARY | ORIGINALS).items():
        tag = PURE if name in ORDINARY else "py3-none-manylinux_2_17_x86_64"
        versions = ("9999.0", f"{version}+evil", f"{version}.post1", version)
        for how, evil in zip(HOW, versions, strict=True):
            yield Placement(FAMILYS, _file(name, evil, tag), f"{name}-{how}")
    for index in (PYPI, THIRD):
        for name, version in FAMILY.items():
            label = f"+{TARGET}" if name != "triton" else ""
            evil_versions = {
                "higher": "9999.0",
                "higher-label": f"9999.0+{TARGET}",
                "label": f"{version}+evil",
                "post": f"{version}.post1",
                "bytes": f"{version}{label}",
            }
            for how, evil in evil_versions.items():
                if (name, how) != ("triton", "bytes"):
                    yield Placement(index, _file(name, evil, BUILD), f"{name}-{how}")
            spelt = _file(name.title().replace("on", "_on"), "9999.1", PURE)
            if spelt.project == name:
                yield Placement(index, spelt, f"{name}-spelt")
        for name in ("pytorch-triton-rocm", "pytorch-triton"):
            yield Placement(index, _file(name, "9999.0", PURE), f"{name}-unasked")


PLACEMENTS = tuple(_all())
EVIL = {each.file.sha256: str(each) for each in PLACEMENTS}
#: Those that a file without hashes keeps out, if pip is called as `accelock sync` calls it: what is
#: a family's and has no label (triton, nvidia-*) may come from any of the file's indexes.
KEPT_OUT_OF_SYNC = tuple(
    each
    for each in PLACEMENTS
    if each.file.project not in ORIGINALS and each.name != "triton-label"
)


def attacked_site() -> Site:
    """The site of the tests with all placements."""
    site = pytorch_site()
    for each in PLACEMENTS:
        site = site.with_files(each.index, each.file)
    return site


def with_other_bytes(site: Site, name: str, says: str) -> Site:
    """Return a site whose files of a project have the names that they had, and other bytes."""

    def changed(file: HostedFile) -> HostedFile:
        own = file.distribution
        return replace(file, distribution=other_bytes(own, says)) if own.project == name else file

    return replace(
        site,
        indexes=tuple(Index.of(each.path, map(changed, each.files)) for each in site.indexes),
        pages=(),
    )


def other_bytes(file: Distribution, says: str) -> Distribution:
    """Return other bytes under the name of a file, and what an index says of them."""
    other = replace(file, content=wheel(file.name, file.version, note="other").content)
    if says == "the old hash":
        object.__setattr__(other, "sha256", file.sha256)
    return other
