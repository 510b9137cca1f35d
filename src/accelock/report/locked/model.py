"""Locked packages as values, free of the file that they were read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from accelock.hardware.vendor import Locked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.locks.markers import Place
    from accelock.targets import Platform, PythonVersion, Target

TORCH = "torch"


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package as a lock has it at one place.

    :param name: canonical.
    :param version: as it is written, label included; None where only a URL tells it.
    :param index: the URL of the index or page that the lock names for it, None for the default one.
    :param hashes: sha256 of its files, in hex; of other places and Pythons too.
    :param files: the names of its files, where the lock has them.
    :param via: who asks for it, in words.
    :param where: the file, and the line where there is one.
    :param url: where it comes from by hand.
    """

    name: str
    version: str | None
    index: str | None = None
    hashes: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    via: tuple[str, ...] = ()
    where: str = ""
    url: str | None = None

    @property
    def parsed(self) -> Version | None:
        """Return the version as a value, None where it is none."""
        try:
            return Version(self.version) if self.version else None
        except InvalidVersion:
            return None

    @property
    def label(self) -> str | None:
        """Return the local version label, as in cu126, or None."""
        return self.parsed.local if self.parsed else None

    def __str__(self) -> str:
        return f"{self.name} {self.version or self.url or 'of no version'}"


@dataclass(frozen=True, slots=True)
class TargetLock:
    """What a lock has for one target.

    :param file: its name, for people.
    :param platforms: those that it holds on; None where nothing tells them.
    :param at: returns the packages that are installed at a place, by name.
    :param every: the same, with those that only an extra asks for: Poetry chooses a target, and
        installs, with regard to them too.
    :param pythons: the Pythons that it holds for; empty where nothing tells them.
    """

    target: Target
    file: str
    platforms: tuple[Platform, ...] | None
    at: Callable[[Place], Mapping[str, LockedPackage]]
    every: Callable[[Place], Mapping[str, LockedPackage]]
    pythons: tuple[PythonVersion, ...] = ()

    def holds(self, platform: Platform) -> bool:
        """Tell whether it holds on a platform, as far as is known."""
        return self.platforms is None or platform in self.platforms

    def fact(self, place: Place | None) -> Locked:
        """Return what the choice of a target has to know of it at a place.

        :param place: None where accelock has no name for the platform: it holds nothing there.
        """
        package = self.every(place).get(TORCH) if place else None
        version = package.parsed if package else None
        platforms = None if self.platforms is None else frozenset(p.name for p in self.platforms)
        return Locked(version, platforms)


@dataclass(frozen=True, slots=True)
class Locks:
    """All targets of a project's lock, the leader first; `kind` says which lock it is."""

    kind: str
    targets: tuple[TargetLock, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the files, each once."""
        return tuple(dict.fromkeys(each.file for each in self.targets))

    def of(self, target: Target) -> TargetLock | None:
        """Return what it has for a target, or None."""
        return next((each for each in self.targets if each.target == target), None)

    def facts(self, place: Place | None) -> dict[str, Locked]:
        """Return what the choice of a target has to know, by the target's name."""
        return {each.target.name: each.fact(place) for each in self.targets}
