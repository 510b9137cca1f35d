"""What had to move when a file was rewritten, and why: the sentences for the user."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from accelock.hosts.piptools.rewrite.compiled_file import public

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from accelock.hosts.piptools.asks import Ask
    from accelock.hosts.piptools.rewrite.resolve import Rewrite
    from accelock.targets import Cell


@dataclass(frozen=True)
class PinChanges:
    """The differences between the pins of a file and those that it has for its target."""

    rewrite: Rewrite

    def moved(self) -> Iterator[str]:
        """Yield a line for each pin that could not be kept, and what stood against it."""
        for name, old, cells, step in self._steps:
            if not self._goes_along(name):
                yield f"{step}: {self._why(name, old, cells)}."
        for name in self._shared:
            if not self.rewrite.file.held(name):
                yield f"{name} was not pinned; now it is, to {self._versions(name)}."
        foreign = [
            f"{name} {self._versions(name)} ({len(hashes)})"
            for name, hashes in sorted(self.rewrite.foreign_hashes.items())
        ]
        if foreign:
            yield (
                f"Hashes of {self.rewrite.file.name} that are of no file on the indexes that were "
                f"read are left out: {', '.join(foreign)}."
            )

    def changed(self) -> Iterator[str]:
        """Yield lines for the packages that come and go, those of one reason together."""
        target = self.rewrite.file.target.name
        if along := [step for name, _, _, step in self._steps if self._goes_along(name)]:
            yield f"Moved for {target}: {', '.join(along)}."
        for reason, names in self._added().items():
            yield f"Added for {reason}: {', '.join(names)}."
        if gone := sorted(self.rewrite.dropped):
            yield f"Dropped, as nothing asks for it on {target}: {', '.join(gone)}."
        if left_out := sorted(self._left_out()):
            yield f"Not pinned, as without --allow-unsafe: {', '.join(left_out)}."

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

    def _added(self) -> dict[str, list[str]]:
        file, reasons = self.rewrite.file, defaultdict[str, list[str]](list)
        for name in sorted(self.rewrite.variants.keys() - file.pinned.keys()):
            found = self.rewrite.found(name)
            askers = file.target.name if self._is_runtime(name) else ", ".join(self._askers(name))
            reason = f"{askers}{_on(found, file.plan.cells)}"
            reasons[reason].append(f"{name} {', '.join(sorted(set(map(public, found.values()))))}")
        return reasons

    def _askers(self, name: str) -> list[str]:
        variants = self.rewrite.variants[name]
        return sorted({parent for variant in variants for parent in variant.parents})

    def _left_out(self) -> set[str]:
        """Return unsafe packages that are new, so that no comment in the file names them yet."""
        file = self.rewrite.file
        lines = file.file.text.splitlines()
        return {
            variant.name
            for variant in self.rewrite.compiled.variants[file.target.name]
            if variant.unsafe
            and variant.name not in self.rewrite.variants
            and f"# {variant.name}" not in lines
        }

    def _why(self, name: str, old: str, cells: Sequence[Cell]) -> str:
        """Return what stands against an old version: its absence, or what another one asks for."""
        return (
            self._absence(name, old)
            or self._asked(name, old, cells)
            or self._asking(name, old, cells)
            or self._no_file(name, old, cells)
            or "with it there is no solution"
        )

    def _absence(self, name: str, old: str) -> str | None:
        """Return in which cell the family's source lacks the version."""
        package, shelves = self.rewrite.file.package(name), self.rewrite.run.shelves
        if package is None or not (package.labelled or package.lockstep):
            return None
        for cell in self.rewrite.file.plan.cells:
            has = shelves.versions(name, cell)
            if Version(old) in shelves.unhashed(name, cell):
                return f"its index publishes no sha256 of {old} for {cell}"
            if has and Version(old) not in has:
                where = f"{cell.target.name} has no {name} {old} for {cell.platform.name}"
                return f"{where} (the newest that it has is {max(has)})"
        return None

    def _asked(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return who asks for another version than the old one."""
        for cell in cells:
            for parent in self.rewrite.variants:
                version = self.rewrite.found(parent).get(cell)
                for ask in self._asks(cell, parent, version):
                    if ask.name == name and not _allows(ask, old):
                        return f"{parent} {public(version or '')} asks for {_spelt(ask)}"
        return None

    def _asking(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return what the old version asks for that is not there."""
        for cell in cells:
            for ask in self._asks(cell, name, old):
                version = self.rewrite.found(ask.name).get(cell)
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

    def _asks(self, cell: Cell, parent: str, version: str | None) -> list[Ask]:
        if version is None:
            return []
        environment = self.rewrite.file.environments[cell]
        asks = self.rewrite.asks.by(parent, version)
        holding = (ask for ask in asks if ask.holds_with_any(environment))
        return sorted(holding, key=lambda ask: str(ask.requirement))


def _on(cells: Collection[Cell], every: Collection[Cell]) -> str:
    """Return where something is so; nothing where it is so everywhere."""
    if set(cells) >= set(every):
        return ""
    return f" on {', '.join(cell.platform.name for cell in _sorted(cells))}"


def _sorted(cells: Collection[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: (cell.platform.name, cell.python))


def _allows(ask: Ask, version: str) -> bool:
    return ask.requirement.specifier.contains(public(version), prereleases=True)


def _spelt(ask: Ask) -> str:
    return f"{ask.requirement.name}{ask.requirement.specifier}"
