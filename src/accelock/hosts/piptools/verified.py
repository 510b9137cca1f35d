"""A cell's result without pip's resolver, where what it prefers fits all that is asked.

`accelock.resolve.verify` walks the requirements; here is what it reads of pip (its finder, the
metadata of the file that pip would take), and what pip-tools is told of the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from pip._internal.exceptions import PipError
from pip._internal.req.constructors import install_req_from_line
from pip._vendor.packaging.specifiers import SpecifierSet as PipSpecifierSet
from pip._vendor.resolvelib.resolvers import Result
from pip._vendor.resolvelib.structs import DirectedGraph
from piptools.utils import is_pinned_requirement

from accelock.errors import MetadataError, SourceError
from accelock.hosts.piptools.metadata import index_file, key_of
from accelock.hosts.piptools.state import place_of_files
from accelock.locks.markers import loosened
from accelock.resolve.verify import verify
from accelock.sources.wheel_metadata import parse_metadata, parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelock.hosts.piptools.state import Active, Run
    from accelock.resolve.verify import Taken
    from accelock.sources.wheel_metadata import CoreMetadata


def solution(run: Run, active: Active, resolver: Any, factory: Any) -> Result | None:
    """Return what a cell takes, or None where pip's resolver has to tell.

    :param resolver: pip-tools' of the cell, with the inputs and the pins that are preferred.
    :param factory: pip's, which builds the metadata of a source distribution that is pinned.
    """
    ireqs, pins = resolver.constraints, resolver.existing_constraints
    if any(each.link or each.editable or each.hash_options or not each.req for each in ireqs):
        return None
    if not pins or not all(map(_is_exact, pins.values())):
        return None
    try:
        read = [(_requirement(each), each.constraint) for each in ireqs]
    except InvalidRequirement:  # pip before 24.1 lets it through, and says what is wrong
        return None
    asked = [requirement for requirement, is_constraint in read if not is_constraint]
    limits: dict[str, SpecifierSet] = {}
    for requirement, is_constraint in read:
        if is_constraint:
            name = canonicalize_name(requirement.name)
            limits[name] = limits.get(name, SpecifierSet()) & requirement.specifier
    wanted = dict(limits)
    for requirement in asked:
        name = canonicalize_name(requirement.name)
        wanted[name] = wanted.get(name, SpecifierSet()) & requirement.specifier
    # pip-tools lets go of a pin that the project itself rules out.
    preferred = {
        name: version
        for name, pin in pins.items()
        for version in [Version(next(iter(pin.specifier)).version)]
        if wanted.get(name, SpecifierSet()).contains(version, prereleases=True)
    }
    releases = _Releases(run, active, resolver.finder, factory, pins)
    found = verify(asked, limits, preferred, releases)
    return None if found is None else _result(found, ireqs)


def _is_exact(pin: Any) -> bool:
    """Return whether a pin is a version; one by `===` is a text."""
    return is_pinned_requirement(pin) and all(each.operator == "==" for each in pin.specifier)


def _requirement(ireq: Any) -> Requirement:
    """Return a requirement of pip's without its marker, which has been judged."""
    requirement = Requirement(str(ireq.req))
    requirement.marker = None
    return requirement


@dataclass(frozen=True)
class _Release:
    """The file that pip would take, with its metadata."""

    run: Run
    active: Active
    version: Version
    candidate: Any
    metadata: CoreMetadata

    def requires(self, extra: str) -> list[Requirement]:
        if extra and extra not in {canonicalize_name(each) for each in self.metadata.extras}:
            return []  # pip warns of an extra that is not provided, whatever the lines say
        lines = self.metadata.requires
        return [each for line in lines if (each := self._required(line, extra)) is not None]

    def _required(self, line: str, extra: str) -> Requirement | None:
        """Return what a Requires-Dist says, if an extra (or "") brings it in."""
        requirement = parse_requirement(line)
        if requirement.marker is None:
            return None if extra else requirement
        brings = self._holds(line, extra) and not (extra and self._holds(line, ""))
        return requirement if brings else None

    def _holds(self, line: str, extra: str) -> bool:
        known, key = self.run.memo.markers, (place_of_files(self.active.cell), line, extra)
        if key not in known:
            marker = Marker(loosened(str(parse_requirement(line).marker)))
            known[key] = marker.evaluate({**self.active.environment, "extra": extra})
        return known[key]


@dataclass(frozen=True)
class _Releases:
    """What a walk reads of a cell: pip's own choice among the files."""

    run: Run
    active: Active
    finder: Any
    factory: Any
    pins: Mapping[str, Any]

    def best(self, name: str, wanted: SpecifierSet) -> _Release | None:
        # The hashes of a file that is kept narrow the choice, as pip has it for constraints.
        hashes = self.pins[name].hashes(trust_internet=False) if name in self.pins else None
        specifier = PipSpecifierSet(str(wanted))
        found = self.finder.find_best_candidate(name, specifier, hashes or None).best_candidate
        if found is None or found.link.is_yanked:
            return None
        version = Version(str(found.version))
        metadata = self._metadata(name, found)
        if metadata is None or not self._is_for_this_python(metadata):
            return None
        return _Release(self.run, self.active, version, found, metadata)

    def _is_for_this_python(self, metadata: CoreMetadata) -> bool:
        python = ".".join(map(str, self.run.plan.version_info(self.active.cell)))
        try:
            wanted = SpecifierSet(metadata.requires_python or "")
        except InvalidSpecifier:
            return False
        return wanted.contains(python, prereleases=True)

    def _metadata(self, name: str, candidate: Any) -> CoreMetadata | None:
        """Return the metadata of a file; None where pip has to tell.

        That of a source distribution is built where it is pinned, as pip would do, and of no other.
        """
        link = candidate.link
        key = key_of(link)
        try:
            if key not in self.run.memo.metadata and not link.is_wheel and name in self.pins:
                self._build(name, candidate)
            if key not in self.run.memo.metadata:
                self.run.memo.metadata[key] = self._read(link).raw
            found = parse_metadata(self.run.memo.metadata[key])
            for line in found.requires:
                parse_requirement(line)
        except (MetadataError, SourceError, PipError):  # pip meets the same, and says it
            return None
        return found

    def _build(self, name: str, candidate: Any) -> None:
        """Let pip prepare a file; our hook on that keeps the metadata (`metadata.install`)."""
        self.factory._make_candidate_from_link(
            candidate.link,
            extras=frozenset(),
            template=install_req_from_line(f"{name}=={candidate.version}"),
            name=name,
            version=candidate.version,
        )

    def _read(self, link: Any) -> CoreMetadata:
        if (file := self.run.files.get(link.url_without_fragment)) is not None:
            return self.run.routed.metadata(file)
        if not link.is_wheel or self.run.reader is None:
            raise MetadataError("its metadata has to be built")
        return self.run.reader.metadata(index_file(link))


@dataclass(frozen=True)
class _Candidate:
    """A package of a result, as pip-tools reads it of pip's resolver."""

    name: str
    version: Version
    source_link: Any
    requirement: Any

    @property
    def project_name(self) -> str:
        return self.name

    def get_install_requirement(self) -> Any:
        return self.requirement


def _result(taken: Mapping[str, Taken[_Release]], ireqs: Iterable[Any]) -> Result:
    """Return what a walk found as pip's resolver returns it.

    :param ireqs: the requirements of the inputs, which say where they are written.
    """
    origins: dict[str, Any] = {
        canonicalize_name(e.name): e for e in reversed([*ireqs]) if not e.constraint
    }
    mapping: dict[str, Any] = {}
    graph: Any = DirectedGraph()
    for name, each in taken.items():
        origin = origins.get(name)
        extras = f"[{','.join(sorted(each.extras))}]" if each.extras else ""
        requirement = install_req_from_line(
            f"{name}{extras}=={each.release.version}",
            comes_from=None if origin is None else origin.comes_from,
        )
        link = each.release.candidate.link
        mapping[name] = _Candidate(name, each.release.version, link, requirement)
        graph.add(name)
    for name, each in taken.items():
        for parent in each.parents:
            graph.connect(parent, name)
    return Result(mapping, graph, {})
