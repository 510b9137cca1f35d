"""What `accelock check` finds in files that other tools install from: pylock files and uv.lock.

A pylock file is held against the lock that it was made from. uv.lock is looked at in a project
whose extras or groups are its targets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version

from accelock import toml
from accelock.commands.findings import Finding, Level, Report
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import compiled, poetry_lock, pylock
from accelock.settings.project import target_named, uv_targets
from accelock.sources.model import parse_filename
from accelock.targets import Kind, Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.catalogue import Catalogue
    from accelock.locks.model import TargetLock
    from accelock.locks.pylock import Origin, PylockStamp
    from accelock.settings.project import Settings


_AGAIN = "run: accelock pylock"


def check_pylocks(directory: Path, settings: Settings, names: frozenset[str] | None) -> Report:
    """Check the pylock files of a folder; those of other tools are passed over.

    :param settings: those of the lock's project.
    :param names: those that a user named, whatever tool made them; None: all.
    """
    if names is None:
        there = (path.name for path in directory.iterdir() if path.is_file())
        looked_at = sorted(filter(pylock.is_named, there))
    else:
        looked_at = sorted(names)
    found: list[Finding] = []
    checked: list[str] = []
    for name in looked_at:
        try:
            stamp = pylock.read(directory / name, name)
            findings = [*_of_file(name, stamp, directory, settings)] if stamp else []
        except pylock.PylockError as error:
            findings = [_finding("damaged", name, str(error), "make it again, or upgrade accelock")]
            stamp = None
        except AccelockError as error:
            findings = [_finding("damaged", name, str(error), "repair it first")]
            stamp = None
        if stamp is None and names is not None and not findings:
            what = (
                "it does not exist, or accelock did not make it, so accelock cannot tell whether "
                "it is fresh"
            )
            findings = [_finding("unstamped-pylock", name, what, "name a file that accelock made")]
        checked += [name] if stamp else []
        found += findings
    return Report(tuple(checked), tuple(found))


def _of_file(
    name: str, stamp: PylockStamp, directory: Path, settings: Settings
) -> Iterator[Finding]:
    if stamp.is_edited:
        what = "it was edited by hand or merged badly: it differs from what accelock wrote"
        yield _finding("edited-pylock", name, what, _AGAIN)
    for origin in stamp.origins:
        lock = _locked(origin, directory, settings)
        if lock is None:
            what = f"{origin.lock}, from which it was made, does not exist or lacks {origin.target}"
            yield _finding("stale-pylock", name, what, f"lock again, and {_AGAIN}, or delete it")
        elif pylock.digest(lock) != origin.digest:
            what = f"it is stale: {origin.lock} changed after it was made"
            yield _finding("stale-pylock", name, what, _AGAIN)


def _locked(origin: Origin, directory: Path, settings: Settings) -> TargetLock | None:
    """Return what the lock has for a target of a file, None where it has nothing.

    :raises AccelockError: the lock is damaged.
    """
    target = parse_target(origin.target, settings.catalogue.targets)
    path = directory / origin.lock
    if path.name == poetry_lock.KIND:
        lock = poetry_lock.read(path.parent, settings)
        return lock.targets.get(target) if lock is not None else None
    if not path.is_file():
        return None
    found = compiled.read_file(path, origin.lock, target, settings)
    return found if pylock.places_of(found) else None


def _finding(code: str, name: str, what: str, todo: str) -> Finding:
    return Finding(code, Level.ERROR, name, what.removeprefix(f"{name}: "), todo)


LOCK = "uv.lock"
_TORCH = "torch"
# From here on torch's wheels for CUDA on Linux ask for its libraries; many before have them inside.
_ASKS = Version("2.4")


def check_uv(directory: Path, catalogue: Catalogue) -> Report:
    """Check the uv.lock of a folder; nothing where there is none, or [tool.uv] names no targets."""
    path = directory / LOCK
    try:
        targets = uv_targets(directory, catalogue.targets) if path.is_file() else ()
        if not targets:
            return Report()
        data = toml.read(path, LOCK) or {}
    except AccelockError as error:
        return Report((LOCK,), (Finding("damaged", Level.ERROR, LOCK, str(error), "run: uv lock"),))
    packages = [each for each in _list(data.get("package")) if isinstance(each.get("name"), str)]
    found = (*_of_other_targets(packages, targets, catalogue), *_lacking(packages, catalogue))
    return Report((LOCK,), found)


def _of_other_targets(
    packages: list[dict[str, Any]], targets: tuple[Target, ...], catalogue: Catalogue
) -> Iterator[Finding]:
    """Yield the builds that an extra or a group has of another target than it is called like."""
    versions: dict[str, list[str]] = {}
    for each in packages:
        versions.setdefault(each["name"], []).append(str(each.get("version", "")))
    for root in packages:
        for key in ("optional-dependencies", "dev-dependencies"):
            table = root.get(key)
            for name, asked in table.items() if isinstance(table, dict) else ():
                target = target_named(name, catalogue.targets)
                for each in _list(asked) if target in targets else ():
                    only = versions.get(str(each.get("name")), [""])
                    version = str(each.get("version", only[0] if len(only) == 1 else ""))
                    other = _target_of(str(each.get("name")), version, catalogue)
                    if other is not None and other != target:
                        what = f"{name} has {each['name']} {version}, a build for {other}"
                        todo = f"give {each['name']} an index for {name} in [tool.uv.sources]"
                        yield Finding("uv-other-build", Level.ERROR, LOCK, what, todo)


def _lacking(packages: list[dict[str, Any]], catalogue: Catalogue) -> Iterator[Finding]:
    """Yield the torch for CUDA that would be installed without CUDA's libraries.

    uv reads the requirements of one wheel of a release and takes them for those of all. Of
    2.6.0+cu126 the wheel for Linux on Arm has none, and is the first.
    """
    for each in packages:
        version = str(each.get("version", ""))
        target = _target_of(each["name"], version, catalogue) if each["name"] == _TORCH else None
        if target is None or target.kind is not Kind.CUDA or Version(version) < _ASKS:
            continue
        asked = (
            catalogue.family_of(str(own.get("name"))) for own in _list(each.get("dependencies"))
        )
        has_libraries = any(
            own and own[1].runtime and own[1].lookup[0] == "default" for own in asked
        )
        if not has_libraries and any(map(_is_for_linux, _list(each.get("wheels")))):
            what = (
                f"torch {version} is locked without the CUDA libraries that its wheel for Linux "
                "on x86_64 requires: uv read the requirements of another wheel"
            )
            todo = (
                "lock torch 2.7 or newer, whose wheels all require the same, or write its "
                "requirements into [[tool.uv.dependency-metadata]]"
            )
            yield Finding("uv-lacks-requirements", Level.WARNING, LOCK, what, todo)


def _target_of(name: str, version: str, catalogue: Catalogue) -> Target | None:
    """Return the target that the label of a labelled package's version stands for."""
    known = catalogue.family_of(name)
    try:
        label = Version(version).local
        return parse_target(label, catalogue.targets) if label and known else None
    except (ValueError, UnknownWordError):
        return None


def _is_for_linux(wheel: dict[str, Any]) -> bool:
    parsed = parse_filename(str(wheel.get("url", "")).rpartition("/")[2].replace("%2B", "+"))
    tags = parsed.tags if parsed is not None else None
    return any("linux" in t.platform and t.platform.endswith("x86_64") for t in tags or ())


def _list(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
