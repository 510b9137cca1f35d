"""poetry.lock as a lock: the leader's entries, or those with a target's overlay applied."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from accelock.catalogue.source import redact
from accelock.errors import AccelockError
from accelock.locks import overlay as overlays
from accelock.locks import toml
from accelock.report.locked.model import LockedPackage, Locks, TargetLock
from accelock.report.poetry_entries import holds, name_of
from accelock.report.poetry_project import MAIN, read_project
from accelock.targets import parse_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelock.locks.markers import Place
    from accelock.report.poetry_project import Ask
    from accelock.report.project import Project

KIND = "poetry.lock"
PYPROJECT = "pyproject.toml"
_SHA256 = "sha256:"

Entry = dict[str, Any]


def read(directory: Path, project: Project) -> Locks | None:
    """Return what the poetry.lock of a folder has; None where there is none, or none of targets.

    :raises AccelockError: it is damaged, or of a newer accelock.
    """
    lock = toml.read(directory / KIND, KIND)
    overlay = overlays.read(lock, KIND) if lock is not None else None
    if lock is None or overlay is None:
        return None
    asks = _asks(directory)
    leader = [entry for entry in lock.get("package", []) if isinstance(entry, dict)]
    found = []
    for name in overlay.targets:
        try:
            target = parse_target(name, project.catalogue.targets)
            platforms = tuple(map(parse_platform, overlay.platforms[name]))
        except AccelockError as error:
            raise overlays.OverlayError(
                f"{KIND}: [metadata.accelock] has what this accelock does not know: {error}"
            ) from error
        entries = [dict(entry) for entry in overlay.view(leader, name)]
        at, every = (_At(entries, asks, extras=extras) for extras in (False, True))
        found.append(TargetLock(target, KIND, platforms, at, every))
    return Locks(KIND, tuple(found))


def version_at(entries: Iterable[Mapping[str, Any]], name: str, place: Place) -> Version | None:
    """Return the version of a package, out of a target's entries, that a place gets."""
    mine = [dict(entry) for entry in entries if name_of(entry) == name]
    found = _At(mine, (), extras=True)(place).get(name)
    return found.parsed if found else None


class _At:
    """Answers which entries are installed at a place: those whose markers hold.

    Without extras those of no extra. With them those of any, where the lock does not say which are
    asked for; of several of one name one of no extra is meant, else the newest.
    """

    def __init__(self, entries: Sequence[Entry], asks: Sequence[Ask], *, extras: bool) -> None:
        self._entries = entries
        self._asks = asks
        self._extras = extras

    def __call__(self, place: Place) -> Mapping[str, LockedPackage]:
        here = [entry for entry in self._entries if _is_wanted(entry, place)]
        if self._extras:
            some = [e for e in self._entries if e not in here and holds(e, place)]
            here = [*sorted(some, key=_version), *here]
        return {name_of(entry): _package(entry, here, self._asks) for entry in here}


def _is_wanted(entry: Entry, place: Place) -> bool:
    return not entry.get("optional") and holds(entry, place, extras=False)


def _version(entry: Entry) -> Version:
    try:
        return Version(str(entry.get("version")))
    except InvalidVersion:
        return Version("0")


def _package(entry: Entry, here: Iterable[Entry], asks: Iterable[Ask]) -> LockedPackage:
    name = name_of(entry)
    source = entry.get("source", {})
    files = {
        str(each["file"]): str(each.get("hash", "")).removeprefix(_SHA256)
        for each in entry.get("files", [])
        if isinstance(each, dict) and "file" in each
    }
    is_index = source.get("type") == "legacy"
    return LockedPackage(
        name=name,
        version=str(entry.get("version", "")) or None,
        index=redact(str(source["url"])) if is_index and "url" in source else None,
        hashes=frozenset(filter(None, files.values())),
        files=files,
        via=(*_asked(name, asks), *_via(name, here)),
        where=KIND,
        url=None if is_index or not source else redact(str(source.get("url", ""))),
    )


def _asks(directory: Path) -> tuple[Ask, ...]:
    """Return what pyproject.toml asks for; one that cannot be read says nothing here."""
    with contextlib.suppress(AccelockError):
        return read_project(toml.read(directory / PYPROJECT, PYPROJECT) or {}).asks
    return ()


def _asked(name: str, asks: Iterable[Ask]) -> Iterator[str]:
    for ask in asks:
        if ask.name == name:
            yield PYPROJECT if ask.group == MAIN else f"{PYPROJECT} (group {ask.group})"


def _via(name: str, here: Iterable[Entry]) -> Iterator[str]:
    for entry in here:
        dependencies = entry.get("dependencies", {})
        for asked, constraint in dependencies.items() if isinstance(dependencies, dict) else ():
            if canonicalize_name(str(asked)) == name:
                yield f"{name_of(entry)} ({_constraint(constraint)})"


def _constraint(value: Any) -> str:
    """Return a constraint as Poetry writes it: a version, a table, or a list of them."""
    if isinstance(value, list):
        return " or ".join(dict.fromkeys(map(_constraint, value)))
    version = value.get("version", "*") if isinstance(value, dict) else value
    return "any version" if version == "*" else str(version)
