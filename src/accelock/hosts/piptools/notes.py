"""What a run says on standard error about choices that the user did not make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.hosts.piptools import levels
from accelock.hosts.piptools.host import pins, version_of
from accelock.hosts.piptools.inputs import local_projects
from accelock.resolve.lockstep import decide, passed_over
from accelock.resolve.messages import left_out, pinned_alone_message, same_for_all_message
from accelock.settings.settings import ignored_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.resolve.search import Result
    from accelock.targets import Cell


def say(run: Run, captures: Mapping[Cell, Capture], result: Result[Capture]) -> None:
    """Say what was left out or passed over, and what was built on this machine."""
    words = result.question.words
    said = {(c.target, c.platform): left_out(c, why, words) for c, why in result.left_out.items()}
    for warning in said.values():
        run.plan.say(f"WARNING: {warning}")
    for note in result.notes:
        run.plan.say(f"NOTE: {note}")
    _absent(run)
    _same_for_all(run, captures)
    say_built(run)
    _ignored_tables(run, captures)
    _unhashed(run, captures, result)
    _mixed_sources(run, captures)
    _pinned_alone(run, captures)
    levels.say(run, captures)


def _absent(run: Run) -> None:
    missing: dict[str, list[str]] = {}
    for target, platform in run.plan.absent:
        missing.setdefault(target.name, []).append(platform.name)
    for name, platforms in missing.items():
        run.plan.say_progress(f"{name} does not exist on {', '.join(platforms)}: left out there.")


def _same_for_all(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say it where several targets have no package that differs, nor a constraint on one."""
    names = {name for capture in captures.values() for name in pins(capture)}
    names |= {each.name for capture in captures.values() for each in capture.constraints}
    if any(capture.substituted for capture in captures.values()):
        return
    if len(run.plan.targets) > 1 and not any(run.routed.find(name) for name in names if name):
        said = same_for_all_message([target.name for target in run.plan.targets])
        run.plan.say_progress(f"NOTE: {said}")


def say_built(run: Run) -> None:
    """Say which metadata is this machine's, where it was applied to other platforms too."""
    if len({cell.platform for cell in run.plan.cells}) == 1:
        return
    for name, version in sorted(run.memo.built):
        run.plan.say(
            f"WARNING: the metadata of {name} {version} was built on this machine, because it has "
            "no wheel and no static metadata (PEP 643); accelock applied its markers to every "
            "platform."
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
    families = {entry.family.name for name in names if (entry := run.routed.find(name))}
    for name in sorted(families):
        read, written = run.plan.sources[name], run.plan.written[name]
        if read.is_nightly != written.is_nightly:
            run.plan.say(
                f"WARNING: {name} was read at {read}, as the environment says, and the file names "
                f"{written}. One of them has nightly builds, and the other does not."
            )


def _pinned_alone(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say which targets are out of lockstep, because the project pins a version for them alone."""
    if len(run.plan.targets) == 1 or not run.plan.lockstep or not run.plan.pinned_alone:
        return
    for cell, capture in captures.items():
        own = {canonicalize_name(each.name) for each in run.plan.dependencies[cell.target.name]}
        for name, ireq in pins(capture).items():
            entry = run.routed.find(name)
            if name in own & run.plan.pinned_alone and entry and entry.package.lockstep:
                version = Version(version_of(ireq).public)
                said = pinned_alone_message(cell.target.name, name, str(version))
                if run.first_time(said):
                    run.plan.say(f"NOTE: {said}")


def _unhashed(run: Run, captures: Mapping[Cell, Capture], result: Result[Capture]) -> None:
    """Say which newer versions were passed over because nobody publishes their hashes."""
    alone = decide(result.question)
    for cell, capture in captures.items():
        for name, ireq in pins(capture).items():
            chosen = Version(version_of(ireq).public)
            newer = passed_over(result.question, alone, name, cell, chosen)
            if newer is not None and run.first_time(f"unhashed {name}"):
                run.plan.say(
                    f"NOTE: {name} {newer} is skipped: its index publishes no sha256 for {cell} "
                    "(--allow-downloads downloads the wheels to hash them)."
                )
