"""What the groups of a lock can take of the accelerated packages, and what those require."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from poetry.core.version.markers import AnyMarker, parse_marker

from accelock.hosts.poetry.platform_markers import by_platform
from accelock.resolve.serving import without_target
from accelock.targets import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from packaging.version import Version

    from accelock.resolve.host import Group
    from accelock.resolve.routing import Routing
    from accelock.sources.cache import Digests
    from accelock.sources.model import IndexFile
    from accelock.sources.reader import IndexReader
    from accelock.sources.wheel_metadata import CoreMetadata
    from accelock.targets import Platform, PythonVersion, Target


@dataclass(frozen=True, slots=True)
class GroupRelease:
    """One version of an accelerated package, as a group takes it.

    :param files: the wheels that serve the group's platforms on the project's Pythons.
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
    """The accelerated files by group, and their joined metadata; each read once a run."""

    routing: Routing
    reader: IndexReader
    pythons: tuple[PythonVersion, ...]
    digests: Digests
    _releases: dict[tuple[str, Version, Group], GroupRelease] = field(default_factory=dict)

    def files(self, name: str, target: Target, platform: Platform) -> tuple[IndexFile, ...]:
        """Return the wheels of a project for a target on a platform, for any of the Pythons."""
        found: dict[str, IndexFile] = {}
        for python in self.pythons:
            for file in self.routing.files(name, Cell(target, platform, python)):
                found[file.url] = file
        return tuple(found.values())

    def pythons_of(
        self, name: str, target: Target, platform: Platform
    ) -> dict[Version, frozenset[PythonVersion]]:
        """Return for which Pythons a target has each version, without its label, on a platform."""
        found: dict[Version, set[PythonVersion]] = {}
        for python in self.pythons:
            for file in self.routing.files(name, Cell(target, platform, python)):
                found.setdefault(without_target(file.version), set()).add(python)
        return {version: frozenset(pythons) for version, pythons in found.items()}

    def unhashed(self, name: str, target: Target, platform: Platform) -> frozenset[Version]:
        """Return the public versions passed over there because no sha256 is published."""
        has = {file.public for file in self.files(name, target, platform)}
        bare = {
            version
            for python in self.pythons
            for version in self.routing.unhashed(name, Cell(target, platform, python))
        }
        return frozenset(bare - has)

    def in_group(
        self, name: str, group: Group, must_have: Callable[[str, Version, Cell], bool]
    ) -> dict[Version, Version]:
        """Return the versions of a group: the one without its target's label -> the one with it.

        What users ask for has to be there in every cell of the group that may come to need it; a
        library such as triton, which only some platforms ask for, in one of them.
        """
        found = self.routing.find(name)
        per_cell = {cell: self._by_public(name, cell) for cell in group.cells}
        first: dict[Version, Version] = {}
        for versions in reversed(per_cell.values()):
            first |= versions
        # What counts only where a family has it on all platforms.
        package = found.package if found is not None else None
        in_lockstep = package is not None and package.lockstep and package.is_family_only
        if package is None or not (package.labelled or in_lockstep):
            return first
        return {
            public: version
            for public, version in first.items()
            if all(
                public in versions or not must_have(name, public, cell)
                for cell, versions in per_cell.items()
            )
        }

    def release(self, name: str, version: Version, group: Group) -> GroupRelease:
        """Return a version's files and joined requirements for a group.

        :raises MetadataError: the metadata of a wheel cannot be had.
        """
        key = (name, version, group)
        if key not in self._releases:
            self._releases[key] = self._read(name, version, group)
        return self._releases[key]

    def _hashed(self, files: list[IndexFile]) -> tuple[IndexFile, ...]:
        """Return files that all have a sha256: what nobody publishes is downloaded, if allowed.

        Without consent a version whose files have none is not here: the routing passed it over. Of
        one that has some hashes the other files are left out.
        """
        bare = [file for file in files if not file.sha256]
        if any(file.sha256 for file in files) or not bare:
            return tuple(file for file in files if file.sha256)
        found = self.digests.of(bare)
        return tuple(replace(file, sha256=found[file.url]) for file in files)

    def _by_public(self, name: str, cell: Cell) -> dict[Version, Version]:
        files = self.files(name, cell.target, cell.platform)
        return {without_target(file.version): file.version for file in files}

    def _read(self, name: str, version: Version, group: Group) -> GroupRelease:
        files: dict[str, IndexFile] = {}
        told: dict[Platform, CoreMetadata] = {}
        for platform in group.platforms:
            mine = [f for f in self.files(name, group.target, platform) if f.version == version]
            if mine:
                files |= {file.filename: file for file in mine}
                # One wheel per platform: those of other Pythons have the same metadata.
                told[platform] = self.routing.metadata(mine[-1])
        first = next(iter(told.values()))
        return GroupRelease(
            name=name,
            version=version,
            files=self._hashed([files[filename] for filename in sorted(files)]),
            requires=joined({platform: each.requires for platform, each in told.items()}),
            requires_python=first.requires_python,
            summary=first.summary,
        )


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
