"""Which files serve a cell, and which places a release has files for: pure, for both hosts.

An index may have a version for one platform's Python 3.12 alone, where another platform's files are
for all. A place is a platform with a Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.version import Version

from accelock.sources.model import parse_filename
from accelock.targets import Kind, sort_targets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.tags import Tag

    from accelock.catalogue import Family, FamilyPackage
    from accelock.sources.model import IndexFile
    from accelock.targets import Levels, Platform, PythonVersion, Target

    Spot = tuple[Platform, PythonVersion]

__all__ = ["is_of_a_target", "public_versions", "serving", "target_of_url", "without_target"]


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
    release: Version | None = None,
) -> tuple[IndexFile, ...]:
    """Return the wheels of one project that serve one cell, in the order of `files`.

    They fit `tags`. Of each public version, the builds that carry the target's label serve alone
    where there are any; builds without a label serve otherwise, if `_plain_serves` says so. Builds
    with another target's label (`+rocm6.3` under cu126) never do, nor those of a labelled package
    with any other (torchvision's `0.24.0+e437e35`). A package without labels by target may have
    labels of its own, and a nightly torch asks for them (`pytorch-triton==3.5.0+git7416ffcb`):
    they serve where a version has nothing else. A cell that cannot exist (cu126 on macOS) is
    served by nothing.

    Where a source is of this target alone, builds without a label are the target's on every
    platform. Where a family's builds carry no label at all, those without one serve on an index of
    the target's own, and none on a page of all targets, where nothing tells them apart.

    `release` is that of torch, where `files` are of a page for it.

    Yanked files are left out always. (PEP 592 would allow one for an exact pin; a lock that is made
    anew should not take it.) Source distributions never serve: they have no variant.
    """
    if not target.exists_on(platform):
        return ()
    label = family.label(target, release)
    if label is None and (is_find_links or family.has_labels):
        return ()
    wheels = [file for file in files if not file.yanked and file.fits(tags)]
    labelled = public_versions(file for file in wheels if file.label == label)
    unlabelled = public_versions(file for file in wheels if file.label is None)
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
        or (
            not package.labelled
            and file.label is not None
            and not is_of_a_target(file.label)
            and file.public not in labelled | unlabelled
        )
    )


def public_versions(files: Iterable[IndexFile]) -> set[Version]:
    """Return the versions of `files`, without labels."""
    return {file.public for file in files}


def is_of_a_target(label: str | None) -> bool:
    """Tell whether a local version label has the form of a target's: `cu126`, not `git7416ff`."""
    return label is not None and bool(sort_targets([label]))


def without_target(version: Version) -> Version:
    """Return a version without the label of its target; one that names a commit stays."""
    return Version(version.public) if is_of_a_target(version.local) else version


def target_of_url(url: str, family: Family) -> str | None:
    """Return the target whose build of a family's package a wheel's URL names, or None.

    The label in the file's name says it (`.../torch-2.6.0%2Bcu118-cp312-...whl`); of a labelled
    package's build without one, the folder of the family's index (`.../whl/cu124/`). A label
    of nobody's (`2.1.0a0+41361538.nv23.6`, NVIDIA's own build for Jetson) says nothing.
    """
    folder, _, filename = unquote(urlsplit(url).path).rpartition("/")
    parsed = parse_filename(filename)
    if parsed is None or parsed.tags is None:
        return None
    label, package = parsed.version.local, family.package(parsed.name)
    if label is None and package is not None and package.labelled:
        is_index = family.recognise(urlsplit(url)._replace(path=folder).geturl()) is not None
        label = folder.rpartition("/")[2] if is_index else None
    return label if is_of_a_target(label) else None


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


@dataclass(frozen=True, slots=True)
class Hole:
    """A platform that is to have a release, and has no file of it for some Pythons."""

    release: str
    platform: Platform
    pythons: tuple[PythonVersion, ...]

    def __str__(self) -> str:
        pythons = ", ".join(map(str, self.pythons))
        return f"{self.release} has no file for {self.platform.name} on Python {pythons}"


def covered(filenames: Iterable[str], spots: Iterable[Spot], levels: Levels) -> frozenset[Spot]:
    """Return the places that a release has a file for; a source distribution is for all."""
    parsed = [found for name in filenames if (found := parse_filename(name)) is not None]
    if any(found.tags is None for found in parsed):
        return frozenset(spots)
    tags = {tag for found in parsed for tag in found.tags or ()}
    return frozenset(
        (platform, python)
        for platform, python in spots
        if tags.intersection(platform.tags(python, levels))
    )


def holes(
    releases: Mapping[str, tuple[Collection[str], Collection[Spot]]], levels: Levels
) -> list[Hole]:
    """Return what places lack.

    :param releases: a release, as messages call it -> its files, and where it is wanted.
    """
    found: dict[tuple[str, Platform], list[PythonVersion]] = {}
    for release, (filenames, wanted) in releases.items():
        has = covered(filenames, wanted, levels)
        for platform, python in wanted:
            if (platform, python) not in has:
                found.setdefault((release, platform), []).append(python)
    return [Hole(release, platform, tuple(p)) for (release, platform), p in found.items()]
