"""All sidecars of a project: which are stale, their solves over one solver, and their texts.

Nothing is written here: a run gives what is to be written to the one writer that writes all of it
or nothing.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelock.conda import naming, overlap, plan, previous
from accelock.conda.cell import CondaCell, NoSuchPackageError, solve_cell
from accelock.conda.errors import ChannelError
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.solve import Solver
from accelock.conda.solved import Solved
from accelock.conda.writers import condalock, environment, explicit, pixi
from accelock.errors import UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.pins import Pins
    from accelock.conda.plan import Environment, Project
    from accelock.conda.previous import Format, Locked
    from accelock.conda.record import Record
    from accelock.targets import Platform, Target

__all__ = ["Asked", "sidecars"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for beyond making stale sidecars fresh.

    `update` are packages that may leave the version that is locked, `everything` lets all of them.
    `formats` are written beside the two files that every environment has.
    """

    update: tuple[str, ...] = ()
    everything: bool = False
    formats: tuple[Format, ...] = ()


def _silent(_text: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class _Run:
    """One run: the project, what was locked before, and what has been solved so far."""

    project: Project
    asked: Asked
    say: Callable[[str], None]
    warn: Callable[[str], None]
    show_progress: bool
    locked: dict[Environment, Locked] = field(default_factory=dict)
    solved: dict[Environment, Solved] = field(default_factory=dict)


def sidecars(
    project: Project,
    asked: Asked | None = None,
    *,
    only: Collection[Environment] | None = None,
    name: str | None = None,
    say: Callable[[str], None] = _silent,
    warn: Callable[[str], None] = _silent,
    show_progress: bool = False,
) -> dict[Path, bytes]:
    """Return the content of every sidecar that is not fresh, by its path.

    What was locked stays wherever it can. A fresh environment is not solved again: where all are,
    the result is empty, and neither rattler nor the network was needed.

    :param only: the environments to look at; all of them by default.
    :param name: the project's, for the environments' names within conda.
    :param say: gets a line for each solve.
    :param warn: gets what is left out, and what pip and conda have in different versions.
    :param show_progress: whether rattler draws its bars of what is fetched.

    Raises MissingExtraError without the extra, and an AccelockError for whatever is in the way; by
    then nothing has been written.
    """
    run = _Run(project, asked or Asked(), say, warn, show_progress)
    environments = plan.environments(project.config, project.conda)
    for each in environments:
        _refuse_absent(run, each)
        run.locked[each] = previous.read_locked(project, each, warn)
    _refuse_unknown(run)
    formats = previous.formats_in(project, environments) | set(run.asked.formats)
    stale = _stale(run, environments, formats, environments if only is None else only)
    if not stale:
        return {}
    previous.refuse_foreign(project, stale, formats)
    _solve(run, stale)
    texts = _texts(run, name, formats)
    return {project.directory / each: text.encode() for each, text in texts.items()}


def _refuse_absent(run: _Run, each: Environment) -> None:
    """Refuse a target that is on none of the platforms that were named for it."""
    absent = _absent(run, each)
    if each.target is None or not absent:
        return
    config = run.project.config
    if not each.platforms or each.target.name in config.target_platforms:
        raise GuaranteeError(
            f"{each.target} on {', '.join(absent)}: there are no {each.target.kind.name} builds "
            "for that system; take it out of the target's platforms, as in "
            f'[tool.accelock.target."{each.target}"] platforms = ["linux-x86_64"]'
        )


def _absent(run: _Run, each: Environment) -> list[str]:
    """Return the names of the platforms for which a target has no builds at all."""
    if each.target is None or each.group is not None:
        return []
    named = run.project.config.platforms_of(each.target)
    return [platform.name for platform in named if platform not in each.platforms]


def _refuse_unknown(run: _Run) -> None:
    known = frozenset().union(*(previous.names_of(locked) for locked in run.locked.values()))
    for word in run.asked.update:
        if word.lower() not in known:
            raise UnknownWordError("locked package", word, sorted(known))


def _stale(
    run: _Run,
    environments: Sequence[Environment],
    formats: Collection[Format],
    only: Collection[Environment],
) -> Sequence[Environment]:
    """Return what is to be solved; all of it where one file, pixi.lock, holds all of it."""
    if run.asked.update or run.asked.everything or run.asked.formats:
        return environments
    found = [
        each
        for each in environments
        if each in only and not previous.is_fresh(run.project, each, run.locked[each], formats)
    ]
    return environments if found and "pixi" in formats else found


def _solve(run: _Run, stale: Sequence[Environment]) -> None:
    """Solve environments in the order of the project: later ones follow the earlier ones."""
    solver = Solver(run.project.conda.channels, show_progress=run.show_progress)
    solver.prefetch({platform for each in stale for platform in each.platforms})
    total, count = sum(len(each.platforms) for each in stale), 0
    for each in stale:
        if absent := _absent(run, each):
            where = ", ".join(absent)
            run.say(f"NOTE: {each.target} does not exist on {where}; its conda files lack that")
        records: Locked = {}
        pins: dict[Platform, Pins | None] = {}
        failed: list[NoSuchPackageError] = []
        for platform in each.platforms:
            count += 1
            cell = _cell(run, each, platform)
            pins[platform] = cell.pins
            run.say(f"Solving {cell} ({count} of {total})")
            try:
                records[platform] = solve_cell(solver, cell, run.warn)
            except NoSuchPackageError as error:
                failed.append(error)
                if _is_named(run, each):
                    break
        if failed and (not records or _is_named(run, each)):
            raise failed[0]
        for left_out in failed:
            run.warn(f"{left_out}\nThis platform is left out: the project does not name it.")
        hardware = frozenset(
            name
            for platform, chosen in records.items()
            for name in solver.hardware([record.name for record in chosen], platform)
            if each.target is not None
        )
        run.solved[each] = replace(_as_solved(run, each, records, pins), hardware=hardware)


def _cell(run: _Run, each: Environment, platform: Platform) -> CondaCell:
    project = run.project
    return CondaCell(
        target=each.target,
        platform=platform,
        group=each.group,
        specs=project.conda.specs_for(each.target, platform, each.group),
        levels=project.config.levels,
        python=project.python(each),
        pins=project.pins(each, platform),
        overlap=project.conda.overlap,
        locked=_kept(run, each, platform),
        followed=_followed(run, each, platform),
    )


def _kept(run: _Run, each: Environment, platform: Platform) -> tuple[Record, ...]:
    """Return the environment's own records, which stay if they can.

    Of what it lacks, a group's follows the environment without the group.
    """
    own = {} if run.asked.everything else _by_name(run.locked[each].get(platform, ()))
    for word in run.asked.update:
        own.pop(word.lower(), None)
    return _merged(own, *_others(run, each, platform, ((each.target, None),)))


def _followed(run: _Run, each: Environment, platform: Platform) -> tuple[Record, ...]:
    """Return what the leader has, whose versions every target follows."""
    leader = next(iter(run.locked)).target
    if each.target == leader:
        return ()
    return _merged(*_others(run, each, platform, ((leader, each.group), (leader, None))))


def _others(
    run: _Run,
    each: Environment,
    platform: Platform,
    ways: Sequence[tuple[Target | None, str | None]],
) -> list[dict[str, Record]]:
    return [
        _by_name(_today(run, other).get(platform, ()))
        for way in ways
        for other in run.locked
        if other != each and (other.target, other.group) == way
    ]


def _merged(*found: dict[str, Record]) -> tuple[Record, ...]:
    merged = ChainMap(*found)
    return tuple(merged[name] for name in sorted(merged))


def _today(run: _Run, each: Environment) -> Mapping[Platform, Sequence[Record]]:
    """Return what an environment holds: what this run solved, else what is fresh and locked."""
    return run.solved[each].records if each in run.solved else run.locked[each]


def _by_name(records: Iterable[Record]) -> dict[str, Record]:
    return {record.name: record for record in records}


def _is_named(run: _Run, each: Environment) -> bool:
    """Tell whether the project itself names the platforms, which binds; others do their best."""
    config = run.project.config
    if each.target is None:
        return config.platforms_declared
    return config.declares_platforms(each.target)


def _as_solved(
    run: _Run, each: Environment, records: Locked, pins: Mapping[Platform, Pins | None]
) -> Solved:
    for chosen in records.values():
        _refuse_without_hashes(chosen)
    project, conda = run.project, run.project.conda
    digests = previous.digests_of(project, each, records)
    bound: frozenset[str] = frozenset()
    for platform, chosen in records.items():
        own = pins[platform]
        if own is not None and conda.overlap == "constrain":
            bound |= overlap.bound(own, chosen)
    return Solved(
        target=each.target,
        group=each.group,
        channels=conda.channels,
        records=records,
        asked={p: conda.specs_for(each.target, p, each.group) for p in records},
        digests={platform: digests[platform.conda_subdir] for platform in each.platforms},
        bound=bound,
    )


def _refuse_without_hashes(records: Iterable[Record]) -> None:
    for record in records:
        if not (record.md5 and record.sha256):
            raise ChannelError(
                f"the channel {record.channel} gives no md5 or no sha256 of {record.filename}, so "
                "that it could not be checked when it is installed; have the channel's owner index "
                "it again (conda index)"
            )


def _texts(run: _Run, name: str | None, formats: Collection[Format]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for solved in run.solved.values():
        texts[naming.environment(solved.target, solved.group)] = environment.render(solved, name)
        texts[naming.lock(solved.target, solved.group)] = condalock.render(solved)
        if "explicit" in formats:
            for platform in solved.platforms:
                listed = explicit.render(solved, platform)
                texts[naming.explicit(solved.target, platform, solved.group)] = listed
    if "pixi" in formats:
        texts[naming.PIXI] = pixi.render(list(run.solved.values()))
    return texts
