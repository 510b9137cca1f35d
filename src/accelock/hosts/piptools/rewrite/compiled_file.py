"""A compiled file as a rewrite reads it: its pins cell by cell, and which of them are direct."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from accelock.errors import AccelockError
from accelock.hosts.piptools.merge import place_of
from accelock.locks import markers
from accelock.locks.requirements import without_comment
from accelock.targets import PLATFORMS, Cell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from accelock.catalogue import FamilyPackage
    from accelock.hosts.piptools.plan import Plan
    from accelock.locks.requirements import RequirementLine, RequirementsFile
    from accelock.targets import Target

# Options of a requirements file that pip-compile takes from its input.
_TAKEN = re.compile(
    r"--(index-url|extra-index-url|find-links|constraint|no-index|trusted-host|no-binary"
    r"|only-binary|prefer-binary|pre)"
)
_PATHS = frozenset({"--find-links", "--constraint"})


@dataclass(frozen=True)
class DirectRequirement:
    """What a rewrite resolves, as a line of an input.

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
class CompiledFile:
    """A compiled file, whoever made it, and the plan of its rewrite to one target.

    :param name: the file's name for messages.
    :param base: the folder that relative paths in its options start from.
    :param is_converted: whether it was another format, so that its lines have no numbers.
    """

    file: RequirementsFile
    name: str
    base: Path
    plan: Plan
    is_converted: bool = False

    @property
    def target(self) -> Target:
        """Return the target that the file is rewritten for."""
        return self.plan.targets[0]

    @functools.cached_property
    def anywhere(self) -> tuple[Cell, ...]:
        """Return the cells of all platforms that there are, for the Pythons of the plan."""
        pythons = dict.fromkeys(cell.python for cell in self.plan.cells)
        return tuple(Cell(self.target, each, p) for each in PLATFORMS.values() for p in pythons)

    @functools.cached_property
    def pinned(self) -> dict[str, tuple[RequirementLine, ...]]:
        """Return the lines of each name, without the direct URLs."""
        found: dict[str, tuple[RequirementLine, ...]] = {}
        for pin in self.file.pins:
            if not self.is_direct_url(pin):
                found[pin.name] = (*found.get(pin.name, ()), pin)
        return found

    def where(self, marker: str | None) -> frozenset[Cell]:
        """Return the cells that a marker (PEP 508) holds in."""
        return frozenset(cell for cell in self.plan.cells if self._holds(marker, cell))

    def concerns(self, pin: RequirementLine) -> bool:
        """Return whether a line holds in any cell: what else it is for stays as it is."""
        return bool(self.where(pin.marker))

    def held(self, name: str) -> dict[Cell, str]:
        """Return the version that the file has of a package, by cell."""
        pins = self.pinned.get(name, ())
        return {c: p.version for p in pins if p.version is not None for c in self.where(p.marker)}

    def marker_of(self, cells: Collection[Cell]) -> str | None:
        """Return the shortest marker of some of the cells; None where it is all of them."""
        return markers.simplest([*map(place_of, cells)], [*map(place_of, self.plan.cells)])

    def package(self, name: str) -> FamilyPackage | None:
        """Return how a family publishes a package; None where it is an ordinary one."""
        found = self.plan.catalogue.family_of(name) if name else None
        return found and found[1]

    def is_accelerated(self, name: str) -> bool:
        """Return whether a package is one that a family publishes per target, or a part of it."""
        package = self.package(name)
        return package is not None and (package.runtime or not package.is_glob)

    def is_direct_url(self, pin: RequirementLine) -> bool:
        """Return whether a line says where its package is, and stays as it is.

        The exception is a wheel of a family by its URL (`torch @ https://.../torch-2.6.0%2Bcpu-
        ....whl`): it is one build, and is rewritten like a pin.
        """
        return pin.url is not None and not self.is_build(pin)

    def is_build(self, pin: RequirementLine) -> bool:
        """Return whether a line pins a package that a family builds per target."""
        package = self.package(pin.name)
        return package is not None and package.labelled and pin.version is not None

    def is_runtime(self, pin: RequirementLine) -> bool:
        """Return whether a pin is a library that a family's package in the file pulled in."""
        families = {p.name: self.plan.catalogue.family_of(p.name) for p in self.file.pins if p.name}
        own = families.get(pin.name)
        if own is None or not own[1].runtime:
            return False
        return any(each and each[0] == own[0] and each[1].lockstep for each in families.values())

    def direct_requirements(self) -> tuple[DirectRequirement, ...]:
        """Return the direct requirements among the lines that hold in any cell.

        Annotations (``# via -r requirements.in``) tell them where the file has them. In a file
        without them every pin is direct, but for the libraries that a family pulls in by itself.
        """
        names = dict.fromkeys(
            pin.name
            for pin in filter(self.concerns, self.file.pins)
            if (_is_told(pin) if pin.via else not self.is_runtime(pin))
        )
        return tuple(each for name in names for each in self._asked_by_lines_of(name))

    def _asked_by_lines_of(self, name: str) -> Iterator[DirectRequirement]:
        """Yield what one name's lines ask for.

        Without their markers where one of several holds on every platform there is: then these
        tell builds apart, and are none of the user's.
        """
        pins = [pin for pin in self.file.pins if pin.name == name]
        told = any(pin.via for pin in pins)
        whole = len(pins) > 1 and bool(name)
        whole = whole and all(any(self._holds(p.marker, c) for p in pins) for c in self.anywhere)
        for pin in filter(self.concerns, pins):
            yield DirectRequirement(self._asked(pin), name, None if whole else pin.marker, told)

    def _asked(self, pin: RequirementLine) -> str:
        extras = f"[{','.join(pin.extras)}]" if pin.extras else ""
        if not self.is_direct_url(pin):
            return f"{pin.name}{extras}{'' if pin.version or pin.url else pin.specifier}"
        is_named = pin.name and "@" in pin.raw.partition(pin.url or "\0")[0]  # PEP 508
        if is_named and not pin.editable:
            return f"{pin.name}{extras} @ {pin.url}"
        return f"{'-e ' if pin.editable else ''}{pin.url}"

    def option_lines(self, *, index: bool) -> Iterator[str]:
        """Yield the file's own options as lines of an input.

        :param index: whether its --index-url counts.
        """
        for option in self.file.options:
            flag, value = option.flag, option.value
            if not _TAKEN.fullmatch(flag) or (flag == "--index-url" and not index):
                continue
            if value and flag in _PATHS and "://" not in value and (self.base / value).exists():
                value = str((self.base / value).resolve())
            value = shlex.quote(value) if value and " " in value else value
            yield flag if value is None else f"{flag} {value}"

    def preferences(self) -> Iterator[str]:
        """Yield the pins that are to stay where they can, one line each."""
        for pin in (pin for pins in self.pinned.values() for pin in pins if pin.version):
            marker = f" ; {pin.marker}" if pin.marker else ""
            hashes = "".join(f" --hash={digest}" for digest in pin.hashes)
            yield f"{pin.name}=={pin.version}{marker}{hashes}"

    def line(self, pin: RequirementLine) -> str:
        """Return what to call a line in a message."""
        return f"{self.name}, {pin.name if self.is_converted else f'line {pin.lineno}'}"

    def check(self) -> None:
        """Refuse a file that cannot be rewritten by itself, or for these cells.

        :raises AccelockError: it takes in another file, has paths of another machine, or nothing
            that holds in any cell, or not its accelerated package.
        """
        for option in self.file.options:
            if option.flag == "--requirement":
                raise AccelockError(
                    f"{self.name}, line {option.lineno}: {option.raw.strip()} includes another "
                    f"file, and rewrite takes one file. Rewrite {option.value} separately, or "
                    "join the two files first."
                )
        here = [*filter(self.concerns, self.file.pins)]
        self._refuse_lost_paths(here)
        pinned = {pin.name for pin in self.file.pins} - {pin.name for pin in here}
        absent = [n for n in sorted(pinned) if (found := self.package(n)) and found.labelled]
        if self.file.pins and (not here or absent):
            cells = (f"{cell.platform.name} (Python {cell.python})" for cell in self.plan.cells)
            raise AccelockError(
                f"{self.name}: no line with a {absent[0] if here else 'requirement'} holds on "
                f"{', '.join(cells)}, by the markers in the file. Name the Python that the file is "
                "for with --python-version, and its platforms with --platform."
            )

    def _refuse_lost_paths(self, pins: Collection[RequirementLine]) -> None:
        """Refuse `name @ file:///croot/...`, as `pip freeze` has it for packages of conda's."""
        lost = [pin for pin in pins if self.is_direct_url(pin) and _is_lost(pin)]
        if lost:
            line = without_comment(lost[0].raw)[0]
            others = [f"line {pin.lineno}" for pin in lost[1:]]
            more = (
                f"; so {'are' if len(others) > 1 else 'is'} {', '.join(others)}" if others else ""
            )
            raise AccelockError(
                f"{self.line(lost[0])}: {line} is a path on the machine that built the package, "
                f"and does not exist here{more}. Make the file with `pip list --format=freeze`, "
                "which prints versions instead, or write the versions."
            )

    def _holds(self, marker: str | None, cell: Cell) -> bool:
        return marker is None or markers.evaluate(marker, place_of(cell), self.plan.patch)


def parents_of(pin: RequirementLine) -> tuple[str, ...]:
    """Return the canonical names of the packages that an annotation says ask for a pin."""
    words = (word for word in pin.via if not word.startswith("-") and " (" not in word)
    return tuple(canonicalize_name(word.partition("[")[0]) for word in words)


def _is_told(pin: RequirementLine) -> bool:
    """Return whether an annotation names an input: ``-r x.in``, ``name (pyproject.toml)``."""
    return any(word.startswith("-r ") or " (" in word for word in pin.via)


def _is_lost(pin: RequirementLine) -> bool:
    """Return whether a line is a file URL of what is not on this machine."""
    parts = urlsplit(pin.url or "")
    return parts.scheme == "file" and not Path(url2pathname(parts.path)).exists()
