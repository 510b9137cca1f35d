"""poetry.lock with an overlay: one lock, all targets. Pure: plain TOML data in and out.

``[[package]]`` is exactly what plain Poetry needs for the leader, the first target. Every other
target is a difference under ``[accelock.<target>]``: ``drop``, the names of which all entries go,
and ``package``, whole entries that come. ``metadata.accelock`` says which targets and platforms the
lock holds, what it was made from, and the sha256 of each part: a difference from other packages
than those it was taken from would install a mixture.
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
_LOCK_VERSION = "2."  # Poetry's own: 2.1 in Poetry 2.0.1 to 2.5.1


class OverlayError(AccelockError):
    """The overlay of a poetry.lock is damaged, edited by hand, or of a newer accelock."""


class NewerFormatError(OverlayError):
    """The overlay is of a newer accelock than this one."""


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
    changes: Mapping[str, Difference]

    def view(self, leader: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
        """Return the entries of a target, the leader's own where it has no change.

        :param leader: the ``[[package]]`` entries of the lock.
        """
        change = self.changes.get(name)
        return list(leader) if change is None else applied(leader, change)


@dataclass(frozen=True, slots=True)
class Difference:
    """A target's difference from the leader's entries."""

    drop: tuple[str, ...]
    package: tuple[Mapping[str, Any], ...]


def difference(
    leader: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]
) -> Difference:
    """Return what turns the leader's ``[[package]]`` entries into another target's."""
    ours, theirs = _by_name(leader), _by_name(other)
    drop = [n for n in ours if n not in theirs or not _equal(ours[n], theirs[n])]
    new = [n for n in theirs if n not in ours or n in drop]
    return Difference(tuple(sorted(drop)), tuple(e for name in sorted(new) for e in theirs[name]))


def applied(leader: Sequence[Mapping[str, Any]], change: Difference) -> list[Mapping[str, Any]]:
    """Return the entries of a target: the leader's, with the change, sorted by name."""
    kept = [entry for entry in leader if entry["name"] not in change.drop]
    return sorted([*kept, *change.package], key=lambda entry: str(entry["name"]))


def digests(leader: Sequence[Mapping[str, Any]], overlay: Overlay) -> dict[str, str]:
    """Return the sha256, in hex, of every target's part: the leader's is ``[[package]]``."""
    parts: dict[str, Any] = {overlay.targets[0]: [_plain(entry) for entry in leader]}
    for name, change in overlay.changes.items():
        entries = [_plain(entry) for entry in change.package]
        parts[name] = {"drop": list(change.drop), "package": entries}
    return {name: _sha256(part) for name, part in parts.items()}


def read(lock: Mapping[str, Any], where: str = "poetry.lock") -> Overlay | None:
    """Return the overlay of a lock's data, or None where it has none.

    :raises OverlayError: it is of a newer format, or not what we wrote; the message names the
        table at fault.
    """
    whole = lock.get("metadata", {})
    if not isinstance(whole, dict):
        raise OverlayError(_broken(where, "[metadata] is not a table"))
    metadata = whole.get(TABLE)
    if metadata is None:
        if TABLE in lock:
            raise OverlayError(_broken(where, f"[{TABLE}] has no [metadata.{TABLE}]"))
        return None
    if not isinstance(metadata, dict):
        raise OverlayError(_broken(where, f"[metadata.{TABLE}] is not a table"))
    poetrys = str(whole.get("lock-version", ""))
    if poetrys and not poetrys.startswith(_LOCK_VERSION):
        raise NewerFormatError(
            f"{where}: [metadata] has lock-version {poetrys}, and this accelock reads "
            f"{_LOCK_VERSION}x. Upgrade accelock (`poetry self update accelock`), or recreate the "
            "lock with `poetry lock --regenerate`."
        )
    version = metadata.get("format")
    if version != FORMAT:
        raise NewerFormatError(
            f"{where}: [metadata.{TABLE}] has format {version}, and this accelock reads format "
            f"{FORMAT}. Upgrade accelock (`poetry self update accelock`), or recreate the lock "
            "with `poetry lock --regenerate`."
        )
    overlay = _read_tables(lock, metadata, where)
    _verify(packages(lock, where), metadata.get("digests"), overlay, where)
    return overlay


def packages(lock: Mapping[str, Any], where: str = "poetry.lock") -> list[dict[str, Any]]:
    """Return the ``[[package]]`` entries of a lock's data, each with a name and a version.

    :raises OverlayError: they are no list of such entries.
    """
    found = lock.get("package", [])
    if not isinstance(found, list) or not all(_is_package(each) for each in found):
        raise OverlayError(_broken(where, "[[package]] is not a list of packages"))
    return found


def but_for_markers(lock: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a lock with an overlay says but its markers: each target's own entries."""
    data: dict[str, Any] = _plain(lock)
    overlay = _read_tables(data, data["metadata"][TABLE], "")
    entries = {name: overlay.view(data["package"], name) for name in overlay.targets}
    del data["package"], data["metadata"][TABLE]["digests"]
    data[TABLE] = {
        name: [{key: value for key, value in entry.items() if key != "markers"} for entry in each]
        for name, each in entries.items()
    }
    return data


def write(leader: Sequence[Mapping[str, Any]], overlay: Overlay) -> dict[str, Any]:
    """Return the tables to add to a lock's data: ``metadata.accelock`` and ``accelock``."""
    return {
        "metadata": {
            "format": FORMAT,
            "targets": list(overlay.targets),
            "config-hash": overlay.digest,
            "platforms": {name: list(found) for name, found in overlay.platforms.items()},
            "digests": digests(leader, overlay),
        },
        "tables": {
            name: {"drop": list(change.drop), "package": list(change.package)}
            for name, change in overlay.changes.items()
        },
    }


def _read_tables(lock: Mapping[str, Any], metadata: Mapping[str, Any], where: str) -> Overlay:
    targets = metadata.get("targets")
    if not isinstance(targets, list) or not targets or not all(isinstance(t, str) for t in targets):
        raise OverlayError(_broken(where, f"[metadata.{TABLE}] has no list of targets"))
    platforms = metadata.get("platforms")
    if (
        not isinstance(platforms, dict)
        or set(platforms) != set(targets)
        or not all(isinstance(names, list) for names in platforms.values())
    ):
        raise OverlayError(_broken(where, f"[metadata.{TABLE}.platforms] is not of its targets"))
    tables = lock.get(TABLE, {})
    if not isinstance(tables, dict):
        raise OverlayError(_broken(where, f"[{TABLE}] is not a table"))
    for name in sorted(set(tables) - set(targets[1:])):
        raise OverlayError(_broken(where, f"[{TABLE}.{name}] is of no target of this lock"))
    return Overlay(
        targets=tuple(targets),
        platforms={str(name): tuple(map(str, found)) for name, found in platforms.items()},
        digest=str(metadata.get("config-hash", "")),
        changes={str(name): _change(tables.get(name), name, where) for name in targets[1:]},
    )


def _verify(leader: Sequence[Any], noted: Any, overlay: Overlay, where: str) -> None:
    """Check that no part was edited by hand, or comes from another lock.

    :raises OverlayError: one was; the message names it.
    """
    for name, digest in digests(leader, overlay).items():
        if not isinstance(noted, dict) or noted.get(name) != digest:
            part = "[[package]]" if name == overlay.targets[0] else f"[{TABLE}.{name}]"
            raise OverlayError(_broken(where, f"{part} was edited by hand or merged badly"))


def _change(table: Any, name: str, where: str) -> Difference:
    if not isinstance(table, dict):
        raise OverlayError(_broken(where, f"[{TABLE}.{name}] is missing"))
    drop, package = table.get("drop"), table.get("package", [])
    if not isinstance(drop, list) or not isinstance(package, list):
        raise OverlayError(_broken(where, f"[{TABLE}.{name}] has no `drop` or no `package` list"))
    for number, entry in enumerate(package):
        if not _is_package(entry) or "files" not in entry:
            raise OverlayError(
                _broken(where, f"[[{TABLE}.{name}.package]] number {number + 1} is not a package")
            )
    return Difference(tuple(map(str, drop)), tuple(package))


def _is_package(entry: Any) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key), str) for key in ("name", "version")
    )


def _broken(where: str, what: str) -> str:
    return (
        f"{where}: {what}. Nothing was changed. Restore the file from version control, or "
        "recreate it with `poetry lock --regenerate`."
    )


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


def _sha256(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
