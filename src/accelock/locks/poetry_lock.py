"""poetry.lock as a lock: the leader's entries, or those with a target's overlay applied."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock import toml
from accelock.catalogue.source import redact
from accelock.errors import AccelockError
from accelock.locks import overlay as overlays
from accelock.locks.inputs import PYPROJECT
from accelock.locks.model import MAIN, Lock, Pin, TargetLock
from accelock.locks.overlay import OverlayError
from accelock.settings.poetry_project import alternatives, read_project, supported_pythons
from accelock.targets import parse_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from accelock.locks.overlay import Overlay
    from accelock.settings.project import Settings

    Entry = Mapping[str, Any]

KIND = "poetry.lock"
_SHA256 = "sha256:"


def read(directory: Path, settings: Settings) -> Lock | None:
    """Return what the poetry.lock of a folder has; None where there is none, or none of targets.

    :raises AccelockError: it is damaged, or of a newer accelock.
    """
    data = toml.read(directory / KIND, KIND)
    overlay = overlays.read(data, KIND) if data is not None else None
    if data is None or overlay is None:
        return None
    asked: Mapping[str, Sequence[str]] = {}
    with contextlib.suppress(AccelockError):  # a pyproject.toml that is broken says nothing here
        asked = asked_in(toml.read(directory / PYPROJECT, PYPROJECT) or {})
    return of_data(data, overlay, settings, asked)


def asked_in(pyproject: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what a project itself asks for: package -> where, in words."""
    asked: dict[str, list[str]] = {}
    for ask in read_project(pyproject).asks:
        group = "" if ask.group == MAIN else f" (group {ask.group})"
        asked.setdefault(ask.name, []).append(f"{PYPROJECT}{group}")
    return asked


def of_data(
    data: Mapping[str, Any],
    overlay: Overlay,
    settings: Settings,
    asked: Mapping[str, Sequence[str]] | None = None,
) -> Lock:
    """Return what a lock's data has, whose overlay was read.

    :param asked: package -> where the project itself asks for it, in words.
    :raises OverlayError: a target or a platform is none that this accelock knows.
    """
    views = {name: overlay.view(data["package"], name) for name in overlay.targets}
    known = settings.catalogue.targets
    return lock_of(views, overlay.platforms, known, asked=asked, pythons=pythons_of(data))


def pythons_of(data: Mapping[str, Any]) -> str:
    """Return the Pythons that a lock's data is for, as Poetry writes a constraint."""
    return str(_table(data.get("metadata")).get("python-versions", "*"))


def lock_of(
    views: Mapping[str, Iterable[Entry]],
    platforms: Mapping[str, Sequence[str]],
    known: Collection[str],
    *,
    asked: Mapping[str, Sequence[str]] | None = None,
    pythons: str = "*",
) -> Lock:
    """Return a lock of entries by target, in the form of lock-version 2.1: of a file, or solved.

    :param platforms: target -> the platforms that it was locked for.
    :param known: the catalogue's targets.
    :param asked: package -> where the project itself asks for it, in words.
    :param pythons: those that the project supports, as Poetry writes a constraint.
    :raises OverlayError: a target or a platform is none that this accelock knows.
    """
    found = {}
    either = alternatives(pythons)
    only = either[0] if len(either) == 1 and either[0] != "*" else None
    for name, entries in views.items():
        try:
            target = parse_target(name, known)
            named = tuple(map(parse_platform, platforms[name]))
        except AccelockError as error:
            raise OverlayError(
                f"{KIND}: [metadata.accelock] has something that this accelock does not know: "
                f"{error}"
            ) from error
        pins = tuple(pin(entry, asked or {}) for entry in entries)
        supported = supported_pythons(pythons)
        found[target] = TargetLock(
            target, KIND, pins, named, supported=supported, requires_python=only
        )
    return Lock(KIND, found)


def pins_of(text: str, where: str, target: str | None) -> tuple[Pin, ...]:
    """Return the pins of the text of a poetry.lock: a target's, or of one without targets, all.

    :param target: None: the project has none, and the leader's are meant.
    :raises AccelockError: it is damaged, or lacks the target.
    """
    data = toml.parse(text, where)
    overlay = overlays.read(data, where)
    entries: Sequence[Entry] = overlays.packages(data, where)
    if overlay is not None and target is not None:
        if target not in overlay.targets:
            raise AccelockError(
                f"{where}: it was locked for {', '.join(overlay.targets)}, and not for {target}. "
                "Run: poetry lock"
            )
        entries = overlay.view(entries, target)
    return tuple(pin(entry, {}) for entry in entries)


def pin(entry: Entry, asked: Mapping[str, Sequence[str]]) -> Pin:
    """Return one entry as a pin.

    :param asked: package -> where the project itself asks for it, in words.
    """
    name = canonicalize_name(str(entry["name"]))
    source = _table(entry.get("source"))
    listed = entry.get("files")
    files = {
        str(each["file"]): str(each.get("hash", "")).removeprefix(_SHA256)
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and "file" in each
    }
    is_index = source.get("type") == "legacy"
    return Pin(
        name=name,
        version=str(entry["version"]),
        markers=_markers(entry),
        optional=bool(entry.get("optional")),
        index=redact(str(source["url"])) if is_index and "url" in source else None,
        hashes=frozenset(filter(None, files.values())),
        files=files,
        via=tuple(asked.get(name, ())),
        requires={
            canonicalize_name(str(each)): _constraint(constraint)
            for each, constraint in _table(entry.get("dependencies")).items()
        },
        where=KIND,
        url=None if is_index or not source else redact(str(source.get("url", ""))),
        source={} if is_index else {str(key): str(value) for key, value in source.items()},
        editable=entry.get("develop") is True,
    )


def _markers(entry: Entry) -> dict[str, str | None]:
    """Return the marker of each group: one for all of them, or a table where they differ.

    A group that the table lacks wants the package everywhere (lock-version 2.1).
    """
    marker, groups = entry.get("markers"), entry.get("groups")
    names = [str(each) for each in groups] if isinstance(groups, list) and groups else []
    if isinstance(marker, dict):
        own = {str(name): str(each) or None for name, each in marker.items()}
        return {**dict.fromkeys(names), **own} or {MAIN: None}
    whole = marker if isinstance(marker, str) and marker else None
    return dict.fromkeys(names or [MAIN], whole)


def _constraint(value: Any) -> str:
    """Return a constraint as Poetry writes it: a version, a table, or a list of them."""
    if isinstance(value, list):
        return " or ".join(dict.fromkeys(map(_constraint, value)))
    version = value.get("version", "*") if isinstance(value, dict) else value
    return "any version" if version == "*" else str(version)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
