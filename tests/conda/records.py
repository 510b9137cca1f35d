"""Records and solved environments for the tests of what takes them: no solver, no channel."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.conda.record import Record, Solved
from accelock.conda.spec import parse
from accelock.targets import PLATFORMS, parse_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.conda.formats import Format
    from accelock.targets import Platform, Target

FORGE = "https://conda.anaconda.org/conda-forge"
PYTORCH = "https://conda.anaconda.org/pytorch"
LINUX, ARM, MAC, INTEL_MAC, WINDOWS = PLATFORMS.values()


def target(name: str) -> Target:
    return parse_target(name, load_catalogue().targets)


CPU, CUDA = target("cpu"), target("cu126")


def record(
    text: str, *depends: str, subdir: str = "linux-64", channel: str = FORGE, **more: object
) -> Record:
    """Return a record of `name version build`, with hashes of its own."""
    name, version, build = (*text.split(), "h0_0")[:3]
    filename = f"{name}-{version}-{build}.conda"
    url = f"{channel}/{subdir}/{filename}"
    values: dict[str, object] = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": int(build.rpartition("_")[2]) if build[-1:].isdigit() else 0,
        "subdir": subdir,
        "channel": channel,
        "url": url,
        "filename": filename,
        "md5": hashlib.md5(url.encode()).hexdigest(),
        "sha256": hashlib.sha256(url.encode()).hexdigest(),
        "depends": depends,
        "noarch": None if subdir != "noarch" else "generic",
    }
    return Record(**{**values, **more})  # type: ignore[arg-type]


def render(
    form: Format,
    of: Solved | Sequence[Solved],
    platform: Platform | str | None = None,
    project: str | None = None,
) -> str:
    """Return the text of a file in a format; a text in the platform's place names the project."""
    if isinstance(platform, str):
        platform, project = None, platform
    every = (of,) if isinstance(of, Solved) else tuple(of)
    return form.render(every, platform, project)


def solved(
    records: Mapping[str, Sequence[Record]],
    asked: Sequence[str] = (),
    *,
    of: Target | None = CPU,
    group: str | None = None,
    channels: Sequence[str] = ("conda-forge",),
    bound: Sequence[str] = (),
) -> Solved:
    """Return an environment of records by platform name."""
    platforms = {PLATFORMS[name]: tuple(found) for name, found in records.items()}
    return Solved(
        target=of,
        group=group,
        channels=tuple(channels),
        records=platforms,
        asked={platform: tuple(map(parse, asked)) for platform in platforms},
        digests={p: hashlib.sha256(p.name.encode()).hexdigest() for p in platforms},
        bound=frozenset(bound),
    )


def vega(subdir: str) -> list[Record]:
    """Return a small environment as it is on one platform."""
    return [
        record("vega-lite-cli 5.21.0", "vega-cli 5.*", subdir=subdir),
        record("vega-cli 5.30.0", "nodejs >=20,<23.0a0", "__unix", subdir=subdir),
        record("nodejs 22.4.0", subdir=subdir),
        record("python 3.12.4 h0_0_cpython", "tzdata", "pip", subdir=subdir),
        record("pip 24.2 pyh8b19718_0", "python >=3.8", "python !=3.9.0", subdir="noarch"),
        record("tzdata 2024a", subdir="noarch"),
    ]
