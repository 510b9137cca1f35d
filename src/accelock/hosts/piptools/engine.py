"""`accelock compile` for targets: read the inputs, solve the cells, merge, write all or nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from accelock.catalogue import Source
from accelock.errors import AccelockError
from accelock.hosts.piptools import (
    cell_markers,
    files,
    hashing,
    keeping,
    labels,
    merge,
    notes,
    pages,
)
from accelock.hosts.piptools import inputs as reading
from accelock.hosts.piptools.calling import CompileCall, OutputName, installed
from accelock.hosts.piptools.host import PipHost, pins
from accelock.hosts.piptools.state import Capture, Run
from accelock.locks import journal
from accelock.resolve.knowledge import Knowledge
from accelock.resolve.routing import Routing
from accelock.resolve.search import Search
from accelock.resolve.substitution import for_others_message, together, together_message
from accelock.sources.kept import Pages
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from accelock.hosts.piptools.plan import Plan
    from accelock.resolve.host import Group
    from accelock.resolve.search import Result
    from accelock.targets import Cell


@dataclass(frozen=True)
class CompileResult:
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
    :param reports_moves: the caller says itself which pins it had to let go of.
    :param hashes_by_default: nobody asked for the hashes, so that a file may go without.
    :param before: an earlier run of the same plan, whose pages and metadata are read no more.
    :param prepare: gets the paths of the files to write as soon as they are known, before anything
        is fetched; it may refuse them.
    """

    def __init__(
        self,
        plan: Plan,
        command: CompileCall,
        *,
        reports_moves: bool = False,
        hashes_by_default: bool = False,
        before: Run | None = None,
        prepare: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        self.command = command
        self.run = Run(
            plan=plan,
            inputs=reading.Inputs(),
            reports_moves=reports_moves,
            hashes_by_default=hashes_by_default,
            upgraded=keeping.names_of(command.params["upgrade_packages"]),
            kept=Pages(kind="pip", offline=plan.offline),
        )
        if before is not None:
            self.run.memo, self.run.session = before.memo, before.session
            self.run.reader = before.reader
        self._prepare = prepare
        self._probes: dict[Cell, Capture] = {}

    def compile(self) -> CompileResult:
        """Read the inputs and solve every cell. Nothing is written.

        :raises AccelockError: whatever stops the lock, with the message for the user.
        """
        with installed(self.run):
            self._probe()
            base = self._base_name()
            names = files.output_names(base, self.run.plan.targets)
            if self._prepare is not None:
                self._prepare(names.values())
            self._open_sources()
            try:
                result = self._search(files.pins_to_keep(base, names))
            except AccelockError:
                notes.say_built(self.run)  # it may be what stopped the run
                raise
        captures = {group.cells[0]: capture for group, capture in result.solutions.items()}
        self.run.plan = replace(self.run.plan, cells=tuple(captures))
        labels.judge(self.run, captures)
        cell_markers.judge_found(self.run, captures)
        self._refuse_for_others(captures)
        self._refuse_together(captures)
        self._record_projects(captures)
        notes.say(self.run, captures, result)
        hashing.settle(self.run, captures, names)
        labels.force(self.run, captures)
        plan = self.run.plan
        return CompileResult(
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

    def _refuse_together(self, captures: Mapping[Cell, Capture]) -> None:
        """Refuse a cell that would have one package under two names.

        :raises AccelockError: there is one.
        """
        for cell, capture in captures.items():
            there: dict[str, Any] = {
                canonicalize_name(each.name): each
                for each in (*capture.results, *capture.unsafe_requirements)
                if each.name
            }
            plan = self.run.plan
            for names in together(there, plan.catalogue.exclusive, plan.substitution.off):
                asked = {name: merge.requirers(there[name]) for name in names}
                raise AccelockError(together_message(str(cell), asked))

    def _refuse_for_others(self, captures: Mapping[Cell, Capture]) -> None:
        """Refuse a cell in which a package requires what every target is to have its own of.

        pip reads what a package requires when it installs a file, and would add that to it, or
        refuse a file with hashes: pip-sync, and `pip install -r pylock.toml`, too (pip 26.3).

        :raises AccelockError: there is one.
        """
        rule = self.run.plan.substitution
        for cell, capture in captures.items():
            found = pins(capture)
            for name in sorted(rule.always & found.keys() - capture.substituted.keys()):
                row = rule.row_for_others(Requirement(name), cell.target, cell.platform)
                if row is not None:
                    asked = merge.requirers(found[name])
                    raise AccelockError(for_others_message(str(cell), name, asked, row))

    def _probe(self) -> None:
        """Let pip-tools read the inputs for each cell, and resolve nothing."""
        output = self.command.params["output_file"]
        if output is not None and journal.is_special(Path(output.name)):
            output = OutputName(os.devnull)
        for cell in self.run.plan.cells:
            self._probes[cell] = self.command.call(self.run, cell, output=output, probing=True)

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
        run.reader = run.reader or IndexReader(
            run.session, timeout=run.session.timeout, offline=plan.offline
        )
        run.routing = Routing(
            run.reader,
            plan.catalogue,
            sources=plan.sources,
            levels=plan.levels,
            cpuonly=self._cpuonly_families(),
            hashed=bool(self.command.params["generate_hashes"])
            and not (run.hashes_by_default or plan.allow_downloads),
        )
        for cell, capture in self._probes.items():
            labels.read_builds(capture.constraints, run.routing, cell.target)

    def _sources_in_inputs(self) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for capture in self._probes.values():
            for url in (*capture.index_urls, *capture.find_links):
                if (known := self.run.plan.catalogue.recognise(url)) is not None:
                    found.setdefault(known[0].name, Source(known[1]))
        return found

    def _cpuonly_families(self) -> frozenset[str]:
        names = self.run.plan.cpuonly | self.run.inputs.cpuonly
        for name in sorted(names):
            if self.run.plan.catalogue.family_of(name) is None:
                raise AccelockError(
                    f"{name} is marked cpuonly, but it belongs to no family, so it has no CPU "
                    "builds. Remove the mark. (Builds of your own for PyTorch's targets join its "
                    "family in [tool.accelock.packages].)"
                )
        return self.run.plan.catalogue.cpuonly_families(names)

    def _search(self, keep: Mapping[str, str]) -> Result[Capture]:
        """Solve all cells; the default platforms' cells that cannot follow are left out."""
        run = self.run
        locked = files.public_versions(keep)
        self._prefetch(name for _target, name in locked)
        prereleases = any(capture.prereleases for capture in self._probes.values())
        host = PipHost(run, self.command, self._probes, _readable(keep), locked)
        known = Knowledge(
            host,
            required=tuple(cell for cell in run.plan.cells if run.plan.is_required(cell)),
            optional=tuple(cell for cell in run.plan.cells if not run.plan.is_required(cell)),
            excluded={c: each.excluded for c, each in self._probes.items() if each.excluded},
            packages=run.plan.catalogue,
            together=run.plan.lockstep,
            anything=SpecifierSet(prereleases=prereleases or None),
        )
        search = Search(
            host,
            known,
            announce=self._announce,
            # `accelock rewrite` has means of its own: it lets go of the lines that are in the way.
            leaves_out=not run.reports_moves,
            split=run.plan.pinned_alone,
        )
        return search.run()

    def _prefetch(self, locked: Iterable[str]) -> None:
        """Fetch the pages of what the inputs name and of what is locked, before any solve."""
        leader, asked = next(iter(self._probes.values())), dict[str, None]()
        for capture in self._probes.values():
            asked |= dict.fromkeys(each.name for each in capture.constraints if each.link is None)
        pages.prefetch(self.run, leader.finder, filter(None, (*asked, *locked)))

    def _announce(self, group: Group, number: int, of: int) -> None:
        (cell,) = group.cells
        self.run.plan.say_progress(
            f"Resolving {cell.target.name}, {cell.platform.name}"
            + (f", Python {cell.python}" if self.run.plan.many_pythons else "")
            + f" ({number}/{of})"
        )


def _readable(keep: Mapping[str, str]) -> dict[str, str | None]:
    """Return the files that pip-tools may read as the existing ones; a device is none of them."""
    found = {name: None if path == files.STDOUT else path for name, path in keep.items()}
    return {
        name: os.devnull if path is not None and journal.is_special(Path(path)) else path
        for name, path in found.items()
    }
