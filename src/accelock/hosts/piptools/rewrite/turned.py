"""A compiled file beside what was compiled for its target: which lines have to change, and how."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version
from piptools.utils import is_url_requirement

from accelock.hosts.piptools.merge import place_of
from accelock.hosts.piptools.rewrite import comments, located
from accelock.hosts.piptools.rewrite.scope import Scope
from accelock.hosts.piptools.rewrite.sources import option_lines
from accelock.locks import markers
from accelock.locks.rewriting import Edit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from accelock.hosts.piptools.engine import Compiled
    from accelock.hosts.piptools.merge import Variant
    from accelock.locks.requirements import Pin, RequirementsFile
    from accelock.targets import Cell


@dataclass(frozen=True)
class Turned:
    """A compiled file, and what it is to say for its target.

    :param variants: the lines to have, by name; paths, URLs and editables are not among them.
    :param located: the hashes of paths and URLs, by name.
    :param hashes: whether the lines carry hashes.
    """

    file: RequirementsFile
    compiled: Compiled
    scope: Scope
    variants: Mapping[str, tuple[Variant, ...]]
    located: Mapping[str, frozenset[str]]
    hashes: bool

    @classmethod
    def of(cls, file: RequirementsFile, compiled: Compiled, *, hashes: bool) -> Turned:
        """Put a file and the result for its pins' target side by side."""
        (target,) = compiled.run.plan.targets
        wanted: dict[str, tuple[Variant, ...]] = {}
        elsewhere: dict[str, frozenset[str]] = {}
        for variant in compiled.variants[target.name]:
            if is_url_requirement(variant.requirement):
                elsewhere[variant.name] = variant.hashes
            elif _is_written(variant, compiled):
                wanted[variant.name] = (*wanted.get(variant.name, ()), variant)
        return cls(file, compiled, Scope.of(compiled.run.plan), wanted, elsewhere, hashes)

    def is_located(self, pin: Pin) -> bool:
        """Return whether a line says where it is, and stays as it is."""
        return located.is_located(pin, self.compiled.run.plan.catalogue)

    def is_accelerated(self, name: str) -> bool:
        """Return whether a package is one that a family publishes per target, or a part of it."""
        found = self.compiled.run.shelves.find(name) if name else None
        return found is not None and (found.package.runtime or not found.package.is_glob)

    @functools.cached_property
    def pinned(self) -> Mapping[str, tuple[Pin, ...]]:
        """Return the pins of the file by name, without paths, URLs and editables."""
        found: dict[str, tuple[Pin, ...]] = {}
        for pin in self.file.pins:
            if not self.is_located(pin):
                found[pin.name] = (*found.get(pin.name, ()), pin)
        return found

    def held(self, name: str) -> dict[Cell, str]:
        """Return the version that the file has of a package, by cell."""
        return {
            cell: version
            for pin in self.pinned.get(name, ())
            if (version := located.version_of(pin)) is not None
            for cell in self.scope.where(pin.marker)
        }

    def found(self, name: str) -> dict[Cell, str]:
        """Return the version that was found of a package, by cell."""
        by_place = {place_of(cell): cell for cell in self.scope.cells}
        return {
            by_place[place]: version_in(variant)
            for variant in self.variants.get(name, ())
            for place in variant.places
        }

    def dropped(self) -> dict[str, tuple[Pin, ...]]:
        """Return the pins that go, by name: nothing asks for them in any cell.

        A line for other Pythons or platforms than those of this run stays; but not where it is an
        accelerated package, of which it would be another target's build.
        """
        gone = {name: pins for name, pins in self.pinned.items() if name not in self.variants}
        return {
            name: lines
            for name, pins in gone.items()
            if (lines := tuple(p for p in pins if self.scope.has(p) or self.is_accelerated(name)))
        }

    def edit(self) -> Edit:
        """Return what has to change in the file."""
        pinned = self.pinned
        gone = {pin.lineno: () for pins in self.dropped().values() for pin in pins}
        changed = {
            number: lines
            for name, pins in pinned.items()
            if name in self.variants
            for number, lines in self._lines_of(name, pins).items()
        }
        style = comments.style_of(self.file)
        added = {
            name: [line for v in variants for line in self._block(v, v.marker, style.new(v))]
            for name, variants in self.variants.items()
            if name not in pinned
        }
        old_options, options = option_lines(self.file, self.compiled)
        return Edit(
            pins={**self._annotated(), **self._hashed(), **changed, **gone},
            added=added,
            old_options=old_options,
            options=options,
        )

    def is_same(self, name: str) -> bool:
        """Return whether the lines of a package already say what was found."""
        pins = self.pinned[name]
        versions = {c: _normal(v) for c, v in self.held(name).items()}
        if versions != {c: _normal(v) for c, v in self.found(name).items()}:
            return False
        if any(pin.url is not None or pin.version is None for pin in pins):
            return False
        return all(self._are_hashed_as(variant, pins) for variant in self.variants[name])

    def _are_hashed_as(self, variant: Variant, pins: Sequence[Pin]) -> bool:
        """Return whether lines have the hashes of a variant: all, and of a build no others."""
        has = {
            digest
            for pin in pins
            for cell in self.scope.where(pin.marker)
            if place_of(cell) in variant.places
            for digest in pin.hashes
        }
        if not self.hashes:
            return not has
        return has == variant.hashes if self._is_labelled(variant.name) else has >= variant.hashes

    def _is_labelled(self, name: str) -> bool:
        found = self.compiled.run.shelves.find(name)
        return found is not None and found.package.labelled

    def _lines_of(self, name: str, pins: Sequence[Pin]) -> dict[int, list[str]]:
        """Return the new lines of a package that the file has, in place of the first that holds.

        Lines for other Pythons or platforms stay beside them.
        """
        if self.is_same(name):
            return {}
        kept = [pin for pin in pins if not self.scope.has(pin) and not self.is_accelerated(name)]
        old = [pin for pin in pins if pin not in kept]
        comment = comments.of(old[0] if old else pins[0], self._names_gone())
        lines = [
            line
            for variant in self.variants[name]
            for line in self._block(variant, self._marker(variant, old if kept else []), comment)
        ]
        if not old:
            return {kept[-1].lineno: [*_physical(self.file, kept[-1]), *lines]}
        return {old[0].lineno: lines, **{pin.lineno: [] for pin in old[1:]}}

    def _marker(self, variant: Variant, old: Sequence[Pin]) -> str | None:
        """Return the marker of a line, which keeps apart from lines that stay for other places."""
        if not old:
            return variant.marker
        places = [place_of(cell) for cell in self.scope.cells]
        own = [p.marker for p in old if self._places(p) & variant.places]
        if None in own or len(set(own)) != 1:
            return variant.marker
        ours = markers.simplest(variant.places, places)
        return markers.combine(own[0], ours, variant.places, places, self.compiled.run.plan.patch)

    def _places(self, pin: Pin) -> frozenset[markers.Place]:
        return frozenset(place_of(cell) for cell in self.scope.where(pin.marker))

    def _hashed(self) -> dict[int, list[str]]:
        """Return the lines of paths and URLs that get a hash, or lose theirs.

        pip takes no hash of an editable, and refuses one in a file with hashes.
        """
        found = {}
        for pin in self.file.pins:
            hashes = self.located.get(pin.name, frozenset()) if self.hashes else frozenset[str]()
            if self.is_located(pin) and not pin.editable and bool(pin.hashes) != bool(hashes):
                comment = comments.of(pin, self._names_gone())
                found[pin.lineno] = [*_with_hashes(located.bare(pin), hashes), *comment]
        return found

    def _block(self, variant: Variant, marker: str | None, comment: Sequence[str]) -> list[str]:
        line = variant.text + (f" ; {marker}" if marker else "")
        return [*_with_hashes(line, variant.hashes if self.hashes else ()), *comment]

    def _names_gone(self) -> frozenset[str]:
        names = {pin.name for pin in self.file.pins}
        return frozenset(self.dropped().keys() & names)

    def _annotated(self) -> dict[int, list[str]]:
        """Return lines whose annotation names packages that go."""
        gone = self._names_gone()
        found = {}
        for pin in self.file.pins:
            lines = _physical(self.file, pin)
            new = comments.without(pin, gone, lines)
            if new != lines:
                found[pin.lineno] = new
        return found


def version_in(variant: Variant) -> str:
    """Return the version that a line pins."""
    return variant.text.partition("==")[2].lstrip("=")


def public(version: str) -> str:
    """Return a version without its label."""
    return Version(version).public


def _physical(file: RequirementsFile, pin: Pin) -> list[str]:
    lines = file.text.removeprefix("\ufeff").splitlines()
    return lines[pin.lineno - 1 : pin.last_lineno]


def _normal(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion:
        return version


def _with_hashes(line: str, hashes: Collection[str]) -> list[str]:
    return (line + "".join(f" \\\n    --hash={each}" for each in sorted(hashes))).splitlines()


def _is_written(variant: Variant, compiled: Compiled) -> bool:
    """Return whether a pin belongs in the file: an unsafe one does where pip-tools is told so."""
    writer = next(iter(compiled.captures.values())).writer
    return not variant.unsafe or bool(writer["allow_unsafe"])
