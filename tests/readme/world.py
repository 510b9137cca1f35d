"""The hosts that the README's commands reach: PyTorch's indexes, a mirror of them, and PyPI."""

from __future__ import annotations

import functools
import importlib.util
import re
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name

import accelock
from tests.poetry.support_site import above_torch
from tests.support.proxy import Proxy
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.sites import Index
from tests.support.substituted import substituted
from tests.support.torch_releases import R210, RELEASES
from tests.support.wheels import Distribution, record, wheel, zipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sites import Site

PYTORCH = "download.pytorch.org"
MIRROR = "nexus.example.com"
MIRRORED = "/repository/pytorch"
# What a user installs: accelock itself, what it extends, and what builds it out of a clone.
OFFERED = ("accelock", "hatchling", "pip")
HOSTS = {
    "accelock[pip-tools]": "piptools",
    "accelock[conda]": "rattler",
    "poetry": "poetry",
}  # each is in its own tox environments
LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


@contextmanager
def outside_world(folder: Path) -> Iterator[tuple[IndexServer, Proxy]]:
    """Serve all of it until the block ends."""
    with IndexServer(world()) as server, Proxy(hosts(), server.port, folder) as proxy:
        yield server, proxy


def hosts() -> tuple[str, ...]:
    """Every host that the commands reach, but those of conda's channels."""
    # pip knows PyPI's name; so that it need not be written here.
    from pip._internal.models.index import PyPI  # noqa: PLC0415

    return PYTORCH, MIRROR, urlsplit(PyPI.simple_url).hostname or ""


@functools.cache
def world() -> Site:
    """The little PyTorch and PyPI of the tests, with a mirror, and accelock on its PyPI.

    All hosts are one server: the links of its pages have no host, so that each finds them at home.
    """
    tools = offered()
    site = pytorch_site((*RELEASES, R210)).with_files(
        "/simple", *above_torch(), *substituted(), *tools
    )
    mirrored = tuple(
        Index(index.path.replace("/whl", MIRRORED), index.projects)
        for index in site.indexes
        if index.path.startswith("/whl/")
    )
    site = replace(site, indexes=(*site.indexes, *mirrored))
    # pip 23.0, which comes with Python 3.10, fails on PEP 658 in JSON as our server spells it, and
    # on metadata whose name is not spelt as in the file's name.
    # Poetry asks PyPI for JSON alone; it is tested where a newer pip is.
    if importlib.util.find_spec("poetry") is None:
        site = site.configured("/simple", format="html")
    for each in tools:
        site = site.configured(f"/simple/{each.project}", metadata="off")
    return site.configured(MIRRORED, format="html", requires_python=False)


def offered() -> list[Distribution]:
    """accelock and all that it needs, packed again from where this Python has them."""
    found: dict[str, Distribution] = {}
    elsewhere: dict[str, Distribution] = {}
    there_are = [word for word, module in HOSTS.items() if importlib.util.find_spec(module)]
    wanted = [Requirement(word) for word in (*OFFERED, *there_are)]
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        there = metadata.distribution(name)
        found[name] = repacked(there)
        for extra in ("", *requirement.extras):
            for line in there.requires or ():
                needed = Requirement(line)
                if applies(needed, extra) and canonicalize_name(needed.name) not in found:
                    wanted.append(needed)
                elif "extra" not in str(needed.marker):
                    elsewhere.setdefault(canonicalize_name(needed.name), empty(needed))
    return [*found.values(), *(each for name, each in elsewhere.items() if name not in found)]


def empty(requirement: Requirement) -> Distribution:
    """What another platform needs: `poetry self add` resolves for all of them."""
    lowest = [each.version for each in requirement.specifier if each.operator in {">=", "==", "~="}]
    return wheel(requirement.name, lowest[0] if lowest else "1.0")


def applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def repacked(installed: metadata.Distribution) -> Distribution:
    """Make a wheel of an installed distribution, without its scripts, which pip makes anew."""
    name, version = installed.metadata["Name"], installed.version
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    folder = f"{stem}.dist-info"
    members = {}
    for path in installed.files or ():
        if ".." in path.parts or path.suffix in {".pyc", ".pth"} or path.name in LEFT_OUT:
            continue
        located = Path(str(path.locate()))
        if not located.is_file():  # pip's RECORD names a folder that pip itself does not install
            continue
        old = path.parts[0]
        inside = Path(folder, *path.parts[1:]) if old.endswith(".dist-info") else Path(path)
        members[inside.as_posix()] = located.read_bytes()
    if canonicalize_name(name) == "accelock":  # an editable install has no modules in its RECORD
        members |= modules(Path(accelock.__file__).parent)
    members[f"{folder}/RECORD"] = record(members, f"{folder}/RECORD")
    filename = f"{stem}-{tag_of(members[f'{folder}/WHEEL'].decode())}.whl"
    text = members[f"{folder}/METADATA"]
    python = re.search(rb"^Requires-Python: *(.+?) *$", text, re.MULTILINE)
    supported = python[1].decode() if python else None
    return Distribution(filename, name, version, zipped(members), text, supported)


def modules(package: Path) -> dict[str, bytes]:
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(package.parent).as_posix(): path.read_bytes() for path in files}


def tag_of(wheel_file: str) -> str:
    """Return the tags of a WHEEL file as the end of a file name: a compressed set (PEP 425)."""
    lines = (line.partition(":") for line in wheel_file.splitlines())
    tags: list[Tag] = [
        t for key, _, value in lines if key == "Tag" for t in parse_tag(value.strip())
    ]
    parts = ({t.interpreter for t in tags}, {t.abi for t in tags}, {t.platform for t in tags})
    return "-".join(".".join(sorted(part)) for part in parts)
