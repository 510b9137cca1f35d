"""What messages about lockstep say of versions, and of what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.resolve.serving import Hole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.version import Version

    from accelock.resolve.host import Available, Demand
    from accelock.resolve.lockstep import Refused
    from accelock.resolve.question import Question
    from accelock.targets import Cell

# How many versions a message names.
_LISTED = 8
# For how many versions of a package a message says why they are ruled out.
_REASONS = 4


@dataclass(frozen=True, slots=True)
class Words:
    """What the messages tell a user to do, in the words of the command that runs."""

    downloads: str = (
        "compile without --generate-hashes, or allow downloads of whole wheels with "
        "--allow-downloads"
    )
    platforms: str = (
        "name the platforms that you need with --platform or `platforms` in [tool.accelock]"
    )


def pinned_alone_message(target: str, name: str, version: str) -> str:
    """Say that a target has a version of its own, because the project pins it for it alone."""
    key = f'"{target}"' if "." in target else target
    return (
        f"{target} has {name} {version} by [tool.accelock.target.{key}.dependencies], and differs "
        "there from the other targets (it is out of lockstep)."
    )


def same_for_all_message(targets: Sequence[str]) -> str:
    """Say that a lock of several targets needs only one."""
    return (
        "no package in this lock has a build per target: the lock is the same for "
        f"{', '.join(targets)}. One target is enough."
    )


def cannot_be_locked(
    name: str,
    cell: Cell,
    has: Available,
    *,
    asked: str,
    elsewhere: Mapping[Cell, Collection[Version]],
    wanted: Collection[Version],
    unhashed: Sequence[Version],
    ruled_out: Collection[Version],
    words: Words,
    holes: Sequence[Hole] = (),
) -> str:
    """Say why a package cannot be locked for a cell.

    :param asked: the project's own specifier.
    :param elsewhere: what the cells that share its version have.
    :param wanted: the versions that would do.
    :param unhashed: versions that are there, and of which no sha256 is published.
    :param ruled_out: versions that would do for the cell, and that do not go with the rest.
    :param holes: versions that are there for some of its Pythons only, oldest first.
    """
    why = having(name, has, wanted)
    if ruled_out:
        why += ", and no matching version goes with the other requirements"
    lines = [f"{name}{asked} cannot be locked for {cell}: {why}."]
    if has.builds and elsewhere:
        lines.append(
            "One version has to serve all cells (lockstep), and these have it up to: "
            + "; ".join(f"{c}: {_newest(versions)}" for c, versions in elsewhere.items())
            + "."
        )
    if unhashed:
        lines.append(
            f"{name} {', '.join(map(str, unhashed))} exists, but its index publishes no sha256 of "
            f"it: {words.downloads}."
        )
    if holes:
        lines.append(
            f"{holes[-1]} (files without a published sha256 do not count): require another "
            "version, or narrow the project's range of Pythons."
        )
    return " ".join(lines)


def having(name: str, has: Available, wanted: Collection[Version] = ()) -> str:
    """Say which versions a cell has, where others are wanted, and where it was looked."""
    there = versions_there(name, has.builds, wanted)
    if has.holes and not has.builds:
        there = f"it has no {name} for all Pythons of the project"
    return f"{there}, at {has.where}"


def lacks_what_is_needed(
    name: str, version: Version, askers: Sequence[str], cell: Cell, question: Question
) -> str:
    """Say that a cell cannot have a version that another cell needs."""
    has = question.available[name, cell]
    needed = f"{name} {version} is needed" + (f" by {', '.join(askers)}" if askers else "")
    if version in has.builds:
        demand = question.demands.get((name, cell))
        if demand is not None and not list(demand.wanted.filter([version])):
            return f"{needed}, and for {cell} the project requires {name}{demand.wanted}."
        return f"{needed}, and {cell} may not take {version}: {having(name, has)}."
    if version in has.holes:
        hole = Hole(f"{name} {version}", cell.platform, tuple(has.holes[version]))
        return f"{needed}, and {hole} ({cell})."
    return f"{needed}, and {cell} has no {version}: {having(name, has)}."


def left_out(cell: Cell, reason: str, words: Words) -> str:
    """Say that a default platform is left out of a target."""
    return (
        f"{cell.platform.name} is left out of {cell.target.name}: {reason} (It is a default "
        f"platform; {words.platforms}.)"
    )


def _newest(versions: Collection[Version]) -> str:
    return str(max(versions)) if versions else "none"


def versions_there(name: str, versions: Collection[Version], wanted: Collection[Version]) -> str:
    """Say which versions there are: the newest few, or the oldest where older ones are wanted."""
    if not versions:
        return f"it has no wheel of {name}"
    ordered = sorted(versions)
    if len(ordered) == 1:
        return f"the only {name} that it has is {ordered[0]}"
    more = len(ordered) > _LISTED
    if wanted and max(wanted) < ordered[0]:
        listed = ", ".join([*map(str, ordered[:_LISTED]), *(["..."] if more else [])])
        return f"its oldest {name} is {ordered[0]} (it has {listed})"
    listed = ", ".join([*(["..."] if more else []), *map(str, ordered[-_LISTED:])])
    return f"its newest {name} is {ordered[-1]} (it has {listed})"


def ruled_out(refused: Iterable[Refused]) -> list[str]:
    """Say which versions are ruled out and why, the newest of each package first."""
    tried: dict[str, dict[str, set[Version]]] = {}
    for each in refused:
        why = each.why or f"other packages refuse it for {each.by}"
        tried.setdefault(each.name, {}).setdefault(why, set()).add(each.version)
    lines = []
    for name, reasons in tried.items():
        newest = sorted(reasons.items(), key=lambda reason: max(reason[1]), reverse=True)
        lines += [
            f"{name} {', '.join(map(str, sorted(versions)))} is ruled out: {why}."
            for why, versions in newest[:_REASONS]
        ]
        if older := sorted(v for _why, versions in newest[_REASONS:] for v in versions):
            lines.append(f"{name} {', '.join(map(str, older))} is ruled out for the same reason.")
    return lines


def asked_at(
    demands: Mapping[tuple[str, Cell], Demand], required: Sequence[Cell], reasons: str
) -> list[str]:
    """Say where the project asks for the packages of which reasons tell, and what to do.

    :param required: the cells whose demands count.
    """
    lines = {
        f"{name}{demand.wanted} is required in {' and '.join(demand.places)}."
        for (name, cell), demand in demands.items()
        if demand.places and cell in required
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", reasons)
    }
    if not lines:
        return []
    todo = f"Change {'that line' if len(lines) == 1 else 'one of these'}"
    several = len({cell.target for cell in required}) > 1
    return [*sorted(lines), f"{todo}, or lock for fewer targets." if several else f"{todo}."]
