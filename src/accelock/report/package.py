"""`accelock why PACKAGE`: why this version, this file and this index, on each target.

The JSON: `format` (1), `package`, `platform`, `python`, `family` (null for an ordinary package),
`lockstep`, `targets`: a list of `target`, `version` (null where the target has none), `label`,
`index`, `file`, `where`, `via` (who asks for it), `hashes` (how many), `reasons`; and `faults`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock.errors import AccelockError, UnknownWordError
from accelock.report.downloads import Downloads
from accelock.report.locked import read_locks
from accelock.sources.http import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from accelock.catalogue import Family, FamilyPackage
    from accelock.locks.markers import Place
    from accelock.report.downloads import Fetching
    from accelock.report.here import Here
    from accelock.report.locked import LockedPackage, Locks, TargetLock
    from accelock.targets import Platform

FORMAT = 1


@dataclass(frozen=True, slots=True)
class OfTarget:
    """What one target has of the package: None where it has not got it here."""

    target: str
    package: LockedPackage | None
    filename: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhyPackage:
    """The answer, target by target."""

    name: str
    place: Place
    known: tuple[Family, FamilyPackage] | None
    lockstep: bool
    targets: tuple[OfTarget, ...]
    faults: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the answer as text."""
        yield f"{self.name} on {self.place.platform}, Python {self.place.python}"
        for each in self.targets:
            yield ""
            package = each.package
            if package is None:
                yield f"{each.target}: not installed"
            else:
                yield f"{each.target}: {package.version or package.url} ({package.where})"
                yield f"  file: {each.filename or 'not known'}{_hashes(package)}"
            yield from (f"  {reason}" for reason in each.reasons)
        for fault in self.faults:
            yield f"note: {fault}"

    def dumps(self) -> str:
        """Return the answer as JSON."""
        document = {
            "format": FORMAT,
            "package": self.name,
            "platform": self.place.platform.name,
            "python": str(self.place.python),
            "family": self.known[0].name if self.known else None,
            "lockstep": self.lockstep,
            "targets": [_json(each) for each in self.targets],
            "faults": list(self.faults),
        }
        return json.dumps(document, indent=2)


def why_package(here: Here, word: str, open_reader: Callable[[], Fetching]) -> WhyPackage:
    """Return why each target has what it has of a package, on the platform that is meant.

    :param open_reader: called where the lock does not tell the file, and an index has to.
    :raises UnknownWordError: no target of the lock has it.
    :raises AccelockError: there is no lock, or no target is locked for the platform.
    """
    locks = read_locks(here.directory, here.project, here.lock)
    name, place = canonicalize_name(word), _place(here, locks)
    there = {each: each.every(place) for each in _holding(locks, place.platform)}
    if not any(name in packages for packages in there.values()):
        names = sorted({each for packages in there.values() for each in packages})
        raise UnknownWordError(f"package in {', '.join(locks.files)}", word, names[:40])
    found = {each: there.get(each, {}).get(name) for each in locks.targets}
    known = here.project.catalogue.family_of(name)
    config, companions = here.project.config, here.project.catalogue.companions(name)
    lockstep = bool(known and known[1].lockstep and config.lockstep)
    lockstep = lockstep and not config.pinned_alone & {name, *companions}
    downloads = Downloads(open_reader, here.project)
    targets = tuple(
        OfTarget(
            lock.target.name,
            package,
            downloads.filename(package, lock.target, place) if package else None,
            tuple(_reasons(package, lock, known, lockstep=lockstep, many=len(found) > 1))
            if lock in there
            else (f"{lock.file} has {lock.target} for {_platforms([lock])} only",),
        )
        for lock, package in found.items()
    )
    return WhyPackage(name, place, known, lockstep, targets, tuple(downloads.faults))


def _place(here: Here, locks: Locks) -> Place:
    """Return the place that is meant; of another Python than the files are for, with theirs."""
    place = here.place
    known = [python for each in locks.targets for python in each.pythons]
    return replace(place, python=known[0]) if known and place.python not in known else place


def _holding(locks: Locks, platform: Platform) -> list[TargetLock]:
    """Return the targets that are locked for a platform.

    :raises AccelockError: there is none.
    """
    found = [each for each in locks.targets if each.holds(platform)]
    if not found:
        targets = " and ".join(each.target.name for each in locks.targets)
        many = len(locks.targets) > 1
        raise AccelockError(
            f"{targets} {'are' if many else 'is'} not locked for {platform}; the platforms that "
            f"{' and '.join(locks.files)} {'have' if len(locks.files) > 1 else 'has'}: "
            f"{_platforms(locks.targets)}"
        )
    return found


def _platforms(locks: Iterable[TargetLock]) -> str:
    found = dict.fromkeys(p.name for lock in locks for p in lock.platforms or ())
    return ", ".join(found) or "none"


def _reasons(
    package: LockedPackage | None,
    lock: TargetLock,
    known: tuple[Family, FamilyPackage] | None,
    *,
    lockstep: bool,
    many: bool,
) -> Iterator[str]:
    if package is None:
        if lock.platforms is not None:
            yield f"nothing asks for it here ({lock.file} is for {_platforms([lock])})"
        return
    yield f"version: {_asked(package)}"
    if lockstep and many:
        yield "version: one public version on all targets and platforms (lockstep)"
    if package.url is not None:
        yield f"index: none is asked; it is {hide_credentials(package.url)}"
        return
    yield f"index: {package.index or 'the default one (PyPI, or what pip or Poetry is set to)'}"
    if known is not None:
        yield f"index: {_routing(package, lock, *known)}"


def _asked(package: LockedPackage) -> str:
    return f"asked for by {', '.join(package.via)}" if package.via else "asked for by the project"


def _routing(package: LockedPackage, lock: TargetLock, family: Family, entry: FamilyPackage) -> str:
    if entry.lookup[0] == "default":
        return (
            f"it is of the {family.name} family, whose source is asked where PyPI lacks a version"
        )
    label = package.label
    if label == lock.target.name:
        return f"it is of the {family.name} family: only builds labelled +{label} are for {label}"
    if label is not None:
        return f"it is of the {family.name} family, and its build is for {label} (cpuonly)"
    if entry.labelled:
        return f"it is of the {family.name} family, whose builds carry no label on this platform"
    return f"it is of the {family.name} family, and has one build for all targets"


def _hashes(package: LockedPackage) -> str:
    return f" (one of {len(package.hashes)} with a hash)" if package.hashes else " (no hashes)"


def _json(each: OfTarget) -> dict[str, Any]:
    package = each.package
    return {
        "target": each.target,
        "version": package.version if package else None,
        "label": package.label if package else None,
        "index": package.index if package else None,
        "file": each.filename,
        "where": package.where if package else None,
        "via": list(package.via) if package else [],
        "hashes": len(package.hashes) if package else 0,
        "reasons": list(each.reasons),
    }
