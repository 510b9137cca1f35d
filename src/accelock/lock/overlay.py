"""poetry.lock with an overlay: one lock, all targets. Pure: plain TOML data in and out.

``[[package]]`` is exactly what plain Poetry needs for the leader, the first target. Every other
target is a difference under ``[accelock.<target>]``: ``drop``, the names of which all entries go,
and ``package``, whole entries that come. ``metadata.accelock`` says which targets and platforms the
lock holds and what it was made from.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT = 1
TABLE = "accelock"


class OverlayError(AccelockError):
    """The overlay of a poetry.lock is damaged, edited by hand, or of a newer accelock."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a lock says about its targets.

    :param targets: the targets, the leader first.
    :param platforms: target -> the platforms that it was locked for.
    :param digest: of the settings that the lock was made with.
    :param changes: target -> its difference from the leader.
    """

    targets: tuple[str, ...]
    platforms: Mapping[str, tuple[str, ...]]
    digest: str
    changes: Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class Change:
    """A target's difference from the leader's entries."""

    drop: tuple[str, ...]
    package: tuple[Mapping[str, Any], ...]


def difference(leader: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> Change:
    """Return what turns the leader's ``[[package]]`` entries into another target's."""
    ours, theirs = _by_name(leader), _by_name(other)
    drop = [n for n in ours if n not in theirs or not _equal(ours[n], theirs[n])]
    new = [n for n in theirs if n not in ours or n in drop]
    return Change(tuple(sorted(drop)), tuple(e for name in sorted(new) for e in theirs[name]))


def applied(leader: Sequence[Mapping[str, Any]], change: Change) -> list[Mapping[str, Any]]:
    """Return the entries of a target: the leader's, with the change, sorted by name."""
    kept = [entry for entry in leader if entry["name"] not in change.drop]
    return sorted([*kept, *change.package], key=lambda entry: str(entry["name"]))


def body_digest(changes: Mapping[str, Change]) -> str:
    """Return the sha256, in hex, of the overlay's content: it shows an edit by hand."""
    plain = {
        name: {"drop": list(change.drop), "package": [_plain(e) for e in change.package]}
        for name, change in changes.items()
    }
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def read(lock: Mapping[str, Any], where: str = "poetry.lock") -> Overlay | None:
    """Return the overlay of a lock's data, or None where it has none.

    :raises OverlayError: it is of a newer format, or not what we wrote; the message names the
        table at fault.
    """
    metadata = lock.get("metadata", {}).get(TABLE)
    if metadata is None:
        if TABLE in lock:
            raise OverlayError(_broken(where, f"[{TABLE}] has no [metadata.{TABLE}]"))
        return None
    version = metadata.get("format")
    if version != FORMAT:
        raise OverlayError(
            f"{where}: [metadata.{TABLE}] has format {version}, and this accelock reads format "
            f"{FORMAT}. Upgrade accelock (poetry self update accelock), or lock again."
        )
    overlay = _read_tables(lock, metadata, where)
    if body_digest(overlay.changes) != metadata.get("content"):
        raise OverlayError(_broken(where, f"[{TABLE}.*] was edited by hand or merged badly"))
    return overlay


def write(lock: Mapping[str, Any], overlay: Overlay) -> dict[str, Any]:
    """Return the tables to add to a lock's data: ``metadata.accelock`` and ``accelock``."""
    del lock
    return {
        "metadata": {
            "format": FORMAT,
            "targets": list(overlay.targets),
            "platforms": {name: list(found) for name, found in overlay.platforms.items()},
            "config-hash": overlay.digest,
            "content": body_digest(overlay.changes),
        },
        "tables": {
            name: {"drop": list(change.drop), "package": list(change.package)}
            for name, change in overlay.changes.items()
        },
    }


def _read_tables(lock: Mapping[str, Any], metadata: Mapping[str, Any], where: str) -> Overlay:
    targets = metadata.get("targets")
    if not isinstance(targets, list) or not targets:
        raise OverlayError(_broken(where, f"[metadata.{TABLE}] has no list of targets"))
    tables = lock.get(TABLE, {})
    changes = {}
    for name in targets[1:]:
        table = tables.get(name) if isinstance(tables, dict) else None
        if not isinstance(table, dict):
            raise OverlayError(_broken(where, f"[{TABLE}.{name}] is missing"))
        changes[str(name)] = _change(table, name, where)
    for name in set(tables) - set(targets[1:]):
        raise OverlayError(_broken(where, f"[{TABLE}.{name}] is of no target of this lock"))
    platforms = metadata.get("platforms", {})
    return Overlay(
        targets=tuple(map(str, targets)),
        platforms={str(k): tuple(v) for k, v in dict(platforms).items()},
        digest=str(metadata.get("config-hash", "")),
        changes=changes,
    )


def _change(table: Mapping[str, Any], name: str, where: str) -> Change:
    drop, package = table.get("drop"), table.get("package", [])
    if not isinstance(drop, list) or not isinstance(package, list):
        raise OverlayError(_broken(where, f"[{TABLE}.{name}] has no `drop` or no `package` list"))
    for number, entry in enumerate(package):
        if not isinstance(entry, dict) or not {"name", "version", "files"} <= set(entry):
            raise OverlayError(
                _broken(where, f"[[{TABLE}.{name}.package]] number {number + 1} is no package")
            )
    return Change(tuple(map(str, drop)), tuple(package))


def _broken(where: str, what: str) -> str:
    return f"{where}: {what}. Nothing was changed; make the lock again with `poetry lock`."


def _by_name(entries: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        found.setdefault(str(entry["name"]), []).append(entry)
    return found


def _equal(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    return [_plain(entry) for entry in ours] == [_plain(entry) for entry in theirs]


def _plain(entry: Any) -> Any:
    """Return TOML data as plain data: tomlkit's items compare by their text too."""
    if hasattr(entry, "unwrap"):
        entry = entry.unwrap()
    return json.loads(json.dumps(entry, default=str))
