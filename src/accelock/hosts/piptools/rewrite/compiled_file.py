"""A compiled file as a rewrite reads it: its pins cell by cell, and which of them are direct."""

from __future__ import annotations

import functools
import shlex
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from accelock.errors import AccelockError
from accelock.hosts.piptools.merge import place_of
from accelock.locks import markers
from accelock.locks.requirements import without_comment
from accelock.targets import PLATFORMS, Cell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from accelock.catalogue import FamilyPackage
    from accelock.hosts.piptools.plan import Plan
    from accelock.locks.requirements import Option, RequirementLine, RequirementsFile
    from accelock.targets import Target

# Options of a requirements file that pip-compile takes from its input.
_TAKEN = frozenset(
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
    """

    file: RequirementsFile
    name: str
    base: Path
    plan: Plan

    @property
    def target(self) -> Target:
        """Return the target that the file is rewritten for."""
        return self.plan.targets[0]

    @functools.cached_property
    def environments(self) -> Mapping[Cell, Mapping[str, str]]:
        """Return the cells in their order, each with its PEP 508 environment."""
        return {cell: self.plan.environment(cell) for cell in self.plan.cells}

    @functools.cached_property
    def anywhere(self) -> Mapping[Cell, Mapping[str, str]]:
        """Return the same for all platforms that there are, for the Pythons of the cells."""
        pythons = dict.fromkeys(cell.python for cell in self.plan.cells)
        cells = (Cell(self.target, each, p) for each in PLATFORMS.values() for p in pythons)
        return {cell: self.plan.environment(cell) for cell in cells}

    @functools.cached_property
    def pinned(self) -> Mapping[str, tuple[RequirementLine, ...]]:
        """Return the lines of each name, without the direct URLs."""
        found: dict[str, tuple[RequirementLine, ...]] = {}
        for pin in self.file.pins:
            if not self.is_direct_url(pin):
                found[pin.name] = (*found.get(pin.name, ()), pin)
        return found

    @functools.cached_property
    def annotated(self) -> bool:
        """Return whether the file says who asks for its pins."""
        return any(pin.via for pin in self.file.pins)

    def where(self, marker: str | None) -> frozenset[Cell]:
        """Return the cells that a marker (PEP 508) holds in."""
        return frozenset(cell for cell in self.plan.cells if self._holds(marker, cell))

    def concerns(self, pin: RequirementLine) -> bool:
        """Return whether a line holds in any cell: what else it is for stays as it is."""
        return bool(self.where(pin.marker))

    def held(self, name: str) -> dict[Cell, str]:
        """Return the version that the file has of a package, by cell."""
        return {
            cell: version
            for pin in self.pinned.get(name, ())
            if (version := version_of(pin)) is not None
            for cell in self.where(pin.marker)
        }

    def marker_of(self, cells: Collection[Cell]) -> str | None:
        """Return the shortest marker of some of the cells; None where it is all of them."""
        every = [place_of(cell) for cell in self.plan.cells]
        return markers.simplest([place_of(cell) for cell in cells], every)

    def package(self, name: str) -> FamilyPackage | None:
        """Return how a family publishes a package; None where it is an ordinary one."""
        found = self.plan.catalogue.family_of(name) if name else None
        return found and found[1]

    def is_direct_url(self, pin: RequirementLine) -> bool:
        """Return whether a line says where its package is, and stays as it is.

        The exception is a wheel of a family by its URL (`torch @ https://.../torch-2.6.0%2Bcpu-
        ....whl`): it is one build, and is rewritten like a pin.
        """
        package = self.package(pin.name)
        is_build = package is not None and package.labelled and _wheel_version(pin) is not None
        return pin.url is not None and not is_build

    def is_runtime(self, pin: RequirementLine) -> bool:
        """Return whether a pin is a library that a family's package in the file pulled in."""
        package = self.package(pin.name)
        if package is None or not package.runtime:
            return False
        family_of = self.plan.catalogue.family_of
        (family, _), others = family_of(pin.name) or (None, None), map(family_of, self._names())
        return any(each and each[0] == family and each[1].lockstep for each in others)

    def direct_requirements(self) -> tuple[DirectRequirement, ...]:
        """Return the direct requirements among the lines that hold in any cell.

        Annotations (``# via -r requirements.in``) tell them where the file has them. In a file
        without them every pin is direct, but for the libraries that a family pulls in by itself.
        """
        pins = [pin for pin in self.file.pins if self.concerns(pin)]
        names = dict.fromkeys(
            pin.name for pin in pins if (_is_told(pin) if pin.via else not self.is_runtime(pin))
        )
        return tuple(each for name in names for each in self._asked_by_lines_of(name))

    def option_lines(self, *, index: bool) -> Iterator[str]:
        """Yield the file's own options as lines of an input.

        :param index: whether its --index-url counts.
        """
        for option in self.file.options:
            if option.flag in _TAKEN and (index or option.flag != "--index-url"):
                yield _spelt(option, self.base)

    def preferences(self) -> Iterator[str]:
        """Yield the pins that are to stay where they can, one line each."""
        for pin in (pin for pins in self.pinned.values() for pin in pins):
            version = version_of(pin)
            if version is not None:
                marker = f" ; {pin.marker}" if pin.marker else ""
                hashes = "".join(f" --hash={digest}" for digest in pin.hashes)
                yield f"{pin.name}=={version}{marker}{hashes}"

    def check(self) -> None:
        """Refuse a file that cannot be rewritten by itself, or for these cells.

        :raises AccelockError: it takes in another file, has paths of another machine, or nothing
            that holds in any cell, or not its accelerated package.
        """
        for option in self.file.options:
            if option.flag == "--requirement":
                raise AccelockError(
                    f"{self.name}, line {option.lineno}: {option.raw.strip()} takes in another "
                    f"file, and rewrite turns one. Turn {option.value} by itself, or put the two "
                    "together first."
                )
        self._refuse_lost_paths()
        if self.file.pins and not any(map(self.concerns, self.file.pins)):
            raise AccelockError(self._for_nothing("requirement"))
        for name in self._names():
            package = self.package(name)
            if package and package.labelled and not any(map(self.concerns, self.file.named(name))):
                raise AccelockError(self._for_nothing(name))

    def _refuse_lost_paths(self) -> None:
        """Refuse `name @ file:///croot/...`, as `pip freeze` has it for packages of conda's."""
        ours = filter(self.concerns, filter(self.is_direct_url, self.file.pins))
        lost = [pin for pin in ours if _is_lost(pin)]
        if not lost:
            return
        line = without_comment(lost[0].raw)[0]
        more = f"; {len(lost) - 1} more lines have such paths" if len(lost) > 1 else ""
        raise AccelockError(
            f"{self.name}, line {lost[0].lineno}: {line} is a path of the machine that the package "
            f"was built on, and is not here{more}. Make the file with `pip list --format=freeze`, "
            "which has versions in their place, or write the versions."
        )

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(pin.name for pin in self.file.pins if pin.name))

    def _holds(self, marker: str | None, cell: Cell) -> bool:
        return marker is None or markers.evaluate(marker, place_of(cell), self.plan.patch)

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
            marker = None if whole else pin.marker
            yield DirectRequirement(self._asked(pin), name, marker, told)

    def _asked(self, pin: RequirementLine) -> str:
        extras = f"[{','.join(pin.extras)}]" if pin.extras else ""
        if not self.is_direct_url(pin):
            return f"{pin.name}{extras}{'' if pin.version or pin.url else pin.specifier}"
        if pin.editable or not _is_named(pin):
            return f"{'-e ' if pin.editable else ''}{pin.url}"
        return f"{pin.name}{extras} @ {pin.url}"

    def _for_nothing(self, what: str) -> str:
        cells = (f"{cell.platform.name} (Python {cell.python})" for cell in self.plan.cells)
        return (
            f"{self.name}: no line with a {what} holds on {', '.join(cells)}, by the markers in "
            "the file. Name the Python that the file is for with --python-version, and its "
            "platforms with --platform."
        )


def version_of(pin: RequirementLine) -> str | None:
    """Return the version that a line pins, by itself or by the wheel that it names."""
    return pin.version or _wheel_version(pin)


def public(version: str) -> str:
    """Return a version without its label."""
    return Version(version).public


def parents_of(pin: RequirementLine) -> tuple[str, ...]:
    """Return the canonical names of the packages that an annotation says ask for a pin."""
    words = (word for word in pin.via if not word.startswith("-") and " (" not in word)
    return tuple(canonicalize_name(word.partition("[")[0]) for word in words)


def _is_told(pin: RequirementLine) -> bool:
    """Return whether an annotation names an input: ``-r x.in``, ``name (pyproject.toml)``."""
    return any(word.startswith("-r ") or " (" in word for word in pin.via)


def _is_named(pin: RequirementLine) -> bool:
    """Return whether a line has the form ``name @ URL`` (PEP 508)."""
    return bool(pin.name) and "@" in pin.raw.partition(pin.url or "\0")[0]


def _wheel_version(pin: RequirementLine) -> str | None:
    """Return the version in the file name of the wheel that a URL names."""
    try:
        return str(parse_wheel_filename(unquote(basename(urlsplit(pin.url or "").path)))[1])
    except InvalidWheelFilename:
        return None


def _is_lost(pin: RequirementLine) -> bool:
    """Return whether a line is a file URL of what is not on this machine."""
    parts = urlsplit(pin.url or "")
    return parts.scheme == "file" and not Path(url2pathname(parts.path)).exists()


def _spelt(option: Option, base: Path) -> str:
    if option.value is None:
        return option.flag
    value = option.value
    if option.flag in _PATHS and "://" not in value and (base / value).exists():
        value = str((base / value).resolve())
    return f"{option.flag} {shlex.quote(value) if ' ' in value else value}"
