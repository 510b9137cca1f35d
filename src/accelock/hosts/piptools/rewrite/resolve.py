"""Resolve a compiled file's direct requirements for its target, with its pins as preferences.

What the result lacks, or what has no file for a platform, changes what is direct, and it is
resolved again until nothing is left to decide. A pin goes only with what asked for it. What else
is left over was asked for by an extra that the maker stripped from the file (`uvloop`, by
`uvicorn[standard]`): the metadata tell by which, and where.
"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock.errors import AccelockError
from accelock.hosts.piptools import engine
from accelock.hosts.piptools.calling import CompileCall, OutputName
from accelock.hosts.piptools.dependencies import Dependencies
from accelock.hosts.piptools.rewrite.compiled_file import DirectRequirement, parents_of
from accelock.hosts.piptools.rewrite.result import Rewrite, public
from accelock.resolve.host import NoSolution
from accelock.resolve.refusal import NoSolutionError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from accelock.hosts.piptools.dependencies import Dependency
    from accelock.hosts.piptools.rewrite.compiled_file import CompiledFile
    from accelock.hosts.piptools.state import Run
    from accelock.locks.requirements import RequirementLine
    from accelock.targets import Cell

    Roots = tuple[DirectRequirement, ...]


@dataclass
class Resolution:
    """One file on its way to its target.

    :param parameters: pip-compile's own, as its command line gives them.
    :param own_index: whether the file's own --index-url counts: none was given in its place.
    """

    file: CompiledFile
    parameters: Mapping[str, Any]
    own_index: bool

    def solve(self) -> Rewrite:
        """Return the file beside its new pins.

        :raises AccelockError: no solution, a source that cannot be read, or a file that has nothing
            for the Python and the platforms of the plan.
        """
        self.file.check()
        roots, before = self.file.direct_requirements(), None
        with tempfile.TemporaryDirectory(prefix="accelock-") as folder:
            source = Path(folder, "direct.in")
            while True:
                work = self._engine(roots, source, before)
                try:
                    compiled = work.compile()
                except NoSolutionError as error:
                    better = self._after_failure(roots, error, work.run)
                    if better == roots:
                        raise self._with_advice(error, work.run, source) from error
                except AccelockError as error:
                    error.args = (self._in_own_words(str(error), source), *error.args[1:])
                    raise
                else:
                    file = replace(self.file, plan=compiled.run.plan)
                    result = Rewrite(file, compiled, bool(self.parameters["generate_hashes"]))
                    better = self._after_success(roots, result)
                    if better == roots:
                        _refuse_foreign_pins(result)
                        return result
                roots, before = better, work.run

    def _engine(self, roots: Roots, source: Path, before: Run | None) -> engine.Engine:
        """Write the inputs of a try and return what compiles them."""
        pins = source.with_name("pins.txt")
        options = self.file.option_lines(index=self.own_index)
        lines = [*options, *dict.fromkeys(map(str, roots)), ""]
        source.write_text("\n".join(lines), encoding="utf-8")
        pins.write_text("\n".join([*self.file.preferences(), ""]), encoding="utf-8")
        named = {"src_files": (str(source),), "output_file": OutputName(str(pins))}
        command = CompileCall({**self.parameters, **named})
        return engine.Engine(self.file.plan, command, reports_moves=True, before=before)

    def _after_failure(self, roots: Roots, error: NoSolutionError, run: Run) -> Roots:
        """Leave out of a cell what has no file at all there."""
        file, asks = replace(self.file, plan=run.plan), Dependencies.of(run.memo.metadata.values())
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
        orphans = _OrphanedPins(result, roots).wanted()
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

    def _in_own_words(self, message: str, source: Path) -> str:
        """Return a message that names the file's requirements, and not our temporary input."""
        lines = source.read_text(encoding="utf-8").splitlines()
        place = rf"(?:-r )?{re.escape(str(source))} \(line (\d+)\)"
        spelt = re.sub(place, lambda found: lines[int(found[1]) - 1], message)
        return spelt.replace(str(source), self.file.name)

    def _with_advice(self, error: NoSolutionError, run: Run, source: Path) -> NoSolutionError:
        """Return the error, with what can be done if it is for want of the file's platforms."""
        message = self._in_own_words(str(error), source)
        any_page = any(page is not None for page in run.memo.pages.values())
        if not self.file.plan.is_required(error.group.cells[0]) and any_page:
            message += (
                f"\n{self.file.name} does not say for which platforms it was made. If it was made "
                "for only one, name it: --platform linux-x86_64, for example."
            )
        return NoSolutionError(error.group, NoSolution(message), ())


def _without(
    file: CompiledFile, asks: Dependencies, roots: Roots, root: DirectRequirement, cell: Cell
) -> Roots:
    """Leave a requirement out of a cell, and of others in which nothing asks for it.

    `pip freeze` on Linux has `uvloop` and no marker. No wheel of it fits Windows; and uvicorn,
    which asks for it, does so elsewhere only: its marker is taken over. What no metadata explains
    is left alone: then there is no solution for that platform, and the user has to name his.
    """
    pinned = [(pin.name, pin.version) for pins in file.pinned.values() for pin in pins]
    asking = [
        ask
        for parent, version in pinned
        for ask in (asks.by(parent, version) if version else ())
        if ask.name == root.name
    ]
    asked = {
        each: any(ask.holds_with_any(file.plan.environment(each)) for ask in asking)
        for each in {*file.anywhere, *file.plan.cells}
    }
    left = [c for c in file.where(root.marker) if c != cell and (root.told or asked[c])]
    if asked[cell] or not any(asked.values()) or not left:
        return roots
    marker = file.marker_of(left)
    return tuple(
        replace(each, marker=marker, narrowed=True) if each.name == root.name else each
        for each in roots
    )


def _refuse_foreign_pins(rewrite: Rewrite) -> None:
    """Refuse a pin whose hashes say that its file is another one than those of its name here."""
    for name, foreign in rewrite.foreign_hashes.items():
        for pin in rewrite.staying(name):
            if pin.hashes and foreign >= set(pin.hashes) and rewrite.file.package(name) is None:
                raise AccelockError(
                    f"{rewrite.file.line(pin)}: no file of {name} {pin.version} on the indexes of "
                    "this run has a hash of that line. Name its index with --extra-index-url or "
                    "--index-url, or remove the hashes from the line to get the files that exist."
                )


@dataclass(frozen=True)
class _OrphanedPins:
    """The pins of a file that a result lacks.

    :param roots: what was resolved.
    """

    rewrite: Rewrite
    roots: Sequence[DirectRequirement]

    def wanted(self) -> list[DirectRequirement]:
        """Return the direct requirements to add, so that what is to stay stays; none when done.

        What a package brings with it is left to the next resolution: only the pins nearest to the
        solution are decided here.
        """
        left = self._left()
        names = {pin.name for pin in left}
        nearest = [pin for pin in left if not names & set(parents_of(pin))] or left
        extras = self._extras(nearest)
        explained = set[str]().union(*extras.values())
        return [*extras, *(self._kept(pin) for pin in nearest if pin.name not in explained)]

    def _left(self) -> list[RequirementLine]:
        """Return the pins that were lost, less those that went with what asked for them."""
        file = self.rewrite.file
        there = {root.name for root in self.roots} | self.rewrite.variants.keys()
        there |= self.rewrite.url_hashes.keys()
        lost = [p for p in file.file.pins if file.concerns(p) and p.name not in there]
        gone = {pin.name for pin in lost if file.is_runtime(pin)}
        while more := {p.name for p in lost if p.name not in gone and self._is_alone(p, gone)}:
            gone |= more
        return [pin for pin in lost if pin.name not in gone]

    def _is_alone(self, pin: RequirementLine, gone: Collection[str]) -> bool:
        parents = parents_of(pin)
        return bool(parents) and all(p in gone or self._asks_no_more(p, pin) for p in parents)

    def _asks_no_more(self, parent: str, pin: RequirementLine) -> bool:
        """Return whether a package is not what the annotation of a pin says any more.

        It is another version or build that does not ask for that pin, or asks for it on other
        platforms only.
        """
        file, found = self.rewrite.file, self.rewrite.found(parent)
        if not found or not all(self.rewrite.asks.knows(parent, v) for v in found.values()):
            return False
        if asks := self._asks(parent, pin.name):
            return not any(map(self._where, asks))
        package = file.package(parent)
        if package is not None and not package.runtime:
            return True
        held = set(map(public, file.held(parent).values()))
        return bool(held) and not held & set(map(public, found.values()))

    def _asks(self, parent: str, name: str) -> list[Dependency]:
        versions = sorted(set(map(public, self.rewrite.found(parent).values())))
        return [a for v in versions for a in self.rewrite.asks.by(parent, v) if a.name == name]

    def _where(self, ask: Dependency) -> list[Cell]:
        """Return the cells in which a package asks for another, be it by an extra."""
        environment = self.rewrite.file.plan.environment
        return [c for c in self.rewrite.found(ask.parent) if ask.holds_with_any(environment(c))]

    def _kept(self, pin: RequirementLine) -> DirectRequirement:
        """Return a pin as a direct requirement, where its parents can ask for it."""
        asks = [ask for parent in parents_of(pin) for ask in self._asks(parent, pin.name)]
        cells = {cell for ask in asks for cell in self._where(ask)}
        marker = pin.marker or (self.rewrite.file.marker_of(cells) if cells else None)
        return DirectRequirement(pin.name, pin.name, marker)

    def _extras(self, left: Collection[RequirementLine]) -> dict[DirectRequirement, set[str]]:
        """Return the extras that explain pins, each with the pins that it explains.

        The file has all that such an extra asks for on some platform. Those that explain most come
        first; of equals the smallest.
        """
        plan = self.rewrite.file.plan
        explains: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for pin in left:
            for ask in (a for parent in parents_of(pin) for a in self._asks(parent, pin.name)):
                for cell in self._where(ask):
                    for extra in ask.extras_at(plan.environment(cell)):
                        explains[ask.parent, extra].add(pin.name)
        whole = {key: set(names) for key, names in explains.items() if self._is_whole(*key)}
        found: dict[DirectRequirement, set[str]] = {}
        while any(whole.values()):
            best = min(whole, key=lambda key: (-len(whole[key]), len(explains[key]), key))
            parent, extra = best
            marker = self.rewrite.file.marker_of(self.rewrite.found(parent))
            found[DirectRequirement(f"{parent}[{extra}]", parent, marker)] = explains[best]
            for key in whole:
                if key[0] == parent:
                    whole[key] -= explains[best]
        return found

    def _is_whole(self, parent: str, extra: str) -> bool:
        """Return whether the file has all that an extra asks for on some platform, from there."""
        file = self.rewrite.file
        members = (self._members(parent, frozenset({extra}), cell) for cell in file.anywhere)
        return any(
            names
            and all(
                any(parent in (parents_of(pin) or (parent,)) for pin in file.file.named(name))
                for name in names
            )
            for names in members
        )

    def _members(self, parent: str, extras: frozenset[str], cell: Cell) -> set[str]:
        """Return what extras ask for in a cell; an extra may name others of its package."""
        version = next(iter(self.rewrite.found(parent).values()))
        environment = self.rewrite.file.plan.environment(cell)
        asks = self.rewrite.asks.by(parent, version)
        mine = [ask for ask in asks if extras & ask.extras_at(environment)]
        inner = frozenset(e for ask in mine if ask.name == parent for e in ask.requirement.extras)
        if inner - extras:
            return self._members(parent, inner | extras, cell)
        return {ask.name for ask in mine if ask.name != parent}
