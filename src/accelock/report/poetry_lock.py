"""What is wrong with a poetry.lock, as far as targets go: offline, and without Poetry.

Whether pyproject.toml's dependencies are those of the lock is `poetry check --lock`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError
from accelock.locks import overlay as overlays
from accelock.locks import toml
from accelock.locks.overlay import NewerFormatError, OverlayError
from accelock.report.findings import Finding, Level
from accelock.report.poetry_entries import Views, accelerated, check_entries, name_of
from accelock.report.poetry_fallback import PYPROJECT, check_fallback
from accelock.report.poetry_project import is_poetry_project, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accelock.locks.overlay import Overlay
    from accelock.report.project import Project

LOCK = "poetry.lock"
_AGAIN = "run `poetry lock` with the plugin (poetry self add accelock)"


@dataclass(frozen=True, slots=True)
class PoetryLock:
    """The lock that was looked at, by name, if there is one, and what is wrong with it."""

    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def is_locked_by_poetry(directory: Path) -> bool:
    """Tell whether Poetry makes a project's lock, there or not; a broken file is no answer."""
    try:
        pyproject = toml.read(directory / PYPROJECT, PYPROJECT)
    except AccelockError:
        return False
    return (directory / LOCK).exists() or (pyproject is not None and is_poetry_project(pyproject))


def missing_lock() -> Finding:
    """Return what is wrong where Poetry is the project's, and there is no lock."""
    what = "[tool.accelock] declares targets, and there is no lock"
    return Finding("no-file", Level.ERROR, LOCK, what, "run: poetry lock")


def check_poetry_lock(directory: Path, project: Project) -> PoetryLock:
    """Check the poetry.lock of a folder against its [tool.accelock].

    Empty where there is no lock, or neither it nor the table speaks of targets. `project` has the
    catalogue and the table of the same folder.
    """
    try:
        lock = toml.read(directory / LOCK, LOCK)
        if lock is None or not (project.config.targets or _has_overlay(lock)):
            return PoetryLock()
        pyproject = toml.read(directory / PYPROJECT, PYPROJECT) or {}
        found = tuple(_Run(lock, pyproject, project).findings())
    except OverlayError as error:
        found = (_of_overlay(error),)
    except AccelockError as error:
        found = (Finding("damaged", Level.ERROR, None, str(error), "repair it first"),)
    return PoetryLock((LOCK,), found)


@dataclass(frozen=True, slots=True)
class _Run:
    lock: Mapping[str, Any]
    pyproject: Mapping[str, Any]
    project: Project

    def findings(self) -> Iterator[Finding]:
        poetry = read_project(self.pyproject)
        overlay = overlays.read(self.lock, LOCK)
        entries = [entry for entry in self.lock.get("package", []) if isinstance(entry, dict)]
        if overlay is None:
            yield from self._without_overlay(entries)
            names = frozenset(name_of(entry) for entry in entries)
        else:
            stale = tuple(self._freshness(overlay))
            views = Views.of(entries, overlay, self.project)
            # What other settings made is not to be held against these.
            yield from stale or check_entries(views, poetry, self.project)
            names = views.names
        yield from check_fallback(poetry, names, self.project)

    def _without_overlay(self, entries: list[dict[str, Any]]) -> Iterator[Finding]:
        """Yield a finding where packages of a family ask for the targets that the lock lacks."""
        targets = self.project.config.targets
        found = accelerated(entries, self.project)
        if not (targets and found):
            return
        names = ", ".join(target.name for target in targets)
        what = (
            f"it has no targets, and {PYPROJECT} declares {names}: it was made by a Poetry without "
            f"accelock (Dependabot and Renovate have one), with {found[0]}"
        )
        yield Finding("no-overlay", Level.ERROR, LOCK, what, _AGAIN)

    def _freshness(self, overlay: Overlay) -> Iterator[Finding]:
        table = self.pyproject.get("tool", {}).get("accelock", {})
        if overlay.digest == overlays.settings_digest(table):
            return
        declared = [target.name for target in self.project.config.targets]
        what = f"it is stale: [tool.accelock] in {PYPROJECT} changed after it was made"
        if list(overlay.targets) != declared:
            what += (
                f" (it holds {', '.join(overlay.targets)}; declared are "
                f"{', '.join(declared) or 'none'})"
            )
        yield Finding("stale", Level.ERROR, LOCK, what, _AGAIN)


def _has_overlay(lock: Mapping[str, Any]) -> bool:
    return overlays.TABLE in lock or overlays.TABLE in lock.get("metadata", {})


def _of_overlay(error: OverlayError) -> Finding:
    """Return an overlay's error as a finding; its message says what to do behind the first dot."""
    code = "newer-format" if isinstance(error, NewerFormatError) else "damaged"
    what, _, todo = str(error).removeprefix(f"{LOCK}: ").partition(". ")
    return Finding(code, Level.ERROR, LOCK, what, todo.removeprefix("Nothing was changed. "))
