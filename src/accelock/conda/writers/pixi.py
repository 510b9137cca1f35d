"""`pixi.lock`: the format 6 of rattler's lock, with an environment for each target and group.

Its environments have the names of the targets (`default` where there are none), with `-<group>`
behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda import naming
from accelock.conda.header import Stamp
from accelock.conda.urls import ALIAS
from accelock.conda.writers.scalars import scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from accelock.conda.record import Record
    from accelock.conda.solved import Solved

__all__ = ["render"]


def render(environments: Sequence[Solved]) -> str:
    """Return the text of the lock of all environments, its stamp included."""
    ordered = sorted(environments, key=_name)
    inputs = {
        f"{_name(solved)}/{subdir}": digest
        for solved in ordered
        for subdir, digest in solved.inputs.items()
    }
    lines = ["version: 6", "environments:"]
    for solved in ordered:
        lines.extend(_environment(solved))
    lines.extend(_packages(ordered))
    body = "".join(f"{line}\n" for line in lines)
    return Stamp("pixi", None, None, inputs).on(body)


def _name(solved: Solved) -> str:
    return naming.pixi_environment(solved.target, solved.group)


def _environment(solved: Solved) -> Iterator[str]:
    yield f"  {scalar(_name(solved))}:"
    yield "    channels:"
    for channel in _channels(solved):
        yield f"    - url: {scalar(channel)}"
    yield f"    packages:{'' if solved.platforms else ' {}'}"
    for platform in solved.platforms:
        records = solved.on(platform).values()
        yield f"      {platform.conda_subdir}:{'' if records else ' []'}"
        for record in records:
            yield f"      - conda: {scalar(record.url)}"


def _channels(solved: Solved) -> Iterator[str]:
    """Return the channels as URLs: pixi asks that they be absolute, and end in a slash."""
    bases = {
        record.channel.rstrip("/").rpartition("/")[2]: record.channel
        for records in solved.records.values()
        for record in records
    }
    for channel in solved.public_channels:
        named = bases.get(channel, f"{ALIAS}/{channel}")
        yield f"{(channel if '://' in channel else named).rstrip('/')}/"


def _packages(environments: Iterable[Solved]) -> Iterator[str]:
    found = {
        record.url: record
        for solved in environments
        for records in solved.records.values()
        for record in records
    }
    yield f"packages:{'' if found else ' []'}"
    for url in sorted(found):
        yield from _package(found[url])


def _package(record: Record) -> Iterator[str]:
    yield f"- conda: {scalar(record.url)}"
    yield f"  name: {scalar(record.name)}"
    yield f"  version: {scalar(record.version)}"
    yield f"  build: {scalar(record.build)}"
    yield f"  build_number: {record.build_number}"
    yield f"  subdir: {scalar(record.subdir)}"
    if record.noarch is not None:
        yield f"  noarch: {scalar(record.noarch)}"
    yield f"  sha256: {scalar(record.sha256)}"
    yield f"  md5: {scalar(record.md5)}"
    yield from _list("depends", record.depends)
    yield from _list("constrains", record.constrains)
    yield f"  channel: {scalar(record.channel)}"
    if record.license is not None:
        yield f"  license: {scalar(record.license)}"
    if record.size is not None:
        yield f"  size: {record.size}"
    if record.timestamp is not None:
        yield f"  timestamp: {record.timestamp}"
    if record.python_site_packages_path is not None:
        yield f"  python_site_packages_path: {scalar(record.python_site_packages_path)}"


def _list(key: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"  {key}:"
        for item in items:
            yield f"  - {scalar(item)}"
