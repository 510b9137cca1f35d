"""A conda lock (conda-lock's format v1) as a lock, without a YAML parser, which is of an extra.

conda-lock and PyYAML write the lines that are read here as we do. What installs from a lock reads
all of it, in `accelock.conda.formats.lock`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.locks.model import MAIN, Lock, Pin, TargetLock
from accelock.targets import CONDA_ALIASES, PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from accelock.targets import Platform, Target

KIND = "conda locks"
NAME = "conda-{target}-lock.yml"  #: as `conda.formats.lock` has it
_KEYS = frozenset({"name", "version", "platform"})
_PLATFORMS = re.compile(r"^  platforms:\s*\n((?:  - .+\n)+)", re.MULTILINE)
# The one project by whose version a target is chosen.
_PROJECTS = {"pytorch": "torch"}


def read(directory: Path, targets: Iterable[Target]) -> Lock | None:
    """Return what the conda locks of a folder have, of the targets that have one; None: none has.

    A file that cannot be read says nothing: what installs from it says so.
    """
    found = {}
    for target in targets:
        name = NAME.format(target=target)
        try:
            text = (directory / name).read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            continue
        found[target] = lock_of(text, name, target)
    return Lock(KIND, found) if found else None


def lock_of(text: str, name: str, target: Target) -> TargetLock:
    """Return what the text of a lock has for its target."""
    packages = packages_in(text)
    listed = _PLATFORMS.search(text)
    subdirs = re.findall(r"- ['\"]?([^\s'\"]+)", listed[1]) if listed else list(packages)
    names = (CONDA_ALIASES[subdir] for subdir in subdirs if subdir in CONDA_ALIASES)
    platforms = tuple(PLATFORMS[each] for each in names)
    pins = (
        Pin(_PROJECTS.get(package, package), version, {MAIN: _marker(platform)}, where=name)
        for platform in platforms
        for package, version in packages.get(platform.conda_subdir, {}).items()
    )
    return TargetLock(target, name, tuple(pins), platforms)


def packages_in(text: str) -> dict[str, dict[str, str]]:
    """Return the packages in a lock's text: conda's subdir -> name -> version."""
    found: dict[str, dict[str, str]] = {}
    entry: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("- "):
            entry = {}
        elif not line.startswith("  ") or line.startswith("   "):
            continue
        key, _, value = line[2:].partition(": ")
        if key in _KEYS:
            entry[key] = value.strip().strip("'\"")
        if entry.keys() >= _KEYS:
            found.setdefault(entry["platform"], {})[entry["name"]] = entry["version"]
    return found


def _marker(platform: Platform) -> str:
    machine, system = platform.machine, platform.sys_platform
    return f'platform_machine == "{machine}" and sys_platform == "{system}"'
