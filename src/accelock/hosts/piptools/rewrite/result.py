"""A compiled file beside its new pins: what stays, what goes, what moved, and why."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version
from piptools.utils import is_url_requirement

from accelock.hosts.piptools.dependencies import Dependencies
from accelock.hosts.piptools.host import pins, version_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from accelock.hosts.piptools.dependencies import Dependency
    from accelock.hosts.piptools.engine import CompileResult
    from accelock.hosts.piptools.merge import Variant
    from accelock.hosts.piptools.rewrite.compiled_file import CompiledFile
    from accelock.hosts.piptools.state import Run
    from accelock.locks.requirements import RequirementLine
    from accelock.targets import Cell


@dataclass(frozen=True)
class Rewrite:
    """A compiled file beside what was compiled of its direct requirements for the target.

    :param file: the file, with the cells that the run has left.
    :param hashes: whether the new lines carry hashes.
    """

    file: CompiledFile
    compiled: CompileResult
    hashes: bool

    @property
    def run(self) -> Run:
        """Return the run that compiled it."""
        return self.compiled.run

    @functools.cached_property
    def asks(self) -> Dependencies:
        """Return what the distributions that were looked at ask for."""
        return Dependencies.of(self.run.memo.metadata.values())

    @functools.cached_property
    def variants(self) -> Mapping[str, tuple[Variant, ...]]:
        """Return the lines to have, by name: no URLs of the file's own, unsafe ones where asked."""
        writer = next(iter(self.compiled.captures.values())).writer
        found: dict[str, tuple[Variant, ...]] = {}
        for variant in self.compiled.variants[self.file.target.name]:
            written = not variant.unsafe or writer["allow_unsafe"]
            if written and not self._is_own_url(variant):
                found[variant.name] = (*found.get(variant.name, ()), variant)
        return found

    @functools.cached_property
    def url_hashes(self) -> Mapping[str, frozenset[str]]:
        """Return the hashes of the direct URLs, by name."""
        variants = self.compiled.variants[self.file.target.name]
        return {v.name: v.hashes for v in variants if self._is_own_url(v)}

    def _is_own_url(self, variant: Variant) -> bool:
        """Return whether a line is one that the file has the URL of.

        Of a family without labels each line names its file: that is of the run, and replaces what
        the file has.
        """
        return is_url_requirement(variant.requirement) and not any(
            map(self.file.is_build, self.file.file.named(variant.name))
        )

    def found(self, name: str) -> Mapping[Cell, str]:
        """Return the version that was found of a package, by cell."""
        return self._found.get(name, {}) if name in self.variants else {}

    @functools.cached_property
    def _found(self) -> Mapping[str, Mapping[Cell, str]]:
        found: defaultdict[str, dict[Cell, str]] = defaultdict(dict)
        for cell, capture in self.compiled.captures.items():
            for name, ireq in pins(capture).items():
                found[name][cell] = str(version_of(ireq))
        return found

    @functools.cached_property
    def dropped(self) -> Mapping[str, tuple[RequirementLine, ...]]:
        """Return the pins that go, by name: nothing asks for them in any cell.

        A line for other Pythons or platforms than those of this run stays; but not where it is an
        accelerated package, of which it would be another target's build.
        """
        gone = {
            name: tuple(p for p in pins if self.file.concerns(p) or self.file.is_accelerated(name))
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
            listed = self.run.routed.listed(name, self.file.target)
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

    def asked(self, cell: Cell, parent: str, version: str | None) -> list[Dependency]:
        """Return what a version of a package asks for in a cell, be it by an extra."""
        if version is None:
            return []
        environment = self.file.plan.environment(cell)
        asks = self.asks.by(parent, version)
        holding = (ask for ask in asks if ask.holds_with_any(environment))
        return sorted(holding, key=lambda ask: str(ask.requirement))


@dataclass(frozen=True)
class PinChanges:
    """The differences between the pins of a file and those that it has for its target."""

    rewrite: Rewrite

    def moved(self) -> Iterator[str]:
        """Yield a line for each pin that could not be kept, and what stood against it."""
        file = self.rewrite.file
        for name, old, cells, step in self._steps:
            if not self._goes_along(name):
                yield f"{step}: {self._why(name, old, cells)}."
        for name in self._shared:
            if not file.held(name):
                yield f"{name} was not pinned; now it is, to {self._versions(name)}."
        foreign = [
            f"{name} {self._versions(name)} ({len(hashes)})"
            for name, hashes in sorted(self.rewrite.foreign_hashes.items())
        ]
        if foreign:
            yield (
                f"Hashes of {file.name} that belong to no file on the indexes of this run are "
                f"left out: {', '.join(foreign)}."
            )

    def changed(self) -> Iterator[str]:
        """Yield lines for the packages that come and go, those of one reason together."""
        target = self.rewrite.file.target.name
        if along := [step for name, _, _, step in self._steps if self._goes_along(name)]:
            yield f"Changed for {target}: {', '.join(along)}."
        for reason, names in self._added().items():
            yield f"Added for {reason}: {', '.join(names)}."
        if gone := sorted(self.rewrite.dropped):
            yield f"Removed, because nothing requires it on {target}: {', '.join(gone)}."
        if left_out := sorted(self._left_out()):
            yield f"Not pinned, because --allow-unsafe is off: {', '.join(left_out)}."

    @functools.cached_property
    def _shared(self) -> list[str]:
        return sorted(self.rewrite.file.pinned.keys() & self.rewrite.variants.keys())

    def _versions(self, name: str) -> str:
        return ", ".join(sorted(set(self.rewrite.found(name).values())))

    @functools.cached_property
    def _steps(self) -> list[tuple[str, str, list[Cell], str]]:
        """Return the pins that moved: name, old public version, where, and what to say of it."""
        steps = []
        for name in self._shared:
            held, found = self.rewrite.file.held(name), self.rewrite.found(name)
            both = held.keys() & found.keys()
            moves: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
            for cell in _sorted(both):
                moves[public(held[cell]), public(found[cell])].append(cell)
            for (old, new), cells in sorted(moves.items()):
                if old != new:
                    steps.append((name, old, cells, f"{name} {old} -> {new}{_on(cells, both)}"))
        return steps

    def _goes_along(self, name: str) -> bool:
        """Return whether it is a family's own library, which goes where its family goes."""
        return self._is_runtime(name) and bool(self._askers(name))

    def _is_runtime(self, name: str) -> bool:
        package = self.rewrite.file.package(name)
        return package is not None and package.runtime

    def _askers(self, name: str) -> list[str]:
        return sorted({each for v in self.rewrite.variants[name] for each in v.parents})

    def _added(self) -> dict[str, list[str]]:
        file, reasons = self.rewrite.file, defaultdict[str, list[str]](list)
        for name in sorted(self.rewrite.variants.keys() - file.pinned.keys()):
            found = self.rewrite.found(name)
            askers = file.target.name if self._is_runtime(name) else ", ".join(self._askers(name))
            versions = ", ".join(sorted(set(map(public, found.values()))))
            reasons[f"{askers}{_on(found, file.plan.cells)}"].append(f"{name} {versions}")
        return reasons

    def _left_out(self) -> set[str]:
        """Return unsafe packages that are new, so that no comment in the file names them yet."""
        file = self.rewrite.file
        lines = file.file.text.splitlines()
        unsafe = {v.name for v in self.rewrite.compiled.variants[file.target.name] if v.unsafe}
        return {n for n in unsafe - self.rewrite.variants.keys() if f"# {n}" not in lines}

    def _why(self, name: str, old: str, cells: Sequence[Cell]) -> str:
        """Return what stands against an old version: its absence, or what another one asks for."""
        reasons = (self._absence, self._conflict, self._no_file)
        found = (reason(name, old, cells) for reason in reasons)
        return next(filter(None, found), "with it there is no solution")

    def _absence(self, name: str, old: str, _cells: Sequence[Cell]) -> str | None:
        """Return in which cell the family's source lacks the version."""
        package, routing = self.rewrite.file.package(name), self.rewrite.run.routed
        if package is None or not (package.labelled or package.lockstep):
            return None
        for cell in self.rewrite.file.plan.cells:
            has = routing.versions(name, cell)
            if Version(old) in routing.unhashed(name, cell):
                return f"its index publishes no sha256 of {old} for {cell}"
            if has and Version(old) not in has:
                where = f"{cell.target.name} has no {name} {old} for {cell.platform.name}"
                return f"{where} (the newest that it has is {max(has)})"
        return None

    def _conflict(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return who asks for another version; else what the old one asks for that is not there."""
        found = self.rewrite.found
        for cell in cells:
            for parent in self.rewrite.variants:
                for ask in self.rewrite.asked(cell, parent, found(parent).get(cell)):
                    if ask.name == name and not _allows(ask, old):
                        return f"{parent} {public(found(parent)[cell])} asks for {_spelt(ask)}"
        for cell in cells:
            for ask in self.rewrite.asked(cell, name, old):
                version = found(ask.name).get(cell)
                if version is not None and not _allows(ask, version):
                    return f"{old} asks for {_spelt(ask)}, and {ask.name} is {public(version)}"
        return None

    def _no_file(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return in which cell no file of the version fits."""
        for cell in cells:
            looked = self.rewrite.run.memo.looked_up(name, cell)
            if looked and not any(public(str(c.version)) == old for each in looked for c in each):
                return f"no file of {name} {old} fits {cell.platform}, Python {cell.python}"
        return None


def public(version: str) -> str:
    """Return a version without its label."""
    return Version(version).public


def _on(cells: Collection[Cell], every: Collection[Cell]) -> str:
    """Return where something is so; nothing where it is so everywhere."""
    if set(cells) >= set(every):
        return ""
    return f" on {', '.join(cell.platform.name for cell in _sorted(cells))}"


def _sorted(cells: Collection[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: (cell.platform.name, cell.python))


def _allows(ask: Dependency, version: str) -> bool:
    return ask.requirement.specifier.contains(public(version), prereleases=True)


def _spelt(ask: Dependency) -> str:
    return f"{ask.requirement.name}{ask.requirement.specifier}"
