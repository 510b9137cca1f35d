"""llama-cpp-python as it is published: an index per target, and the same version in each.

The pages are HTML, link to another host, and have no hashes and no metadata; PyPI has the sources
of every version, and of one more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sites import HostedFile, Index
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

NAME = "llama-cpp-python"
RELEASES = {"cpu": ("0.3.7", "0.3.8", "0.3.9"), "cu124": ("0.3.7", "0.3.8")}
TAGS = {"cpu": ("linux_x86_64", "macosx_11_0_arm64"), "cu124": ("linux_x86_64",)}
NEWEST = "0.3.8"  # of both
ON_PYPI = ("0.3.7", "0.3.8", "0.3.9", "0.4.0")


def with_llama(site: Site) -> Site:
    """Return a site with its indexes, and its sources on PyPI."""
    site = site.with_files("/simple", *(sdist(NAME, version) for version in ON_PYPI))
    for target in RELEASES:
        index = Index.of(f"/llama-cpp-python/whl/{target}", builds(target))
        site = type(site)((*site.indexes, index), site.pages, site.changes)
    return site.configured(
        "/llama-cpp-python",
        format="html", hashes="none", metadata="off", links="other-host", requires_python=False,
    )  # fmt: skip


def builds(target: str) -> Iterator[HostedFile]:
    for version in RELEASES[target]:
        for tag in TAGS[target]:
            made = wheel(NAME, version, f"py3-none-{tag}", ("tqdm",), note=f"for {target}")
            release = f"v{version}" if target == "cpu" else f"v{version}-{target}"
            yield HostedFile(f"/releases/download/{release}/{made.filename}", made)


def built(site: Site, target: str, version: str = NEWEST, tag: str = "linux_x86_64") -> HostedFile:
    """Return what the index of a target has of a version for a platform."""
    files = site.index(f"/llama-cpp-python/whl/{target}").projects[NAME]
    (found,) = (f for f in files if f.path.endswith(f"-{version}-py3-none-{tag}.whl"))
    return found


def table(url: str) -> str:
    """Return lines of pyproject.toml that name the server in the place of the real index."""
    return f'{NAME} = "{url}/llama-cpp-python/whl/{{target}}"\n'
