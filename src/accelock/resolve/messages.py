"""What the messages about lockstep say of versions, and of what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from packaging.version import Version

    from accelock.targets import Cell

# How many versions a message names.
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Words:
    """What the messages tell a user to do, in the words of the command that runs."""

    downloads: str = (
        "compile without --generate-hashes, or allow the download of whole wheels with "
        "--allow-downloads"
    )
    platforms: str = "with --platform or `platforms` in [tool.accelock]"


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Why a package is not newer: cells of one default platform have no wheel of it.

    :param could: the version that all other cells could have.
    :param alone: whether a target of these cells has no other platform: it is the reason itself.
    """

    could: Version
    cells: tuple[Cell, ...]
    alone: bool


def held_back_message(
    name: str, chosen: Version, held: HeldBack, words: Words | None = None
) -> str:
    """Say which default platform, or which target, keeps a package back, and what to do."""
    cells, words = held.cells, words or Words()
    where = ", ".join(dict.fromkeys(f"{c.target.name} on {c.platform.name}" for c in cells))
    why = f"{name} {held.could} is there, but not for {where}, so that {chosen} is taken"
    if held.alone:
        return f"{why}: all targets have one version, unless `lockstep = false` is set."
    return (
        f"{why}. {cells[0].platform.name} is one of the default platforms: name those that you "
        f"need {words.platforms} to leave it out."
    )


def pinned_alone_message(target: str, name: str, version: str) -> str:
    """Say that a target has a version of its own, because the project pins it for it alone."""
    key = f'"{target}"' if "." in target else target
    return (
        f"{target} has {name} {version} by [tool.accelock.target.{key}.dependencies], and is out "
        "of lockstep with the other targets in that."
    )


def newest(versions: Collection[Version]) -> str:
    """Return the newest version, for a message."""
    return str(max(versions)) if versions else "none"


def versions_there(name: str, versions: Collection[Version], wanted: Collection[Version]) -> str:
    """Say which versions there are: the newest few, or the oldest where older ones are wanted."""
    ordered = sorted(versions)
    if len(ordered) == 1:
        return f"the only {name} that it has is {ordered[0]}"
    more = len(ordered) > _LISTED
    if wanted and max(wanted) < ordered[0]:
        listed = ", ".join([*map(str, ordered[:_LISTED]), *(["..."] if more else [])])
        return f"its oldest {name} is {ordered[0]} (it has {listed})"
    listed = ", ".join([*(["..."] if more else []), *map(str, ordered[-_LISTED:])])
    return f"its newest {name} is {ordered[-1]} (it has {listed})"
