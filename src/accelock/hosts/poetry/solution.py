"""The solution of a project: the groups of each target joined under markers, and what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version
from poetry.core.version.markers import AnyMarker, BaseMarker, parse_marker
from poetry.packages.transitive_package_info import TransitivePackageInfo

from accelock.locks import markers, poetry_lock
from accelock.locks.markers import Place
from accelock.resolve.host import Group
from accelock.targets import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.pool import TargetPool
    from accelock.locks.model import Lock
    from accelock.settings.project import Settings
    from accelock.targets import Platform, Target

Solved = dict["Package", TransitivePackageInfo]
_EXTRA = re.compile(r"""extra [!=]= ["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Solution:
    """What a lock of all targets consists of.

    :param accelerated: False where no package of a family is in it: then one target is all.
    """

    by_target: Mapping[Target, Solved]
    platforms: Mapping[Target, tuple[Platform, ...]]
    accelerated: bool

    def as_lock(self, settings: Settings) -> Lock | None:
        """Return the lock that it will be; None where no target tells another apart."""
        return self.lock_of_all(settings) if self.accelerated else None

    def lock_of_all(
        self,
        settings: Settings,
        asked: Mapping[str, Sequence[str]] | None = None,
        pythons: str = "*",
    ) -> Lock:
        """Return what each target will have; the leader's part where none tells another apart.

        :param asked: package -> where the project itself asks for it, in words.
        :param pythons: those that the project supports, as Poetry writes a constraint.
        """
        leader = next(iter(self.by_target.values()))
        views = {
            target.name: [
                _entry(package, info)
                for package, info in self.by_target.get(target, leader).items()
            ]
            for target in (self.by_target if self.accelerated else self.platforms)
        }
        platforms = {t.name: [p.name for p in found] for t, found in self.platforms.items()}
        known = settings.catalogue.targets
        return poetry_lock.lock_of(views, platforms, known, asked=asked, pythons=pythons)


def _entry(package: Package, info: TransitivePackageInfo) -> dict[str, object]:
    """Return as much of an entry (format 2.1) as tells its version, files and requirements.

    And where it is wanted.
    """
    return {
        "name": package.name,
        "version": package.version.text,
        "files": list(package.files),
        "dependencies": {each.name: str(each.constraint) for each in package.requires},
        **(
            {"source": {"type": package.source_type, "url": package.source_url}}
            if package.source_type
            else {}
        ),
        "optional": package.optional,
        "groups": sorted(info.groups),
        "markers": {group: str(m) for group, m in info.markers.items() if not m.is_any()},
    }


def is_sourced(package: Package) -> bool:
    """Return whether a package comes from an index, and not from an URL, a file or a repository."""
    return package.source_type in {None, "legacy"}


def public(package: Package) -> Version:
    """Return a package's version without its label (PEP 440)."""
    return Version(Version(package.version.text).public)


def lockstep_versions(pool: TargetPool, solved: Iterable[Package]) -> dict[str, frozenset[Version]]:
    """Return the public versions of each lockstep package: several, where markers ask for them."""
    found: dict[str, set[Version]] = {}
    for package in solved:
        entry = pool.find(package.name)
        if entry is not None and entry[1].lockstep and is_sourced(package):
            found.setdefault(package.name, set()).add(public(package))
    return {name: frozenset(versions) for name, versions in found.items()}


def merged(pool: TargetPool, solutions: Mapping[Group, Solved]) -> Solved:
    """Return the packages of all groups of one target.

    A package that every group has with the same markers keeps them. Any other is restricted to its
    groups' platforms, so that of ``torch 2.9.1`` and ``2.9.1+cpu`` one machine gets one.
    """
    found: dict[str, dict[Package, dict[Group, Package]]] = {}
    for group, solved in solutions.items():
        for package in solved:
            found.setdefault(package.name, {}).setdefault(package, {})[group] = package
    joined: Solved = {}
    for versions in found.values():
        restrictions = _restrictions([tuple(own) for own in versions.values()], tuple(solutions))
        for own, restriction in zip(versions.values(), restrictions, strict=True):
            infos = {group: solutions[group][package] for group, package in own.items()}
            info = _joined(infos, restriction)
            # The user's marker may leave nothing of a group: `sys_platform == "darwin"` on Linux.
            if not all(marker.is_empty() for marker in info.markers.values()):
                joined[_with_files_of_all(pool, own)] = info
    return joined


def _with_files_of_all(pool: TargetPool, packages: Mapping[Group, Package]) -> Package:
    """Return a package as several groups of a target have it: with the files of all of them.

    What an extra would require that nobody asks for, Poetry has left out of each group's. It is
    optional where each group's solve made it so: only extras bring it.
    """
    first, package = next(iter(packages.items()))
    if len(packages) == 1:
        return package
    ours = pool.source_of(package, first.target)
    if ours is not None and is_sourced(package):
        with pool.use(Group(tuple(cell for group in packages for cell in group.cells))):
            package = ours.package(package.name, package.version)
        kept = {each.name for own in packages.values() for each in own.requires}
        for name in {each.name for each in package.requires} - kept:
            package.dependency_group("main").remove_dependency(name)
    package.optional = all(own.optional for own in packages.values())
    return package


def _restrictions(having: Sequence[tuple[Group, ...]], groups: Sequence[Group]) -> list[BaseMarker]:
    """Return the marker of each version of one package: where its groups are.

    Versions that share no group exclude each other, and together leave no machine out.
    """
    if len(groups) == 1:
        return [AnyMarker() for _ in having]
    universe = _places(groups)
    places = [_places(own) for own in having]
    if sum(map(len, places)) == len({place for own in places for place in own}):
        texts = markers.partition(places, universe)
    else:
        texts = tuple(markers.simplest(own, universe) for own in places)
    return [AnyMarker() if text is None else parse_marker(text) for text in texts]


def _places(groups: Iterable[Group]) -> list[Place]:
    return [Place(cell.platform, cell.python) for group in groups for cell in group.cells]


def _joined(
    infos: Mapping[Group, TransitivePackageInfo], restriction: BaseMarker
) -> TransitivePackageInfo:
    """Return one package's groups and markers over its groups of cells.

    Where its own markers differ between them, each counts on its group's platforms alone.
    """
    first = next(iter(infos.values()))
    same = all(info.markers == first.markers for info in infos.values())
    if same and restriction.is_any():
        return first
    joined = TransitivePackageInfo(max(info.depth for info in infos.values()), set(), {})
    for group, info in infos.items():
        joined.groups |= info.groups
        where = restriction if same else restriction.intersect(_marker_of(group))
        for name, marker in info.markers.items():
            own = marker.intersect(where)
            if name in joined.markers:
                own = joined.markers[name].union(own)
            joined.markers[name] = own
    return joined


def _marker_of(group: Group) -> BaseMarker:
    """Return a marker that is true on a group's platforms and on no other known one."""
    everywhere = [Place(platform, group.cells[0].python) for platform in PLATFORMS.values()]
    text = markers.simplest(_places([group]), everywhere)
    return AnyMarker() if text is None else parse_marker(text)


def duplicates(
    solved: Solved, environments: Iterable[Mapping[str, Any]]
) -> dict[str, tuple[str, ...]]:
    """Return the packages that an environment (PEP 508) would get in several versions, with these.

    :param environments: those that the solution is for. Each is tried without extras, and with
        every extra that a marker names.
    """
    by_name: dict[str, dict[str, list[BaseMarker]]] = {}
    for package, info in solved.items():
        versions = by_name.setdefault(package.name, {})
        versions.setdefault(package.version.text, []).extend(info.markers.values())
    several = {name: versions for name, versions in by_name.items() if len(versions) > 1}
    places = list(environments) if several else []
    together = {name: next(overlapping(each, places), ()) for name, each in several.items()}
    return {name: versions for name, versions in together.items() if versions}


def overlapping(
    versions: Mapping[str, Iterable[BaseMarker]], environments: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, ...]]:
    """Yield what an environment would get several of, by the markers of each."""
    texts = (str(marker) for markers in versions.values() for marker in markers)
    extras = ["", *dict.fromkeys(name for text in texts for name in _EXTRA.findall(text))]
    for environment in environments:
        for extra in extras:
            here = {**environment, "extra": extra}
            true = [v for v, ms in versions.items() if any(m.validate(here) for m in ms)]
            if len(true) > 1:
                yield tuple(true)
