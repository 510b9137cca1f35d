"""The files that install without a solve: conda-lock's format, and the explicit list of conda.

`conda-<target>-lock.yml` is the format v1 of conda-lock, which conda-lock, mamba and pixi read:
every package of every platform with its URL, md5 and sha256. Other keys than those of v1 are
refused by conda-lock, and `custom_metadata` by older releases of mamba. What the format lacks of a
record is taken from the URL and the build string, by conda's own rules for them, when a lock is
read back: ours, or one that conda-lock wrote.

`conda-<target>-<subdir>.txt` is for one platform, for plain conda and for pixi.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from accelock.conda.channels import strip_credentials
from accelock.conda.formats.model import LOCK_SUFFIX, Format, YamlError, load, scalar
from accelock.conda.record import Record, topological
from accelock.errors import AccelockError
from accelock.targets import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelock.conda.record import Solved
    from accelock.targets import Platform

_FORMAT = 1
_DIGESTS = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}
_URL = re.compile(r"(?P<channel>.+)/(?P<subdir>[^/]+)/(?P<filename>[^/]+)")
_FILENAME = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+)\.(conda|tar\.bz2)")
_BUILD_NUMBER = re.compile(r"(?:^|_)([0-9]{1,18})$")
_HINT = "make it again (accelock conda lock)"


def _lock(
    environments: Sequence[Solved], _platform: Platform | None, _project: str | None
) -> tuple[list[str], tuple[str, ...]]:
    (solved,) = environments
    subdirs = {platform.conda_subdir: platform for platform in solved.platforms}
    lines = ["version: 1", "metadata:", "  content_hash:"]
    lines += [f"    {name}: {scalar(solved.digests[each])}" for name, each in subdirs.items()]
    lines.append("  channels:")
    for channel in solved.public_channels:
        lines += [f"  - url: {scalar(channel)}", "    used_env_vars: []"]
    lines += ["  platforms:", *(f"  - {subdir}" for subdir in subdirs)]
    lines += ["  sources:", "  - pyproject.toml"]
    lines.append("package:" if any(solved.records.values()) else "package: []")
    for subdir, platform in subdirs.items():
        for record in solved.on(platform).values():
            lines += _package(record, subdir)
    name = LOCK.file_name(solved.target, solved.group)
    return lines, ("To install it:", "", f"   micromamba create -p ./env -f {name}", "")


def _package(record: Record, subdir: str) -> Iterator[str]:
    yield f"- name: {scalar(record.name)}"
    yield f"  version: {scalar(record.version)}"
    yield "  manager: conda"
    yield f"  platform: {subdir}"
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
        if constraint.strip() not in ("", "*", *found.setdefault(name, [])):
            found[name].append(constraint.strip())
    # A build goes with its own version, and `,` would bind tighter than `|`.
    return {
        name: next((each for each in told if set(each) & set(" |")), ",".join(told))
        for name, told in sorted(found.items())
    }


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
        what = f"has format version {found}" if found is not None else "is not a conda lock"
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
            raise LockError(f"{at}: is not a package; {_HINT}")
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
        raise LockError(f"{at}: {url!r} is not a package of {platform.conda_subdir}; {_HINT}")
    if (file["name"], file["version"]) != (entry.get("name"), entry.get("version")):
        raise LockError(f"{at}: {url!r} is not the package that the entry names; {_HINT}")
    digests = _digests(entry.get("hash"), at)
    said = {} if entry.get("dependencies") is None else entry["dependencies"]
    if not isinstance(said, dict):
        raise LockError(f"{at}: its dependencies are not a table; {_HINT}")
    python = "python" if "python" in said else "generic"
    return Record(
        name=file["name"],
        version=file["version"],
        build=file["build"],
        # conda-build puts it at the end of a build string.
        build_number=int(number[1]) if (number := _BUILD_NUMBER.search(file["build"])) else 0,
        subdir=place["subdir"],
        channel=place["channel"],
        url=url,
        filename=unquote(place["filename"]),
        md5=digests["md5"],
        sha256=digests["sha256"],
        depends=tuple(f"{name} {constraint or ''}".strip() for name, constraint in said.items()),
        noarch=python if place["subdir"] == "noarch" else None,
    )


def _digests(value: object, at: str) -> dict[str, str]:
    found = {}
    for name, form in _DIGESTS.items():
        digest = value.get(name) if isinstance(value, dict) else None
        if not isinstance(digest, str) or not form.fullmatch(digest):
            raise LockError(f"{at}: has no {name}, and accelock checks what it installs; {_HINT}")
        found[name] = digest
    return found


LOCK = Format(
    name="lock",
    says="conda-lock's format",
    holds="environment",
    stem="conda",
    end=LOCK_SUFFIX,
    body=_lock,
    read=read_lock,
    on_request=False,
    why_end="mamba reads a lock only if its name ends in",
)


def _explicit(
    environments: Sequence[Solved], platform: Platform | None, _project: str | None
) -> tuple[list[str], tuple[str, ...]]:
    """Return each URL with its md5, in order of linking."""
    (solved,) = environments
    if platform is None:
        raise ValueError("an explicit list is for one platform")
    name = EXPLICIT.file_name(solved.target, solved.group, platform)
    lines = [f"{record.url}#{record.md5}" for record in topological(solved.records[platform])]
    how = ("To install it:", "", f"   conda create -p ./env --file {name}", "")
    return ["@EXPLICIT", *lines], (*how, f"platform: {platform.conda_subdir}")


EXPLICIT = Format(
    name="explicit",
    says="a list for plain conda per platform",
    holds="platform",
    stem="conda",
    end=".txt",
    body=_explicit,
)
