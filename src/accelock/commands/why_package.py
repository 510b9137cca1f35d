"""`accelock why PACKAGE`: which build of a package each target has, and why.

The JSON: `format` (1), `package`, `platform`, `python`, `family` (null for an
ordinary package), `lockstep`, `targets`: a list of `target`, `version` (null where the target has
none), `label`, `index`, `file`, `where`, `via` (who asks for it), `hashes` (how many), `reasons`;
and `faults`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock.catalogue.source import hide_credentials
from accelock.commands.downloads import Downloads
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import pylock
from accelock.resolve.substitution import Substitution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from accelock.catalogue import Family, FamilyPackage
    from accelock.commands.context import Context
    from accelock.commands.downloads import Fetching
    from accelock.locks.markers import Place
    from accelock.locks.model import Lock, Pin, TargetLock
    from accelock.targets import Platform

FORMAT = 1


@dataclass(frozen=True, slots=True)
class WhyTarget:
    """What one target has of the package: None where it has not got it here."""

    target: str
    pin: Pin | None
    filename: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhyPackage:
    """The answer, target by target."""

    name: str
    place: Place
    known: tuple[Family, FamilyPackage] | None
    lockstep: bool
    targets: tuple[WhyTarget, ...]
    faults: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the answer as text."""
        yield f"{self.name} on {self.place.platform}, Python {self.place.python}"
        for each in self.targets:
            yield ""
            pin = each.pin
            if pin is None:
                yield f"{each.target}: not installed"
            else:
                yield f"{each.target}: {pin.version or pin.url} ({pin.where})"
                yield f"  file: {each.filename or 'not known'}{_hashes(pin)}"
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


def why_package(context: Context, word: str, open_reader: Callable[[], Fetching]) -> WhyPackage:
    """Return why each target has what it has of a package, on the platform that is meant.

    :param open_reader: called where the lock does not tell the file, and an index has to.
    :raises UnknownWordError: no target of the lock has it.
    :raises AccelockError: there is no lock, or no target is locked for the platform.
    """
    lock = context.open_lock()
    name, place = canonicalize_name(word), _place(context, lock)
    there = {each.target: each.every(place) for each in _holding(lock, place.platform)}
    others = Substitution.of(context.settings.config.unsubstituted).counterparts(name)
    if not any({name, *others} & pins.keys() for pins in there.values()):
        names = sorted({each for pins in there.values() for each in pins})
        raise UnknownWordError("package", word, names[:40], note=f"not in {', '.join(lock.files)}")
    known = context.settings.catalogue.family_of(name)
    config = context.settings.config
    companions = context.settings.catalogue.companions(name)
    lockstep = bool(known and known[1].lockstep and config.lockstep)
    lockstep = lockstep and not config.pinned_alone & {name, *companions}
    downloads = Downloads(open_reader, context.settings)
    targets = []
    for target, each in lock.targets.items():
        if target not in there:
            reason = f"{each.file} has {target} for {_platforms([each])} only"
            targets.append(WhyTarget(target.name, None, None, (reason,)))
            continue
        pin = _asked_for(name, there[target])
        file = downloads.filename(pin, target, place) if pin else None
        is_shared = lockstep and len(lock.targets) > 1
        found = (_asked_for(each, there[target]) for each in sorted(others))
        instead = [own for own in found if own is not None]
        reasons = tuple(_reasons(pin, each, known, instead, lockstep=is_shared))
        targets.append(WhyTarget(target.name, pin, file, reasons))
    return WhyPackage(name, place, known, lockstep, tuple(targets), tuple(downloads.faults))


def _asked_for(name: str, pins: Mapping[str, Pin]) -> Pin | None:
    """Return a package with all that ask for it; None where it is not there."""
    if name not in pins:
        return None
    others = (f"{o.name} ({o.requires[name]})" for o in pins.values() if name in o.requires)
    return replace(pins[name], via=(*pins[name].via, *others))


def _place(context: Context, lock: Lock) -> Place:
    """Return the place that is meant; of another Python than the files are for, with theirs."""
    place = context.place
    known = [python for each in lock.targets.values() for python in each.pythons]
    return replace(place, python=known[0]) if known and place.python not in known else place


def _holding(lock: Lock, platform: Platform) -> list[TargetLock]:
    """Return the targets that are locked for a platform.

    :raises AccelockError: there is none.
    """
    found = [each for each in lock.targets.values() if each.is_for(platform)]
    if not found:
        targets = " and ".join(target.name for target in lock.targets)
        many = len(lock.targets) > 1
        raise AccelockError(
            f"{targets} {'are' if many else 'is'} not locked for {platform}; the platforms that "
            f"{' and '.join(lock.files)} {'have' if len(lock.files) > 1 else 'has'}: "
            f"{_platforms(lock.targets.values())}"
        )
    return found


def _platforms(locks: Iterable[TargetLock]) -> str:
    found = dict.fromkeys(p.name for lock in locks for p in lock.platforms or ())
    return ", ".join(found) or "none"


def _reasons(
    pin: Pin | None,
    lock: TargetLock,
    known: tuple[Family, FamilyPackage] | None,
    instead: Iterable[Pin],
    *,
    lockstep: bool,
) -> Iterator[str]:
    if pin is None:
        for other in instead:
            yield f"{other.name} {other.version} is locked in its place, {_asked(other)}"
            return
        if lock.platforms is not None:
            yield f"nothing requires it here ({lock.file} is for {_platforms([lock])})"
        return
    if pin.via or not pylock.is_named(lock.file.rpartition("/")[2]):
        yield f"version: {_asked(pin)}"
    else:
        yield "version: a pylock file does not say what requires it"
    if lockstep:
        yield "version: one public version on all targets and platforms (lockstep)"
    if pin.url is not None:
        yield f"index: none; it comes from {hide_credentials(pin.url)}"
        return
    yield f"index: {pin.index or 'the default one (PyPI, or what pip or Poetry is set to)'}"
    if known is not None:
        yield f"index: {_routing(pin, lock, *known)}"


def _asked(pin: Pin) -> str:
    return f"required by {', '.join(pin.via)}" if pin.via else "required by the project"


def _routing(pin: Pin, lock: TargetLock, family: Family, entry: FamilyPackage) -> str:
    if entry.lookup[0] == "default":
        return (
            f"it belongs to the {family.name} family: accelock asks the family's index if "
            "PyPI lacks a version"
        )
    label = pin.label
    if label == lock.target.name:
        return (
            f"it belongs to the {family.name} family: only builds labelled +{label} are for {label}"
        )
    if label is not None:
        return f"it belongs to the {family.name} family, and takes its builds for {label} (cpuonly)"
    if entry.labelled:
        return (
            f"it belongs to the {family.name} family, and the builds for this platform have no "
            "label"
        )
    return f"it belongs to the {family.name} family, and has one build for all targets"


def _hashes(pin: Pin) -> str:
    return f" (one of {len(pin.hashes)} with a hash)" if pin.hashes else " (no hashes)"


def _json(each: WhyTarget) -> dict[str, Any]:
    pin = each.pin
    return {
        "target": each.target,
        "version": pin.version if pin else None,
        "label": pin.label if pin else None,
        "index": pin.index if pin else None,
        "file": each.filename,
        "where": pin.where if pin else None,
        "via": list(pin.via) if pin else [],
        "hashes": len(pin.hashes) if pin else 0,
        "reasons": list(each.reasons),
    }
