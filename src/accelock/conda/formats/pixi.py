"""`pixi.lock`: the format 6 of rattler's lock, with an environment for each target and group.

Its environments have the names of the targets, with `-<group>` behind them, and `default` is that
of the first of them, or of a project without targets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accelock.conda.channels import ALIAS
from accelock.conda.formats.model import Format, environment_name, load, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accelock.conda.record import Record, Solved
    from accelock.targets import Platform

# What conda-lock's format lacks of a record.
_MORE = ("build_number", "license", "size", "timestamp", "noarch", "python_site_packages_path")


def _body(
    solved: Sequence[Solved], _platform: Platform | None, _project: str | None
) -> tuple[list[str], tuple[str, ...]]:
    named = {environment_name(each.target, each.group): each for each in solved}
    # pixi has an environment of that name in every project.
    named.setdefault("default", named[min(named, key=lambda name: (named[name].group or "", name))])
    ordered = [(name, named[name]) for name in sorted(named)]
    lines = ["version: 6", "environments:"]
    for name, each in ordered:
        lines += _environment(name, each)
    lines += _packages(each for _, each in ordered)
    return lines, tuple(_manifest(ordered))


def _manifest(ordered: Sequence[tuple[str, Solved]]) -> Iterator[str]:
    """Say which pixi.toml goes with it: pixi takes a lock for that of the one beside it."""
    channels = ", ".join(f'"{each}"' for each in ordered[0][1].public_channels)
    subdirs = sorted({each.conda_subdir for _, solved in ordered for each in solved.platforms})
    yield "pixi reads it beside a pixi.toml with these environments (pixi install --frozen):"
    yield ""
    yield "   [workspace]"
    yield f"   channels = [{channels}]"
    yield "   platforms = [" + ", ".join(f'"{each}"' for each in subdirs) + "]"
    yield "   [environments]"
    for name, _ in ordered:
        if name != "default":
            yield f"   {name} = []"
    yield ""


def _environment(name: str, solved: Solved) -> Iterator[str]:
    yield f"  {scalar(name)}:"
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
    for key, specs in (("depends", record.depends), ("constrains", record.constrains)):
        if specs:
            yield f"  {key}:"
            yield from (f"  - {scalar(spec)}" for spec in specs)
    yield f"  channel: {scalar(record.channel)}"
    if record.license is not None:
        yield f"  license: {scalar(record.license)}"
    if record.size is not None:
        yield f"  size: {record.size}"
    if record.timestamp is not None:
        yield f"  timestamp: {record.timestamp}"
    if record.python_site_packages_path is not None:
        yield f"  python_site_packages_path: {scalar(record.python_site_packages_path)}"


def completed(records: Iterable[Record], text: str, where: str) -> tuple[Record, ...]:
    """Return records of a lock that lacks a part of them with what a pixi.lock says beside that.

    Raises YamlError, and MissingExtraError without PyYAML.
    """
    data = load(text, where)
    packages = data.get("packages") if isinstance(data, dict) else None
    said = {each.get("conda"): each for each in packages or () if isinstance(each, dict)}
    return tuple(_complete(record, said.get(record.url)) for record in records)


def _complete(record: Record, said: Mapping[str, Any] | None) -> Record:
    if said is None or said.get("sha256") != record.sha256:
        return record
    more: dict[str, Any] = {key: said[key] for key in _MORE if key in said}
    more |= {key: tuple(said.get(key) or ()) for key in ("depends", "constrains")}
    return replace(record, **more)


PIXI = Format(
    name="pixi",
    says="pixi.lock",
    holds="project",
    stem="pixi",
    end=".lock",
    body=_body,
    is_source=True,
)
