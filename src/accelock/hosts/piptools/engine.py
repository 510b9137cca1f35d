"""`accelock compile` for targets: read the inputs, solve the cells, merge, write all or nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pip._vendor.packaging.utils import canonicalize_name

from accelock.catalogue import Source
from accelock.errors import AccelockError, LockstepError
from accelock.hosts.piptools import inputs as reading
from accelock.hosts.piptools import merge, notes, outputs, upgrading
from accelock.hosts.piptools.calling import Command, OutputName, call_cell
from accelock.hosts.piptools.solve import Solver, asked_for, specifiers_of
from accelock.hosts.piptools.state import Capture, Run
from accelock.locks import journal
from accelock.resolve.lockstep import CellDroppedError, Lockstep
from accelock.resolve.routing import Shelf
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from packaging.version import Version

    from accelock.hosts.piptools.plan import Plan
    from accelock.targets import Cell, Target


@dataclass(frozen=True)
class Compiled:
    """What a run found, before it is written.

    :param outputs: target name -> path or ``-``.
    :param variants: target name -> the merged lines of its file.
    :param captures: what pip-tools found in each cell.
    """

    run: Run
    outputs: Mapping[str, str]
    variants: Mapping[str, tuple[merge.Variant, ...]]
    captures: Mapping[Cell, Capture]


class Engine:
    """One run over all cells of a plan.

    :param command: pip-compile's own parameters.
    :param hooked: the context that lets pip-tools' command work for a run (`hooks.installed`).
    :param reports_moves: the caller says itself which pins it had to let go of.
    :param before: an earlier run of the same plan, whose pages and metadata are read no more.
    :param prepare: gets the paths of the files to write as soon as they are known, before anything
        is fetched; it may refuse them.
    """

    def __init__(
        self,
        plan: Plan,
        command: Command,
        hooked: Callable[[Run], Any],
        *,
        reports_moves: bool = False,
        before: Run | None = None,
        prepare: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        self.command = command
        self.run = Run(
            plan=plan,
            inputs=reading.Inputs(),
            reports_moves=reports_moves,
            upgraded=upgrading.names_of(command.params["upgrade_packages"]),
        )
        if before is not None:
            self.run.memo, self.run.session = before.memo, before.session
            self.run.reader = before.reader
        self._hooked = hooked
        self._prepare = prepare
        self._probes: dict[Cell, Capture] = {}
        self._warnings: list[str] = []
        self._thinned: set[Target] = set()
        self._locked: Mapping[tuple[str, str], Version] = {}

    def compile(self) -> Compiled:
        """Read the inputs and solve every cell. Nothing is written.

        :raises AccelockError: whatever stops the lock, with the message for the user.
        """
        with self._hooked(self.run):
            self._probe()
            base = self._base_name()
            names = outputs.output_names(base, self.run.plan.targets)
            if self._prepare is not None:
                self._prepare(names.values())
            self._open_sources()
            captures = self._solve(outputs.pins_to_keep(base, names))
        self._record_projects(captures)
        notes.say(self.run, captures, self._warnings)
        plan = self.run.plan
        return Compiled(
            run=self.run,
            outputs=names,
            variants={
                target.name: merge.merge(
                    {c: captures[c] for c in plan.cells_of(target)}, plan.patch
                )
                for target in plan.targets
            },
            captures=captures,
        )

    def _record_projects(self, captures: Mapping[Cell, Capture]) -> None:
        """Count the local projects among the requirements as inputs: they ask for more of them."""
        for cell, capture in captures.items():
            for _ireq, directory in reading.local_projects(capture):
                self.run.inputs.record_project(cell.target.name, directory)

    def _probe(self) -> None:
        """Let pip-tools read the inputs for each cell, and resolve nothing."""
        output = self.command.params["output_file"]
        if output is not None and journal.is_special(Path(output.name)):
            output = OutputName(os.devnull)
        for cell in self.run.plan.cells:
            self._probes[cell] = call_cell(
                self.run, self.command, cell, output=output, probing=True
            )

    def _base_name(self) -> str:
        given = self.command.params["output_file"]
        if given is not None:
            return str(given.name)
        first = next(iter(self._probes.values()))
        return str(first.writer["dst_file"].name)

    def _open_sources(self) -> None:
        """Settle the sources, of which the inputs may name some, and what is marked cpuonly."""
        run = self.run
        run.plan = plan = run.plan.with_sources(self._sources_in_inputs())
        run.reader = run.reader or IndexReader(run.session, timeout=run.session.timeout)
        run.shelf = Shelf(
            run.reader,
            plan.catalogue,
            sources=plan.sources,
            levels=plan.levels,
            cpuonly=self._cpuonly_families(),
            hashed=bool(self.command.params["generate_hashes"]) and not plan.allow_downloads,
        )
        for cell, capture in self._probes.items():
            for requirement in capture.constraints:
                found = run.shelf.find(requirement.name) if requirement.name else None
                if found is not None:
                    reading.strip_own_label(requirement, found, run.shelf, cell.target)

    def _sources_in_inputs(self) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for capture in self._probes.values():
            for url in (*capture.index_urls, *capture.find_links):
                for family in self.run.plan.catalogue.families:
                    template = family.recognise(url)
                    if template is not None:
                        found.setdefault(family.name, Source(template))
        return found

    def _cpuonly_families(self) -> frozenset[str]:
        names = self.run.plan.cpuonly | self.run.inputs.cpuonly
        families = set()
        for name in sorted(names):
            found = self.run.plan.catalogue.family_of(name)
            if found is None:
                raise AccelockError(
                    f"{name} is marked cpuonly, but no family has it, so that it has no CPU build "
                    "to choose. Remove the mark. (Builds of your own for PyTorch's targets join "
                    "its family in [tool.accelock.packages].)"
                )
            families.add(found[0].name)
        return frozenset(families)

    def _solve(self, keep: Mapping[str, str]) -> dict[Cell, Capture]:
        """Solve all cells; leave out the default platforms' cells that have no wheels."""
        self._locked = outputs.public_versions(keep)
        while True:
            self.run.lockstep = self._lockstep()
            try:
                return Solver(self.run, self.command, _readable(keep)).solve()
            except CellDroppedError as error:
                for each in (error, *error.others):
                    self._drop(each)
            except LockstepError as error:
                raise self._of_whole_target(error) from error

    def _lockstep(self) -> Lockstep:
        run = self.run
        return Lockstep(
            cells=run.plan.cells,
            together=run.plan.lockstep,
            available=run.shelves.versions,
            wanted=lambda name, cell: specifiers_of(self._probes[cell], canonicalize_name(name)),
            may_drop=run.plan.may_drop,
            unhashed=run.shelves.unhashed,
            source=run.shelves.describe,
            preferred=self._locked_version,
            asks=lambda name, cell: asked_for(self._probes[cell], canonicalize_name(name)),
            companions=run.plan.catalogue.companions,
        )

    def _locked_version(self, name: str, cell: Cell) -> Version | None:
        """Return the public version that the target's file has now, unless it is to be upgraded."""
        if self.command.params["upgrade"] or name in self.run.upgraded:
            return None
        return self._locked.get((cell.target.name, canonicalize_name(name)))

    def _of_whole_target(self, error: LockstepError) -> LockstepError:
        """Return an error that names the target alone where its other platforms stopped before."""
        for cell in self.run.plan.cells:
            if cell.target in self._thinned:
                error = type(error)(str(error).replace(str(cell), self._on_no_platform(cell)))
        return error

    def _on_no_platform(self, cell: Cell) -> str:
        """Return what to call a cell where all platforms of its target stopped in its way."""
        several = len({each.python for each in self._probes}) > 1
        return f"{cell.target.name}, Python {cell.python}" if several else cell.target.name

    def _drop(self, error: CellDroppedError) -> None:
        if error.cell not in self.run.plan.cells:  # with another Python's
            return
        self.run.plan = self.run.plan.without(error.cell)
        self._thinned.add(error.cell.target)
        if not self.run.plan.cells_of(error.cell.target):
            whole = str(error).replace(str(error.cell), self._on_no_platform(error.cell))
            raise LockstepError(whole) from error
        self._warnings.append(
            f"WARNING: {error.cell.platform.name} is left out of {error.cell.target.name}: {error} "
            "(It is one of the default platforms; name the platforms that you need with --platform "
            "or `platforms` in [tool.accelock].)"
        )


def _readable(keep: Mapping[str, str]) -> dict[str, str | None]:
    """Return the files that pip-tools may read as the existing ones; a device is none of them."""
    files = {name: None if path == outputs.STDOUT else path for name, path in keep.items()}
    return {
        name: os.devnull if path is not None and journal.is_special(Path(path)) else path
        for name, path in files.items()
    }
