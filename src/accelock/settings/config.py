"""`[tool.accelock]` as a value, free of TOML: what holds, and what follows from it alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from packaging.utils import canonicalize_name

from accelock.catalogue.source import Source
from accelock.targets import DEFAULT_PLATFORMS, Levels, Platform, PythonVersion, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

    from accelock.catalogue.model import Catalogue, Family

# Where a package of a family comes from: `PackageRule.source`.
PACKAGE_SOURCES = ("family", "pypi", "own")
ALWAYS: Final = "always"


@dataclass(frozen=True, slots=True)
class PackageRule:
    """What a project says of one package.

    `family` adds it to that family of the catalogue; `cpuonly` asks for its family's CPU build on
    every target. `source` says where it comes from: "family" (as where it says nothing), "pypi"
    (as any package that no family has), or "own" (where the project's own files say).
    `substitute` is False where targets are to have it under the name that the project says, and
    "always" where they are to have their own also for what other packages ask for.
    """

    family: str | None = None
    cpuonly: bool = False
    source: str | None = None
    substitute: bool | Literal["always"] = True

    @property
    def is_out(self) -> bool:
        """Tell whether the package is not to be looked for at its family's source."""
        return self.source in ("pypi", "own")


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """What a project says of one target alone.

    :param platforms: the fewer platforms that it is narrowed to; empty where it is not.
    :param dependencies: what it requires beside what all targets require (PEP 508).
    :param sources: by family, the source of this target alone.
    :param max_mb: the most that one machine may download for it, in MB (1,000,000 bytes).
    :param deny: packages that it must not have: canonical names, or globs of them (`*`, `?`).
    """

    platforms: tuple[Platform, ...] = ()
    dependencies: tuple[Requirement, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    max_mb: float | None = None
    deny: tuple[str, ...] = ()


_NOTHING = TargetSettings()


@dataclass(frozen=True, slots=True)
class Config:
    """A project's `[tool.accelock]`; without arguments, what holds where there is no such table.

    `platforms_declared` tells whether the project named its platforms, which binds, or has the
    default ones, which do their best. `pythons` is empty where the host's Python is meant.
    `allow_downloads` consents to downloading whole wheels to hash them, where nobody publishes it.
    `sources` maps families to where the project has them. `by_target` maps targets to what the
    project says of one alone. `packages` maps canonical project names to rules. `families` are
    those of the project's own. `conda` is the table of that name as it stands. `path` is the file.
    """

    targets: tuple[Target, ...] = ()
    platforms: tuple[Platform, ...] = DEFAULT_PLATFORMS
    platforms_declared: bool = False
    lockstep: bool = True
    allow_downloads: bool = False
    levels: Levels = field(default_factory=Levels)
    pythons: tuple[PythonVersion, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    by_target: Mapping[str, TargetSettings] = field(default_factory=lambda: MappingProxyType({}))
    packages: Mapping[str, PackageRule] = field(default_factory=lambda: MappingProxyType({}))
    families: tuple[Family, ...] = ()
    conda: Mapping[str, object] | None = None
    path: Path | None = None

    def of(self, target: Target) -> TargetSettings:
        """Return what the project says of `target` alone."""
        return self.by_target.get(target.name, _NOTHING)

    def platforms_of(self, target: Target) -> tuple[Platform, ...]:
        """Return the platforms asked for `target`, whether builds for it exist there or not."""
        return self.of(target).platforms or self.platforms

    def declares_platforms(self, target: Target) -> bool:
        """Tell whether the project itself named the platforms of `target`."""
        return self.platforms_declared or self.narrows(target)

    def narrows(self, target: Target) -> bool:
        """Tell whether the project has `target` on platforms of its own."""
        return bool(self.of(target).platforms)

    def dependencies_of(self, target: Target) -> tuple[Requirement, ...]:
        """Return what `target` alone requires."""
        return self.of(target).dependencies

    def pins_of(self, target: Target) -> frozenset[str]:
        """Return the packages, by canonical name, that `target` alone pins to a version."""
        return frozenset(
            canonicalize_name(each.name)
            for each in self.dependencies_of(target)
            if any(part.operator in ("==", "===") for part in each.specifier)
        )

    @property
    def limits_targets(self) -> bool:
        """Tell whether some target has a max-mb or a deny, which a lock is held to."""
        return any(own.max_mb is not None or own.deny for own in self.by_target.values())

    @property
    def pinned_alone(self) -> frozenset[str]:
        """Return the packages that some target alone pins: there it is out of lockstep."""
        return frozenset[str]().union(*map(self.pins_of, self.targets))

    @property
    def unsubstituted(self) -> frozenset[str]:
        """Return the packages that targets are to have under the name that the project says."""
        return frozenset(name for name, rule in self.packages.items() if not rule.substitute)

    @property
    def substituted_always(self) -> frozenset[str]:
        """Return those that targets are to have under their own names whoever asks for them."""
        return frozenset(n for n, rule in self.packages.items() if rule.substitute == ALWAYS)

    def exceptions(self, family: str) -> Mapping[str, Source]:
        """Return the sources of a family that are of one target alone, by target."""
        found = {name: own.sources.get(family) for name, own in self.by_target.items()}
        return {name: source for name, source in found.items() if source is not None}

    def named_source(self, family: Family, target: Target) -> Source | None:
        """Return where the project has a family for a target, None where it does not say."""
        return self.of(target).sources.get(family.name) or self.sources.get(family.name)

    def source(self, family: Family) -> Source:
        """Return where the project has a family for all targets, else the family's own index."""
        source = self.sources.get(family.name) or Source(family.index)
        return source.but_for(self.exceptions(family.name))

    def extend(self, catalogue: Catalogue) -> Catalogue:
        """Return `catalogue` with this project's own families and packages.

        Those that it takes out of theirs are in none.
        """
        own = {name: rule.family for name, rule in self.packages.items() if rule.family}
        out = [name for name, rule in self.packages.items() if rule.is_out]
        return catalogue.with_families(self.families).extended(own, without=out)
