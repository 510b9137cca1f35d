"""Whether a Poetry without accelock would be right: what `init --fallback` writes, and leaves out.

Such a Poetry takes torch from PyPI unless the leader's index is a source of the project *and* every
labelled package of the family is a dependency of the project's own that names it. One that comes in
only through other packages cannot be led there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.locks import reference
from accelock.report.findings import Finding, Level
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from accelock.catalogue import Family
    from accelock.report.poetry_project import Ask, DeclaredSource, PoetryProject
    from accelock.report.project import Project
    from accelock.targets import Target

PYPROJECT = "pyproject.toml"
COMMAND = "poetry accelock init --fallback"
EXPLICIT = "explicit"


@dataclass(frozen=True, slots=True)
class FamilySource:
    """A family's index for a target, as a lock and pyproject.toml name it."""

    family: Family
    name: str
    url: str

    @classmethod
    def of(cls, family: Family, target: Target, project: Project) -> FamilySource:
        """Return it; a family whose CPU builds are taken everywhere has that index alone."""
        variant = variant_of(family, target, project)
        source = project.config.source(family).without_credentials
        return cls(family, reference.own_name(family.name, variant.name), source.url(variant))

    def is_at(self, url: str) -> bool:
        """Tell whether a URL is this index's."""
        return url.rstrip("/") == self.url


def variant_of(family: Family, target: Target, project: Project) -> Target:
    """Return the target whose builds a family takes: cpu, where it is marked `cpuonly`."""
    marked = [name for name, rule in project.config.packages.items() if rule.cpuonly]
    found = (project.catalogue.family_of(name) for name in marked)
    return CPU if family.name in {entry[0].name for entry in found if entry} else target


def is_own(name: str, project: Project) -> bool:
    """Tell whether a source has a name that accelock gives."""
    return any(reference.target_of(name, family.name) for family in project.catalogue.families)


def is_by_hand(ask: Ask, project: Project) -> bool:
    """Tell whether the user chose where a dependency comes from; that counts, and not we."""
    return ask.is_direct or any(name and not is_own(name, project) for name in ask.sources)


def labelled(names: Collection[str], family: Family, project: Project) -> tuple[str, ...]:
    """Return the packages of a family whose builds without a label are another variant."""
    found = ((name, project.catalogue.family_of(name)) for name in sorted(names))
    return tuple(n for n, entry in found if entry and entry[0] == family and entry[1].labelled)


def check_fallback(
    poetry: PoetryProject, names: Collection[str], project: Project
) -> Iterator[Finding]:
    """Yield what keeps a fallback from being right; nothing where there is none.

    :param names: the packages of the lock, of all targets.
    """
    for family in project.catalogue.families:
        declared = [s for s in poetry.sources if reference.target_of(s.name, family.name)]
        if declared and project.config.targets:
            leader = FamilySource.of(family, project.config.targets[0], project)
            for source in declared:
                yield from _of_source(source, leader)
            yield from _of_packages(poetry, names, leader, project)


def _of_source(source: DeclaredSource, leader: FamilySource) -> Iterator[Finding]:
    what = f"[[tool.poetry.source]] {source.name}"
    if source.name.lower() != leader.name:
        yield _finding(f"{what} is not of the first target, whose source is {leader.name}")
    elif not leader.is_at(source.url):
        yield _finding(f"{what} has another URL than the first target's builds, {leader.url}")
    elif source.priority != EXPLICIT:
        yield _finding(f"{what} is {source.priority}, so that any package may come from there")


def _of_packages(
    poetry: PoetryProject, names: Collection[str], leader: FamilySource, project: Project
) -> Iterator[Finding]:
    asked = {ask.name for ask in poetry.asks}
    for name in labelled({*names, *asked}, leader.family, project):
        asks = poetry.named(name)
        if not asks:
            what = f"{name} comes in through other packages only, which no source can change"
            yield _finding(what, f"add it ({add_command([name])}), then run: {COMMAND}")
        for ask in asks:
            if is_by_hand(ask, project):
                continue
            if any((each or "").lower() != leader.name for each in ask.sources):
                yield _finding(f"{name}, in the group {ask.group}, has no `source` {leader.name}")


def add_command(names: Collection[str]) -> str:
    """Return the command that makes packages dependencies of the project."""
    return f"poetry add {' '.join(names)}"


def _finding(what: str, todo: str = f"run: {COMMAND}") -> Finding:
    whole = f"{what}; a Poetry without accelock would lock another build, and not say so"
    return Finding("fallback", Level.ERROR, PYPROJECT, whole, todo)
