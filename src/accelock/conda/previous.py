"""What a project's folder has from the last run: what is locked, and whether it is fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from accelock.conda import header, naming, plan, read
from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from accelock.conda.plan import Environment, Project
    from accelock.conda.record import Record
    from accelock.targets import Platform

__all__ = [
    "ForeignFileError",
    "Format",
    "Locked",
    "digests_of",
    "formats_in",
    "is_fresh",
    "names_of",
    "read_locked",
    "refuse_foreign",
    "stale_in_lock",
]


class ForeignFileError(AccelockError):
    """A file of the user's own stands where one of ours is to be."""


Format = Literal["explicit", "pixi"]
Locked = dict["Platform", tuple["Record", ...]]


def read_locked(project: Project, each: Environment, warn: Callable[[str], None]) -> Locked:
    """Return what an environment's lock has; nothing where there is none, or one that is damaged.

    Raises MissingExtraError where there is one, and no PyYAML.
    """
    name = naming.lock(each.target, each.group)
    text = project.read(name)
    if text is None:
        return {}
    try:
        return dict(read.read_lock(text, name))
    except read.LockError as error:
        warn(f"{error}; until then every package may change its version")
        return {}


def formats_in(project: Project, environments: Iterable[Environment]) -> frozenset[Format]:
    """Return the formats of which there are files of ours: they must not go stale either."""
    found: set[Format] = set()
    if _is_ours(project, naming.PIXI):
        found.add("pixi")
    lists = (
        naming.explicit(each.target, platform, each.group)
        for each in environments
        for platform in each.platforms
    )
    if any(_is_ours(project, name) for name in lists):
        found.add("explicit")
    return frozenset(found)


def is_fresh(
    project: Project, each: Environment, locked: Locked, formats: Collection[Format]
) -> bool:
    """Tell whether every file of an environment is there, unedited, and made from today's inputs.

    A pixi.lock is one for all environments: of it, what this one says is looked at, and that it has
    none that the project no longer has.
    """
    digests = digests_of(project, each, locked)
    whole = [naming.environment(each.target, each.group), naming.lock(each.target, each.group)]
    if not all(_inputs(project, name) == digests for name in whole):
        return False
    if "explicit" in formats:
        for platform in locked:
            subdir = platform.conda_subdir
            name = naming.explicit(each.target, platform, each.group)
            if _inputs(project, name) != {subdir: digests[subdir]}:
                return False
    if "pixi" in formats:
        return _pixi_says(project, each, digests)
    return True


def stale_in_lock(
    project: Project, each: Environment, records: Mapping[Platform, Sequence[Record]]
) -> tuple[str, ...]:
    """Return the platforms, by conda's subdir, on which an environment's lock is not of today.

    Of a lock that another tool wrote nothing is known. Raises AccelockError for a stamp, or a lock
    of pip's, that cannot be read.
    """
    name = naming.lock(each.target, each.group)
    stamp = header.read(project.read(name) or "", name)
    return stamp.stale(digests_of(project, each, records)) if stamp is not None else ()


def _pixi_says(project: Project, each: Environment, digests: Mapping[str, str]) -> bool:
    said = _inputs(project, naming.PIXI) or {}
    declared = plan.environments(project.config, project.conda)
    known = {naming.pixi_environment(one.target, one.group) for one in declared}
    if any(key.partition("/")[0] not in known for key in said):
        return False
    called = naming.pixi_environment(each.target, each.group)
    return all(said.get(f"{called}/{subdir}") == digests[subdir] for subdir in digests)


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


def refuse_foreign(
    project: Project, environments: Iterable[Environment], formats: Collection[Format]
) -> None:
    """Refuse to write over an environment.yml or pixi.lock of the user's own, which are sources.

    A lock is none: one that conda-lock made is read, and made again. Raises ForeignFileError.
    """
    names = [naming.environment(each.target, each.group) for each in environments]
    if "pixi" in formats:
        names.append(naming.PIXI)
    for name in names:
        text = project.read(name)
        if text is not None and text.strip() and header.PREFIX not in text:
            raise ForeignFileError(
                f"{name}: accelock did not write this file, and would write its own in its place. "
                "Put what it asks for into [tool.accelock.conda] (`accelock conda capture` does "
                "that from an environment), and move the file away."
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
