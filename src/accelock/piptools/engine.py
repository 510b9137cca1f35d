"""`accelock compile` for targets: read the inputs, solve the cells, merge, write all or nothing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import Version
from pip._vendor.packaging.utils import canonicalize_name
from piptools.logging import log

from accelock import __version__
from accelock.catalogue import Source
from accelock.errors import AccelockError, LockstepError
from accelock.index.lockstep import CellDroppedError, Lockstep, held_back_message
from accelock.index.reader import IndexReader
from accelock.index.shelf import Shelf
from accelock.lock import freshness, journal
from accelock.lock.header import Stamp, body_digest
from accelock.piptools import inputs as reading
from accelock.piptools import merge, outputs, render, upgrading
from accelock.piptools.solve import (
    Command,
    Solver,
    asked_for,
    call_cell,
    pins,
    specifiers_of,
    version_of,
)
from accelock.piptools.state import Capture, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import click

    from accelock.piptools.plan import Plan
    from accelock.target import Cell, Target


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
    """

    def __init__(
        self,
        plan: Plan,
        command: Command,
        hooked: Callable[[Run], Any],
        *,
        reports_moves: bool = False,
        before: Run | None = None,
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
        self._probes: dict[Cell, Capture] = {}
        self._warnings: list[str] = []

    def compile(self) -> Compiled:
        """Read the inputs and solve every cell. Nothing is written.

        :raises AccelockError: whatever stops the lock, with the message for the user.
        """
        with self._hooked(self.run):
            self._probe()
            base = self._base_name()
            names = outputs.output_names(base, self.run.plan.targets)
            self._open_sources()
            captures = self._solve(outputs.pins_to_keep(base, names))
        self._say_what_is_absent()
        self._say_what_is_unhashed(captures)
        self._say_what_is_held_back(captures)
        return Compiled(
            run=self.run,
            outputs=names,
            variants={
                target.name: merge.merge({c: captures[c] for c in self.run.plan.cells_of(target)})
                for target in self.run.plan.targets
            },
            captures=captures,
        )

    def _probe(self) -> None:
        """Let pip-tools read the inputs for each cell, and resolve nothing."""
        output = self.command.params["output_file"]
        for cell in self.run.plan.cells:
            self._probes[cell] = call_cell(
                self.run, self.command, cell, output=output, probing=True
            )

    def _base_name(self) -> str:
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
                    f"{name} is marked cpuonly, but no family has it: a cpuonly mark chooses the "
                    "CPU builds of a family such as PyTorch's. Remove the mark, or add the package "
                    f'to its family: [tool.accelock.packages] {name} = {{ family = "pytorch" }}'
                )
            families.add(found[0].name)
        return frozenset(families)

    def _solve(self, keep: Mapping[str, str]) -> dict[Cell, Capture]:
        """Solve all cells; leave out the default platforms' cells that have no wheels."""
        while True:
            self.run.lockstep = self._lockstep()
            try:
                return Solver(self.run, self.command, _readable(keep)).solve()
            except CellDroppedError as error:
                self._drop(error)

    def _lockstep(self) -> Lockstep:
        run = self.run
        return Lockstep(
            cells=run.plan.cells,
            together=run.plan.lockstep,
            available=run.shelves.versions,
            wanted=lambda name, cell: specifiers_of(self._probes[cell], canonicalize_name(name)),
            may_drop=run.plan.may_drop,
            unhashed=run.shelves.unhashed,
            asks=lambda name, cell: asked_for(self._probes[cell], canonicalize_name(name)),
        )

    def _drop(self, error: CellDroppedError) -> None:
        self.run.plan = self.run.plan.without(error.cell)
        if not self.run.plan.cells_of(error.cell.target):
            whole = str(error).replace(str(error.cell), error.cell.target.name)
            raise LockstepError(whole) from error
        self._warnings.append(
            f"WARNING: {error.cell.platform.name} is left out of {error.cell.target.name}: {error} "
            "(It is one of the default platforms; name the platforms that you need with --platform "
            "or `platforms` in [tool.accelock].)"
        )

    def _say_what_is_absent(self) -> None:
        for warning in dict.fromkeys(self._warnings):
            self.run.plan.say(warning)
        missing: dict[str, list[str]] = {}
        for target, platform in self.run.plan.absent:
            missing.setdefault(target.name, []).append(platform.name)
        for name, platforms in missing.items():
            self.run.plan.say_progress(
                f"{name} does not exist on {', '.join(platforms)}: left out there."
            )
        for (name, version), link in sorted(self.run.memo.built.items()):
            self._say_built(name, version, link)

    def _say_what_is_unhashed(self, captures: Mapping[Cell, Capture]) -> None:
        """Say which newer versions were passed over because their index publishes no hash."""
        for cell, capture in captures.items():
            for name, ireq in pins(capture).items():
                found = self.run.shelves.find(name)
                if found is None or not found.package.labelled:
                    continue
                chosen = version_of(ireq)
                newer = [v for v in self.run.shelves.unhashed(name, cell) if v > chosen]
                if newer and self.run.first_time(f"unhashed {name}"):
                    self.run.plan.say(
                        f"NOTE: {name} {max(newer)} is passed over: its index publishes no sha256 "
                        f"for {cell} (--allow-downloads would download the wheels to hash them)."
                    )

    def _say_what_is_held_back(self, captures: Mapping[Cell, Capture]) -> None:
        """Say where a platform that nobody named keeps a package at an older version."""
        lockstep = self.run.lockstep
        chosen = {
            name: Version(version_of(ireq).public)
            for capture in captures.values()
            for name, ireq in pins(capture).items()
            if (entry := self.run.shelves.find(name))
            and entry.package.lockstep
            and entry.package.labelled
        }
        for name, version in chosen.items():
            found = lockstep.held_back(name, version) if lockstep else None
            if found is not None:
                self.run.plan.say(f"NOTE: {held_back_message(name, version, *found)}")

    def _say_built(self, name: str, version: str, link: str) -> None:
        del link
        if len({cell.platform for cell in self.run.plan.cells}) > 1:
            self.run.plan.say(
                f"WARNING: the metadata of {name} {version} was built on this machine (it has no "
                "wheel and no static metadata, PEP 643); its markers were applied to every "
                "platform."
            )


def sheets(
    compiled: Compiled, context: click.Context, ours: tuple[str, ...]
) -> dict[str, render.Sheet]:
    """Return what each target's file consists of: target name -> sheet."""
    plan = compiled.run.plan
    return {target.name: _sheet(compiled, target, context, ours) for target in plan.targets}


def write(compiled: Compiled, pages: Mapping[str, render.Sheet], *, dry_run: bool) -> None:
    """Show the files as pip-compile does, and write all of them or none.

    :raises OutputError: a file cannot be written; all are as they were.
    """
    files: dict[Path, bytes] = {}
    for name, sheet in pages.items():
        lines = render.render(sheet)
        _show(lines, always=dry_run)
        content = render.as_bytes(lines, sheet.writer["linesep"])
        output = compiled.outputs[name]
        if dry_run:
            continue
        if output == outputs.STDOUT:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            files[Path(output)] = content
    journal.write_all(files)


def _show(lines: list[str], *, always: bool) -> None:
    for line in lines:
        (log.log if always else log.info)(line)


def _sheet(
    compiled: Compiled, target: Target, context: click.Context, ours: tuple[str, ...]
) -> render.Sheet:
    run = compiled.run
    cells = run.plan.cells_of(target)
    writer = compiled.captures[cells[0]].writer
    index_urls, find_links = family_lines(compiled, target)
    pythons = tuple(dict.fromkeys(str(cell.python) for cell in cells))
    stamp = _stamp(run, target, compiled.outputs[target.name], pythons)
    return render.Sheet(
        variants=compiled.variants[target.name],
        writer=writer,
        index_urls=[*writer["index_urls"], *index_urls],
        find_links=[*writer["find_links"], *find_links],
        pythons=pythons,
        command=render.compile_command(context, ours),
        stamp=stamp,
    )


def family_lines(compiled: Compiled, target: Target) -> tuple[list[str], list[str]]:
    """Return the index URLs and the find-links pages of the families that a file's pins need."""
    run = compiled.run
    indexes: dict[str, None] = {}
    pages: dict[str, None] = {}
    for variant in compiled.variants[target.name]:
        link = variant.requirement.link
        file = run.files.get(link.url_without_fragment) if link is not None else None
        found = run.shelves.find(variant.name)
        if file is None or found is None:
            continue
        source = run.plan.written[found.family.name]
        url = source.without_credentials.url(run.shelves.variant(found.family, target))
        (pages if source.is_find_links else indexes)[url] = None
    return list(indexes), list(pages)


def stamp_of(compiled: Compiled, target: Target, *, inputs: tuple[str, ...], text: str) -> Stamp:
    """Return the stamp of a file that was not compiled from inputs that we know."""
    cells = compiled.run.plan.cells_of(target)
    return Stamp(
        version=__version__,
        target=target.name,
        platforms=tuple(dict.fromkeys(cell.platform.name for cell in cells)),
        python=tuple(dict.fromkeys(str(cell.python) for cell in cells)),
        inputs=inputs,
        digest=freshness.digest((), ()),
        body=body_digest(text),
    )


def _stamp(run: Run, target: Target, output: str, pythons: tuple[str, ...]) -> Stamp:
    folder = Path() if output == outputs.STDOUT else Path(output).parent
    texts = [(_from(folder, path), text) for path, text in run.inputs.of(target.name)]
    return Stamp(
        version=__version__,
        target=target.name,
        platforms=tuple(dict.fromkeys(c.platform.name for c in run.plan.cells_of(target))),
        python=pythons,
        inputs=tuple(path for path, _text in texts),
        digest=freshness.digest(texts, freshness.settings_of(Path())),
        body="",
    )


def _from(folder: Path, path: str) -> str:
    if path == reading.STDIN or "://" in path:
        return path
    return Path(os.path.relpath(path, folder)).as_posix()


def _readable(keep: Mapping[str, str]) -> dict[str, str | None]:
    return {name: None if path == outputs.STDOUT else path for name, path in keep.items()}
