"""PyG's compiled packages as they are published: a find-links page per torch release and target.

The pages have no hashes and no metadata. That of torch 2.7.1 links into the folder of 2.7.0, and
torch 2.8.0 has a page without torch-sparse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.sites import FindLinks, HostedFile
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

NAMES = {"torch-scatter": "2.1.2", "torch-sparse": "0.6.18"}
# The page of a release -> where its files lie, and what there is of them.
PAGES = {
    "2.6.0": ("2.6.0", ("torch-scatter", "torch-sparse")),
    "2.7.0": ("2.7.0", ("torch-scatter", "torch-sparse")),
    "2.7.1": ("2.7.0", ("torch-scatter", "torch-sparse")),
    "2.8.0": ("2.8.0", ("torch-scatter",)),
}
TAGS = {"cpu": ("linux_x86_64", "macosx_11_0_universal2", "win_amd64"), "cu126": ("linux_x86_64",)}
PYTHONS = ("cp310", "cp311", "cp312", "cp313")


def with_pyg(site: Site) -> Site:
    """Return a site with PyG's pages, and the sources of its packages on PyPI."""
    sources = (sdist(name, version) for name, version in NAMES.items())
    pages = tuple(
        FindLinks(f"/pyg/whl/torch-{torch}+{target}.html", tuple(files(torch, target)))
        for torch in PAGES
        for target in TAGS
    )
    site = site.with_files("/simple", *sources)
    return replace(site, pages=(*site.pages, *pages)).configured("/pyg", metadata="off")


def files(torch: str, target: str) -> Iterator[HostedFile]:
    folder, names = PAGES[torch]
    label = f"pt{''.join(folder.split('.')[:2])}{target}"
    for name in names:
        for python in PYTHONS:
            for tag in TAGS[target]:
                version = f"{NAMES[name]}+{label}"
                made = wheel(name, version, f"{python}-{python}-{tag}", ("tqdm",))
                yield HostedFile(f"/pyg/whl/torch-{folder}+{target}/{made.filename}", made)


def table(url: str) -> str:
    """Return lines of pyproject.toml that name the server in the place of the real pages."""
    return f'pyg = "{url}/pyg/whl/torch-{{torch}}+{{target}}.html"\n'
