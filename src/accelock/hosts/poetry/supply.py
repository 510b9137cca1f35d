"""What the slices of a lock can take of the accelerated packages, and what those require."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version
from poetry.core.version.markers import AnyMarker, parse_marker

from accelock.hosts.poetry.platform_markers import by_platform
from accelock.resolve.labels import without_target
from accelock.targets import Cell

if TYPE_CHECKING:
    from collections.abc import Collection

    from accelock.catalogue import FamilyPackage
    from accelock.hosts.poetry.slices import Slice
    from accelock.resolve.routing import Shelf
    from accelock.sources.cache import Digests
    from accelock.sources.model import IndexFile
    from accelock.sources.reader import IndexReader
    from accelock.sources.wheel_metadata import CoreMetadata
    from accelock.targets import Platform, PythonVersion, Target


# (name, public version, platform) -> whether the platform may come to need that version.
Needs = Callable[[str, Version, "Platform"], bool]


@dataclass(frozen=True, slots=True)
class Release:
    """One version of an accelerated package, as a slice takes it.

    :param files: the wheels that serve the slice's platforms on the project's Pythons.
    :param requires: Requires-Dist of all of them, joined under platform markers (PEP 508).
    """

    name: str
    version: Version
    files: tuple[IndexFile, ...]
    requires: tuple[str, ...]
    requires_python: str | None
    summary: str


@dataclass
class Supply:
    """The accelerated files by slice, and their joined metadata; each read once a run."""

    shelf: Shelf
    reader: IndexReader
    pythons: tuple[PythonVersion, ...]
    digests: Digests
    _releases: dict[tuple[str, Version, Slice], Release] = field(default_factory=dict)

    def files(self, name: str, target: Target, platform: Platform) -> tuple[IndexFile, ...]:
        """Return the wheels of a project for a target on a platform, for any of the Pythons."""
        found: dict[str, IndexFile] = {}
        for python in self.pythons:
            for file in self.shelf.files(name, Cell(target, platform, python)):
                found[file.url] = file
        return tuple(found.values())

    def pythons_of(
        self, name: str, target: Target, platform: Platform
    ) -> dict[Version, frozenset[PythonVersion]]:
        """Return for which Pythons a target has each version, without its label, on a platform."""
        found: dict[Version, set[PythonVersion]] = {}
        for python in self.pythons:
            for file in self.shelf.files(name, Cell(target, platform, python)):
                found.setdefault(without_target(file.version), set()).add(python)
        return {version: frozenset(pythons) for version, pythons in found.items()}

    def versions(self, name: str, target: Target, platform: Platform) -> frozenset[Version]:
        """Return the public versions that a target has on a platform."""
        return frozenset(file.public for file in self.files(name, target, platform))

    def unhashed(self, name: str, target: Target, platform: Platform) -> frozenset[Version]:
        """Return the public versions passed over there because no sha256 is published."""
        has = self.versions(name, target, platform)
        bare = {
            version
            for python in self.pythons
            for version in self.shelf.unhashed(name, Cell(target, platform, python))
        }
        return frozenset(bare - has)

    def in_slice(self, name: str, whole: Slice, needs: Needs) -> dict[Version, Version]:
        """Return the versions of a slice: the one without its target's label -> the one with it.

        What users ask for has to be there on every platform of the slice that may come to need it;
        a library such as triton, which only some platforms ask for, on one of them.
        """
        found = self.shelf.find(name)
        per_platform = {p: self._by_public(name, whole.target, p) for p in whole.platforms}
        first: dict[Version, Version] = {}
        for versions in reversed(per_platform.values()):
            first |= versions
        if found is None or not _is_everywhere(found.package):
            return first
        return {
            public: version
            for public, version in first.items()
            if all(
                public in versions or not needs(name, public, platform)
                for platform, versions in per_platform.items()
            )
        }

    def release(self, name: str, version: Version, whole: Slice) -> Release:
        """Return a version's files and joined requirements for a slice.

        :raises MetadataError: the metadata of a wheel cannot be had.
        """
        key = (name, version, whole)
        if key not in self._releases:
            self._releases[key] = self._read(name, version, whole)
        return self._releases[key]

    def _hashed(self, files: list[IndexFile]) -> tuple[IndexFile, ...]:
        """Return files that all have a sha256: what nobody publishes is downloaded, if allowed.

        Without consent a version whose files have none is not here: the shelf passed it over. Of
        one that has some hashes the other files are left out.
        """
        bare = [file for file in files if not file.sha256]
        if any(file.sha256 for file in files) or not bare:
            return tuple(file for file in files if file.sha256)
        found = self.digests.of(bare)
        return tuple(replace(file, sha256=found[file.url]) for file in files)

    def _by_public(self, name: str, target: Target, platform: Platform) -> dict[Version, Version]:
        files = self.files(name, target, platform)
        return {without_target(file.version): file.version for file in files}

    def _read(self, name: str, version: Version, whole: Slice) -> Release:
        files: dict[str, IndexFile] = {}
        told: dict[Platform, CoreMetadata] = {}
        for platform in whole.platforms:
            mine = [f for f in self.files(name, whole.target, platform) if f.version == version]
            if mine:
                files |= {file.filename: file for file in mine}
                # One wheel per platform: those of other Pythons have the same metadata.
                told[platform] = self.shelf.metadata(mine[-1])
        first = next(iter(told.values()))
        return Release(
            name=name,
            version=version,
            files=self._hashed([files[filename] for filename in sorted(files)]),
            requires=joined({platform: each.requires for platform, each in told.items()}),
            requires_python=first.requires_python,
            summary=first.summary,
        )


def _is_everywhere(package: FamilyPackage) -> bool:
    """Tell whether a version counts only where the family has it on all platforms."""
    return package.labelled or (package.lockstep and package.is_family_only)


def joined(requires: dict[Platform, tuple[str, ...]]) -> tuple[str, ...]:
    """Join the requirements of one version's wheels under platform markers.

    Wheels differ: 2.6.0+cu126 has its nvidia requirements on x86_64 and none on aarch64. What none
    of those that have it can need is left out: the macOS wheel of 2.8.0 requires Linux's triton, in
    a version of its own. Those that differ in their words for one platform alone are one.
    """
    order = dict.fromkeys(text for texts in requires.values() for text in texts)
    having = {text: [p for p in requires if text in requires[p]] for text in order}
    found = (_restricted(text, there, requires) for text, there in having.items())
    return tuple(dict.fromkeys(text for text in found if text is not None))


def _restricted(text: str, there: list[Platform], among: Collection[Platform]) -> str | None:
    """Return a requirement of some platforms' wheels; None where none of them can need it."""
    requirement = Requirement(text)
    own = parse_marker(str(requirement.marker)) if requirement.marker else AnyMarker()
    marker = by_platform(own, there, among)
    if marker.is_empty():
        return None
    if marker == own:
        return text
    requirement.marker = None
    return str(requirement) if marker.is_any() else f"{requirement} ; {marker}"
