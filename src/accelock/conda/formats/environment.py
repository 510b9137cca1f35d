"""`environment-<target>.yml`: the portable file, which conda and mamba solve once more.

It holds what the project asks for, in the version that was chosen, with the build and the channel
that it asks for, and beside that only what keeps another solve to the same decisions: Python, what
pip has too, and the packages with a build per hardware, with a glob for it. Without that glob conda
and mamba turn to CUDA wherever they see a GPU. It has no builds otherwise, no selectors (conda
drops a package with one, without a word), no `nodefaults` and no prefix.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from accelock.conda import builds
from accelock.conda.formats.lock import LOCK
from accelock.conda.formats.model import Format, joined, scalar
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from accelock.conda.record import Record, Solved
    from accelock.conda.spec import Spec
    from accelock.targets import Platform, Target

_PYTORCH_CHANNEL = re.compile(r".*/pytorch(/label/.+)?/?")
_ALWAYS = frozenset({"python", "cuda-version", "pytorch-mutex"})


def _body(
    environments: Sequence[Solved], _platform: Platform | None, project: str | None
) -> tuple[list[str], tuple[str, ...]]:
    (solved,) = environments
    lock = LOCK.file_name(solved.target, solved.group)
    asked = {spec.name for specs in solved.asked.values() for spec in specs}
    entries: dict[str, str] = {}
    left_out, limits = [], []  # what one file for all platforms cannot say, and the lock does
    for name, found in _by_name(solved).items():
        if name not in asked and not _has_to_stay(name, found, solved):
            continue
        entry, loose = _entry(name, found.values(), solved)
        if _is_everywhere(found, solved):
            entries[name] = entry
        elif name in asked:
            subdirs = ", ".join(found)
            left_out.append(f"{name} is left out: it is for {subdirs} only; {lock} has it.")
            continue
        limits += [f"{name}: {what} on all platforms; prefer {lock}." for what in loose]
    if _needs_cpuonly(solved):
        entries.setdefault("cpuonly", "cpuonly")
    notes = [*left_out, *limits]
    notes += [""] if notes else []
    called = joined(project, solved.target, solved.group) if project else None
    lines = [f"name: {scalar(called)}"] if called else []
    lines += ["channels:", *(f"  - {scalar(channel)}" for channel in solved.public_channels)]
    lines += ["dependencies:" if entries else "dependencies: []"]
    lines += [f"  - {scalar(entries[name])}" for name in sorted(entries)]
    return lines, (*notes, *_override(solved))


def _override(solved: Solved) -> Iterator[str]:
    """Say what a machine without a GPU, such as one that builds an image, has to be told."""
    if solved.target is not None and solved.target.kind is Kind.CUDA:
        cuda = ".".join(map(str, solved.target.version))
        name = ENVIRONMENT.file_name(solved.target, solved.group)
        yield "To solve it on a machine without a GPU:"
        yield ""
        yield f"   CONDA_OVERRIDE_CUDA={cuda} conda env create -f {name}"
        yield ""


def _by_name(solved: Solved) -> dict[str, dict[str, Record]]:
    """Return each package by name with its record on each platform, by conda's subdir."""
    found: dict[str, dict[str, Record]] = {}
    for platform in solved.platforms:
        for name, record in solved.on(platform).items():
            found.setdefault(name, {})[platform.conda_subdir] = record
    return {name: found[name] for name in sorted(found)}


def _is_everywhere(found: Mapping[str, Record], solved: Solved) -> bool:
    """Tell whether a package can be asked for on every platform; a noarch guard can be."""
    return len(found) == len(solved.platforms) or all(
        record.subdir == "noarch" and record.name in _ALWAYS for record in found.values()
    )


def _has_to_stay(name: str, found: Mapping[str, Record], solved: Solved) -> bool:
    """Tell whether a re-solve needs to be told of a package that nobody asked for."""
    if name in _ALWAYS or name in solved.bound or name in solved.hardware:
        return True
    return any(builds.is_hardware_build(record.build) for record in found.values())


def _needs_cpuonly(solved: Solved) -> bool:
    """Tell whether classic conda needs the metapackage to stay on the CPU.

    The pytorch channel's old builds are told apart by features alone, which conda obeys, and mamba
    and rattler do not (mamba#336). A mirror of that channel is known by the same last name.
    """
    if solved.target is None or solved.target.kind is not Kind.CPU:
        return False
    return any(
        record.name == "pytorch" and _PYTORCH_CHANNEL.fullmatch(record.channel)
        for records in solved.records.values()
        for record in records
    )


def _entry(name: str, records: Collection[Record], solved: Solved) -> tuple[str, list[str]]:
    """Return a MatchSpec that holds on all platforms at once, as environment.yml has it.

    Beside it: what it cannot hold, so that another solve may choose that anew.
    """
    asked = [spec for specs in solved.asked.values() for spec in specs if spec.name == name]
    chosen = [record.build for record in records]
    needed = _builds(chosen, asked, solved.target, has_others=name in solved.hardware)
    build = builds.joined(filter(None, needed), chosen)
    channels = sorted({spec.channel.rstrip("/") for spec in asked if spec.channel})
    # Without it another solve takes the first channel that has the version.
    channel = channels[0] if channels and len({each.channel for each in records}) == 1 else None
    loose = []
    if None in needed or (needed and build is None):
        loose.append("no one glob fits its builds")
    if channels and channel is None:
        loose.append("no one channel has it")
    called = f"{channel}::{name}" if channel else name
    versions = sorted({record.version for record in records})
    if len(versions) == 1:
        return f"{called}={versions[0]}{f'={build}' if build else ''}", loose
    either = "|".join(f"=={version}" for version in versions)
    return f"{called} {either}{f' {build}' if build else ''}", loose


def _builds(
    chosen: Collection[str],
    asked: Collection[Spec],
    target: Target | None,
    *,
    has_others: bool,
) -> list[str | None]:
    """Return the patterns that the builds are held to; None for each that does not fit them all.

    The first is what they compute on, or their one name where they do not say it, and then come
    those that were asked for.
    """
    needed: list[str | None] = []
    if any(map(builds.is_hardware_build, chosen)):
        needed.append(builds.glob(chosen, target))
    elif has_others:
        needed.append(next(iter(chosen)) if len(set(chosen)) == 1 else None)
    patterns = sorted({spec.build for spec in asked if spec.build is not None})
    return needed + [
        pattern if all(fnmatchcase(build, pattern) for build in chosen) else None
        for pattern in patterns
    ]


ENVIRONMENT = Format(
    name="environment",
    says="environment.yml, to solve again",
    holds="environment",
    stem="environment",
    end=".yml",
    body=_body,
    on_request=False,
    is_source=True,
)
