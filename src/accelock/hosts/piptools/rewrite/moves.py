"""What had to move when a file was turned, and why: the sentences for the user."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from accelock.hosts.piptools.rewrite.turned import public

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from accelock.hosts.piptools.asks import Ask, Asks
    from accelock.hosts.piptools.rewrite.turned import Turned
    from accelock.targets import Cell


@dataclass(frozen=True)
class Step:
    """A pin that moved.

    :param where: where it did, unless it did so wherever the file has it: " on linux-x86_64".
    """

    name: str
    old: str
    new: str
    cells: tuple[Cell, ...]
    where: str

    def __str__(self) -> str:
        return f"{self.name} {self.old} -> {self.new}{self.where}"


@dataclass(frozen=True)
class Moves:
    """The differences between a file and what it says for its target.

    :param asks: what the distributions that were looked at ask for.
    """

    turned: Turned
    asks: Asks

    def moved(self) -> Iterator[str]:
        """Yield a line for each pin that could not be kept, and what stood against it."""
        for step in self._steps():
            if not self._goes_along(step):
                yield f"{step}: {self._why(step)}."
        for name in sorted(self._shared()):
            if not self.turned.held(name):
                versions = sorted(set(self.turned.found(name).values()))
                yield f"{name} was not pinned; now it is, to {_join(versions)}."

    def changed(self) -> Iterator[str]:
        """Yield lines for the packages that come and go, those of one reason together."""
        target = self.turned.compiled.run.plan.targets[0].name
        along = [str(step) for step in self._steps() if self._goes_along(step)]
        if along:
            yield f"Moved for {target}: {_join(along)}."
        for reason, names in self._added().items():
            yield f"Added for {reason}: {_join(names)}."
        gone = self.turned.dropped()
        if gone:
            yield f"Dropped, as nothing asks for it on {target}: {_join(sorted(gone))}."
        left_out = sorted(self._left_out())
        if left_out:
            yield f"Not pinned, as without --allow-unsafe: {_join(left_out)}."

    def _shared(self) -> set[str]:
        return self.turned.pinned.keys() & self.turned.variants.keys()

    def _steps(self) -> Iterator[Step]:
        for name in sorted(self._shared()):
            held, found = self.turned.held(name), self.turned.found(name)
            both = held.keys() & found.keys()
            steps: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
            for cell in sorted_cells(both):
                if public(held[cell]) != public(found[cell]):
                    steps[public(held[cell]), public(found[cell])].append(cell)
            for (old, new), cells in sorted(steps.items()):
                yield Step(name, old, new, tuple(cells), self._on(cells, both))

    def _goes_along(self, step: Step) -> bool:
        """Return whether it is a family's own library, which goes where its family goes."""
        return self._is_runtime(step.name) and bool(self._askers(step.name))

    def _is_runtime(self, name: str) -> bool:
        found = self.turned.compiled.run.shelves.find(name)
        return found is not None and found.package.runtime

    def _added(self) -> dict[str, list[str]]:
        pinned = self.turned.pinned
        target = self.turned.compiled.run.plan.targets[0].name
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(self.turned.variants.keys() - pinned.keys()):
            versions = sorted(set(map(public, self.turned.found(name).values())))
            where = self._on(self.turned.found(name).keys(), self.turned.scope.cells)
            askers = target if self._is_runtime(name) else _join(self._askers(name))
            reasons[f"{askers}{where}"].append(f"{name} {_join(versions)}")
        return reasons

    def _askers(self, name: str) -> list[str]:
        found = {
            parent
            for variant in self.turned.variants[name]
            for parent in getattr(variant.requirement, "_required_by", ())
            if not parent.startswith("-")
        }
        return sorted(found)

    def _left_out(self) -> Iterable[str]:
        """Return unsafe packages that are new, so that no comment in the file names them yet."""
        (target,) = self.turned.compiled.run.plan.targets
        lines = self.turned.file.text.splitlines()
        return {
            variant.name
            for variant in self.turned.compiled.variants[target.name]
            if variant.name not in self.turned.variants
            and variant.name not in self.turned.located
            and f"# {variant.name}" not in lines
        }

    def _on(self, cells: Collection[Cell], all_cells: Collection[Cell]) -> str:
        """Return where something is so; nothing where it is so everywhere."""
        if set(cells) >= set(all_cells):
            return ""
        return f" on {_join([cell.platform.name for cell in sorted_cells(cells)])}"

    def _why(self, step: Step) -> str:
        """Return what stands against an old version: its absence, or what another one asks for."""
        name, old, cells = step.name, step.old, step.cells
        return (
            self._absence(name, old)
            or self._asked(name, old, cells)
            or self._asking(name, old, cells)
            or self._no_file(name, old, cells)
            or "with it there is no solution"
        )

    def _absence(self, name: str, old: str) -> str | None:
        """Return in which cell the family's source lacks the version."""
        run = self.turned.compiled.run
        entry = run.shelves.find(name)
        if entry is None or not (entry.package.labelled or entry.package.lockstep):
            return None
        for cell in self.turned.scope.cells:
            has = run.shelves.versions(name, cell)
            if Version(old) in run.shelves.unhashed(name, cell):
                return f"its index publishes no sha256 of {old} for {cell}"
            if has and Version(old) not in has:
                where = f"{cell.target.name} has no {name} {old} for {cell.platform.name}"
                return f"{where} (the newest that it has is {max(has)})"
        return None

    def _asked(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return who asks for another version than the old one."""
        for cell in cells:
            for parent in self.turned.variants:
                version = self.turned.found(parent).get(cell)
                for ask in self._in(cell, parent, version):
                    if ask.name == name and not _allows(ask, old):
                        return f"{parent} {public(version or '')} asks for {_spelt(ask)}"
        return None

    def _asking(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return what the old version asks for that is not there."""
        for cell in cells:
            for ask in self._in(cell, name, old):
                version = self.turned.found(ask.name).get(cell)
                if version is not None and not _allows(ask, version):
                    return f"{old} asks for {_spelt(ask)}, and {ask.name} is {public(version)}"
        return None

    def _no_file(self, name: str, old: str, cells: Sequence[Cell]) -> str | None:
        """Return in which cell no file of the version fits."""
        memo = self.turned.compiled.run.memo
        for cell in cells:
            looked = memo.looked_up(name, cell)
            if looked and not any(public(str(c.version)) == old for each in looked for c in each):
                return f"no file of {name} {old} fits {cell.platform}, Python {cell.python}"
        return None

    def _in(self, cell: Cell, parent: str, version: str | None) -> list[Ask]:
        if version is None:
            return []
        environment = self.turned.scope.environments[cell]
        asks = (ask for ask in self.asks.by(parent, version) if ask.holds_with_any(environment))
        return sorted(asks, key=lambda ask: str(ask.requirement))


def sorted_cells(cells: Iterable[Cell]) -> list[Cell]:
    """Return cells in the order of their platforms and Pythons."""
    return sorted(cells, key=lambda cell: (cell.platform.name, cell.python))


def _allows(ask: Ask, version: str) -> bool:
    return ask.requirement.specifier.contains(Version(version).public, prereleases=True)


def _spelt(ask: Ask) -> str:
    return f"{ask.requirement.name}{ask.requirement.specifier}"


def _join(words: Collection[str]) -> str:
    return ", ".join(words)
