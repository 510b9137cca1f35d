"""Which wheels of an accelerated project serve a cell: pure, for both hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag
    from packaging.version import Version

    from accelock.catalogue import Family, FamilyPackage
    from accelock.sources.model import IndexFile
    from accelock.targets import Platform, Target

__all__ = ["public_versions", "serving"]


def serving(
    files: Iterable[IndexFile],
    *,
    package: FamilyPackage,
    family: Family,
    target: Target,
    platform: Platform,
    tags: frozenset[Tag],
    is_find_links: bool,
    is_of_one_target: bool = False,
) -> tuple[IndexFile, ...]:
    """Return the wheels of one project that serve one cell, in the order of `files`.

    They fit `tags`. Of each public version, the builds that carry the target's label serve alone
    where there are any; builds without a label serve otherwise, if `_plain_serves` says so; builds
    with any other label (`+rocm6.3` under cu126, torchvision's `0.24.0+e437e35`) never do. A cell
    that cannot exist (cu126 on macOS) is served by nothing. Where a source is of this target alone,
    builds without a label are the target's on every platform.

    Where a family's builds carry no label at all, those without one serve on an index of the
    target's own, and none on a page of all targets, where nothing tells them apart.

    Yanked files are left out always. (PEP 592 would allow one for an exact pin; a lock that is made
    anew should not take it.) Source distributions never serve: they have no variant.
    """
    if not target.exists_on(platform):
        return ()
    label = family.label(target)
    if label is None and is_find_links:
        return ()
    wheels = [file for file in files if not file.yanked and file.fits(tags)]
    labelled = public_versions(file for file in wheels if file.label == label)
    plain = is_of_one_target or _plain_serves(
        package, family, target, platform, is_find_links=is_find_links
    )
    return tuple(
        file
        for file in wheels
        if file.label == label
        or (
            plain
            and file.label is None
            and file.version not in labelled
            and (is_of_one_target or not package.labelled or _is_own(file, target))
        )
    )


def public_versions(files: Iterable[IndexFile]) -> set[Version]:
    """Return the versions of `files`, without labels."""
    return {file.public for file in files}


def _is_own(file: IndexFile, target: Target) -> bool:
    """Tell whether a build without a label is the target's, and no CPU build that all indexes list.

    Every PyTorch index lists the files of the root, old aarch64 CPU builds of torchvision and
    torchaudio among them. A target's own build lies in the target's own folder.
    """
    return target.kind is Kind.CPU or target.name in urlsplit(file.url).path.split("/")


def _plain_serves(
    package: FamilyPackage,
    family: Family,
    target: Target,
    platform: Platform,
    *,
    is_find_links: bool,
) -> bool:
    """Tell whether a build without a label can be this target's.

    Always, where the package has no variants by label (triton, nvidia-*). Else only on platforms
    whose builds have none; and there only as the cpu build, where one page holds all variants.
    """
    if not package.labelled:
        return True
    if platform.name not in family.unlabelled_platforms:
        return False
    return target.kind is Kind.CPU or not is_find_links
