"""DGL, MMCV, Kaolin and Astral's index as they are laid out, for two minor releases of torch.

DGL's pages are per minor release, with labels, and the one for cpu has no target in its URL. MMCV's
are per target and minor release, its URL with .0, and Kaolin's per release and CUDA; neither has a
label. Astral's index is per CUDA, with labels of CUDA and torch. The find-links pages have no
hashes. That MMCV has builds for macOS is made up here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.sites import FindLinks, HostedFile
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from tests.support.sites import Site

LINUX, MACOS = "linux_x86_64", "macosx_11_0_arm64"
# Name, version, page, the tags of its files.
PAGES = (
    ("dgl", "2.4.0+cu126", "/dgl/wheels/torch-2.7/cu126/repo.html", (LINUX,)),
    ("dgl", "2.4.0", "/dgl/wheels/torch-2.7/repo.html", (LINUX, MACOS)),
    ("mmcv", "2.2.0", "/mmcv/dist/cu126/torch2.7.0/index.html", (LINUX,)),
    ("mmcv", "2.2.0", "/mmcv/dist/cpu/torch2.7.0/index.html", (LINUX, MACOS)),
    ("mmcv", "2.1.0", "/mmcv/dist/cu126/torch2.6.0/index.html", (LINUX,)),
    ("mmcv", "2.1.0", "/mmcv/dist/cpu/torch2.6.0/index.html", (LINUX, MACOS)),
    ("kaolin", "0.18.0", "/kaolin/torch-2.7.1_cu126.html", (LINUX,)),
)
SOURCES = """\
dgl = "{url}/dgl/wheels/torch-{{torch.minor}}/{{target}}/repo.html"
mmcv = "{url}/mmcv/dist/{{target}}/torch{{torch.minor}}.0/index.html"
kaolin = "{url}/kaolin/torch-{{torch}}_{{target}}.html"
astral = "{url}/astral/simple/{{target}}"
[tool.accelock.packages]
flash-attn = {{ family = "astral" }}
"""
FLASH = "2.8.3.post1"


def with_paged(site: Site) -> Site:
    """Return a site with all of them, and the sources of mmcv and flash-attn on PyPI."""
    pages = tuple(
        FindLinks(page, tuple(_file(name, version, page, tag) for tag in tags))
        for name, version, page, tags in PAGES
    )
    labels = (f"cu.12.{minor}.torch.{torch}" for minor in (6, 8) for torch in ("2.6", "2.7"))
    flash = (wheel("flash-attn", f"{FLASH}+{label}", f"py3-none-{LINUX}") for label in labels)
    site = site.with_files("/astral/simple/cu126", *flash)
    scatter = wheel("torch-scatter", "2.1.2+cu.12.6.torch.2.6", f"py3-none-{LINUX}")
    site = site.with_files("/astral/simple/cu126", scatter)
    site = site.with_files("/simple", sdist("mmcv", "2.2.0"), sdist("flash-attn", FLASH))
    site = replace(site, pages=(*site.pages, *pages))
    for folder in ("/dgl", "/mmcv", "/kaolin"):
        site = site.configured(folder, hashes="none", metadata="off")
    return site


def _file(name: str, version: str, page: str, tag: str) -> HostedFile:
    made = wheel(name, version, f"py3-none-{tag}", ("tqdm",), note=f"of {page}")
    return HostedFile(f"{page.rpartition('/')[0]}/files/{made.filename}", made)
