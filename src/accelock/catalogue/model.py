"""What the catalogue knows: families of packages and tables of hardware, as frozen values."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from accelock.catalogue.relations import ForeignPair, foreign_pairs
from accelock.catalogue.source import (
    RELEASE_OF,
    TARGET_FIELD,
    Source,
    fields_in,
    label_fields,
)
from accelock.errors import UnknownWordError
from accelock.targets import CPU, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from packaging.version import Version

    from accelock.catalogue.hardware import HardwareTables
    from accelock.catalogue.relations import Companion, Exclusive
    from accelock.targets import Target

__all__ = ["Catalogue", "Family", "FamilyPackage", "Lookup"]

Lookup = Literal["family", "default"]
"""Where a project's files are listed: at its family's source, or at PyPI (the user's indexes)."""


@dataclass(frozen=True, slots=True)
class FamilyPackage:
    """How one package, or a glob of packages, of a family is published.

    `lockstep`: one public version over all cells.
    `labelled`: its builds for Linux on x86_64 and for Windows always carry the target's label on
    the family's indexes, so that a build without one is another variant. Where a family has no
    labels, each target's index has its builds alone, and any from elsewhere is another variant.
    `lookup`: where it is looked up, first place first; no other place ever counts. A place behind
    the first is named only where the same project is published there too, by the same people.
    `runtime`: a library that the family's packages pull in by themselves, and no user asks for.
    `source` is the URL that this was read from, and `reviewed` the day, where that is told.
    `is_yours`: the user's own pyproject.toml says it.
    """

    name: str
    lockstep: bool
    labelled: bool
    lookup: tuple[Lookup, ...]
    runtime: bool
    source: str | None = field(default=None, compare=False)
    reviewed: date | None = field(default=None, compare=False)
    is_yours: bool = field(default=False, compare=False)

    @property
    def is_family_only(self) -> bool:
        """Tell whether the family's source alone has it, so that it tells all there is of it."""
        return self.lookup == ("family",)

    @property
    def is_glob(self) -> bool:
        """Tell whether `name` stands for many packages, as in `nvidia-cudnn-cu*`."""
        return "*" in self.name


@dataclass(frozen=True, slots=True)
class Family:
    """Packages that ship hardware variants together, and how.

    `index` is a URL template with `{target}`: an index (PEP 503) or a find-links page per target;
    with `{torch}` or `{torch.minor}` too there is a page for each release of torch, in a family of
    builds for one.
    `label_template` is the local version label of a target's builds, with the fields of
    `label_fields`; None where the index of its own is all that tells a target's builds.
    `unlabelled_platforms` names the platforms whose builds of a labelled package may carry no
    label. `patterns` are the ends of URL paths by which a user's URL is known to be this family's,
    and `targets` the targets that `{target}` in them may stand for. `companions` say which releases
    of its packages go together, and `exclusive` what must not be installed side by side. `source`
    is the URL that this was read from, and `reviewed` the day, where that is told. `is_yours`: the
    user's own pyproject.toml has it.
    """

    name: str
    index: str
    packages: tuple[FamilyPackage, ...]
    label_template: str | None
    unlabelled_platforms: frozenset[str]
    patterns: tuple[str, ...]
    targets: frozenset[str] = field(repr=False)
    companions: tuple[Companion, ...] = field(default=(), repr=False)
    exclusive: tuple[Exclusive, ...] = field(default=(), repr=False)
    source: str | None = None
    reviewed: date | None = None
    is_yours: bool = False

    def package(self, name: str) -> FamilyPackage | None:
        """Return the entry for the project `name`, however it is spelt: exact names before globs.

        Among globs the first one of the catalogue wins.
        """
        exact = self.exact(name)
        if exact is not None:
            return exact
        wanted = canonicalize_name(name)
        globs = (package for package in self.packages if package.is_glob)
        return next((glob for glob in globs if fnmatch.fnmatchcase(wanted, glob.name)), None)

    def exact(self, name: str) -> FamilyPackage | None:
        """Return the entry that names the project `name` itself, and is no glob."""
        wanted = canonicalize_name(name)
        return next((package for package in self.packages if package.name == wanted), None)

    @property
    def has_labels(self) -> bool:
        """Tell whether builds carry a label: without, one version is other bytes per target."""
        return self.label_template is not None

    @property
    def release_of(self) -> str | None:
        """Return the package for each of whose releases there are builds (torch); None: for all.

        Each has a page of its own, or its number in the label.
        """
        return RELEASE_OF if f"{{{RELEASE_OF}" in f"{self.index}{self.label_template}" else None

    def label(self, target: Target, release: Version | None = None) -> str | None:
        """Return the local version label of the builds for `target`, as in `+cu126`; None: none.

        :param release: of torch, where that is in the label; without it there is none to tell.
        """
        label = self.label_template or ""
        for name, value in label_fields(target, release).items():
            if value is None and f"{{{name}}}" in label:
                return None
            label = label.replace(f"{{{name}}}", value or "")
        return label or None

    def recognise(self, url: str) -> str | None:
        """Return the source template that a user's URL is an instance of, or None.

        "https://mirror.corp/x/whl/cu126/" gives "https://mirror.corp/x/whl/{target}" whatever the
        host; a page of all files gives itself. The path of the index itself, and its base alone
        (".../whl"), are taken at the index's own host, because they say nothing elsewhere.
        Credentials stay.
        """
        try:
            parts = urlsplit(url.strip())
        except ValueError:  # https://[
            return None
        if parts.scheme not in ("http", "https"):
            return None
        # `;` begins a marker there, which pip knows on no option's line.
        path = parts.path.partition(";")[0].rstrip("/")
        if self._is_index_base(parts.hostname, path):
            return _with_path(url, f"{path}/{TARGET_FIELD}")
        own = urlsplit(self.index)
        patterns = (own.path, *self.patterns) if parts.netloc == own.netloc else self.patterns
        for pattern in patterns:
            matched = self._match(pattern, path)
            if matched is not None:
                return _with_path(url, matched)
        return None

    def target_at(self, url: str) -> str | None:
        """Return the target whose index a user's URL is, or None where it does not say so."""
        template = self.recognise(url)
        if template is None or TARGET_FIELD not in template or Source(template).has_release:
            return None
        before, _, after = template.partition(TARGET_FIELD)
        whole = _with_path(url, urlsplit(url.strip()).path.rstrip("/"))
        is_base = not whole.startswith(before)  # the index of all targets
        return None if is_base else whole[len(before) : len(whole) - len(after)]

    def _is_index_base(self, host: str | None, path: str) -> bool:
        own = urlsplit(self.index)
        return host == own.hostname and f"{path}/{TARGET_FIELD}" == own.path

    def _match(self, pattern: str, path: str) -> str | None:
        """Return `path` with `{target}` put in where it ends as `pattern` does."""
        wanted = pattern.removeprefix("*/").split("/")
        before, found = (parts := path.split("/"))[: -len(wanted)], parts[-len(wanted) :]
        if len(found) < len(wanted) or not all(map(self._segment_fits, wanted, found)):
            return None
        return "/".join((*before, *wanted))

    def _segment_fits(self, wanted: str, found: str) -> bool:
        if wanted in (found, unquote(found)):
            return True
        fields = fields_in(wanted, unquote(found))
        if fields is None:
            return False
        try:
            parse_target(fields.get("target", CPU.name), self.targets)
        except UnknownWordError:
            return False
        return True


def _with_path(url: str, path: str) -> str:
    """Return `url` with another path and without its fragment, which no request carries."""
    return urlunsplit(urlsplit(url.strip())._replace(path=path, fragment=""))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All families and the hardware tables.

    :param exclusive: what must not be installed side by side.
    :param apart: projects, by canonical name, that count as in no family, whatever it names.
    """

    families: tuple[Family, ...]
    hardware: HardwareTables
    exclusive: tuple[Exclusive, ...] = ()
    apart: frozenset[str] = frozenset()

    @property
    def targets(self) -> frozenset[str]:
        """Return the names of the targets that were known when the data was reviewed."""
        return self.hardware.targets

    def family(self, name: str) -> Family:
        """Return the family of that name; UnknownWordError offers the nearest."""
        for family in self.families:
            if family.name == name:
                return family
        raise UnknownWordError("family", name, [family.name for family in self.families])

    def family_of(self, name: str) -> tuple[Family, FamilyPackage] | None:
        """Return the family that the project `name` belongs to, and how it is published there.

        A family that names the project wins over one that has a glob for it.
        """
        if canonicalize_name(name) in self.apart:
            return None
        for lookup in (Family.exact, Family.package):
            for family in self.families:
                package = lookup(family, name)
                if package is not None:
                    return family, package
        return None

    def cpuonly_families(self, names: Iterable[str]) -> frozenset[str]:
        """Return the families that take their CPU builds where these packages are to.

        What is built for releases of a package (torch) goes with the builds of that.
        """
        found = {entry[0].name for entry in map(self.family_of, names) if entry is not None}
        for family in self.families:
            home = self.family_of(family.release_of) if family.release_of else None
            tied = {family.name, home[0].name} if home is not None else set()
            found |= tied if found & tied else set()
        return frozenset(found)

    def in_lockstep(self, name: str) -> bool:
        """Tell whether a project has one version over all cells of a lock."""
        found = self.family_of(name)
        return found is not None and found[1].lockstep

    def is_family_only(self, name: str) -> bool:
        """Tell whether a family's source alone has a project; False of one of no family."""
        found = self.family_of(name)
        return found is not None and found[1].is_family_only

    def companions(self, name: str) -> tuple[str, ...]:
        """Return the other packages that are released with the project `name`, as torch's are.

        Those of its family that are in lockstep and carry labels; none where it is not itself.
        """
        found = self.family_of(name)
        if found is None or not found[1].lockstep:
            return ()
        own = canonicalize_name(name)
        return tuple(
            package.name
            for package in found[0].packages
            if package.lockstep and package.labelled and not package.is_glob and package.name != own
            if package.name not in self.apart
        )

    def release_of(self, name: str) -> str | None:
        """Return the package for each of whose releases a project is built: torch, or None."""
        found = self.family_of(name)
        return None if found is None else found[0].release_of

    def goes_with(self, name: str, version: Version, of: Version) -> bool | None:
        """Tell whether a companion's release goes with one of the package it is for (torch's).

        None where no table says anything about that release, or the project is no companion.
        """
        companion = self._companion(name)
        return None if companion is None else companion.goes_with(version, of)

    def companion_requires(self, name: str, version: Version) -> str | None:
        """Return what a companion's release asks for by the tables: `torch>=2.11`, or None."""
        companion = self._companion(name)
        return None if companion is None else companion.requires(version)

    def foreign_pairs(self, versions: Mapping[str, Version | str]) -> tuple[ForeignPair, ...]:
        """Return the pairs among `versions` (by name, of one environment) that do not go together.

        `str` of each is a sentence for the user: which, what would go together, and who says so.
        """
        companions = (one for family in self.families for one in family.companions)
        return tuple(foreign_pairs(companions, versions))

    def _companion(self, name: str) -> Companion | None:
        wanted = canonicalize_name(name)
        companions = (one for family in self.families for one in family.companions)
        return next((one for one in companions if one.name == wanted), None)

    def recognise(self, url: str) -> tuple[Family, str] | None:
        """Return the family that a user's URL is of, and the source template; None: of none.

        The family whose own index it is wins over one that has such a path.
        """
        found = [(each, at) for each in self.families if (at := each.recognise(url)) is not None]
        own = [(each, at) for each, at in found if at == each.index]
        return next(iter((*own, *found)), None)

    def with_families(self, families: tuple[Family, ...]) -> Catalogue:
        """Return a catalogue with the user's own families, which come first.

        A package that one of them names is in no other family.
        """
        names = {package.name for family in families for package in family.packages}
        others = tuple(
            replace(each, packages=tuple(p for p in each.packages if p.name not in names))
            for each in self.families
        )
        exclusive = tuple(group for family in families for group in family.exclusive)
        return replace(self, families=(*families, *others), exclusive=(*self.exclusive, *exclusive))

    def extended(self, additions: Mapping[str, str], *, without: Iterable[str] = ()) -> Catalogue:
        """Return a catalogue with the user's own packages: project name -> family name.

        Those `without` belong to no family from then on. The additions are taken to be labelled,
        and not to be in lockstep; what the family itself says of a package it names stays. An
        addition takes a package out of any other family. Raises UnknownWordError for a family that
        is none.
        """
        added: dict[str, str] = {
            canonicalize_name(name): self.family(family).name for name, family in additions.items()
        }
        return replace(
            self,
            families=tuple(_extend(family, added) for family in self.families),
            apart=self.apart | {canonicalize_name(name) for name in without},
        )


def _extend(family: Family, added: Mapping[str, str]) -> Family:
    own = {name for name, owner in added.items() if owner == family.name}
    kept = [package for package in family.packages if package.name not in added.keys() - own]
    new = [
        FamilyPackage(
            name, lockstep=False, labelled=True, lookup=("family",), runtime=False, is_yours=True
        )
        for name in sorted(own)
        if family.exact(name) is None
    ]
    return replace(family, packages=(*new, *kept))
