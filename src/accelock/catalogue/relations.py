"""How projects go together, as values: which releases, and which stands for another on a target.

torchaudio 2.10 goes with torch 2.10, as each project publishes it. Metadata does not always tell:
torchaudio 2.11.0 asks for no torch, and is broken with torch 2.10.
"""

from __future__ import annotations

import contextlib
import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from packaging.specifiers import SpecifierSet

    from accelock.targets import Platform, Target


__all__ = [
    "Companion",
    "Exclusive",
    "ForeignPair",
    "Substitute",
    "SubstitutedProject",
    "foreign_pairs",
]


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Distributions, by canonical name, that install the same package, `imports`.

    Two of them must not be installed side by side. `source` is the URL that says so, and `reviewed`
    the day on which it was read; neither, where the user's own pyproject.toml says it.
    """

    names: tuple[str, ...]
    imports: str
    source: str | None = None
    reviewed: date | None = None


@dataclass(frozen=True, slots=True)
class Companion:
    """The releases of a package (`name`, torchaudio) by those of the one it is for (`of`, torch).

    `releases` are pairs (releases of `of`, releases of `name`), and `source` the URL that publishes
    them, read on the day `reviewed`; neither, where the user's own pyproject.toml says it. Versions
    that are asked about may carry a local label; pre-releases count like others.
    """

    name: str
    of: str
    releases: tuple[tuple[SpecifierSet, SpecifierSet], ...]
    source: str | None = None
    reviewed: date | None = None

    def goes_with(self, version: Version, of: Version) -> bool | None:
        """Tell whether two releases go together; None where the table lacks the companion's."""
        fitting = self.fitting(version)
        return any(_has(releases, of) for releases in fitting) if fitting else None

    def fitting(self, version: Version) -> tuple[SpecifierSet, ...]:
        """Return which releases of `of` a release of the companion is for; none: not known."""
        return tuple(of for of, releases in self.releases if _has(releases, version))

    def requires(self, version: Version) -> str | None:
        """Return what a release of the companion asks for, as a Requires-Dist (PEP 508) says it.

        Rows that follow each other are joined into one range. None where the table lacks it.
        """
        bounds = [_bounds(specifiers) for specifiers in self.fitting(version)]
        if not bounds:
            return None
        lowest = min(low for low, _high in bounds)
        highs = [high for _low, high in bounds if high is not None]
        if len(highs) < len(bounds):
            return f"{self.of}>={lowest}"
        highest, operator = max(highs)
        if highest == lowest:
            return f"{self.of}=={lowest}"
        return f"{self.of}>={lowest},{operator}{highest}"

    def specifier(self, of: Version) -> SpecifierSet | None:
        """Return which releases of the companion go with a release of `of`; None: not known."""
        return next((own for releases, own in self.releases if _has(releases, of)), None)


@dataclass(frozen=True, slots=True)
class ForeignPair:
    """Two locked or pinned releases that do not go together; `str` says it, and what would."""

    companion: Companion
    version: Version
    of: Version

    def __str__(self) -> str:
        name, of = self.companion.name, self.companion.of
        fitting = " or ".join(map(str, self.companion.fitting(self.version)))
        offers = [f"{of}{fitting} with this {name}"]
        if (own := self.companion.specifier(self.of)) is not None:
            offers.insert(0, f"{name}{own} with this {of}")
        pair = f"{name} {self.version.public} does not go with {of} {self.of.public}"
        says_so = f" ({self.companion.source})" if self.companion.source else ""
        return f"{pair}: take {', or '.join(offers)}{says_so}"


def foreign_pairs(
    companions: Iterable[Companion], versions: Mapping[str, Version | str]
) -> Iterator[ForeignPair]:
    """Yield the pairs among `versions`, of one environment, that do not go together.

    :param versions: version by name, as of a lock or of what is installed; what is no version by
        PEP 440 is passed over.
    """
    found = dict(_parsed(versions))
    for companion in companions:
        version, of = found.get(companion.name), found.get(companion.of)
        if version is not None and of is not None and companion.goes_with(version, of) is False:
            yield ForeignPair(companion, version, of)


def _bounds(releases: SpecifierSet) -> tuple[Version, tuple[Version, str] | None]:
    """Return the first release of a row, and where it ends (`<2.10`, `<=2.9.1`); None: nowhere.

    Releases that a row excludes inside of that (`!=`, `>`) are not told.
    """
    low, ends = Version("0"), []
    for specifier in releases:
        version = Version(specifier.version.removesuffix(".*"))
        if specifier.operator in ("==", "~=", ">=", ">"):
            low = max(low, version)
        if specifier.operator in ("<", "<="):
            ends.append((version, specifier.operator))
        elif specifier.operator == "==":
            is_exact = not specifier.version.endswith(".*")
            ends.append((version, "<=") if is_exact else (_next(version.release), "<"))
        elif specifier.operator == "~=":
            ends.append((_next(version.release[:-1]), "<"))
    return low, min(ends, default=None)


def _next(release: tuple[int, ...]) -> Version:
    """Return the first version behind all that begin with a release's numbers."""
    *first, last = release
    return Version(".".join(map(str, (*first, last + 1))))


def _has(releases: SpecifierSet, version: Version) -> bool:
    return releases.contains(version.public, prereleases=True)


def _parsed(versions: Mapping[str, Version | str]) -> Iterator[tuple[str, Version]]:
    for name, version in versions.items():
        with contextlib.suppress(ValueError):
            yield canonicalize_name(name), Version(str(version))


@dataclass(frozen=True, slots=True)
class Substitute:
    """What some targets get: another project, or an extra of the same one.

    :param targets: globs of targets' names, as in `cu12?`.
    :param platforms: the platforms that have it, by name; empty for all.
    :param versions: those that are for the hardware.
    """

    targets: tuple[str, ...]
    name: str
    extra: str | None
    versions: SpecifierSet
    platforms: frozenset[str]

    def is_for(self, target: Target, platform: Platform) -> bool:
        """Tell whether a target gets it on a platform."""
        return any(fnmatch.fnmatchcase(target.name, glob) for glob in self.targets) and (
            not self.platforms or platform.name in self.platforms
        )

    def __str__(self) -> str:
        return f"{self.name}{f'[{self.extra}]' if self.extra else ''}{self.versions}"


@dataclass(frozen=True, slots=True)
class SubstitutedProject:
    """A project that targets have under other names, or with an extra.

    :param is_plain_for_all: its plain build is for any machine, so that it is what a target gets
        for which there is no row.
    """

    name: str
    is_plain_for_all: bool
    rows: tuple[Substitute, ...]

    def row(self, target: Target, platform: Platform) -> Substitute | None:
        """Return what a target gets on a platform, None where no row says."""
        return next((row for row in self.rows if row.is_for(target, platform)), None)

    @property
    def names(self) -> frozenset[str]:
        """Return the projects that some target gets, the plain one among them."""
        return frozenset({self.name, *(row.name for row in self.rows)})
