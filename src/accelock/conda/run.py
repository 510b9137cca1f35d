"""All sidecars of a project: which are stale, their solves over one solver, and their texts.

Nothing is written here: a run gives what is to be written to the one writer that writes all of it
or nothing.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.conda import overlap, plan, previous
from accelock.conda.cell import BoundError, CondaCell, NoSuchPackageError, solve_cell
from accelock.conda.errors import ChannelError, UnsatisfiableError
from accelock.conda.formats import FORMATS
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.lockstep import Lockstep
from accelock.conda.solve import Solver
from accelock.conda.solved import Solved
from accelock.errors import UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.formats.model import File
    from accelock.conda.pins import Pins
    from accelock.conda.plan import Environment, Project
    from accelock.conda.previous import Locked
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
    formats: tuple[str, ...] = ()


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
    solved: dict[Environment, dict[Platform, _Solution]] = field(default_factory=dict)
    left_out: dict[Environment, set[Platform]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Solution:
    records: tuple[Record, ...]
    pins: Pins | None
    hardware: frozenset[str]


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

    What was locked stays wherever it can. A fresh environment is not solved again: a format that it
    lacks is rendered from its lock. Where all are fresh, the result is empty, and neither rattler
    nor the network was needed.

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
    files = _files(run, environments)
    within = environments if only is None else only
    stale = _stale(run, files, environments, within)
    written = [file for file in files if _is_written(run, file, stale, within)]
    if not written:
        return {}
    previous.refuse_foreign(project, written)
    if stale:
        _tell_absent(run, stale)
        _solve(run, stale, environments)
        written = [file for file in files if _is_written(run, file, run.solved, within)]
    holding = {
        each: _as_solved(run, each)
        if each in run.solved
        else previous.as_locked(project, each, run.locked[each])
        for each in environments
    }
    return {project.directory / each: text for each, text in _texts(written, holding, name)}


def _files(run: _Run, environments: Sequence[Environment]) -> list[File]:
    formats = dict.fromkeys(previous.formats_in(run.project, environments))
    formats |= dict.fromkeys(FORMATS[name] for name in run.asked.formats)
    return [file for each in formats for file in each.files(environments)]


def _refuse_absent(run: _Run, each: Environment) -> None:
    """Refuse a target that is on none of the platforms that were named for it."""
    absent = _absent(run, each)
    if each.target is None or not absent:
        return
    config = run.project.config
    if not each.platforms or config.narrows(each.target):
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


def _tell_absent(run: _Run, stale: Iterable[Environment]) -> None:
    for each in stale:
        if absent := _absent(run, each):
            where = ", ".join(absent)
            run.say(f"NOTE: {each.target} does not exist on {where}; its conda files lack that")


def _refuse_unknown(run: _Run) -> None:
    known = frozenset().union(*(previous.names_of(locked) for locked in run.locked.values()))
    for word in run.asked.update:
        if word.lower() not in known:
            raise UnknownWordError("locked package", word, sorted(known))


def _stale(
    run: _Run,
    files: Iterable[File],
    environments: Sequence[Environment],
    only: Collection[Environment],
) -> Sequence[Environment]:
    """Return the environments to solve; of those of one file, all that are stale."""
    if run.asked.update or run.asked.everything:
        return environments
    every = list(files)
    whole = any(file.format.holds == "project" for file in every)
    stale = [
        each
        for each in environments
        if (whole or each in only)
        and not all(
            previous.is_fresh(run.project, file, each, run.locked[each])
            for file in every
            if not file.format.on_request and each in file.environments
        )
    ]
    return stale if run.asked.formats or any(each in only for each in stale) else []


def _is_written(
    run: _Run, file: File, stale: Collection[Environment], only: Collection[Environment]
) -> bool:
    """Tell whether a file is of what is solved now, or one on request that is not fresh."""
    return any(each in stale for each in file.environments) or (
        file.format.on_request
        and not all(
            previous.is_fresh(run.project, file, each, run.locked[each])
            for each in file.environments
            if each in only
        )
    )


def _solve(run: _Run, stale: Sequence[Environment], environments: Sequence[Environment]) -> None:
    """Solve environments platform by platform, in the project's order: later ones follow earlier.

    Where a version that all targets are to share cannot be had by one, what has it is solved again
    without it: fresh ones of the same group too.
    """
    solver = Solver(run.project.conda.channels, show_progress=run.show_progress)
    solver.prefetch({platform for each in stale for platform in each.platforms})
    run.solved = {each: {} for each in stale}
    run.left_out = {each: set() for each in stale}
    cells = _cells(environments, stale)
    lockstep = Lockstep(solver, run.project.config, run.project.conda, load_catalogue())
    fresh = {each: found for each, found in run.locked.items() if each not in stale}
    lockstep.start(_cells(environments, environments), fresh)
    for note in dict.fromkeys(lockstep.notes):
        run.say(note)
    count = 0
    while todo := [cell for cell in cells if not _is_done(run, *cell)]:
        each, platform = todo[0]
        count += 1
        cell = _cell(run, each, platform, lockstep)
        run.say(f"Solving {cell} ({count} of {count - 1 + len(todo)})")
        try:
            records = solve_cell(solver, cell, run.warn)
        except BoundError as error:
            if not _is_required(run, each, platform):
                _leave_out(run, each, platform, error)
                continue
            run.say(f"NOTE: {lockstep.exclude(each, platform, error)}")
            _begin_again(run, each.group, environments)
            cells = _cells(environments, run.solved)
        except (UnsatisfiableError, GuaranteeError) as error:
            is_absent = isinstance(error, NoSuchPackageError) and not _is_named(run, each)
            if not is_absent and _is_required(run, each, platform):
                raise
            _leave_out(run, each, platform, error)
        else:
            lockstep.bind(each, records)
            found = solver.hardware([record.name for record in records], platform)
            told = frozenset(found if each.target is not None else ())
            run.solved[each][platform] = _Solution(records, cell.pins, told)
        if all(other != platform for _, other in todo[1:]):
            solver.forget(platform)


def _begin_again(run: _Run, group: str | None, environments: Iterable[Environment]) -> None:
    for each in environments:
        if each.group == group:
            run.solved[each], run.left_out[each] = {}, set()


def _cells(
    environments: Iterable[Environment], wanted: Collection[Environment]
) -> list[tuple[Environment, Platform]]:
    """Return the solves of environments, one platform after the other."""
    every = [each for each in environments if each in wanted]
    platforms = dict.fromkeys(platform for each in every for platform in each.platforms)
    return [
        (each, platform) for platform in platforms for each in every if platform in each.platforms
    ]


def _is_done(run: _Run, each: Environment, platform: Platform) -> bool:
    return platform in run.solved[each] or platform in run.left_out[each]


def _leave_out(
    run: _Run, each: Environment, platform: Platform, error: UnsatisfiableError | GuaranteeError
) -> None:
    run.left_out[each].add(platform)
    if len(run.left_out[each]) == len(each.platforms):
        raise error
    run.warn(f"{error}\nThis platform is left out: the project does not name it.")


def _cell(run: _Run, each: Environment, platform: Platform, lockstep: Lockstep) -> CondaCell:
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
        bound=lockstep.constraints(each),
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
        _by_name(_today(run, other, platform))
        for way in ways
        for other in run.locked
        if other != each and (other.target, other.group) == way
    ]


def _merged(*found: dict[str, Record]) -> tuple[Record, ...]:
    merged = ChainMap(*found)
    return tuple(merged[name] for name in sorted(merged))


def _today(run: _Run, each: Environment, platform: Platform) -> Sequence[Record]:
    """Return what an environment holds: what this run solved, else what is fresh and locked."""
    if each in run.solved and platform in run.solved[each]:
        return run.solved[each][platform].records
    return () if each in run.solved else run.locked[each].get(platform, ())


def _by_name(records: Iterable[Record]) -> dict[str, Record]:
    return {record.name: record for record in records}


def _is_named(run: _Run, each: Environment) -> bool:
    """Tell whether the project itself names the platforms, which binds; others do their best."""
    config = run.project.config
    if each.target is None:
        return config.platforms_declared
    return config.declares_platforms(each.target)


def _is_required(run: _Run, each: Environment, platform: Platform) -> bool:
    """Tell whether a platform must not be left out: it is named, or the first of the default."""
    return _is_named(run, each) or platform == each.platforms[0]


def _as_solved(run: _Run, each: Environment) -> Solved:
    solutions = run.solved[each]
    records = {platform: found.records for platform, found in solutions.items()}
    for chosen in records.values():
        _refuse_without_hashes(chosen)
    conda = run.project.conda
    digests = previous.digests_of(run.project, each, records)
    bound: frozenset[str] = frozenset()
    for found in solutions.values():
        if found.pins is not None and conda.overlap == "constrain":
            bound |= overlap.bound(found.pins, found.records)
    return Solved(
        target=each.target,
        group=each.group,
        channels=conda.channels,
        records=records,
        asked={p: conda.specs_for(each.target, p, each.group) for p in records},
        digests={platform: digests[platform.conda_subdir] for platform in each.platforms},
        bound=bound,
        hardware=frozenset().union(*(found.hardware for found in solutions.values())),
    )


def _refuse_without_hashes(records: Iterable[Record]) -> None:
    for record in records:
        if not (record.md5 and record.sha256):
            raise ChannelError(
                f"the channel {record.channel} gives no md5 or no sha256 of {record.filename}, so "
                "that it could not be checked when it is installed; have the channel's owner index "
                "it again (conda index)"
            )


def _texts(
    files: Iterable[File], holding: Mapping[Environment, Solved], name: str | None
) -> Iterator[tuple[str, bytes]]:
    for file in files:
        solved = [holding[each] for each in file.environments]
        if file.platform is None or file.platform in solved[0].records:
            yield file.name, file.render(solved, name).encode()
