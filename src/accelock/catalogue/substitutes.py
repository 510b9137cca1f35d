"""What a target gets in the place of a project that is asked for by its plain name, as values."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from accelock.targets import Platform, Target

__all__ = ["Substitute", "SubstitutedProject"]


@dataclass(frozen=True, slots=True)
class Substitute:
    """What some targets get: another project, or an extra of the same one.

    :param targets: globs of targets' names, as in `cu12?`.
    :param platforms: the platforms that have it, by name; empty for all.
    :param versions: those that are for the hardware.
    """

    targets: tuple[str, ...]
    name: str
    extra: str | None
    versions: SpecifierSet
    platforms: frozenset[str]

    def is_for(self, target: Target, platform: Platform) -> bool:
        """Tell whether a target gets it on a platform."""
        return any(fnmatch.fnmatchcase(target.name, glob) for glob in self.targets) and (
            not self.platforms or platform.name in self.platforms
        )

    def __str__(self) -> str:
        return f"{self.name}{f'[{self.extra}]' if self.extra else ''}{self.versions}"


@dataclass(frozen=True, slots=True)
class SubstitutedProject:
    """A project that targets have under other names, or with an extra.

    :param is_plain_for_all: its plain build is for any machine, so that it is what a target gets
        for which there is no row.
    """

    name: str
    is_plain_for_all: bool
    rows: tuple[Substitute, ...]

    def row(self, target: Target, platform: Platform) -> Substitute | None:
        """Return what a target gets on a platform, None where no row says."""
        return next((row for row in self.rows if row.is_for(target, platform)), None)

    @property
    def names(self) -> frozenset[str]:
        """Return the projects that some target gets, the plain one among them."""
        return frozenset({self.name, *(row.name for row in self.rows)})
