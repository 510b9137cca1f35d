"""Compiled files as locks: `requirements.<target>.txt`, or one file with a stamp."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelock.catalogue import Source
from accelock.errors import AccelockError
from accelock.locks import requirements
from accelock.report import files
from accelock.report.locked.model import LockedPackage, Locks, TargetLock
from accelock.report.named import is_instance, named_sources
from accelock.report.project import holds_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.locks.markers import Place
    from accelock.locks.requirements import Pin, RequirementsFile
    from accelock.report.project import Project
    from accelock.targets import Platform, Target

KIND = "requirements files"
_SHA256 = "sha256:"


def read(path: Path, name: str, project: Project) -> Locks | None:
    """Return what the files of a name have (requirements.txt, requirements.cpu.txt, ...).

    None where there is none of a target.

    :raises AccelockError: a file is damaged, or cannot be read.
    """
    known = project.catalogue.targets
    declared = project.config.targets
    found: dict[Target, TargetLock] = {}
    for target, layer in files.layers(path, known).items():
        if target in declared or files.is_ours(layer):
            found[target] = read_file(layer, files.shown(layer, path.parent), target, project)
    if path.is_file():
        compiled = files.read(path, name, known)
        if compiled is not None:
            found.setdefault(compiled.target, read_file(path, name, compiled.target, project))
    if not found:
        return None
    ranks = {target: rank for rank, target in enumerate(declared)}
    order = sorted(found, key=lambda target: (ranks.get(target, len(ranks)), target.name))
    return Locks(KIND, tuple(found[target] for target in order))


def read_file(path: Path, name: str, target: Target, project: Project) -> TargetLock:
    """Return what one file has for a target, stamped or not.

    :raises AccelockError: it is damaged, or cannot be read.
    """
    compiled = files.read(path, name, project.catalogue.targets)
    if compiled is None:
        content = requirements.parse(_text(path, name), name)
        return lock_of(content, name, target, None, project)
    places = compiled.places
    platforms = tuple(dict.fromkeys(place.platform for place in places))
    pythons = tuple(dict.fromkeys(place.python for place in places))
    lock = lock_of(compiled.requirements, name, target, platforms, project)
    return replace(lock, pythons=pythons)


def lock_of(
    content: RequirementsFile,
    name: str,
    target: Target,
    platforms: tuple[Platform, ...] | None,
    project: Project,
) -> TargetLock:
    """Return what the lines of a file have for a target."""

    def at(place: Place) -> Mapping[str, LockedPackage]:
        pins = (pin for pin in content.pins if pin.name and holds_at(pin, place))
        return {pin.name: _package(pin, name, content, target, project) for pin in pins}

    return TargetLock(target, name, platforms, at, at)


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AccelockError(f"{name}: cannot be read ({error.strerror})") from error


def _package(
    pin: Pin, name: str, content: RequirementsFile, target: Target, project: Project
) -> LockedPackage:
    return LockedPackage(
        name=pin.name,
        version=pin.version,
        index=_index(pin, content, target, project),
        hashes=frozenset(
            each.removeprefix(_SHA256) for each in pin.hashes if each.startswith(_SHA256)
        ),
        via=pin.via,
        where=f"{name}, line {pin.lineno}",
        url=pin.url,
    )


def _index(pin: Pin, content: RequirementsFile, target: Target, project: Project) -> str | None:
    """Return the line of the file that leads to a family's build, None for any other package."""
    known = project.catalogue.family_of(pin.name)
    if known is None or known[1].lookup[0] != "family":
        return None
    family = known[0]
    flags = ("--index-url", "--extra-index-url", "--find-links")
    urls = [url for flag in flags for url in content.values(flag)]
    named = named_sources(files.command_of(content), family, project.config)
    own = project.config.named_source(family, target)
    sources = named if named is not None else (own,) if own is not None else ()
    for url in urls:
        is_named = any(is_instance(url.rstrip("/"), each, target.name) for each in sources)
        if is_named or family.recognise(url) is not None:
            return Source(url).redacted
    return None
