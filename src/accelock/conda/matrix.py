"""All cells of a project, which are environments by platforms: solved in order, and in lockstep.

Later cells follow earlier ones. A package that the catalogue holds to one version over all targets
(torch and those released with it, which conda calls pytorch, torchvision, ...) is bound to the
version that the first solve gives, and that is one of those of which every target has a build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import Version

from accelock.catalogue import load_catalogue
from accelock.conda.cell import BoundError, CondaCell, NoSuchPackageError, fits, solve_cell
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.overlap import load_names
from accelock.conda.solve import UnsatisfiableError
from accelock.conda.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from accelock.conda.overlap import Pins
    from accelock.conda.project import CondaEnvironment, CondaProject
    from accelock.conda.record import Record
    from accelock.conda.solve import Solver
    from accelock.targets import Platform, Target

    Locked = Mapping[Platform, Sequence[Record]]
    Cells = Sequence[tuple[CondaEnvironment, Platform]]

_TRIES = 20  # versions that are given up before it is an error


@dataclass(frozen=True, slots=True)
class CondaSolution:
    """What the solve of a cell gave; `hardware` are the names that come in builds for hardware."""

    records: tuple[Record, ...]
    pins: Pins | None
    hardware: frozenset[str]


@dataclass(slots=True)
class Matrix:
    """The cells of a project: what was locked of them before, and what has been solved so far.

    `locked` has every environment, in the project's order. `update` are names that may leave the
    version that is locked; `everything` lets all of them. `say` gets a line for each solve, and
    `warn` what is left out, and what pip and conda have in different versions.
    """

    project: CondaProject
    locked: Mapping[CondaEnvironment, Locked]
    update: Collection[str]
    everything: bool
    say: Callable[[str], None]
    warn: Callable[[str], None]
    solved: dict[CondaEnvironment, dict[Platform, CondaSolution]] = field(default_factory=dict)
    left_out: dict[CondaEnvironment, set[Platform]] = field(default_factory=dict)

    def solve(self, solver: Solver, stale: Collection[CondaEnvironment]) -> None:
        """Solve environments platform by platform, so that a platform's records are read once.

        Where a version that all targets are to share cannot be had by one, what has it is solved
        again without it: fresh ones of the same group too.

        Raises AccelockError for what is in the way of a cell that must not be left out.
        """
        solver.prefetch({platform for each in stale for platform in each.platforms})
        for each in stale:
            self._begin(each)
        lockstep = Lockstep(solver, self.project, self._cells(self.locked), {
            each: found for each, found in self.locked.items() if each not in stale
        })  # fmt: skip
        for note in lockstep.notes:
            self.say(note)
        count = 0
        while todo := [cell for cell in self._cells(self.solved) if not self._is_done(*cell)]:
            count += 1
            each, platform = todo[0]
            cell = self._cell(each, platform, lockstep)
            self.say(f"Solving {cell} ({count} of {count - 1 + len(todo)})")
            try:
                records = solve_cell(solver, cell, self.warn)
            except (UnsatisfiableError, GuaranteeError) as error:
                self._go_without(each, platform, error, lockstep)
            else:
                lockstep.bind(each, records)
                found = solver.hardware([record.name for record in records], platform)
                told = frozenset(found if each.target is not None else ())
                self.solved[each][platform] = CondaSolution(records, cell.pins, told)
            if all(other != platform for _, other in todo[1:]):
                solver.forget(platform)

    def _begin(self, each: CondaEnvironment) -> None:
        self.solved[each], self.left_out[each] = {}, set()

    def _cells(self, wanted: Collection[CondaEnvironment]) -> Cells:
        """Return the cells of environments, one platform after the other."""
        every = [each for each in self.locked if each in wanted]
        platforms = dict.fromkeys(platform for each in every for platform in each.platforms)
        return [(each, one) for one in platforms for each in every if one in each.platforms]

    def _is_done(self, each: CondaEnvironment, platform: Platform) -> bool:
        return platform in self.solved[each] or platform in self.left_out[each]

    def _go_without(
        self,
        each: CondaEnvironment,
        platform: Platform,
        error: UnsatisfiableError | GuaranteeError,
        lockstep: Lockstep,
    ) -> None:
        """Leave a cell out, or give up the version that it is bound to; else raise the error."""
        is_required = self.project.is_required(each, platform)
        if isinstance(error, BoundError) and is_required:
            self.say(f"NOTE: {lockstep.exclude(each, platform, error)}")
            for other in self.locked:
                if other.group == each.group:
                    self._begin(other)
            return
        named = self.project.names_platforms(each)
        is_absent = isinstance(error, NoSuchPackageError) and not named
        if is_required and not is_absent:
            raise error
        self.left_out[each].add(platform)
        if len(self.left_out[each]) == len(each.platforms):
            raise error
        self.warn(f"{error}\nThis platform is left out, because the project does not name it.")

    def _cell(self, each: CondaEnvironment, platform: Platform, lockstep: Lockstep) -> CondaCell:
        own = {} if self.everything else _by_name(self.locked[each].get(platform, ()))
        for word in self.update:
            own.pop(word.lower(), None)
        leader = next(iter(self.locked)).target
        ways = () if each.target == leader else ((leader, each.group), (leader, None))
        return CondaCell(
            target=each.target,
            platform=platform,
            group=each.group,
            specs=self.project.specs(each, platform),
            levels=self.project.config.levels,
            python=self.project.python(each),
            pins=self.project.pins(each, platform),
            overlap=self.project.conda.overlap,
            # Of what it lacks, a group's follows the environment without the group.
            locked=_merged(own, *self._others(each, platform, ((each.target, None),))),
            followed=_merged(*self._others(each, platform, ways)),
            bound=lockstep.constraints(each),
        )

    def _others(
        self,
        each: CondaEnvironment,
        platform: Platform,
        ways: Iterable[tuple[Target | None, str | None]],
    ) -> Iterator[dict[str, Record]]:
        """Yield what other environments hold: what this run solved, else what is fresh."""
        for way in ways:
            for other in self.locked:
                if other == each or (other.target, other.group) != way:
                    continue
                if other not in self.solved:
                    yield _by_name(self.locked[other].get(platform, ()))
                elif platform in self.solved[other]:
                    yield _by_name(self.solved[other][platform].records)


def _by_name(records: Iterable[Record]) -> dict[str, Record]:
    return {record.name: record for record in records}


def _merged(*found: dict[str, Record]) -> tuple[Record, ...]:
    """Return the records of all names, each of the first that has one."""
    merged = {name: record for each in reversed(found) for name, record in each.items()}
    return tuple(merged[name] for name in sorted(merged))


class Lockstep:
    """The versions that the environments of a group share, as far as they are known.

    :param cells: those of the whole project.
    :param fresh: what the environments hold that are not solved, which binds the others.

    `notes` say which targets go their own way.
    """

    def __init__(
        self,
        solver: Solver,
        project: CondaProject,
        cells: Cells,
        fresh: Mapping[CondaEnvironment, Locked],
    ) -> None:
        self.notes: list[str] = []
        self._project = project
        self._names: tuple[str, ...] = ()
        self._available: dict[str, dict[tuple[CondaEnvironment, Platform], frozenset[str]]] = {}
        # By group, then name. What is fixed is of a fresh environment, what is bound of a solve.
        self._fixed: dict[str | None, dict[str, str]] = {}
        self._bound: dict[str | None, dict[str, str]] = {}
        self._excluded: dict[str | None, dict[str, set[str]]] = {}
        if not project.config.lockstep or len(project.config.targets) < 2:  # noqa: PLR2004 - alone
            return
        self._names = tuple(self._family())
        for name in self._names:
            self._available[name] = {
                (each, platform): found
                for each, platform in cells
                if self._follows(each) and (found := _versions(solver, name, each, platform))
            }
        for target in project.config.targets:
            if word := self._own_word(target):
                self.notes.append(
                    f"NOTE: {target} requires its own version of {word}, which may differ from "
                    "that of the other targets"
                )
        for each, records in fresh.items():
            for locked in records.values():
                self._hold(self._fixed, each, locked)

    def constraints(self, each: CondaEnvironment) -> tuple[Spec, ...]:
        """Return what holds for the family: the version, or those to choose from."""
        found = []
        known = {**self._bound.get(each.group, {}), **self._fixed.get(each.group, {})}
        for name in self._names if self._follows(each) else ():
            if name in known:
                found.append(Spec(name, f"=={known[name]}"))
            elif shared := self._shared(name, each.group):
                found.append(Spec(name, "|".join(f"=={version}" for version in sorted(shared))))
        return tuple(found)

    def bind(self, each: CondaEnvironment, records: Iterable[Record]) -> None:
        """Hold the other targets to the versions that one has."""
        self._hold(self._bound, each, records)

    def exclude(self, each: CondaEnvironment, platform: Platform, error: BoundError) -> str:
        """Give up the versions that a cell cannot have, and say so.

        Raises UnsatisfiableError where no version is left to try.
        """
        group = each.group
        bound = {**self._bound.pop(group, {}), **self._fixed.pop(group, {})}
        refused = {
            name: bound[name] for name, free in error.free.items() if bound.get(name, free) != free
        }
        excluded = self._excluded.setdefault(group, {})
        for name, version in refused.items():
            excluded.setdefault(name, set()).add(version)
        tries = sum(map(len, excluded.values()))
        lost = [name for name in refused if not self._shared(name, group)]
        if not refused or lost or tries > _TRIES:
            raise UnsatisfiableError(self._told(lost or list(error.free), group, error))
        what = ", ".join(f"{name} {version}" for name, version in refused.items())
        return f"{each.target}, {platform} cannot have {what}; all targets try another version"

    def _told(self, names: Sequence[str], group: str | None, error: BoundError) -> str:
        lines = [
            f"\n  - {each.target}, {platform}: {name} up to {max(found, key=_order)}"
            for name in names
            for (each, platform), found in self._available.get(name, {}).items()
            if each.group == group
        ]
        called = " and ".join(names) or "the family"
        return (
            f"{called}: no one version can be had on every target (lockstep):{''.join(lines)}\n"
            f"{error}\nRequire a version that all targets have, remove a target, give one its own "
            "version ([tool.accelock.conda.target.<name>.dependencies]), or set lockstep = false."
        )

    def _family(self) -> Iterator[str]:
        """Return conda's names of the packages that share a version, and have hardware builds."""
        for family in self._project.config.extend(load_catalogue()).families:
            for package in family.packages:
                if package.lockstep and package.labelled and not package.is_glob:
                    mapped = load_names().get(package.name)
                    yield from mapped.conda if mapped is not None else (package.name,)

    def _follows(self, each: CondaEnvironment) -> bool:
        return each.target is not None and self._own_word(each.target) is None

    def _own_word(self, target: Target) -> str | None:
        """Return what a target alone asks of the family, which takes the family out for it."""
        own = self._project.conda.targets.get(target.name, ())
        return next((each.spec.name for each in own if each.spec.name in self._names), None)

    def _shared(self, name: str, group: str | None) -> frozenset[str]:
        """Return the versions that all cells have which must not be left out; none: any will do."""
        every = [
            found
            for (each, platform), found in self._available.get(name, {}).items()
            if each.group == group and self._project.is_required(each, platform)
        ]
        shared = frozenset.intersection(*every) if every else frozenset()
        return shared - self._excluded.get(group, {}).get(name, set())

    def _hold(
        self,
        into: dict[str | None, dict[str, str]],
        each: CondaEnvironment,
        records: Iterable[Record],
    ) -> None:
        for record in records:
            if record.name in self._names and self._follows(each):
                into.setdefault(each.group, {}).setdefault(record.name, record.version)


def _versions(
    solver: Solver, name: str, each: CondaEnvironment, platform: Platform
) -> frozenset[str]:
    """Return the versions of which a cell has a build, all Pythons together."""
    if each.target is None:
        return frozenset()
    records = solver.hardware([name], platform).get(name, ())
    return frozenset(record.version for record in records if fits(record, each.target, {}))


def _order(version: str) -> tuple[bool, Version | str]:
    try:
        return True, Version(version)
    except ValueError:
        return False, version
