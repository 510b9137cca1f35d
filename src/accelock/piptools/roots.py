"""Which requirements of a compiled file are direct: what a rewrite resolves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from accelock.catalogue import Catalogue
    from accelock.lock.requirements import Pin, RequirementsFile

# Options of a requirements file that pip-compile takes from its input.
_KEPT_OPTIONS = frozenset(
    {
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--no-index",
        "--trusted-host",
        "--no-binary",
        "--only-binary",
        "--prefer-binary",
        "--pre",
    }
)


@dataclass(frozen=True)
class Roots:
    """The direct requirements of a compiled file.

    :param direct: the pins that are resolved.
    :param others: the pins that are there because another one asks for them.
    """

    file: RequirementsFile
    direct: tuple[Pin, ...]
    others: tuple[Pin, ...]
    runtime: frozenset[str]

    @classmethod
    def of(cls, file: RequirementsFile, catalogue: Catalogue) -> Roots:
        """Tell direct requirements from the rest.

        Annotations (``# via -r requirements.in``) decide where the file has them. In a file without
        them every pin is direct, but for the libraries that a family pulls in by itself (nvidia-*).
        """
        annotated = any(pin.via for pin in file.pins)
        runtime = frozenset(pin.name for pin in file.pins if _is_runtime(pin, catalogue))
        direct = tuple(
            pin
            for pin in file.pins
            if (_is_direct(pin) if annotated and pin.via else pin.name not in runtime)
        )
        names = {pin.name for pin in direct}
        others = tuple(pin for pin in file.pins if pin.name not in names)
        return cls(file, direct, others, runtime)

    def text(self, base: Path) -> str:
        """Return an input file: the options of the file and its direct requirements, unpinned.

        :param base: the folder of the file, which relative paths in it start from.
        """
        options = [o.raw for o in self.file.options if o.flag in _KEPT_OPTIONS]
        lines = dict.fromkeys(_requirement(pin, base) for pin in self.direct)
        return "\n".join((*options, *lines, ""))

    def lost(self, found: Collection[str]) -> tuple[Pin, ...]:
        """Return the pins that must not go, but that no direct requirement asked for.

        A pin goes only with what asked for it: a family's own library, and what only those need.
        Others are kept: extras that were stripped from the file asked for them (``uvloop`` for
        ``uvicorn[standard]``).
        """
        missing = [pin for pin in self.others if pin.name not in found]
        gone = set(self.runtime) - set(found)
        while True:
            more = {pin.name for pin in missing if pin.via and set(pin.via) <= gone} - gone
            if not more:
                break
            gone |= more
        return tuple(pin for pin in missing if pin.name not in gone)

    def with_kept(self, pins: Collection[Pin]) -> Roots:
        """Return the roots with more direct requirements."""
        names = {pin.name for pin in pins}
        return replace(
            self,
            direct=(*self.direct, *pins),
            others=tuple(pin for pin in self.others if pin.name not in names),
        )


def _is_runtime(pin: Pin, catalogue: Catalogue) -> bool:
    found = catalogue.family_of(pin.name) if pin.name else None
    return found is not None and found[1].runtime


def _is_direct(pin: Pin) -> bool:
    """Return whether an annotation names an input: ``-r x.in``, ``name (pyproject.toml)``."""
    return any(word.startswith(("-r ", "-c ")) or " (" in word for word in pin.via)


def _requirement(pin: Pin, base: Path) -> str:
    marker = f" ; {pin.marker}" if pin.marker else ""
    if pin.editable or (pin.url is not None and not pin.name):
        return f"{'-e ' if pin.editable else ''}{_located(pin.url or '', base)}{marker}"
    extras = f"[{','.join(pin.extras)}]" if pin.extras else ""
    if pin.url is not None:
        return f"{pin.name}{extras} @ {pin.url}{marker}"
    return f"{pin.name}{extras}{'' if pin.version else pin.specifier}{marker}"


def _located(location: str, base: Path) -> str:
    path = base / location
    return location if "://" in location or not path.exists() else str(path.resolve())
