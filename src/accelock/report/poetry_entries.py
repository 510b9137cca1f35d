"""Whether the entries of a poetry.lock are those of their targets: sources, labels, hashes, files.

What a target has are the leader's entries, or those with the target's difference applied. A fault
that several targets share is told once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from accelock.errors import AccelockError, MetadataError
from accelock.locks import markers, reference
from accelock.locks import overlay as overlays
from accelock.locks.markers import Place
from accelock.report.findings import Finding, Level
from accelock.report.poetry_fallback import FamilySource, is_by_hand, variant_of
from accelock.report.project import are_apart
from accelock.sources.filename import parse_filename
from accelock.targets import PYTHONS, Target, parse_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelock.catalogue import Family, FamilyPackage
    from accelock.locks.overlay import Overlay
    from accelock.report.poetry_project import PoetryProject
    from accelock.report.project import Project
    from accelock.targets import Platform

_LOCK = "poetry.lock"
_HASH = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")
_EXTRA = re.compile(r"""\bextra\s*==\s*(?:"[^"]*"|'[^']*')""")
_NOWHERE = "<empty>"  # poetry-core's word for a marker that holds nowhere
_AGAIN = "lock again with the plugin: poetry lock"
_ANEW = "poetry lock --regenerate"

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Views:
    """What a lock has for each target, and on which platforms."""

    entries: Mapping[Target, Sequence[Entry]]
    platforms: Mapping[Target, tuple[Platform, ...]]

    @classmethod
    def of(cls, leader: Sequence[Entry], overlay: Overlay, project: Project) -> Views:
        """Return the views of a lock; words that are not known are an OverlayError."""
        known = project.catalogue.targets
        entries: dict[Target, Sequence[Entry]] = {}
        platforms: dict[Target, tuple[Platform, ...]] = {}
        try:
            for name in overlay.targets:
                target = parse_target(name, known)
                entries[target] = [dict(entry) for entry in overlay.view(leader, name)]
                platforms[target] = tuple(map(parse_platform, overlay.platforms[name]))
        except AccelockError as error:
            what = f"{_LOCK}: [metadata.accelock] has what this accelock does not know: {error}"
            raise overlays.OverlayError(what) from error
        return cls(entries, platforms)

    @property
    def names(self) -> frozenset[str]:
        """Return the packages of all targets."""
        return frozenset(name_of(each) for view in self.entries.values() for each in view)


def name_of(entry: Mapping[str, Any]) -> str:
    """Return the canonical name of an entry's package."""
    return canonicalize_name(str(entry.get("name", "")))


def accelerated(entries: Sequence[Mapping[str, Any]], project: Project) -> tuple[str, ...]:
    """Return the packages of families, labelled ones first, each as `torch 2.6.0 from PyPI`."""
    found = [(project.catalogue.family_of(name_of(entry)), entry) for entry in entries]
    ours = [(known[1], entry) for known, entry in found if known]
    ours.sort(key=lambda pair: not pair[0].labelled)
    return tuple(f"{_spelt(entry)} from {_source(entry)}" for _package, entry in ours)


def check_entries(views: Views, poetry: PoetryProject, project: Project) -> Iterator[Finding]:
    """Yield what is wrong with the entries, each fault once with all targets that have it."""
    by_hand = {ask.name for ask in poetry.asks if is_by_hand(ask, project)}
    faults: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for target in views.entries:
        for code, what in _View(target, views, project, poetry, frozenset(by_hand)).faults():
            if target.name not in faults[code, what]:
                faults[code, what].append(target.name)
    for (code, what), targets in faults.items():
        todo = _ANEW if code in {"foreign-label", "no-hash", "not-whole"} else _AGAIN
        yield Finding(code, Level.ERROR, _LOCK, f"for {', '.join(targets)}, {what}", todo)
    if project.config.lockstep:
        yield from _lockstep(views, project)


@dataclass(frozen=True, slots=True)
class _View:
    target: Target
    views: Views
    project: Project
    poetry: PoetryProject
    by_hand: frozenset[str]

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield (code, what) of each fault."""
        for entry in self.views.entries[self.target]:
            name = name_of(entry)
            kind = entry.get("source", {}).get("type", "legacy")
            if name in self.by_hand or kind != "legacy":
                continue
            known = self.project.catalogue.family_of(name)
            if known is None:
                yield from self._stray(entry)
                continue
            family, package = known
            yield from self._source(entry, family, package)
            yield from self._hashes(entry)
            if package.labelled:
                yield from self._label(entry, family)
                yield from self._platforms(entry)
        yield from self._pairs()

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the releases that do not go together, wherever two of them may be installed."""
        for platform in self.views.platforms[self.target]:
            for python in PYTHONS:
                place = Place(platform, python)
                there = (each for each in self.views.entries[self.target] if holds(each, place))
                versions = {name_of(each): str(each.get("version")) for each in there}
                for pair in self.project.catalogue.foreign_pairs(versions):
                    yield "foreign-pair", str(pair)

    def _stray(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Yield a fault of a package that no family has, and comes from one's source."""
        for family in self.project.catalogue.families:
            if self._is_of(entry, FamilySource.of(family, self.target, self.project)):
                what = f"{_spelt(entry)} comes from {_source(entry)}, which is not for it"
                yield "foreign-source", what

    def _source(
        self, entry: Entry, family: Family, package: FamilyPackage
    ) -> Iterator[tuple[str, str]]:
        own = FamilySource.of(family, self.target, self.project)
        if self._is_of(entry, own) or self._is_mirror(entry, family):
            return
        others = (FamilySource.of(family, each, self.project) for each in self.views.entries)
        is_others = any(self._is_of(entry, other) for other in others)
        named = reference.target_of(_reference(entry), family.name)
        if package.is_family_only or is_others or named is not None:
            what = f"{_spelt(entry)} comes from {_source(entry)}, not from {own.url}"
            yield "foreign-source", what

    def _is_mirror(self, entry: Entry, family: Family) -> bool:
        """Tell whether an entry comes from a source of the user's with this target's own builds."""
        declared = self.poetry.source(_reference(entry))
        variant = variant_of(family, self.target, self.project)
        return declared is not None and family.target_at(declared.url) == variant.name

    @staticmethod
    def _is_of(entry: Entry, source: FamilySource) -> bool:
        return source.is_at(str(entry.get("source", {}).get("url", "")))

    def _label(self, entry: Entry, family: Family) -> Iterator[tuple[str, str]]:
        version = _version(entry)
        label = version.local if version else None
        wanted = variant_of(family, self.target, self.project).name
        if label and label != wanted and _is_target(label, self.project):
            yield "foreign-label", f"{_spelt(entry)} is a build for {label}, not for {wanted}"

    @staticmethod
    def _hashes(entry: Entry) -> Iterator[tuple[str, str]]:
        files = _files(entry)
        bare = [str(f.get("file")) for f in files if not _HASH.fullmatch(str(f.get("hash", "")))]
        if bare:
            more = f" and {len(bare) - 1} more of its files" if len(bare) > 1 else ""
            yield "no-hash", f"{_spelt(entry)} has no hash for {bare[0]}{more}"
        if not files:
            yield "no-hash", f"{_spelt(entry)} has no file at all"

    def _platforms(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Yield a fault where a platform is to take this entry, and none of its files fits."""
        names = [str(file.get("file")) for file in _files(entry)]
        parsed = [found for found in map(parse_filename, names) if found and found.tags]
        tags = {tag.platform for found in parsed for tag in found.tags or ()}
        if not parsed or "any" in tags:
            return
        levels = self.project.config.levels
        bare = [
            platform.name
            for platform in self.views.platforms[self.target]
            if not tags.intersection(platform.wheel_platforms(levels))
            and any(holds(entry, Place(platform, python)) for python in PYTHONS)
        ]
        if bare:
            yield "not-whole", f"{_spelt(entry)} has no file for {', '.join(bare)}"


def _lockstep(views: Views, project: Project) -> Iterator[Finding]:
    """Yield the lockstep packages whose public versions differ between targets at one place."""
    leader, *others = views.entries
    for name in sorted(views.names):
        known = project.catalogue.family_of(name)
        if known is None or not known[1].lockstep:
            continue
        for other in others:
            mine, theirs = _conflict(views, leader, other, name)
            if mine and not are_apart(name, leader, other, project):
                what = f"{name} is {mine} for {leader} and {theirs} for {other}"
                whole = f"{what}; lockstep wants one public version"
                yield Finding("lockstep", Level.ERROR, _LOCK, whole, _ANEW)


def _conflict(views: Views, leader: Target, other: Target, name: str) -> tuple[str, str]:
    for platform in views.platforms[leader]:
        if platform in views.platforms[other]:
            for python in PYTHONS:
                place = Place(platform, python)
                mine, theirs = (_publics(views.entries[t], name, place) for t in (leader, other))
                if mine and theirs and mine != theirs:
                    return ", ".join(mine), ", ".join(theirs)
    return "", ""


def _publics(entries: Sequence[Entry], name: str, place: Place) -> tuple[str, ...]:
    here = (each for each in entries if name_of(each) == name and holds(each, place))
    found = (_version(each) for each in here)
    return tuple(sorted({version.public for version in found if version}))


def holds(entry: Entry, place: Place, *, extras: bool = True) -> bool:
    """Tell whether an entry counts at a place in any group; unknown markers are taken to.

    :param extras: whether any extra that a marker names may be asked for, or none is.
    """
    marker = entry.get("markers")
    each = list(marker.values()) if isinstance(marker, dict) else [marker]
    groups = entry.get("groups")
    if not each or (
        isinstance(groups, list) and isinstance(marker, dict) and len(groups) > len(each)
    ):
        return True  # groups without a marker of their own want it everywhere
    return any(_is_true(text, place, extras=extras) for text in each)


def _is_true(marker: Any, place: Place, *, extras: bool) -> bool:
    if marker == _NOWHERE:
        return False
    if not isinstance(marker, str):
        return True
    text = _EXTRA.sub('python_version != ""', marker) if extras else marker
    try:
        return not text or markers.may_hold(text, place)
    except MetadataError:
        return True


def _files(entry: Entry) -> list[Mapping[str, Any]]:
    files = entry.get("files", [])
    return [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []


def _reference(entry: Mapping[str, Any]) -> str:
    return str(entry.get("source", {}).get("reference", ""))


def _source(entry: Mapping[str, Any]) -> str:
    return str(entry.get("source", {}).get("url", "PyPI"))


def _spelt(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('name')} {entry.get('version')}"


def _version(entry: Mapping[str, Any]) -> Version | None:
    try:
        return Version(str(entry.get("version")))
    except InvalidVersion:
        return None


def _is_target(label: str, project: Project) -> bool:
    try:
        parse_target(label, project.catalogue.targets)
    except AccelockError:
        return False
    return True
