"""Which requirements of a compiled file are direct: what a rewrite resolves."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hosts.piptools.rewrite import located

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from accelock.catalogue import Catalogue
    from accelock.hosts.piptools.rewrite.scope import Scope
    from accelock.locks.options import Option
    from accelock.locks.requirements import Pin, RequirementsFile

# Options of a requirements file that pip-compile takes from its input.
_KEPT_OPTIONS = frozenset(
    {
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--constraint",
        "--no-index",
        "--trusted-host",
        "--no-binary",
        "--only-binary",
        "--prefer-binary",
        "--pre",
    }
)
_PATHS = frozenset({"--find-links", "--constraint"})


@dataclass(frozen=True)
class Root:
    """One direct requirement.

    :param text: what is asked for, without a version and without a marker.
    :param name: its canonical name; empty for a path or a URL that does not tell it.
    :param told: whether the file itself says that it is direct.
    :param narrowed: whether the marker is ours: the file has none.
    """

    text: str
    name: str
    marker: str | None = None
    told: bool = True
    narrowed: bool = False

    def __str__(self) -> str:
        return f"{self.text} ; {self.marker}" if self.marker else self.text


@dataclass(frozen=True)
class Roots:
    """The direct requirements of a compiled file.

    :param direct: what is resolved.
    :param others: the pins that are there because another package asks for them.
    :param runtime: names of the others that a family pulls in by itself (nvidia-*).
    """

    direct: tuple[Root, ...]
    others: tuple[Pin, ...]
    runtime: frozenset[str]

    @classmethod
    def of(cls, file: RequirementsFile, catalogue: Catalogue, scope: Scope) -> Roots:
        """Tell direct requirements from the rest, of those that hold in any cell.

        Annotations (``# via -r requirements.in``) decide where the file has them. In a file without
        them every pin is direct, but for the libraries that a family pulls in by itself.
        """
        pins = [pin for pin in file.pins if scope.has(pin)]
        annotated = any(pin.via for pin in file.pins)
        runtime = frozenset(pin.name for pin in pins if _is_runtime(pin, pins, catalogue))
        names = {
            pin.name
            for pin in pins
            if (_is_direct(pin) if annotated and pin.via else pin.name not in runtime)
        }
        direct = tuple(
            root
            for name in dict.fromkeys(pin.name for pin in pins if pin.name in names)
            for root in _roots([pin for pin in file.pins if pin.name == name], catalogue, scope)
        )
        others = tuple(pin for pin in pins if pin.name not in names)
        return cls(direct, others, runtime & {pin.name for pin in others})

    def lines(self, file: RequirementsFile, name: str, base: Path, *, index: bool) -> list[str]:
        """Return an input file's lines: the options of the file and its direct requirements.

        :param name: the file's name for messages.
        :param base: the folder of the file, which relative paths in options start from.
        :param index: whether the file's own --index-url counts.
        :raises AccelockError: the file takes in another one.
        """
        return [*_options(file, name, base, index=index), *dict.fromkeys(map(str, self.direct))]

    def also(self, *roots: Root) -> Roots:
        """Return the roots with more direct requirements."""
        names = {root.name for root in roots}
        return replace(
            self,
            direct=tuple(dict.fromkeys((*self.direct, *roots))),
            others=tuple(pin for pin in self.others if pin.name not in names),
        )

    def narrowed(self, name: str, marker: str | None) -> Roots:
        """Return the roots with one of them asked for only where a marker holds."""
        return replace(
            self,
            direct=tuple(
                replace(root, marker=marker, narrowed=True) if root.name == name else root
                for root in self.direct
            ),
        )


def _is_runtime(pin: Pin, pins: Collection[Pin], catalogue: Catalogue) -> bool:
    """Return whether a family's package that the file has too is what pulled a library in."""
    found = catalogue.family_of(pin.name) if pin.name else None
    if found is None or not found[1].runtime:
        return False
    others = (catalogue.family_of(other.name) for other in pins if other.name)
    return any(o is not None and o[0] == found[0] and o[1].lockstep for o in others)


def _is_direct(pin: Pin) -> bool:
    """Return whether an annotation names an input: ``-r x.in``, ``name (pyproject.toml)``."""
    return any(word.startswith("-r ") or " (" in word for word in pin.via)


def _roots(pins: list[Pin], catalogue: Catalogue, scope: Scope) -> Iterator[Root]:
    """Return what one name's lines ask for; without markers where these only tell builds apart."""
    told = any(pin.via for pin in pins)
    whole = len(pins) > 1 and bool(pins[0].name) and scope.covered_by(pins)
    for pin in pins:
        if scope.has(pin):
            text = _asked(pin, catalogue)
            yield Root(text, pin.name, marker=None if whole else pin.marker, told=told)


def _asked(pin: Pin, catalogue: Catalogue) -> str:
    extras = f"[{','.join(pin.extras)}]" if pin.extras else ""
    if located.is_located(pin, catalogue):
        if pin.editable or not located.is_named(pin):
            return f"{'-e ' if pin.editable else ''}{pin.url}"
        return f"{pin.name}{extras} @ {pin.url}"
    pinned = pin.version or pin.url is not None
    return f"{pin.name}{extras}{'' if pinned else pin.specifier}"


def _options(file: RequirementsFile, name: str, base: Path, *, index: bool) -> Iterator[str]:
    for option in file.options:
        if option.flag == "--requirement":
            raise AccelockError(
                f"{name}, line {option.lineno}: {option.raw.strip()} takes in another file, and "
                f"rewrite turns one. Turn {option.value} by itself, or put the two together first."
            )
        if option.flag in _KEPT_OPTIONS and (index or option.flag != "--index-url"):
            yield _spelt(option, base)


def _spelt(option: Option, base: Path) -> str:
    if option.value is None:
        return option.flag
    value = option.value
    if option.flag in _PATHS and "://" not in value and (base / value).exists():
        value = str((base / value).resolve())
    return f"{option.flag} {shlex.quote(value) if ' ' in value else value}"
