"""What a project's folder has from the last run: what is locked, and whether it is fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda import header
from accelock.conda.formats import FORMATS, LOCK
from accelock.conda.formats.condalock import LockError, read_lock
from accelock.conda.formats.pixi import PIXI, completed
from accelock.conda.solved import Solved
from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from accelock.conda.formats.model import File, Format
    from accelock.conda.plan import Environment, Project
    from accelock.conda.record import Record
    from accelock.targets import Platform

__all__ = [
    "ForeignFileError",
    "Locked",
    "as_locked",
    "digests_of",
    "formats_in",
    "is_fresh",
    "lock_name",
    "names_of",
    "read_locked",
    "refuse_foreign",
    "stale_in_lock",
]


class ForeignFileError(AccelockError):
    """A file of the user's own stands where one of ours is to be."""


Locked = dict["Platform", tuple["Record", ...]]


def lock_name(each: Environment) -> str:
    """Return the name of an environment's lock."""
    return LOCK.file_name(each.target, each.group, None)


def read_locked(project: Project, each: Environment, warn: Callable[[str], None]) -> Locked:
    """Return what an environment's lock has; nothing where there is none, or one that is damaged.

    Raises MissingExtraError where there is one, and no PyYAML.
    """
    name = lock_name(each)
    text = project.read(name)
    if text is None:
        return {}
    try:
        return dict(read_lock(text, name))
    except LockError as error:
        warn(f"{error}; until then every package may change its version")
        return {}


def as_locked(project: Project, each: Environment, locked: Locked) -> Solved:
    """Return an environment as its lock has it, with what a pixi.lock of ours says beside that."""
    name = PIXI.file_name(None, None, None)
    text = project.read(name)
    records: Locked = dict(locked)
    if text is not None and _inputs(project, name) is not None:
        records = {p: completed(found, text, name) for p, found in locked.items()}
    stamped = _inputs(project, lock_name(each)) or {}
    return Solved(
        target=each.target,
        group=each.group,
        channels=project.conda.channels,
        records=records,
        asked={p: project.conda.specs_for(each.target, p, each.group) for p in records},
        digests={p: stamped[p.conda_subdir] for p in each.platforms if p.conda_subdir in stamped},
    )


def formats_in(project: Project, environments: Iterable[Environment]) -> tuple[Format, ...]:
    """Return the formats that are always written, and those of which there are files of ours."""
    everything = tuple(environments)
    return tuple(
        each
        for each in FORMATS.values()
        if not each.on_request
        or any(_is_ours(project, file.name) for file in each.files(everything))
    )


def is_fresh(project: Project, file: File, each: Environment, locked: Locked) -> bool:
    """Tell whether a file is there, unedited, and made from today's inputs of an environment.

    Of a file of several environments, what it says of this one is looked at, and that it has none
    that it should not have.
    """
    if file.platform is not None and file.platform not in locked:
        return True  # which the lock leaves out
    said = _inputs(project, file.name)
    known = {key for of in file.environments for key in file.keys(of)}
    if said is None or not said.keys() <= known:
        return False
    digests = digests_of(project, each, locked)
    return all(said.get(key) == digests[subdir] for key, subdir in file.keys(each).items())


def stale_in_lock(
    project: Project, each: Environment, records: Mapping[Platform, Sequence[Record]]
) -> tuple[str, ...]:
    """Return the platforms, by conda's subdir, on which an environment's lock is not of today.

    Of a lock that another tool wrote nothing is known. Raises AccelockError for a stamp, or a lock
    of pip's, that cannot be read.
    """
    name = lock_name(each)
    stamp = header.read(project.read(name) or "", name)
    return stamp.stale(digests_of(project, each, records)) if stamp is not None else ()


def digests_of(
    project: Project, each: Environment, records: Mapping[Platform, Sequence[Record]]
) -> dict[str, str]:
    """Return the digest of the inputs on every platform of an environment, by conda's subdir.

    :param records: the packages by platform; a platform that was left out has none.
    """
    return {
        platform.conda_subdir: project.inputs(
            each, platform, sorted({record.name for record in records.get(platform, ())})
        ).digest()
        for platform in each.platforms
    }


def refuse_foreign(project: Project, files: Iterable[File]) -> None:
    """Refuse to write over an environment.yml or pixi.lock of the user's own, which are sources.

    A lock is none: one that conda-lock made is read, and made again. Raises ForeignFileError.
    """
    for file in files:
        text = project.read(file.name) if file.format.is_source else None
        if text is not None and text.strip() and header.PREFIX not in text:
            raise ForeignFileError(
                f"{file.name}: accelock did not write this file, and would write its own in its "
                "place. Put what it asks for into [tool.accelock.conda] (`accelock conda capture` "
                "does that from an environment, or with --from from this file), and move the file "
                "away."
            )


def names_of(locked: Mapping[Platform, Sequence[Record]]) -> frozenset[str]:
    """Return the names of all packages of an environment."""
    return frozenset(record.name for records in locked.values() for record in records)


def _inputs(project: Project, name: str) -> dict[str, str] | None:
    """Return what a file was made from, or None where it is not there, not whole, or not ours."""
    text = project.read(name)
    if text is None:
        return None
    try:
        stamp = header.read(text)
    except header.StampError:
        return None
    if stamp is None or not stamp.describes(text):
        return None
    return dict(stamp.inputs)


def _is_ours(project: Project, name: str) -> bool:
    text = project.read(name)
    return text is not None and header.PREFIX in text
