"""The requested packages of an existing environment, from its `conda-meta`, without any solver.

What was asked for is told by the records themselves (`requested_spec` of conda, `requested_specs`
of rattler and mamba), or by conda's `history`. An environment made from an explicit list has asked
for everything by name: then the leaves of its graph are what somebody wanted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from accelock.conda import builds
from accelock.conda.graph import leaves
from accelock.conda.history import history
from accelock.conda.names import load_names, projects_of
from accelock.conda.prefix import CaptureError, installed, pip_packages
from accelock.conda.spec import Spec, parse
from accelock.errors import AccelockError
from accelock.locks import requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.prefix import Installed, PipPackage
    from accelock.conda.record import Record

__all__ = ["CaptureError", "Captured", "capture", "channel_name"]

_PLAIN_CHANNEL = re.compile(r"https://conda\.anaconda\.org/([^/]+(?:/label/[^/]+)?)/?")
_EXACT = re.compile(
    r"[^=\s]+(==?[^=]+=[^=]+|\[.*\b(url|md5|sha256|build)=.*\])|.*(\.conda|\.bz2).*"
)


@dataclass(frozen=True, slots=True)
class Captured:
    """What was asked for in an environment.

    `channels` are those of all its packages, that of most of them first. `requested` are in the
    order of names, and so is `pip`. `how` tells what they were known by. `missing` are the
    words of a keep-list that the environment has neither from conda nor from pip. `lines` are those
    of an environment.yml's `pip:`, and `left_out` what a target says in its place.
    """

    channels: tuple[str, ...]
    requested: tuple[Spec, ...]
    pip: tuple[PipPackage, ...]
    how: str
    missing: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def capture(prefix: Path, keep: str | None = None) -> Captured:
    """Return what was asked for in the environment at `prefix`.

    :param keep: the text of a requirements.in, whose names then decide, pip's or conda's.

    Raises CaptureError, and RequirementsError for a line of the keep-list.
    """
    packages = installed(prefix)
    records = {package.record.name: package.record for package in packages}
    pip = pip_packages(prefix, packages)
    missing: tuple[str, ...] = ()
    told, how = _requested(prefix, packages, records)
    names = set(told)
    if keep is not None:
        names, missing = _kept(keep, records, pip)
        how = "the keep-list"
    if "python" in records:
        names = {*names, "python"}
    channels = _channels(records.values())
    requested = [_pinned(records[name], told.get(name, ()), channels) for name in sorted(names)]
    return Captured(channels, tuple(requested), pip, how, missing)


def _pinned(record: Record, asked: Sequence[str], channels: Sequence[str]) -> Spec:
    """Return a package in its version, with a build that names hardware or that was asked for.

    Its channel is named where it is not the first: there, others may have the package too.
    """
    named = [build for build in map(_build_of, asked) if build is not None]
    patterns = [build for build in named[-1:] if fnmatchcase(record.build, build)]
    if builds.is_hardware_build(record.build):
        patterns = list(filter(None, [builds.glob([record.build], None), *patterns]))
    channel = channel_name(record)
    build = builds.joined(patterns, [record.build])
    other = channel if channel and channel != channels[0] else None
    return Spec(record.name, f"=={record.version}", build, other)


def _build_of(spec: str) -> str | None:
    """Return the build that a requirement names, if it can be read at all."""
    try:
        return parse(spec).build
    except AccelockError:
        return None


def _requested(
    prefix: Path, packages: Iterable[Installed], records: Mapping[str, Record]
) -> tuple[Mapping[str, Sequence[str]], str]:
    """Return what was asked for, by name, each with the words for it, and how that is known."""
    asked = {package.record.name: package.specs for package in packages if package.specs}
    if not asked or _is_explicit(asked, records):
        told = {name: specs for name, specs in history(prefix).items() if name in records}
        if told and not _is_explicit(told, records):
            return told, "conda's history"
        known = {record.name: () for record in leaves(records.values())}
        return known, "the leaves of its graph"
    return asked, "the records' requested specs"


def _is_explicit(asked: Mapping[str, Iterable[str]], records: Mapping[str, Record]) -> bool:
    """Tell whether everything was asked for, by its build: an explicit list or a lock."""
    exact = all(any(map(_EXACT.fullmatch, specs)) for specs in asked.values())
    return len(asked) == len(records) > 1 and exact


def _kept(
    keep: str, records: Mapping[str, Record], pip: Iterable[PipPackage]
) -> tuple[set[str], tuple[str, ...]]:
    """Return the conda packages that a keep-list names, and its words that nothing goes by."""
    by_pip = {package.name for package in pip}
    projects: dict[str, set[str]] = {}
    for name in records:
        for project in {canonicalize_name(name), *projects_of(name)}:
            projects.setdefault(project, set()).add(name)
    names: set[str] = set()
    missing = []
    for pin in requirements.parse(keep, "the keep-list").pins:
        found = _best(pin.name, projects.get(pin.name, set()))
        names |= found
        if not found and pin.name not in by_pip:
            missing.append(pin.name or pin.raw.strip())
    return names, tuple(missing)


def _best(project: str, names: set[str]) -> set[str]:
    """Return the one conda package that stands for a project, of several that are one thing."""
    mapped = load_names().get(project)
    ranked = [name for name in mapped.conda if name in names] if mapped is not None else []
    return set(ranked[:1]) or names


def channel_name(record: Record) -> str:
    """Return the name of a record's channel where it has one, else its URL."""
    found = _PLAIN_CHANNEL.fullmatch(record.channel)
    return found[1] if found else record.channel


def _channels(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the channels, that of most packages first."""
    counts = Counter(channel_name(record) for record in records if record.channel)
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))
