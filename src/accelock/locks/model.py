"""A lock as values: what is locked for each target, free of the file that it was read from.

Each format has one reader, which makes these values: `accelock.locks.compiled`, `.poetry_lock`,
`.pylock_file` and `.conda_lock`. Whoever asks what is locked somewhere asks them, whatever
wrote the lock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.version import Version

from accelock.errors import MetadataError
from accelock.locks import markers
from accelock.locks.markers import Place
from accelock.targets import PLATFORMS, PYTHONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from accelock.catalogue import Catalogue
    from accelock.sources.model import IndexFile
    from accelock.targets import Platform, PythonVersion, Target

#: The group of what a project itself requires; the lines of a requirements file are all of it.
MAIN = "main"
_NOWHERE = "<empty>"  # poetry-core's word for a marker that holds nowhere
_EXTRA = re.compile(r"""\bextra\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)')""")
_ANY = "*"
_ALWAYS, _NEVER = 'python_version != ""', 'python_version == ""'
_EVERYWHERE: Mapping[str, str | None] = MappingProxyType({MAIN: None})


@dataclass(frozen=True, slots=True)
class Pin:
    """One package as a lock has it, and where it holds.

    :param name: canonical (PEP 503).
    :param version: as it is written, label included; None where only a URL tells it.
    :param markers: by each group that has it; None is everywhere.
    :param optional: only an extra asks for it.
    :param index: the URL of the index or page that the lock names for it, None for the default one.
    :param hashes: sha256 of its files, in hex; of other places and Pythons too.
    :param files: the names of its files, each with its sha256, where the lock has them.
    :param listed: the same files with URL and size, where the lock has those too.
    :param via: who asks for it, in words, beside what `requires` of others says.
    :param requires: what it asks for: canonical name -> constraint, in words.
    :param where: the file, and the line where there is one.
    :param url: where it comes from by hand.
    :param source: what poetry.lock says of that.
    :param editable: whether it is installed as a link to its folder.
    """

    name: str
    version: str | None
    markers: Mapping[str, str | None] = field(default_factory=lambda: _EVERYWHERE)
    optional: bool = False
    index: str | None = None
    hashes: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[IndexFile, ...] = ()
    via: tuple[str, ...] = ()
    requires: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    url: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    editable: bool = False

    @property
    def parsed(self) -> Version | None:
        """Return the version as a value, None where it is none."""
        try:
            return Version(self.version) if self.version else None
        except ValueError:
            return None

    @property
    def label(self) -> str | None:
        """Return the local version label, as in cu126, or None."""
        return self.parsed.local if self.parsed else None

    def __str__(self) -> str:
        return f"{self.name} {self.version or self.url or 'of no version'}"

    def holds(
        self, place: Place, *, groups: Collection[str] | None = None, extras: bool = False
    ) -> bool:
        """Tell whether it is wanted at a place; a marker that cannot be decided is taken to hold.

        :param groups: those that count; None is all of them.
        :param extras: whether any extra that a marker names may be asked for, or none is.
        """
        own = [each for name, each in self.markers.items() if groups is None or name in groups]
        asked = [_with_extras(each, _ANY) if each and extras else each for each in own]
        return any(_may_hold(marker, place) for marker in asked)


@dataclass(frozen=True, slots=True)
class TargetLock:
    """What a lock has for one target.

    :param file: its name, for people.
    :param pins: in the order of the file.
    :param platforms: those that it was made for; None where nothing tells them.
    :param pythons: the Pythons that it was made for; empty where nothing tells them.
    :param supported: those that its project supports, of a lock that holds for a range of them.
    :param requires_python: that range (PEP 440), where one specifier says it.
    :param index: the index that it names in the place of the default one.
    :param extra_indexes: other indexes, and pages of links, that it names and no family has.
    :param nameless: its lines whose name nothing tells, which are no pins.
    """

    target: Target
    file: str
    pins: tuple[Pin, ...]
    platforms: tuple[Platform, ...] | None = None
    pythons: tuple[PythonVersion, ...] = ()
    supported: tuple[PythonVersion, ...] = ()
    requires_python: str | None = None
    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()

    def is_for(self, platform: Platform) -> bool:
        """Tell whether it was made for a platform, as far as is known."""
        return self.platforms is None or platform in self.platforms

    def at(self, place: Place) -> Mapping[str, Pin]:
        """Return what is installed at a place, by name: no extra is asked for."""
        return {pin.name: pin for pin in self.pins if not pin.optional and pin.holds(place)}

    def every(self, place: Place) -> Mapping[str, Pin]:
        """Return the same with what any extra may ask for, which the lock does not tell.

        Of several of one name that of no extra counts, else the newest. Poetry chooses a target,
        and installs, with regard to all of them.
        """
        here = self.at(place)
        more = [pin for pin in self.pins if pin.name not in here and pin.holds(place, extras=True)]
        more.sort(key=lambda pin: pin.parsed or Version("0"))
        return {**{pin.name: pin for pin in more}, **here}

    def versions(self) -> dict[str, set[str]]:
        """Return the versions of each package anywhere: several, where markers tell them apart."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for pin in self.pins:
            found[pin.name].add(pin.version or "")
        return dict(found)


@dataclass(frozen=True, slots=True)
class Lock:
    """All targets of a project's lock, the leader first; `kind` says which lock it is."""

    kind: str
    targets: Mapping[Target, TargetLock]

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the files, each once."""
        return tuple(dict.fromkeys(each.file for each in self.targets.values()))

    def at(self, target: Target, place: Place) -> Mapping[str, Pin]:
        """Return what is installed of a target at a place, by name; nothing of one it lacks."""
        lock = self.targets.get(target)
        return lock.at(place) if lock is not None else {}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two versions of one package that a target has at one place: which is installed is chance."""

    target: Target
    file: str
    name: str
    versions: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        return (
            f"{self.name} is locked as {' and as '.join(self.versions)} for {self.target} on "
            f"{self.place.platform}, Python {self.place.python}"
        )


def conflicts(lock: Lock) -> tuple[Conflict, ...]:
    """Return each package of which a target has several versions at one place, with the first.

    Every target, platform and Python of the lock is looked at, without extras and with each alone.
    Pure: nothing but the lock's own markers is asked, and one that cannot be decided tells nothing.
    """
    several = ((each, pins) for each in lock.targets.values() for pins in _several(each))
    found = (_conflict(each, pins) for each, pins in several)
    return tuple(conflict for conflict in found if conflict is not None)


def foreign_pairs(lock: TargetLock, catalogue: Catalogue) -> tuple[str, ...]:
    """Return, in words, the releases of a target that do not go together at some place."""
    found: dict[str, None] = {}
    for platform in lock.platforms or PLATFORMS.values():
        for python in lock.pythons or lock.supported or PYTHONS:
            here = lock.every(Place(platform, python)).values()
            versions = {pin.name: pin.version for pin in here if pin.version}
            found |= dict.fromkeys(map(str, catalogue.foreign_pairs(versions)))
    return tuple(found)


def _several(lock: TargetLock) -> Iterator[Sequence[Pin]]:
    """Yield the pins of each package that has several versions, wherever they hold."""
    found: defaultdict[str, list[Pin]] = defaultdict(list)
    for pin in lock.pins:
        found[pin.name].append(pin)
    for pins in found.values():
        if len({(pin.version, pin.url) for pin in pins}) > 1:
            yield pins


def _conflict(lock: TargetLock, pins: Sequence[Pin]) -> Conflict | None:
    texts = [marker for pin in pins for marker in pin.markers.values() if marker]
    extras = sorted({found[1] or found[2] for text in texts for found in _EXTRA.findall(text)})
    pythons = lock.pythons or lock.supported or PYTHONS
    cases = (
        (Place(platform, python), patch, extra)
        for platform in lock.platforms or PLATFORMS.values()
        for python in pythons
        for patch in python.patches(*texts)
        for extra in (None, *extras)
    )
    for place, patch, extra in cases:
        here = {pin.version or pin.url or "" for pin in pins if _is_sure(pin, place, patch, extra)}
        if len(here) > 1:
            return Conflict(lock.target, lock.file, pins[0].name, tuple(sorted(here)), place)
    return None


def _is_sure(pin: Pin, place: Place, patch: int, extra: str | None) -> bool:
    """Tell whether a pin is wanted on one release of Python where `extra` alone is asked for."""
    for marker in pin.markers.values():
        try:
            if not marker:
                is_wanted = not pin.optional
            else:
                text = _with_extras(marker, extra)
                is_wanted = marker != _NOWHERE and markers.evaluate(text, place, patch)
        except MetadataError:
            continue
        if is_wanted:
            return True
    return False


def _with_extras(marker: str, asked: str | None) -> str:
    """Return a marker with its questions for extras answered; `_ANY` is for each what it likes."""

    def answer(found: re.Match[str]) -> str:
        is_true = (asked == (found[2] or found[3])) is (found[1] == "==")
        return _ALWAYS if asked == _ANY or is_true else _NEVER

    return _EXTRA.sub(answer, marker)


def _may_hold(marker: str | None, place: Place) -> bool:
    if marker == _NOWHERE:
        return False
    try:
        return not marker or markers.may_hold(marker, place)
    except MetadataError:
        return True
