"""Which lock a project has: poetry.lock with targets, compiled files, or pylock files; conda's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hardware.vendor import LockedTarget
from accelock.locks import compiled, conda_lock, poetry_lock, pylock, pylock_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from accelock.locks.markers import Place
    from accelock.locks.model import Lock
    from accelock.settings.project import Settings
    from accelock.targets import Target

REQUIREMENTS = "requirements.txt"
_TORCH = "torch"


def find_lock(directory: Path, settings: Settings, name: str | None = None) -> Lock | None:
    """Return a project's lock, or None where it has none with targets.

    :param name: which one: poetry.lock, requirements-dev.txt for requirements-dev.cpu.txt and so
        on, or a pylock file. Without it poetry.lock comes first, and pylock files last: they are
        made from the others.
    :raises AccelockError: the lock is damaged, or the one that is named is not there.
    """
    found = None
    if name in (None, poetry_lock.KIND):
        found = poetry_lock.read(directory, settings)
    if name is not None and pylock.is_named((directory / name).name):
        found = pylock_file.read_lock(directory / name, settings)
    elif found is None and name != poetry_lock.KIND:
        found = compiled.read_lock(directory / (name or REQUIREMENTS), settings)
    if found is None and name is None and (files := pylock_file.find(directory, settings)):
        found = pylock_file.lock_of(files, settings)
    if found is None and name is not None:
        raise AccelockError(_not_found(directory / name))
    return found


def _not_found(path: Path) -> str:
    """Say that a lock that was named is missing, or has no targets, and what to run."""
    if path.exists():
        fault = f"{path}: it has no targets, so accelock did not make it"
    else:
        fault = f"{path}: there is no such file"
        if path.name != poetry_lock.KIND:
            fault += f", and no file of a target, such as {path.stem}.cpu{path.suffix}"
    if path.name == poetry_lock.KIND:
        command = "poetry lock (with the plugin)"
    elif pylock.is_named(path.name):
        command = f"accelock pylock -o {path.name}"
    else:
        command = f"accelock compile {path.stem}.in"
    return f"{fault}. Run: {command}, or name another lock with --lock"


def open_lock(directory: Path, settings: Settings, name: str | None = None) -> Lock:
    """Return a project's lock, as `find_lock` does.

    :raises AccelockError: there is none; it says what to run.
    """
    found = find_lock(directory, settings, name)
    if found is None:
        raise AccelockError(
            f"{directory.resolve()}: there is no poetry.lock with targets, and no file that "
            "accelock compiled. Run: poetry lock (with the plugin), or: accelock compile"
        )
    return found


def facts(
    directory: Path, lock: Lock | None, targets: Iterable[Target], place: Place | None
) -> Mapping[str, LockedTarget]:
    """Return what the choice of a target has to know of what is locked, by the target's name.

    Every command that chooses asks here, so that all choose the same. Pip's lock comes first; a
    torch that it lacks, conda may bring.

    :param lock: pip's, None where there is none.
    :param place: None where accelock has no name for the platform: nothing is locked there.
    """
    found: dict[str, LockedTarget] = {}
    for each in filter(None, (lock, conda_lock.read(directory, targets))):
        for target, locked in each.targets.items():
            before = found.get(target.name, LockedTarget())
            pin = locked.every(place).get(_TORCH) if place is not None else None
            names = None if locked.platforms is None else {p.name for p in locked.platforms}
            found[target.name] = LockedTarget(
                torch=before.torch or (pin.parsed if pin is not None else None),
                platforms=before.platforms
                if target.name in found or names is None
                else frozenset(names),
            )
    return found
