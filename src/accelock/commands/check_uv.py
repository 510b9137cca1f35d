"""What `accelock check` finds in uv.lock, of a project whose extras or groups are its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version

from accelock import toml
from accelock.commands.findings import Finding, Level, Report
from accelock.errors import AccelockError, UnknownWordError
from accelock.settings.uv_project import target_named, uv_targets
from accelock.sources.filename import parse_filename
from accelock.targets import Kind, Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.catalogue import Catalogue

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
                f"torch {version} is there without CUDA's libraries, which its wheel for Linux on "
                "x86_64 asks for: uv read another wheel's requirements"
            )
            todo = (
                "lock a torch whose wheels ask for the same (2.7 or newer), or say what it asks "
                "for in [[tool.uv.dependency-metadata]]"
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
