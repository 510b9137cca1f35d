"""`conda-<target>-lock.yml`: the format v1 of conda-lock, which conda-lock, mamba and pixi read.

Every package of every platform with its URL, md5 and sha256. Other keys than those of v1 are
refused by conda-lock, and `custom_metadata` by older releases of mamba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda import naming
from accelock.conda.header import Stamp
from accelock.conda.writers.scalars import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.conda.record import Record
    from accelock.conda.solved import Solved
    from accelock.targets import Platform

__all__ = ["render"]


def render(solved: Solved) -> str:
    """Return the text of the lock, its stamp included."""
    name = naming.lock(solved.target, solved.group)
    target = None if solved.target is None else solved.target.name
    stamp = Stamp("lock", target, solved.group, solved.inputs)
    body = "".join(f"{line}\n" for line in (*_metadata(solved), *_packages(solved)))
    return stamp.on(body, ["To install it:", "", f"   micromamba create -p ./env -f {name}", ""])


def _metadata(solved: Solved) -> Iterator[str]:
    yield "version: 1"
    yield "metadata:"
    yield "  content_hash:"
    for platform in solved.platforms:
        yield f"    {platform.conda_subdir}: {scalar(solved.digests[platform])}"
    yield "  channels:"
    for channel in solved.public_channels:
        yield f"  - url: {scalar(channel)}"
        yield "    used_env_vars: []"
    yield "  platforms:"
    for platform in solved.platforms:
        yield f"  - {platform.conda_subdir}"
    yield "  sources:"
    yield "  - pyproject.toml"


def _packages(solved: Solved) -> Iterator[str]:
    if not any(solved.records.values()):
        yield "package: []"
        return
    yield "package:"
    for platform in solved.platforms:
        for record in solved.on(platform).values():
            yield from _package(record, platform)


def _package(record: Record, platform: Platform) -> Iterator[str]:
    yield f"- name: {scalar(record.name)}"
    yield f"  version: {scalar(record.version)}"
    yield "  manager: conda"
    yield f"  platform: {platform.conda_subdir}"
    dependencies = _dependencies(record)
    yield f"  dependencies:{'' if dependencies else ' {}'}"
    for name, constraint in dependencies.items():
        yield f"    {scalar(name)}: {scalar(constraint)}"
    yield f"  url: {scalar(record.url)}"
    yield "  hash:"
    yield f"    md5: {scalar(record.md5)}"
    yield f"    sha256: {scalar(record.sha256)}"
    yield f"  build: {scalar(record.build)}"
    yield "  category: main"
    yield "  optional: false"


def _dependencies(record: Record) -> dict[str, str]:
    """Return a package's dependencies; where one is named twice, versions are joined."""
    found: dict[str, list[str]] = {}
    for depend in record.depends:
        name, _, constraint = depend.strip().partition(" ")
        found.setdefault(name, []).append(constraint.strip())
    return {name: _joined(found[name]) for name in sorted(found)}


def _joined(constraints: list[str]) -> str:
    told = [each for each in dict.fromkeys(constraints) if each not in ("", "*")]
    built = [each for each in told if " " in each or "|" in each]
    # A build goes with its own version, and `,` would bind tighter than `|`.
    return built[0] if built else ",".join(told)
