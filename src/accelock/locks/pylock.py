"""`pylock.<target>.toml` (PEP 751): a target's part of a lock, for every tool that installs.

Pure: a lock and the files of its pins in, text out; and back, what a file says of itself. The
table `[tool.accelock]` has the digest of what the file was made from, and of what it says.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet

from accelock import toml
from accelock.catalogue.source import TARGET_FIELD, Source
from accelock.errors import AccelockError, UsageError
from accelock.locks.markers import Place, simplest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from accelock.locks.model import Pin, TargetLock
    from accelock.sources.model import IndexFile
    from accelock.targets import Target

NAME = f"pylock.{TARGET_FIELD}.toml"
VERSION = "1.0"
TOOL = "accelock"
FORMAT = 1
FORMAT_OF_SEVERAL = 2  # of several targets in one file
_NAMED = re.compile(r"pylock(\.[^.]+)?\.toml")  # PEP 751
_KEYS = ("target", "lock", "digest")
_EXTRA = re.compile(r"\bextra\b")
_NOWHERE = "<empty>"  # poetry-core's word for a marker that holds nowhere


class PylockError(AccelockError):
    """A pylock file is damaged, of a newer version, or not one of ours."""


@dataclass(frozen=True, slots=True)
class Package:
    """One pin with where it is from.

    :param marker: where it is wanted; None is everywhere.
    :param index: the URL of the index that has the files, None for a page of links.
    :param files: its wheels and its source archive, with a sha256 and, where known, a size.
    :param direct: `archive`, `vcs` or `directory`, of what no index has.
    """

    pin: Pin
    marker: str | None
    index: str | None = None
    files: tuple[IndexFile, ...] = ()
    direct: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file says of a target in it.

    :param lock: the file that it was locked in, relative, with `/`.
    :param digest: of what the lock said of the target when the file was made (SHA-256).
    """

    target: str
    lock: str
    digest: str


@dataclass(frozen=True, slots=True)
class PylockStamp:
    """What `[tool.accelock]` of a file says.

    :param origins: what each of its targets was made from.
    :param is_edited: whether the file says something else than what was written.
    """

    origins: tuple[Origin, ...]
    is_edited: bool


def file_name(template: str, target: Target) -> str:
    """Return the name of a target's file; PEP 751 has no dot in it, and rocm6.3 is rocm6-3.

    :raises UsageError: no tool would take it for a pylock file.
    """
    name = template.replace(TARGET_FIELD, target.name.replace(".", "-"))
    last = name.replace("\\", "/").rpartition("/")[2]
    if not is_named(last):
        raise UsageError(
            f"{name}: PEP 751 requires the name pylock.toml or pylock.NAME.toml, without a dot in "
            "NAME; installers read a file of another name as requirements"
        )
    return name


def is_named(name: str) -> bool:
    """Tell whether a file of this name is a pylock file."""
    return _NAMED.fullmatch(name) is not None


def places_of(lock: TargetLock) -> tuple[Place, ...]:
    """Return every place that a lock was made for."""
    pythons = lock.pythons or lock.supported
    return tuple(Place(platform, each) for platform in lock.platforms or () for each in pythons)


def marker_of(
    pin: Pin, universe: Collection[Place], groups: Collection[str] | None = None
) -> str | None:
    """Return the marker under which a pin is wanted, of any of the groups, and without extras."""
    own = [
        marker
        for group, marker in pin.markers.items()
        if marker != _NOWHERE and (groups is None or group in groups)
    ]
    if not all(own):
        return None
    texts = list(dict.fromkeys(filter(None, own)))
    if any(_EXTRA.search(each) for each in texts):  # PEP 751 knows `extras`, and no `extra`
        return simplest([each for each in universe if pin.holds(each, groups=groups)], universe)
    return texts[0] if len(texts) == 1 else " or ".join(f"({each})" for each in texts)


def document(
    locks: Sequence[tuple[str, TargetLock]],
    packages: Iterable[Package],
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the data of a file, in the order in which PEP 751 has its keys.

    :param locks: the targets that it is of, each behind its lock's file (relative, with `/`).
    :param extras: those that stand for several targets.
    :param groups: those that it is of; empty is all.
    """
    ordered = sorted(packages, key=lambda each: (each.pin.name, str(each.pin.version), each.marker))
    whole: dict[str, Any] = {
        "lock-version": VERSION,
        "environments": [
            f"sys_platform == '{each.sys_platform}' and platform_machine == '{each.machine}'"
            for each in dict.fromkeys(p for _, lock in locks for p in lock.platforms or ())
        ],
        "requires-python": python_range(locks[0][1]),
        **({"extras": list(extras)} if extras else {}),
        "created-by": TOOL,
        "packages": [_package(each) for each in ordered],
    }
    parts = [
        {"target": lock.target.name, "lock": where, "digest": digest(lock)} for where, lock in locks
    ]
    stamp: dict[str, Any] = (
        {"format": FORMAT, **parts[0]} if len(parts) == 1 else {"format": FORMAT_OF_SEVERAL}
    )
    stamp["body"] = _sha256(whole)
    if len(parts) > 1:
        stamp["targets"] = parts
    if groups:
        stamp["groups"] = list(groups)
    return {**whole, "tool": {TOOL: stamp}}


def dumps(data: Mapping[str, Any]) -> str:
    """Return the text of a document: each file of a package on a line of its own."""
    import tomlkit  # noqa: PLC0415 - `check` reads, and has no time to load it

    text = tomlkit.document()
    for key, value in data.items():
        text[key] = _item(value) if isinstance(value, list) and key != "packages" else value
    text["packages"] = packages = tomlkit.aot()
    for package in data["packages"]:
        table = tomlkit.table()
        for key, value in package.items():
            table[key] = _item(value)
        packages.append(table)
    return tomlkit.dumps(text)


def _item(value: Any) -> Any:
    import tomlkit  # noqa: PLC0415 - as above

    if isinstance(value, list):
        array = tomlkit.array()
        for each in value:
            array.append(_item(each))
        return array.multiline(multiline=True)
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, each in value.items():
            table[key] = _item(each)
        return table
    return value


def digest(lock: TargetLock) -> str:
    """Return the SHA-256 (hex) of all that a lock says of a target which a file is made from."""
    return _sha256(
        {
            "platforms": [each.name for each in lock.platforms or ()],
            "pythons": [*map(str, lock.pythons or lock.supported), lock.requires_python],
            "indexes": [lock.index, *lock.extra_indexes],
            "nameless": lock.nameless,
            "pins": [
                {
                    "name": pin.name,
                    "version": pin.version,
                    "markers": pin.markers,
                    "optional": pin.optional,
                    "index": pin.index,
                    "hashes": sorted(pin.hashes),
                    "files": pin.files,
                    "url": pin.url,
                    "source": pin.source,
                    "editable": pin.editable,
                }
                for pin in lock.pins
            ],
        }
    )


def read(path: Path, where: str) -> PylockStamp | None:
    """Return what a file says of itself; None where there is none, or it is of another tool.

    :raises AccelockError: it is no TOML, of a newer version, or its table is damaged.
    """
    data = toml.read(path, where)
    if data is None:
        return None
    refuse_others(data, where)
    return stamp_of(data, where)


def refuse_others(data: Mapping[str, Any], where: str) -> None:
    """Refuse what is no pylock file, or of a newer version.

    :raises PylockError: it is one of these.
    """
    version = str(data.get("lock-version", ""))
    if not version:
        raise PylockError(f"{where}: it has no lock-version, so it is not a pylock file")
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        raise PylockError(
            f"{where}: it has lock-version {version}, and this accelock reads {VERSION}"
        )


def stamp_of(data: Mapping[str, Any], where: str) -> PylockStamp | None:
    """Return what the data of a file says of itself; None where another tool made it.

    :raises PylockError: its table is damaged, or of a newer accelock.
    """
    table = data.get("tool")
    ours = table.get(TOOL) if isinstance(table, dict) else None
    if ours is None:
        return None
    if isinstance(ours, dict) and ours.get("format") not in (FORMAT, FORMAT_OF_SEVERAL):
        raise PylockError(f"{where}: a newer accelock made it")
    parts = ours.get("targets", [ours]) if isinstance(ours, dict) else None
    if not isinstance(parts, list) or not all(map(_is_origin, parts)):
        raise PylockError(f"{where}: [tool.accelock] is damaged")
    rest = {key: value for key, value in data.items() if key != "tool"}
    return PylockStamp(
        tuple(Origin(*(each[key] for key in _KEYS)) for each in parts),
        is_edited=ours.get("body") != _sha256(rest),
    )


def validate(data: Mapping[str, Any], fault: str) -> None:
    """Hold the data of a file against the specification, as `packaging` reads it.

    :param fault: what the message of the error begins with: the file's name, and how it is wrong.
    :raises AccelockError: it is not as PEP 751 has it, or packaging is too old to tell.
    """
    try:
        from packaging.pylock import Pylock, PylockValidationError  # noqa: PLC0415 - may lack
    except ImportError as error:
        raise AccelockError(
            "to write a pylock file, accelock needs packaging 26 or newer. Run: pip install "
            "--upgrade packaging"
        ) from error
    try:
        Pylock.from_dict(data)
        for package in data["packages"]:
            urlsplit(package.get("index") or "")  # at which packaging does not look
    except (PylockValidationError, ValueError) as error:
        raise PylockError(f"{fault} as PEP 751 has it: {error}") from error


def _is_origin(part: object) -> bool:
    return isinstance(part, dict) and all(isinstance(part.get(key), str) for key in _KEYS)


def _package(package: Package) -> dict[str, Any]:
    pin, found = package.pin, {}
    wheels = [_file(each) for each in package.files if each.is_wheel]
    sdist = next((_file(each) for each in package.files if not each.is_wheel), None)
    whole = {
        "name": pin.name,
        # A folder or a repository may change its own version (PEP 751).
        "version": None if {"vcs", "directory"} & set(package.direct) else pin.version,
        "marker": package.marker,
        "requires-python": _requires(package.files),
        **package.direct,
        "index": package.index,
        "sdist": sdist,
        "wheels": wheels or None,
    }
    found.update({key: value for key, value in whole.items() if value is not None})
    return found


def _file(file: IndexFile) -> dict[str, Any]:
    whole = {
        "name": file.filename,
        "upload-time": _time(file.upload_time),
        "url": Source(file.url).without_credentials.template,
        "size": file.size,
        "hashes": {"sha256": file.sha256},
    }
    return {key: value for key, value in whole.items() if value is not None}


def _time(text: str | None) -> dt.datetime | None:
    """Return a time of PEP 700, which may have any number of digits behind the second."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", text or "")
    if found is None:
        return None
    fraction = (found[2] or "0")[:6].ljust(6, "0")
    with contextlib.suppress(ValueError):
        return dt.datetime.fromisoformat(f"{found[1]}.{fraction}+00:00")
    return None


def _requires(files: Iterable[IndexFile]) -> str | None:
    """Return the Requires-Python of a release, where all of its files agree on one."""
    said = {each.requires_python for each in files}
    only = said.pop() if len(said) == 1 else None
    with contextlib.suppress(ValueError):
        return str(SpecifierSet(only)) if only else None
    return None


def python_range(lock: TargetLock) -> str:
    """Return the Pythons of a lock (PEP 440): from the first minor version to the last."""
    if lock.requires_python:
        return lock.requires_python
    pythons = lock.pythons or lock.supported
    first, last = min(pythons), max(pythons)
    between = (f"{first.major}.{minor}" for minor in range(first.minor, last.minor))
    gaps = [f"!={each}.*" for each in between if each not in set(map(str, pythons))]
    return ",".join([f">={first}", f"<{last.major}.{last.minor + 1}", *gaps])


def _sha256(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=_spelt)
    return hashlib.sha256(text.encode()).hexdigest()


def _spelt(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
