"""Resolve a compiled file's direct requirements for its target, with its pins as preferences.

What the result lacks, or what has no file for a platform, changes what is direct, and it is
resolved again (`orphans`, and `Resolution._without` here) until nothing is left to decide.
"""

from __future__ import annotations

import functools
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from piptools.utils import is_url_requirement

from accelock.errors import AccelockError
from accelock.hosts.piptools import engine, hooks
from accelock.hosts.piptools.asks import Asks
from accelock.hosts.piptools.calling import Command, OutputName
from accelock.hosts.piptools.merge import place_of
from accelock.hosts.piptools.rewrite.orphans import OrphanedPins
from accelock.resolve.host import NoSolution
from accelock.resolve.search import NoSolutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from accelock.hosts.piptools.engine import Compiled
    from accelock.hosts.piptools.merge import Variant
    from accelock.hosts.piptools.rewrite.compiled_file import CompiledFile, DirectRequirement
    from accelock.hosts.piptools.state import Run
    from accelock.locks.requirements import RequirementLine
    from accelock.targets import Cell

    Roots = tuple[DirectRequirement, ...]

_INPUT = "direct.in"


@dataclass(frozen=True)
class Rewrite:
    """A compiled file beside what was compiled of its direct requirements for the target.

    :param file: the file, with the cells that the run has left.
    :param hashes: whether the new lines carry hashes.
    """

    file: CompiledFile
    compiled: Compiled
    hashes: bool

    @property
    def run(self) -> Run:
        """Return the run that compiled it."""
        return self.compiled.run

    @functools.cached_property
    def asks(self) -> Asks:
        """Return what the distributions that were looked at ask for."""
        return Asks.of(self.run.memo.metadata.values())

    @functools.cached_property
    def variants(self) -> Mapping[str, tuple[Variant, ...]]:
        """Return the lines to have, by name: no direct URLs, and unsafe packages where asked."""
        writer = next(iter(self.compiled.captures.values())).writer
        found: dict[str, tuple[Variant, ...]] = {}
        for variant in self.compiled.variants[self.file.target.name]:
            written = not variant.unsafe or writer["allow_unsafe"]
            if written and not is_url_requirement(variant.requirement):
                found[variant.name] = (*found.get(variant.name, ()), variant)
        return found

    @functools.cached_property
    def url_hashes(self) -> Mapping[str, frozenset[str]]:
        """Return the hashes of the direct URLs, by name."""
        variants = self.compiled.variants[self.file.target.name]
        return {v.name: v.hashes for v in variants if is_url_requirement(v.requirement)}

    def found(self, name: str) -> Mapping[Cell, str]:
        """Return the version that was found of a package, by cell."""
        return self._found.get(name, {})

    @functools.cached_property
    def _found(self) -> Mapping[str, Mapping[Cell, str]]:
        by_place = {place_of(cell): cell for cell in self.file.plan.cells}
        return {
            name: {
                by_place[place]: variant.text.partition("==")[2].lstrip("=")
                for variant in variants
                for place in variant.places
            }
            for name, variants in self.variants.items()
        }

    @functools.cached_property
    def dropped(self) -> Mapping[str, tuple[RequirementLine, ...]]:
        """Return the pins that go, by name: nothing asks for them in any cell.

        A line for other Pythons or platforms than those of this run stays; but not where it is an
        accelerated package, of which it would be another target's build.
        """
        gone = {
            name: tuple(p for p in pins if self.file.concerns(p) or self.is_accelerated(name))
            for name, pins in self.file.pinned.items()
            if name not in self.variants
        }
        return {name: pins for name, pins in gone.items() if pins}

    @functools.cached_property
    def foreign_hashes(self) -> Mapping[str, frozenset[str]]:
        """Return the hashes, by name, of pins that stay which no index of the run has a file of.

        They would let in a file of an index that the user never named. Of an index that publishes
        no hashes nothing can be told. A family's builds have exactly the hashes of its own source.
        """
        memo, found = self.run.memo, dict[str, frozenset[str]]()
        published = memo.published()
        for name in self.variants.keys() & self.file.pinned.keys() if self.hashes else ():
            package = self.file.package(name)
            listed = self.run.shelves.listed(name, self.file.target)
            looked_up = (memo.looked_up(name, cell) for cell in self.file.plan.cells)
            links = [c.link for lists in looked_up for each in lists for c in each]
            if (package is not None and package.labelled) or not all(
                [*(link.hash_name == "sha256" for link in links), *(f.sha256 for f in listed)]
            ):
                continue
            known = {*published, *(f"sha256:{file.sha256}" for file in listed)}
            own = {h for p in self.staying(name) for h in p.hashes if h.startswith("sha256:")}
            if own - known:
                found[name] = frozenset(own - known)
        return found

    def staying(self, name: str) -> list[RequirementLine]:
        """Return the lines of a package that hold in any cell, with a version that was found."""
        versions = set(self.found(name).values())
        pins = self.file.pinned.get(name, ())
        return [p for p in pins if self.file.concerns(p) and p.version in versions]

    def is_accelerated(self, name: str) -> bool:
        """Return whether a package is one that a family publishes per target, or a part of it."""
        package = self.file.package(name)
        return package is not None and (package.runtime or not package.is_glob)


@dataclass
class Resolution:
    """One file on its way to its target.

    :param parameters: pip-compile's own, as its command line gives them.
    :param own_index: whether the file's own --index-url counts: none was given in its place.
    """

    file: CompiledFile
    parameters: Mapping[str, Any]
    own_index: bool
    _said: set[str] = field(default_factory=set)

    def solve(self) -> Rewrite:
        """Return the file beside its new pins.

        :raises AccelockError: no solution, a source that cannot be read, or a file that has nothing
            for the Python and the platforms of the plan.
        """
        self.file.check()
        roots, before = self.file.direct_requirements(), None
        with tempfile.TemporaryDirectory(prefix="accelock-") as folder:
            while True:
                work = self._engine(roots, Path(folder), before)
                try:
                    result = self._result(work.compile())
                    better = self._after_success(roots, result)
                    if better == roots:
                        _refuse_foreign_pins(result)
                        return result
                except NoSolutionError as error:
                    better = self._after_failure(roots, error, work.run)
                    if better == roots:
                        raise self._with_advice(error, work.run, Path(folder)) from error
                except AccelockError as error:
                    error.args = (self._in_own_words(str(error), Path(folder)), *error.args[1:])
                    raise
                roots, before = better, work.run

    def _engine(self, roots: Roots, folder: Path, before: Run | None) -> engine.Engine:
        """Write the inputs of a try and return what compiles them, saying each thing once."""
        source, pins = folder / _INPUT, folder / "pins.txt"
        options = self.file.option_lines(index=self.own_index)
        _write(source, [*options, *dict.fromkeys(map(str, roots))])
        _write(pins, self.file.preferences())
        plan = self.file.plan
        plan = replace(plan, say=self._once(plan.say), say_progress=self._once(plan.say_progress))
        named = {"src_files": (str(source),), "output_file": OutputName(str(pins))}
        command = Command({**self.parameters, **named})
        return engine.Engine(plan, command, hooks.installed, reports_moves=True, before=before)

    def _result(self, compiled: Compiled) -> Rewrite:
        file = replace(self.file, plan=compiled.run.plan)
        return Rewrite(file, compiled, bool(self.parameters["generate_hashes"]))

    def _after_failure(self, roots: Roots, error: NoSolutionError, run: Run) -> Roots:
        """Leave out of a cell what has no file at all there."""
        file, asks = replace(self.file, plan=run.plan), Asks.of(run.memo.metadata.values())
        for root in self._open(roots):
            looked = run.memo.looked_up(root.name, error.group.cells[0])
            if looked and not any(looked):
                roots = _without(file, asks, roots, root, error.group.cells[0])
        return roots

    def _after_success(self, roots: Roots, result: Rewrite) -> Roots:
        """Add what has to be direct so that pins stay, and leave out what a platform cannot build.

        That is what has only an sdist in a cell, and wheels elsewhere: the sdist of a package that
        does not build on that platform. Where an annotation says that the user asked for it, it
        stays.
        """
        orphans = OrphanedPins(result, roots).wanted()
        for root in self._open(roots):
            wheels = {
                cell: bool(ireq.link.is_wheel)
                for cell, capture in result.compiled.captures.items()
                for ireq in (*capture.results, *capture.unsafe_requirements)
                if ireq.name and canonicalize_name(ireq.name) == root.name and ireq.link is not None
            }
            bare = [cell for cell, is_wheel in wheels.items() if not is_wheel]
            if bare and any(wheels.values()) and not root.told:
                roots = _without(result.file, result.asks, roots, root, bare[0])
        return tuple(dict.fromkeys((*roots, *orphans)))

    def _open(self, roots: Roots) -> Iterator[DirectRequirement]:
        """Yield the direct requirements that nothing says the platforms of."""
        for root in roots:
            if (root.marker is None or root.narrowed) and self.file.file.named(root.name):
                yield root

    def _once(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """Say each thing once, however often the file is resolved."""

        def say_once(text: str) -> None:
            if text not in self._said:
                self._said.add(text)
                say(text)

        return say_once

    def _in_own_words(self, message: str, folder: Path) -> str:
        """Return a message that names the file's requirements, and not our temporary input."""
        source = folder / _INPUT
        lines = source.read_text(encoding="utf-8").splitlines()
        spelt = re.sub(
            rf"(?:-r )?{re.escape(str(source))} \(line (\d+)\)",
            lambda found: lines[int(found[1]) - 1],
            message,
        )
        return spelt.replace(str(source), self.file.name)

    def _with_advice(self, error: NoSolutionError, run: Run, folder: Path) -> NoSolutionError:
        """Return the error, with what can be done if it is for want of the file's platforms."""
        message = self._in_own_words(str(error), folder)
        any_page = any(page is not None for page in run.memo.pages.values())
        if not self.file.plan.is_required(error.group.cells[0]) and any_page:
            message += (
                f"\n{self.file.name} does not say which platforms it was made for. If it was made "
                "for one alone, name that one: --platform linux-x86_64, for example."
            )
        return NoSolutionError(error.group, NoSolution(message), ())


def _without(
    file: CompiledFile, asks: Asks, roots: Roots, root: DirectRequirement, cell: Cell
) -> Roots:
    """Leave a requirement out of a cell, and of others in which nothing asks for it.

    `pip freeze` on Linux has `uvloop` and no marker. No wheel of it fits Windows; and uvicorn,
    which asks for it, does so elsewhere only: its marker is taken over. What no metadata explains
    is left alone: then there is no solution for that platform, and the user has to name his.
    """
    asking = [
        ask
        for parent, pins in file.pinned.items()
        for pin in pins
        if pin.version is not None
        for ask in asks.by(parent, pin.version)
        if ask.name == root.name
    ]

    def asked(cells: Mapping[Cell, Mapping[str, str]], at: Cell) -> bool:
        return any(ask.holds_with_any(cells[at]) for ask in asking)

    if asked(file.environments, cell) or not any(asked(file.anywhere, c) for c in file.anywhere):
        return roots
    cells = [
        other
        for other in file.where(root.marker)
        if other != cell and (root.told or asked(file.environments, other))
    ]
    if not cells:
        return roots
    narrowed = functools.partial(replace, marker=file.marker_of(cells), narrowed=True)
    return tuple(narrowed(each) if each.name == root.name else each for each in roots)


def _refuse_foreign_pins(rewrite: Rewrite) -> None:
    """Refuse a pin whose hashes say that its file is another one than those of its name here."""
    for name, foreign in rewrite.foreign_hashes.items():
        for pin in rewrite.staying(name):
            if pin.hashes and foreign >= set(pin.hashes) and rewrite.file.package(name) is None:
                raise AccelockError(
                    f"{rewrite.file.name}, line {pin.lineno}: no file of {name} {pin.version} on "
                    "the indexes that were read has a hash of that line. Name the index that it "
                    "comes from with --extra-index-url or --index-url, or take the hashes out of "
                    "the line to have the files that are there."
                )


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
