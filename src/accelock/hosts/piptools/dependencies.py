"""Who asks for what: the Requires-Dist lines of the distributions that a run has looked at."""

from __future__ import annotations

import contextlib
import functools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.errors import MetadataError
from accelock.locks.markers import loosened
from accelock.sources.wheel_metadata import parse_metadata, parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.requirements import Requirement


@dataclass(frozen=True)
class Dependency:
    """One Requires-Dist line of a distribution.

    :param parent: the canonical name of the distribution that asks.
    :param name: the canonical name of what it asks for.
    :param extras: the extras that the parent provides: what `extra` in the marker can be.
    """

    parent: str
    name: str
    requirement: Requirement
    extras: frozenset[str]

    def holds(self, environment: Mapping[str, str], extra: str = "") -> bool:
        """Return whether the parent asks for it in an environment, with one of its extras."""
        if self.requirement.marker is None:
            return True
        marker = Marker(loosened(str(self.requirement.marker)))
        return marker.evaluate({**environment, "extra": extra})

    def extras_at(self, environment: Mapping[str, str]) -> frozenset[str]:
        """Return the extras with which the parent asks for it, and without which it does not."""
        if self.holds(environment):
            return frozenset()
        return frozenset(extra for extra in self.extras if self.holds(environment, extra))

    def holds_with_any(self, environment: Mapping[str, str]) -> bool:
        """Return whether the parent asks for it in an environment, be it with an extra."""
        return self.holds(environment) or bool(self.extras_at(environment))


@dataclass(frozen=True)
class Dependencies:
    """The requirements of distributions: (name, public version) -> what each of them asks for.

    Wheels of one version differ, so that what counts is all that any of them asks.
    """

    found: Mapping[tuple[str, str], frozenset[Dependency]] = field(default_factory=dict)

    @classmethod
    def of(cls, contents: Iterable[bytes]) -> Dependencies:
        """Read METADATA files; a broken one tells nothing."""
        found: defaultdict[tuple[str, str], set[Dependency]] = defaultdict(set)
        for read in filter(None, map(_read, contents)):
            found[read[0]].update(read[1])
        return cls({key: frozenset(asks) for key, asks in found.items()})

    def by(self, parent: str, version: str) -> frozenset[Dependency]:
        """Return what a distribution asks for; nothing where its metadata was not looked at."""
        return self.found.get((parent, Version(version).public), frozenset())

    def knows(self, parent: str, version: str) -> bool:
        """Return whether the metadata of a distribution was looked at."""
        return (parent, Version(version).public) in self.found


@functools.lru_cache(maxsize=8_192)
def _read(text: bytes) -> tuple[tuple[str, str], tuple[Dependency, ...]] | None:
    try:
        found = parse_metadata(text)
    except MetadataError:
        return None
    extras = frozenset(extra.strip() for extra in found.extras)
    asks = []
    for line in found.requires:
        with contextlib.suppress(MetadataError):
            requirement = parse_requirement(line)
            name = canonicalize_name(requirement.name)
            asks.append(Dependency(found.name, name, requirement, extras))
    return (found.name, found.version.public), tuple(asks)
