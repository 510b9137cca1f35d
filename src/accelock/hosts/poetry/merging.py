"""One target's result from its slices: packages with the markers of where each is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry.core.version.markers import AnyMarker, BaseMarker, parse_marker
from poetry.packages.transitive_package_info import TransitivePackageInfo

from accelock.hosts.poetry.slices import group_markers, slice_marker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.slices import Slice

Solved = dict["Package", TransitivePackageInfo]


def merged(
    results: Mapping[Slice, Solved], whole: Callable[[Mapping[Slice, Package]], Package]
) -> Solved:
    """Return the packages of all slices of one target.

    :param whole: returns a package that several slices have, with the files and requirements of
        all of them: each slice's own has those of its platforms.

    A package that every slice has with the same markers keeps them. Any other is restricted to its
    slices' platforms, so that of ``torch 2.9.1`` and ``2.9.1+cpu`` one machine gets one.
    """
    found: dict[Package, dict[Slice, TransitivePackageInfo]] = {}
    own: dict[Package, dict[Slice, Package]] = {}
    for part, solved in results.items():
        for package, info in solved.items():
            found.setdefault(package, {})[part] = info
            own.setdefault(package, {})[part] = package
    by_name: dict[str, list[Package]] = {}
    for package in found:
        by_name.setdefault(package.name, []).append(package)
    merged_packages: Solved = {}
    for packages in by_name.values():
        groups = [tuple(found[package]) for package in packages]
        for package, restriction in zip(
            packages, _restrictions(groups, tuple(results)), strict=True
        ):
            infos = found[package]
            again = whole(own[package]) if len(infos) > 1 else package
            joined = _joined(infos, restriction)
            # The user's marker may leave nothing of a slice: `sys_platform == "darwin"` on Linux.
            if not all(marker.is_empty() for marker in joined.markers.values()):
                merged_packages[again] = joined
    return merged_packages


def _restrictions(groups: list[tuple[Slice, ...]], slices: tuple[Slice, ...]) -> list[BaseMarker]:
    """Return the marker of each version of one package: where its slices are."""
    if len(slices) == 1:
        return [AnyMarker() for _ in groups]
    texts = group_markers(groups, slices)
    return [AnyMarker() if text is None else parse_marker(text) for text in texts]


def _joined(
    infos: Mapping[Slice, TransitivePackageInfo], restriction: BaseMarker
) -> TransitivePackageInfo:
    """Return one package's groups and markers over its slices.

    Where its own markers differ between them, each counts on its slice's platforms alone.
    """
    first = next(iter(infos.values()))
    same = all(info.markers == first.markers for info in infos.values())
    if same and restriction.is_any():
        return first
    joined = TransitivePackageInfo(max(info.depth for info in infos.values()), set(), {})
    for whole, info in infos.items():
        joined.groups |= info.groups
        where = restriction if same else restriction.intersect(parse_marker(slice_marker(whole)))
        for group, marker in info.markers.items():
            own = marker.intersect(where)
            if group in joined.markers:
                own = joined.markers[group].union(own)
            joined.markers[group] = own
    return joined
