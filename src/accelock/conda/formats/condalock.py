"""`conda-<target>-lock.yml`: the format v1 of conda-lock, which conda-lock, mamba and pixi read.

Every package of every platform with its URL, md5 and sha256. Other keys than those of v1 are
refused by conda-lock, and `custom_metadata` by older releases of mamba. What the format lacks of a
record is taken from the URL and the build string, by conda's own rules for them, when a lock is
read back: ours, or one that conda-lock wrote.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from accelock.conda.formats.model import LOCK_SUFFIX, Body, Format, Part, joined
from accelock.conda.formats.yaml import YamlError, load, scalar
from accelock.conda.record import Record
from accelock.conda.urls import strip_credentials
from accelock.errors import AccelockError
from accelock.targets import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.conda.solved import Solved
    from accelock.targets import Platform, Target

__all__ = ["LOCK", "LockError", "read_lock"]

_FORMAT = 1
_DIGESTS = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}
_URL = re.compile(r"(?P<channel>.+)/(?P<subdir>[^/]+)/(?P<filename>[^/]+)")
_FILENAME = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+)\.(conda|tar\.bz2)")
_BUILD_NUMBER = re.compile(r"(?:^|_)(\d+)$")
_HINT = "make it again (accelock conda lock)"


def _file_name(
    target: Target | str | None, group: str | None = None, _platform: Platform | None = None
) -> str:
    return f"{joined('conda', target, group)}{LOCK_SUFFIX}"


def _body(part: Part) -> Body:
    (solved,) = part.solved
    name = _file_name(solved.target, solved.group)
    text = "".join(f"{line}\n" for line in (*_metadata(solved), *_packages(solved)))
    return Body(text, ("To install it:", "", f"   micromamba create -p ./env -f {name}", ""))


def _metadata(solved: Solved) -> Iterator[str]:
    yield "version: 1"
    yield "metadata:"
    yield "  content_hash:"
    for platform in solved.platforms:
        yield f"    {platform.conda_subdir}: {scalar(solved.digests[platform])}"
    yield "  channels:"
    for channel in solved.public_channels:
        yield f"  - url: {scalar(channel)}"
        yield "    used_env_vars: []"
    yield "  platforms:"
    for platform in solved.platforms:
        yield f"  - {platform.conda_subdir}"
    yield "  sources:"
    yield "  - pyproject.toml"


def _packages(solved: Solved) -> Iterator[str]:
    if not any(solved.records.values()):
        yield "package: []"
        return
    yield "package:"
    for platform in solved.platforms:
        for record in solved.on(platform).values():
            yield from _package(record, platform)


def _package(record: Record, platform: Platform) -> Iterator[str]:
    yield f"- name: {scalar(record.name)}"
    yield f"  version: {scalar(record.version)}"
    yield "  manager: conda"
    yield f"  platform: {platform.conda_subdir}"
    dependencies = _dependencies(record)
    yield f"  dependencies:{'' if dependencies else ' {}'}"
    for name, constraint in dependencies.items():
        yield f"    {scalar(name)}: {scalar(constraint)}"
    yield f"  url: {scalar(record.url)}"
    yield "  hash:"
    yield f"    md5: {scalar(record.md5)}"
    yield f"    sha256: {scalar(record.sha256)}"
    yield f"  build: {scalar(record.build)}"
    yield "  category: main"
    yield "  optional: false"


def _dependencies(record: Record) -> dict[str, str]:
    """Return a package's dependencies; where one is named twice, versions are joined."""
    found: dict[str, list[str]] = {}
    for depend in record.depends:
        name, _, constraint = depend.strip().partition(" ")
        found.setdefault(name, []).append(constraint.strip())
    return {name: _joined(found[name]) for name in sorted(found)}


def _joined(constraints: list[str]) -> str:
    told = [each for each in dict.fromkeys(constraints) if each not in ("", "*")]
    built = [each for each in told if " " in each or "|" in each]
    # A build goes with its own version, and `,` would bind tighter than `|`.
    return built[0] if built else ",".join(told)


class LockError(AccelockError):
    """A conda lock is not what it should be; the message names the file and the entry."""


def read_lock(text: str, where: str) -> Mapping[Platform, tuple[Record, ...]]:
    """Return the packages of a lock by platform, each in the order of the file.

    A platform that is locked and needs nothing has no packages. Raises LockError, which names
    `where`, and MissingExtraError without PyYAML.
    """
    try:
        data = load(text, where)
    except YamlError as error:
        raise LockError(f"{error}; {_HINT}") from error
    if not isinstance(data, dict) or data.get("version") != _FORMAT:
        found = data.get("version") if isinstance(data, dict) else None
        what = f"has format version {found}" if found is not None else "is no conda lock"
        raise LockError(f"{where}: {what}; accelock reads conda-lock's format {_FORMAT}; {_HINT}")
    return _records(data, where)


def _records(data: dict[str, Any], where: str) -> dict[Platform, tuple[Record, ...]]:
    metadata, entries = data.get("metadata"), data.get("package")
    named = metadata.get("platforms") if isinstance(metadata, dict) else None
    if not isinstance(named, list) or not isinstance(entries, list):
        raise LockError(f"{where}: has no list metadata.platforms, or no list package; {_HINT}")
    found: dict[Platform, list[Record]] = {
        _platform_of(word, f"{where}, metadata.platforms"): [] for word in named
    }
    for number, entry in enumerate(entries):
        at = f"{where}, package[{number}]"
        if not isinstance(entry, dict):
            raise LockError(f"{at}: is no package; {_HINT}")
        if entry.get("manager") == "conda":  # conda-lock puts what pip installs beside it
            platform = _platform_of(entry.get("platform"), at)
            found.setdefault(platform, []).append(_record(entry, platform, at))
    return {platform: tuple(records) for platform, records in found.items()}


def _platform_of(word: object, at: str) -> Platform:
    try:
        return parse_platform(str(word))
    except AccelockError as error:
        raise LockError(f"{at}: {error}; {_HINT}") from error


def _record(entry: Mapping[str, Any], platform: Platform, at: str) -> Record:
    url = strip_credentials(str(entry.get("url", "")))
    place = _URL.fullmatch(url)
    file = _FILENAME.fullmatch(unquote(place["filename"])) if place else None
    if place is None or file is None or place["subdir"] not in (platform.conda_subdir, "noarch"):
        raise LockError(f"{at}: {url!r} is no package of {platform.conda_subdir}; {_HINT}")
    if (file["name"], file["version"]) != (entry.get("name"), entry.get("version")):
        raise LockError(f"{at}: {url!r} is not the package that the entry names; {_HINT}")
    digests = _digests(entry.get("hash"), at)
    depends = _depends(entry.get("dependencies"), at)
    return Record(
        name=file["name"],
        version=file["version"],
        build=file["build"],
        build_number=_build_number(file["build"]),
        subdir=place["subdir"],
        channel=place["channel"],
        url=url,
        filename=unquote(place["filename"]),
        md5=digests["md5"],
        sha256=digests["sha256"],
        depends=depends,
        noarch=_noarch(place["subdir"], depends),
    )


def _digests(value: object, at: str) -> dict[str, str]:
    found = {}
    for name, form in _DIGESTS.items():
        digest = value.get(name) if isinstance(value, dict) else None
        if not isinstance(digest, str) or not form.fullmatch(digest):
            raise LockError(f"{at}: has no {name}, and what is installed is checked; {_HINT}")
        found[name] = digest
    return found


def _depends(value: object, at: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise LockError(f"{at}: its dependencies are no table; {_HINT}")
    return tuple(f"{name} {constraint or ''}".strip() for name, constraint in value.items())


def _build_number(build: str) -> int:
    """Return the number at the end of a build string, where conda-build puts it."""
    found = _BUILD_NUMBER.search(build)
    return int(found[1]) if found else 0


def _noarch(subdir: str, depends: tuple[str, ...]) -> str | None:
    if subdir != "noarch":
        return None
    return "python" if any(depend.split()[0] == "python" for depend in depends) else "generic"


LOCK = Format(
    name="lock",
    says="conda-lock's format",
    holds="environment",
    file_name=_file_name,
    body=_body,
    read=read_lock,
    on_request=False,
    suffix=LOCK_SUFFIX,
    why_suffix="mamba takes none for a lock that does not end in",
)
