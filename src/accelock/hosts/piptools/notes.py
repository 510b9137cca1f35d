"""What a run says on standard error about choices that the user did not make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from accelock.hosts.piptools.inputs import local_projects
from accelock.hosts.piptools.merge import requirers
from accelock.hosts.piptools.solve import pins, version_of
from accelock.resolve.messages import held_back_message
from accelock.settings.settings import ignored_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.targets import Cell


def say(run: Run, captures: Mapping[Cell, Capture], warnings: Iterable[str]) -> None:
    """Say what was left out, passed over or held back, and what was built on this machine."""
    for warning in dict.fromkeys(warnings):
        run.plan.say(warning)
    _absent(run)
    _built(run)
    _ignored_tables(run, captures)
    newest = _newest_lockstep(run, captures)
    _unhashed(run, captures, newest)
    _held_back(run, newest, _followers(newest, captures))
    _mixed_sources(run, captures)


def _absent(run: Run) -> None:
    missing: dict[str, list[str]] = {}
    for target, platform in run.plan.absent:
        missing.setdefault(target.name, []).append(platform.name)
    for name, platforms in missing.items():
        run.plan.say_progress(f"{name} does not exist on {', '.join(platforms)}: left out there.")


def _built(run: Run) -> None:
    if len({cell.platform for cell in run.plan.cells}) == 1:
        return
    for name, version in sorted(run.memo.built):
        run.plan.say(
            f"WARNING: the metadata of {name} {version} was built on this machine (it has no "
            "wheel and no static metadata, PEP 643); its markers were applied to every platform."
        )


def _ignored_tables(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say it once of each directory among the requirements; the project itself is none of them."""
    for capture in captures.values():
        for ireq, directory in local_projects(capture):
            said = ignored_table(ireq.name, directory)
            if said and directory != Path.cwd() and run.first_time(said):
                run.plan.say(f"NOTE: {said}")


def _mixed_sources(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say it where nightly builds are read and the file names the stable ones, or the reverse.

    A mirror in the environment stands for what the file names, and does not stand for the other.
    """
    names = {name for capture in captures.values() for name in pins(capture)}
    families = {entry.family.name for name in names if (entry := run.shelves.find(name))}
    for name in sorted(families):
        read, written = run.plan.sources[name], run.plan.written[name]
        if read.is_nightly != written.is_nightly:
            run.plan.say(
                f"WARNING: {name} was read at {read}, as the environment says, and the file names "
                f"{written}: one of them has nightly builds, and the other has not."
            )


def _newest_lockstep(run: Run, captures: Mapping[Cell, Capture]) -> dict[str, Version]:
    """Return the lockstep packages that are at the newest version that the cells share.

    Where one is older, the input or the rest of the graph wants that, and there is nothing to say.
    """
    found: dict[str, Version] = {}
    lockstep = run.lockstep
    if lockstep is None:
        return found
    lockstep.unsettle()
    for cell, capture in captures.items():
        for name, ireq in pins(capture).items():
            entry = run.shelves.find(name)
            if entry is None or not entry.package.lockstep or not entry.package.labelled:
                continue
            chosen = Version(version_of(ireq).public)
            if chosen == max(lockstep.allowed(name, cell), default=None):
                found[name] = chosen
    return found


def _unhashed(run: Run, captures: Mapping[Cell, Capture], newest: Mapping[str, Version]) -> None:
    for cell, capture in captures.items():
        for name in pins(capture):
            if name not in newest or run.lockstep is None:
                continue
            bare = run.lockstep.wanted(name, cell).filter(run.shelves.unhashed(name, cell))
            newer = [version for version in bare if version > newest[name]]
            if newer and run.first_time(f"unhashed {name}"):
                run.plan.say(
                    f"NOTE: {name} {max(newer)} is passed over: its index publishes no sha256 "
                    f"for {cell} (--allow-downloads would download the wheels to hash them)."
                )


def _followers(newest: Mapping[str, Version], captures: Mapping[Cell, Capture]) -> set[str]:
    """Return those that require another of them: that one says how new they can be."""
    return {
        requirer
        for capture in captures.values()
        for name, ireq in pins(capture).items()
        if name in newest
        for requirer in requirers(ireq)
    }


def _held_back(run: Run, newest: Mapping[str, Version], followers: Collection[str]) -> None:
    """Say where a platform that nobody named keeps a package at an older version.

    In `accelock rewrite` the version may be the file's own: then no platform is the reason.
    """
    lockstep = run.lockstep
    if lockstep is None:
        return
    for name, version in newest.items():
        if run.reports_moves and any(
            lockstep.preferred(name, c) == version for c in run.plan.cells
        ):
            continue
        found = lockstep.held_back(name, version)
        if found is not None and name not in followers and f"unhashed {name}" not in run.said:
            run.plan.say(f"NOTE: {held_back_message(name, version, found)}")
