"""What is wrong with a poetry.lock, as far as targets go: offline, and without Poetry.

Whether pyproject.toml's dependencies are those of the lock is `poetry check --lock`'s to say. What
a target has is what was written, by its digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock import toml
from accelock.commands.findings import Finding, Level, Report
from accelock.errors import AccelockError
from accelock.locks import overlay as overlays
from accelock.locks import poetry_lock, reference
from accelock.locks.budget import denied
from accelock.locks.inputs import PYPROJECT, settings_digest
from accelock.locks.model import conflicts, foreign_pairs
from accelock.locks.overlay import NewerFormatError, OverlayError
from accelock.locks.poetry_lock import KIND as LOCK
from accelock.locks.reference import FamilySource
from accelock.settings.poetry_project import is_poetry_project, read_project

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from accelock.locks.model import Lock
    from accelock.locks.overlay import Overlay
    from accelock.settings.poetry_project import DeclaredSource, PoetryProject
    from accelock.settings.project import Settings

_AGAIN = "run `poetry lock` with the plugin (poetry self add accelock)"
_FALLBACK = "run: poetry accelock init --fallback"
_EXPLICIT = "explicit"


def is_locked_by_poetry(directory: Path) -> bool:
    """Tell whether Poetry makes a project's lock, there or not; a broken file is no answer."""
    try:
        pyproject = toml.read(directory / PYPROJECT, PYPROJECT)
    except AccelockError:
        return False
    return (directory / LOCK).exists() or (pyproject is not None and is_poetry_project(pyproject))


def missing_lock() -> Finding:
    """Return what is wrong where Poetry is the project's, and there is no lock."""
    what = "[tool.accelock] declares targets, and there is no poetry.lock"
    return Finding("no-file", Level.ERROR, LOCK, what, "run: poetry lock")


def check_poetry_lock(directory: Path, settings: Settings) -> Report:
    """Check the poetry.lock of a folder against its [tool.accelock].

    Empty where there is no lock, or neither it nor the table speaks of targets. `settings` are
    those of the same folder.
    """
    try:
        lock = toml.read(directory / LOCK, LOCK)
        if lock is None or not (settings.config.targets or _has_overlay(lock)):
            return Report()
        pyproject = toml.read(directory / PYPROJECT, PYPROJECT) or {}
        found = tuple(_Run(lock, pyproject, settings).findings())
    except OverlayError as error:
        found = (_of_overlay(error),)
    except AccelockError as error:
        found = (Finding("damaged", Level.ERROR, None, str(error), "repair it first"),)
    return Report((LOCK,), found)


@dataclass(frozen=True, slots=True)
class _Run:
    lock: Mapping[str, Any]
    pyproject: Mapping[str, Any]
    settings: Settings

    def findings(self) -> Iterator[Finding]:
        overlay = overlays.read(self.lock, LOCK)
        if overlay is None:
            entries = overlays.packages(self.lock, LOCK)
            yield from self._without_overlay(entries)
            yield from self._denied(self._of_all_targets(entries))
            names = frozenset(str(canonicalize_name(entry["name"])) for entry in entries)
        else:
            yield from self._freshness(overlay)
            asked = poetry_lock.asked_in(self.pyproject)
            lock = poetry_lock.of_data(self.lock, overlay, self.settings, asked)
            for each in conflicts(lock):
                what = f"{each}, and it is left to chance which of them is installed"
                todo = "lock again with the plugin: poetry lock"
                yield Finding("two-versions", Level.ERROR, LOCK, what, todo)
            yield from self._pairs(lock)
            yield from self._denied(lock)
            names = frozenset(pin.name for each in lock.targets.values() for pin in each.pins)
        yield from check_fallback(read_project(self.pyproject), names, self.settings)

    def _of_all_targets(self, entries: list[dict[str, Any]]) -> Lock:
        """Return a lock without an overlay, in which no target tells another apart."""
        config = self.settings.config
        return poetry_lock.lock_of(
            {target.name: entries for target in config.targets},
            {t.name: [each.name for each in config.platforms_of(t)] for t in config.targets},
            self.settings.catalogue.targets,
            asked=poetry_lock.asked_in(self.pyproject),
            pythons=poetry_lock.pythons_of(self.lock),
        )

    def _denied(self, lock: Lock) -> Iterator[Finding]:
        for target, each in lock.targets.items():
            for what in denied(each, self.settings.config.of(target)):
                todo = "require something that does without it, and run poetry lock"
                yield Finding("denied", Level.ERROR, LOCK, what, todo)

    def _pairs(self, lock: Lock) -> Iterator[Finding]:
        """Yield the releases that do not go together, with the targets that have both."""
        found: dict[str, list[str]] = {}
        for target, each in lock.targets.items():
            for pair in foreign_pairs(each, self.settings.catalogue):
                found.setdefault(pair, []).append(target.name)
        for pair, targets in found.items():
            what = f"for {', '.join(targets)}, {pair}"
            todo = f"pin one of the two in {PYPROJECT}, and run poetry lock"
            yield Finding("foreign-pair", Level.ERROR, LOCK, what, todo)

    def _without_overlay(self, entries: list[dict[str, Any]]) -> Iterator[Finding]:
        """Yield a finding where packages of a family ask for the targets that the lock lacks."""
        targets = self.settings.config.targets
        found = _accelerated(entries, self.settings)
        if not (targets and found):
            return
        names = ", ".join(target.name for target in targets)
        what = (
            f"it has no targets, and {PYPROJECT} declares {names}: a Poetry without accelock made "
            f"it, such as that of Dependabot or Renovate, with {found[0]}"
        )
        yield Finding("no-overlay", Level.ERROR, LOCK, what, _AGAIN)

    def _freshness(self, overlay: Overlay) -> Iterator[Finding]:
        tool = self.pyproject.get("tool")
        table = tool.get("accelock") if isinstance(tool, dict) else None
        if overlay.digest == settings_digest(table or {}):
            return
        declared = [target.name for target in self.settings.config.targets]
        what = f"it is stale: [tool.accelock] in {PYPROJECT} changed after it was made"
        if list(overlay.targets) != declared:
            what += (
                f" (it has {', '.join(overlay.targets)}; pyproject.toml declares "
                f"{', '.join(declared) or 'none'})"
            )
        yield Finding("stale", Level.ERROR, LOCK, what, _AGAIN)


def _has_overlay(lock: Mapping[str, Any]) -> bool:
    metadata = lock.get("metadata", {})
    return overlays.TABLE in lock or (isinstance(metadata, dict) and overlays.TABLE in metadata)


def _accelerated(entries: Collection[Mapping[str, Any]], settings: Settings) -> tuple[str, ...]:
    """Return the packages of families, labelled ones first, each as `torch 2.6.0 from PyPI`."""
    known = ((settings.catalogue.family_of(canonicalize_name(e["name"])), e) for e in entries)
    ours = [(family[1], entry) for family, entry in known if family]
    ours.sort(key=lambda pair: not pair[0].labelled)
    return tuple(f"{e['name']} {e['version']} from {_source(e)}" for _package, e in ours)


def _source(entry: Mapping[str, Any]) -> str:
    source = entry.get("source")
    return str(source.get("url", "PyPI")) if isinstance(source, dict) else "PyPI"


def _of_overlay(error: OverlayError) -> Finding:
    """Return an overlay's error as a finding; its message says what to do behind the first dot."""
    code = "newer-format" if isinstance(error, NewerFormatError) else "damaged"
    what, _, todo = str(error).removeprefix(f"{LOCK}: ").partition(". ")
    return Finding(code, Level.ERROR, LOCK, what, todo.removeprefix("Nothing was changed. "))


def check_fallback(
    poetry: PoetryProject, names: Collection[str], settings: Settings
) -> Iterator[Finding]:
    """Yield what keeps a fallback from being right; nothing where there is none.

    :param names: the packages of the lock, of all targets.
    """
    for family in settings.catalogue.families:
        declared = [s for s in poetry.sources if reference.target_of(s.name, family.name)]
        if declared and settings.config.targets:
            leader = FamilySource.of(family, settings.config.targets[0], settings)
            for source in declared:
                yield from _of_source(source, leader)
            yield from _of_packages(poetry, names, leader, settings)


def _of_source(source: DeclaredSource, leader: FamilySource) -> Iterator[Finding]:
    what = f"[[tool.poetry.source]] {source.name}"
    if source.name.lower() != leader.name:
        yield _finding(f"{what} does not name {leader.name}, the source of the first target")
    elif not leader.is_at(source.url):
        yield _finding(f"{what} has another URL than the first target's builds, {leader.url}")
    elif source.priority != _EXPLICIT:
        yield _finding(f"{what} is {source.priority}, so any package may come from it")


def _of_packages(
    poetry: PoetryProject, names: Collection[str], leader: FamilySource, settings: Settings
) -> Iterator[Finding]:
    asked = {ask.name for ask in poetry.asks}
    for name in reference.labelled({*names, *asked}, leader.family, settings):
        asks = poetry.named(name)
        if not asks:
            what = f"{name} comes in only through other packages, and a source cannot change that"
            yield _finding(what, f"add it (poetry add {name}), then {_FALLBACK}")
        for ask in asks:
            if reference.is_by_hand(ask, settings):
                continue
            if any((each or "").lower() != leader.name for each in ask.sources):
                yield _finding(f"{name}, in the group {ask.group}, has no `source` {leader.name}")


def _finding(what: str, todo: str = _FALLBACK) -> Finding:
    whole = f"{what}; a Poetry without accelock would lock another build without a word"
    return Finding("fallback", Level.ERROR, PYPROJECT, whole, todo)
