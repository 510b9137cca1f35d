"""`environment-<target>.yml`: the portable file, which conda and mamba solve once more.

It holds what the project asks for, in the version that was chosen, with the build and the channel
that it asks for, and beside that only what keeps another solve to the same decisions: Python, what
pip has too, and the packages with a build per hardware, with a glob for it. Without that glob conda
and mamba turn to CUDA wherever they see a GPU. It has no builds otherwise, no selectors (conda
drops a package with one, without a word), no `nodefaults` and no prefix.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.conda import builds, naming
from accelock.conda.header import Stamp
from accelock.conda.writers.entry import entry_of
from accelock.conda.writers.scalars import scalar
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.conda.record import Record
    from accelock.conda.solved import Solved
    from accelock.conda.writers.entry import Entry

__all__ = ["render"]

_PYTORCH_CHANNEL = re.compile(r".*/pytorch(/label/.+)?/?")
_ALWAYS = frozenset({"python", "cuda-version", "pytorch-mutex"})


def render(solved: Solved, name: str | None = None) -> str:
    """Return the text of the file, its stamp included.

    :param name: the project's, for `name:`, which the target and the group go behind.
    """
    called = naming.of_environment(name, solved.target, solved.group)
    lines = [f"name: {scalar(called)}"] if called else []
    lines += ["channels:", *(f"  - {scalar(channel)}" for channel in solved.public_channels)]
    pinned, left_out = _dependencies(solved)
    lines += ["dependencies:" if pinned else "dependencies: []"]
    lines += [f"  - {scalar(entry)}" for entry in pinned]
    target = None if solved.target is None else solved.target.name
    stamp = Stamp("environment", target, solved.group, solved.inputs)
    notes = list(_limits(solved, left_out))
    return stamp.on("".join(f"{line}\n" for line in lines), notes)


def _limits(solved: Solved, left_out: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Say what a file that is one for all platforms cannot, and what the lock has."""
    lock = naming.lock(solved.target, solved.group)
    for package, subdirs in left_out.items():
        yield f"{package} is left out: it is for {', '.join(subdirs)} alone; {lock} has it."
    loose = [
        f"{package}: {what} on all platforms; prefer {lock}."
        for package, found in _by_name(solved).items()
        if package not in left_out
        for what in _entry(package, found, solved).loose
    ]
    yield from loose
    if left_out or loose:
        yield ""


def _dependencies(solved: Solved) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the entries, and what is asked for on some platforms alone, with these."""
    asked = {spec.name for specs in solved.asked.values() for spec in specs}
    entries: dict[str, str] = {}
    left_out: dict[str, tuple[str, ...]] = {}
    for name, found in _by_name(solved).items():
        if name not in asked and not _has_to_stay(name, found, solved):
            continue
        if _is_everywhere(found, solved):
            entries[name] = str(_entry(name, found, solved))
        elif name in asked:
            left_out[name] = tuple(found)
    if _needs_cpuonly(solved):
        entries.setdefault("cpuonly", "cpuonly")
    return [entries[name] for name in sorted(entries)], left_out


def _by_name(solved: Solved) -> dict[str, dict[str, Record]]:
    """Return each package by name with its record on each platform, by conda's subdir."""
    found: dict[str, dict[str, Record]] = {}
    for platform in solved.platforms:
        for name, record in solved.on(platform).items():
            found.setdefault(name, {})[platform.conda_subdir] = record
    return {name: found[name] for name in sorted(found)}


def _is_everywhere(found: dict[str, Record], solved: Solved) -> bool:
    """Tell whether a package can be asked for on every platform; a noarch one can be."""
    everywhere = len(found) == len(solved.platforms)
    return everywhere or all(_is_guard(record) for record in found.values())


def _is_guard(record: Record) -> bool:
    return record.subdir == "noarch" and record.name in _ALWAYS


def _has_to_stay(name: str, found: dict[str, Record], solved: Solved) -> bool:
    """Tell whether a re-solve needs to be told of a package that nobody asked for."""
    if name in _ALWAYS or name in solved.bound or name in solved.hardware:
        return True
    return any(builds.is_hardware_build(record.build) for record in found.values())


def _entry(name: str, found: dict[str, Record], solved: Solved) -> Entry:
    asked = [spec for specs in solved.asked.values() for spec in specs if spec.name == name]
    return entry_of(found.values(), asked, solved.target, has_others=name in solved.hardware)


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
