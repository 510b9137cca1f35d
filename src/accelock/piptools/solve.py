"""Run pip-tools' command for each cell, and bring the cells into lockstep."""

from __future__ import annotations

import contextlib
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pip._internal.exceptions import PipError
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.resolvelib import ResolutionError as ResolvelibError
from piptools.utils import is_pinned_requirement, is_url_requirement

from accelock.errors import AccelockError, ResolutionError
from accelock.index.fetch import hide_credentials
from accelock.piptools import hooks, pages
from accelock.piptools.state import Active, Capture, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.target import Cell

# Where pip explains why it found no solution; it prints there before it raises.
_EXPLAINER = "pip._internal.resolution.resolvelib.factory"
# How often a version that some cell refuses is ruled out before we give up.
_ROUNDS = 25


class NoSolutionError(ResolutionError):
    """pip found no solution for one cell."""

    def __init__(self, cell: Cell, message: str) -> None:
        super().__init__(message)
        self.cell = cell


@dataclass(frozen=True)
class Command:
    """pip-compile's own parameters, as click read them, to be called once per cell."""

    params: Mapping[str, Any]
    default_map: Mapping[str, Any] | None = None

    def call(self, run: Run, active: Active, output: Any) -> Capture:
        """Run pip-tools' command for one cell and return what it would have written.

        :param output: the value of ``--output-file``: an object with a name, or None.
        :raises NoSolutionError: pip found none.
        :raises AccelockError: an input or the existing file cannot be read.
        """
        if self.params.get("src_files") == ("-",) or "-" in self.params.get("src_files", ()):
            hooks.feed_standard_input(run)
        # pip-tools reads the pins of an existing file, unless all is to be upgraded: the first pass
        # does not know yet which file of several it is, and must not take it for an input.
        upgrade = active.probing or self.params["upgrade"]
        params = {**self.params, "output_file": output, "upgrade": upgrade, "dry_run": False}
        context = click.Context(compile_module.cli, info_name="accelock compile")
        context.default_map = dict(self.default_map) if self.default_map else None
        context.params = params
        run.active, stdin = active, sys.stdin
        run.inputs.record_projects(active.cell.target.name, self._sources())
        try:
            with context, _explanation(active.heard):
                _call(run, active, params)
        finally:
            run.active, sys.stdin = None, stdin
        return active.capture

    def _sources(self) -> list[str]:
        """Return the source files: those given, or the first default one that there is."""
        given = self.params.get("src_files") or (self.default_map or {}).get("src_files", ())
        defaults = compile_module.DEFAULT_REQUIREMENTS_FILES
        return list(given) or [name for name in defaults if Path(name).exists()][:1]


@dataclass(frozen=True)
class OutputName:
    """Stands for the output file of a cell: pip-tools asks only for its name."""

    name: str
    should_close: bool = False


@dataclass
class Solution:
    """The result of each cell, and the cells that were left out and why."""

    captures: dict[Cell, Capture] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def call_cell(
    run: Run, command: Command, cell: Cell, *, output: Any, probing: bool, **known: Any
) -> Capture:
    """Run the command for one cell: ``known`` are the preferences of `Active`."""
    active = Active(
        cell=cell,
        environment=run.plan.environment(cell),
        output=getattr(output, "name", None),
        probing=probing,
        **known,
    )
    return command.call(run, active, output)


def pins(capture: Capture) -> dict[str, Any]:
    """Return the pins of a cell's result by canonical name; no URLs, no editables."""
    return {
        canonicalize_name(ireq.name): ireq
        for ireq in (*capture.results, *capture.unsafe_requirements)
        if not ireq.editable and not is_url_requirement(ireq) and is_pinned_requirement(ireq)
    }


def version_of(ireq: Any) -> Version:
    """Return the version of a pinned requirement."""
    return Version(next(iter(ireq.specifier)).version)


class Solver:
    """Solves the cells of a run in order, each with the earlier ones' versions as preferences."""

    def __init__(self, run: Run, command: Command, outputs: Mapping[str, str | None]) -> None:
        self.run = run
        self.command = command
        self.outputs = outputs

    def solve(self) -> dict[Cell, Capture]:
        """Return the result of every cell.

        :raises CellDroppedError: a default platform's cell has no wheel of a package.
        :raises ResolutionError: no solution, or none in lockstep.
        """
        for _ in range(_ROUNDS):
            found = self._round()
            if found is not None:
                return found
        raise ResolutionError(
            f"No common set of versions was found in {_ROUNDS} rounds over "
            f"{len(self.run.plan.cells)} cells. Pin one of the lockstep packages, or set "
            "`lockstep = false` in [tool.accelock]."
        )

    def _round(self) -> dict[Cell, Capture] | None:
        """Solve all cells once; None when a version had to be ruled out for all of them."""
        found: dict[Cell, Capture] = {}
        lockstep = self.run.lockstep
        if lockstep is not None:
            lockstep.unsettle()
        for number, cell in enumerate(self.run.plan.cells, 1):
            self._announce(cell, number)
            try:
                found[cell] = self._cell(cell, found)
            except ResolutionError as error:
                if not self._rule_out(cell, found, error):
                    raise
                return None
            if lockstep is not None:
                versions = self._lockstep_versions(found[cell])
                lockstep.settle({name: (version,) for name, version in versions.items()})
        return found

    def _announce(self, cell: Cell, number: int) -> None:
        self.run.plan.say_progress(
            f"Resolving {cell.target.name}, {cell.platform.name}"
            + (f", Python {cell.python}" if self.run.plan.many_pythons else "")
            + f" ({number}/{len(self.run.plan.cells)})"
        )

    def _cell(self, cell: Cell, found: Mapping[Cell, Capture]) -> Capture:
        name = self.outputs[cell.target.name]
        preferences, moved = _preferences(self.run, cell, found)
        return call_cell(
            self.run,
            self.command,
            cell,
            output=OutputName(name) if name is not None else self.command.params["output_file"],
            probing=False,
            preferences=preferences,
            moved=moved,
        )

    def _lockstep_versions(self, capture: Capture) -> dict[str, Version]:
        return {
            name: Version(version_of(ireq).public)
            for name, ireq in pins(capture).items()
            if (entry := self.run.shelves.find(name)) and entry.package.lockstep
        }

    def _rule_out(self, cell: Cell, found: Mapping[Cell, Capture], error: ResolutionError) -> bool:
        """Rule out the leader's versions that this cell's graph refuses; False if none is.

        The cell is solved by itself: where it then takes another version of a lockstep package,
        the leader's is the one that cannot be had in common.
        """
        lockstep = self.run.lockstep
        if lockstep is None or not lockstep.settled or not found:
            return False
        settled = dict(lockstep.settled)
        lockstep.unsettle()
        try:
            alone = self._lockstep_versions(self._cell(cell, found))
        except ResolutionError:
            raise error from None
        refused = {n: taken - {alone[n]} for n, taken in settled.items() if n in alone}
        refused = {name: versions for name, versions in refused.items() if versions}
        for name, versions in refused.items():
            for version in versions:
                lockstep.exclude(name, version)
        return bool(refused)


def asked_for(capture: Capture, name: str) -> bool:
    """Return whether the inputs of a cell ask for a project themselves; a constraint does not."""
    return any(
        not ireq.constraint and ireq.name and canonicalize_name(ireq.name) == name
        for ireq in capture.constraints
    )


def specifiers_of(capture: Capture, name: str) -> SpecifierSet:
    """Return what the inputs of a cell ask of a project, all of them together."""
    parts = [
        str(ireq.req.specifier)
        for ireq in capture.constraints
        if ireq.req is not None and ireq.name and canonicalize_name(ireq.name) == name
    ]
    text = ",".join(sorted({part for part in parts if part}))
    return SpecifierSet(text, prereleases=capture.prereleases or None)


def _preferences(
    run: Run, cell: Cell, found: Mapping[Cell, Capture]
) -> tuple[dict[str, str], frozenset[str]]:
    """Return the versions that a cell takes if it can, and the names that this run has moved.

    The leader's cell of the same place counts most, then the first cell of the same target. A name
    that the leader kept as its file had it does not override what this cell's own file has.
    """
    versions: dict[str, str] = {}
    moved: set[str] = set()
    for capture in _models(cell, found):
        for name, ireq in pins(capture).items():
            version = version_of(ireq)
            accelerated = run.shelves.find(name) is not None
            versions[name] = version.public if accelerated else str(version)
            existing = capture.existing.get(name)
            if existing is None or Version(version_of(existing).public) != Version(version.public):
                moved.add(name)
    return versions, frozenset(moved)


def _models(cell: Cell, found: Mapping[Cell, Capture]) -> Iterator[Capture]:
    """Yield the results that a cell follows, those that count most last."""
    cells = list(found)
    if not cells:
        return
    leader = cells[0].target
    yield found[cells[0]]
    yield from (found[other] for other in cells if other.target == cell.target)
    yield from (
        found[other]
        for other in cells
        if other.target == leader and (other.platform, other.python) == (cell.platform, cell.python)
    )


def _call(run: Run, active: Active, params: dict[str, Any]) -> None:
    try:
        compile_module.cli.callback(**params)
    except PipError as error:
        if not active.resolving:
            raise AccelockError(str(error)) from error
        raise _no_solution(run, active, str(error)) from error
    except ResolvelibError as error:  # pip before 25.1 lets "too deep" through
        raise _no_solution(run, active, f"{type(error).__name__}: {error}") from error
    except ValueError as error:  # pip before 24.1: metadata that is none
        reason = f"{type(error).__name__}: {error}"
        raise AccelockError(f"pip cannot read what it found for {active.cell}: {reason}") from error
    except OSError as error:  # a file or a host; pip-tools does not expect either to fail
        raise AccelockError(hide_credentials(str(error))) from error


def _no_solution(run: Run, active: Active, reason: str) -> NoSolutionError:
    said = [*active.heard, reason]
    reasons = list(dict.fromkeys([*said, *pages.faults(run, " ".join(said))]))
    lines = "".join(f"\n  {line}" for line in reasons)
    return NoSolutionError(active.cell, f"pip found no solution for {active.cell}:{lines}")


@contextlib.contextmanager
def _explanation(heard: list[str]) -> Iterator[None]:
    """Collect pip's explanation of a failure, which it logs, so that it is said once and by us."""
    logger = logging.getLogger(_EXPLAINER)

    def listen(record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return True
        heard.extend(line for line in record.getMessage().splitlines() if line.strip())
        return False

    # What conflicts with what is said at a level that pip-tools does not turn on.
    level = logger.level
    logger.addFilter(listen)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeFilter(listen)
