"""What `accelock check` finds in pylock files: each against the lock that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.commands.findings import Finding, Level, Report
from accelock.errors import AccelockError
from accelock.locks import compiled, poetry_lock, pylock
from accelock.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.locks.model import TargetLock
    from accelock.locks.pylock import Origin, PylockStamp
    from accelock.settings.project import Settings

_AGAIN = "run: accelock pylock"


def check_pylocks(directory: Path, settings: Settings, names: frozenset[str] | None) -> Report:
    """Check the pylock files of a folder; those of other tools are passed over.

    :param settings: those of the lock's project.
    :param names: those that a user named, whatever tool made them; None: all.
    """
    if names is None:
        there = (path.name for path in directory.iterdir() if path.is_file())
        looked_at = sorted(filter(pylock.is_named, there))
    else:
        looked_at = sorted(names)
    found: list[Finding] = []
    checked: list[str] = []
    for name in looked_at:
        try:
            stamp = pylock.read(directory / name, name)
            findings = [*_of_file(name, stamp, directory, settings)] if stamp else []
        except pylock.PylockError as error:
            findings = [_finding("damaged", name, str(error), "make it again, or upgrade accelock")]
            stamp = None
        except AccelockError as error:
            findings = [_finding("damaged", name, str(error), "repair it first")]
            stamp = None
        if stamp is None and names is not None and not findings:
            what = "it is not there, or accelock did not make it: nothing tells whether it is fresh"
            findings = [_finding("unstamped-pylock", name, what, "name a file of accelock's")]
        checked += [name] if stamp else []
        found += findings
    return Report(tuple(checked), tuple(found))


def _of_file(
    name: str, stamp: PylockStamp, directory: Path, settings: Settings
) -> Iterator[Finding]:
    if stamp.is_edited:
        what = "it was edited by hand, or merged badly: it does not say what was written"
        yield _finding("edited-pylock", name, what, _AGAIN)
    for origin in stamp.origins:
        lock = _locked(origin, directory, settings)
        if lock is None:
            what = f"{origin.lock}, which it was made from, is not there or lacks {origin.target}"
            yield _finding("stale-pylock", name, what, f"lock again, and {_AGAIN}, or delete it")
        elif pylock.digest(lock) != origin.digest:
            what = f"it is stale: {origin.lock} changed after it was made"
            yield _finding("stale-pylock", name, what, _AGAIN)


def _locked(origin: Origin, directory: Path, settings: Settings) -> TargetLock | None:
    """Return what the lock has for a target of a file, None where it has nothing.

    :raises AccelockError: the lock is damaged.
    """
    target = parse_target(origin.target, settings.catalogue.targets)
    path = directory / origin.lock
    if path.name == poetry_lock.KIND:
        lock = poetry_lock.read(path.parent, settings)
        return lock.targets.get(target) if lock is not None else None
    if not path.is_file():
        return None
    found = compiled.read_file(path, origin.lock, target, settings)
    return found if pylock.places_of(found) else None


def _finding(code: str, name: str, what: str, todo: str) -> Finding:
    return Finding(code, Level.ERROR, name, what.removeprefix(f"{name}: "), todo)
