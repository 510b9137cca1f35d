"""Markers as the platforms of a slice tell them apart, so that Poetry compares like with like.

Poetry takes ``platform_system == "Linux"`` and ``sys_platform == "linux"`` for two things, and
solves apart what only one of them covers: torch 2.11 and newer then bring nvidia-cublas in two
versions, both true on every Linux. On the platforms of a slice each has one meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry.core.version.markers import (
    AnyMarker,
    BaseMarker,
    EmptyMarker,
    MarkerUnion,
    MultiMarker,
    parse_marker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.targets import Platform


def apply(
    package: Package, among: Collection[Platform], concerns: Callable[[Dependency], bool]
) -> Package:
    """Return a package whose requirements tell a slice's platforms apart in one way.

    What no platform of the slice requires is left out.

    :param package: one that was made for this call alone: it is changed.
    :param concerns: which requirements it is about; others stay as they are.
    """
    for group in package._dependency_groups.values():  # private in Poetry 2.0.1 to 2.5.1
        kept = []
        for dependency in group._dependencies:
            if concerns(dependency):
                marker = by_platform(dependency.marker, among, among)
                if marker.is_empty():
                    continue
                if marker != dependency.marker:
                    dependency.marker = marker
            kept.append(dependency)
        group._dependencies = kept
    return package


def by_platform(
    marker: BaseMarker, there: Iterable[Platform], among: Collection[Platform]
) -> BaseMarker:
    """Return a marker that says the same on some platforms, and is false on the rest of `among`.

    Of platforms it says nothing where that is the same on all of `among`; else in the one way of
    `_where`. What it says of Pythons and extras stays.
    """
    parts: dict[BaseMarker, list[Platform]] = {}
    for platform in there:
        parts.setdefault(_on(marker, platform), []).append(platform)
    found: BaseMarker = EmptyMarker()
    for rest, platforms in parts.items():
        found = found.union(rest.intersect(_where(platforms, among)))
    return found


def _on(marker: BaseMarker, platform: Platform) -> BaseMarker:
    """Return what is left of a marker on a platform: of Python releases and extras."""
    facts = {
        "os_name": platform.os_name,
        "platform_machine": platform.machine,
        "platform_system": platform.platform_system,
        "sys_platform": platform.sys_platform,
    }

    def left(part: BaseMarker) -> BaseMarker:
        if isinstance(part, MultiMarker):
            joined: BaseMarker = AnyMarker()
            for each in part.markers:
                joined = joined.intersect(left(each))
            return joined
        if isinstance(part, MarkerUnion):
            joined = EmptyMarker()
            for each in part.markers:
                joined = joined.union(left(each))
            return joined
        if getattr(part, "name", None) in facts:
            return AnyMarker() if part.validate(facts) else EmptyMarker()
        return part

    return left(marker)


def _where(platforms: Collection[Platform], among: Collection[Platform]) -> BaseMarker:
    """Return the marker of some platforms: by system, and by machine where a system is split."""
    if set(platforms) == set(among):
        return AnyMarker()
    return parse_marker(" or ".join(_terms(platforms, among)))


def _terms(platforms: Collection[Platform], among: Collection[Platform]) -> Iterator[str]:
    systems = dict.fromkeys(platform.sys_platform for platform in among)
    for system in systems:
        mine = [each for each in platforms if each.sys_platform == system]
        mates = [each for each in among if each.sys_platform == system]
        named = [f'sys_platform == "{system}"'] if len(systems) > 1 else []
        if len(mine) == len(mates):
            yield from named
            continue
        for each in mine:
            yield " and ".join([*named, f'platform_machine == "{each.machine}"'])
