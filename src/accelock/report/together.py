"""What the compiled files of a project tell beside each other: gaps, and versions out of step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.report import files
from accelock.report.findings import Finding, Level
from accelock.report.project import are_apart, holds_at, lockstep_names, public_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from accelock.locks.markers import Place
    from accelock.report.files import Compiled
    from accelock.report.project import Project
    from accelock.targets import Target


def by_series(compiled: Sequence[Compiled]) -> dict[str, list[Compiled]]:
    """Return the files grouped by what they have in common but the target."""
    groups: dict[str, list[Compiled]] = {}
    for each in compiled:
        groups.setdefault(files.series(each.name, each.target), []).append(each)
    return groups


def check_missing(
    compiled: Sequence[Compiled], project: Project, directory: Path
) -> Iterator[Finding]:
    """Yield the files that declared targets lack while other targets have theirs."""
    gone: dict[str, Target] = {}
    for group in by_series(compiled).values():
        gone.update(_gaps(group, project.config.targets))
    told = set(gone.values()) | {each.target for each in compiled}
    if compiled:
        first = compiled[0]
        base = files.series(first.name, first.target)
        for target in project.config.targets:
            if target not in told:
                gone[files.shown(files.layer(directory / base, target), directory)] = target
    for name, target in gone.items():
        others = ", ".join(dict.fromkeys(each.target.name for each in compiled))
        yield _absent(name, target, others, directory)


def _gaps(group: Sequence[Compiled], declared: Sequence[Target]) -> dict[str, Target]:
    """Return the names that a series lacks; a file for one target alone is no series."""
    templates = [files.template(each.name, each.target) for each in group]
    pattern = next((template for template in templates if template), None)
    if pattern is None:
        return {}
    present = {each.target for each in group}
    return {
        pattern.replace(files.TARGET_FIELD, target.name): target
        for target in declared
        if target not in present
    }


def _absent(name: str, target: Target, others: str, directory: Path) -> Finding:
    if (directory / name).exists():
        return unstamped(name)
    what = f"{target} is declared in [tool.accelock] and has no file; there is one for {others}"
    todo = f"compile for {target} too (accelock compile), or take it out of `targets`"
    return Finding("missing-file", Level.ERROR, name, what, todo)


def unstamped(name: str) -> Finding:
    """Return what is wrong with a file that another tool may have written over ours."""
    what = "it has no stamp of accelock's, so that nothing tells whether it is fresh and whole"
    todo = "compile it with accelock, without --no-header"
    return Finding("unstamped", Level.ERROR, name, what, todo)


def check_lockstep(compiled: Sequence[Compiled], project: Project) -> Iterator[Finding]:
    """Yield the lockstep packages whose public versions differ between targets of one input."""
    if not project.config.lockstep:
        return
    for group in by_series(compiled).values():
        leader = _leader(group, project.config.targets)
        for other in group:
            if other.target != leader.target:
                yield from _differences(leader, other, project)


def _leader(group: Sequence[Compiled], declared: Sequence[Target]) -> Compiled:
    ranks = {target: rank for rank, target in enumerate(declared)}
    return min(group, key=lambda each: ranks.get(each.target, len(ranks)))


def _differences(leader: Compiled, other: Compiled, project: Project) -> Iterator[Finding]:
    for name in lockstep_names(leader, project.catalogue):
        found = _conflict(leader, other, name)
        if found is not None and not are_apart(name, leader.target, other.target, project):
            mine, theirs = found
            what = (
                f"{name} is {theirs} for {other.target} and {mine} for {leader.target} "
                f"({leader.name}); lockstep wants one public version"
            )
            todo = "compile all targets in one run, or set lockstep = false in [tool.accelock]"
            yield Finding("lockstep", Level.ERROR, other.name, what, todo)


def _conflict(leader: Compiled, other: Compiled, name: str) -> tuple[str, str] | None:
    """Return two versions that differ on one platform, or, where the files share none, at all.

    An input may ask for another version on another platform, which is no difference of targets.
    """
    shared = [place for place in leader.places if place in other.places]
    for place in shared:
        mine, theirs = (_versions(each, name, [place]) for each in (leader, other))
        if mine and theirs and mine != theirs:
            return ", ".join(mine), ", ".join(theirs)
    if not shared:
        mine, theirs = (_versions(each, name, each.places) for each in (leader, other))
        if mine and theirs and not set(mine) & set(theirs):
            return ", ".join(mine), ", ".join(theirs)
    return None


def _versions(compiled: Compiled, name: str, places: Sequence[Place]) -> tuple[str, ...]:
    pins = compiled.requirements.named(name)
    found = (public_version(pin) for pin in pins if any(holds_at(pin, place) for place in places))
    return tuple(sorted({version for version in found if version}))
