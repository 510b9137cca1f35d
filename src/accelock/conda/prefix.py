"""What is installed in a conda environment, and what was asked of it: no conda and no rattler.

`conda-meta` has a JSON file for each package, and `history`: what was asked for, step by step, in
conda's own form. conda keeps what it finds there as asked for, and removes what nothing of that
needs: an environment whose history is empty loses everything at the first `conda remove`.
"""

from __future__ import annotations

import ast
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from accelock.conda.channels import ALIAS, strip_credentials
from accelock.conda.record import Record
from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.spec import Spec

_SITE_PACKAGES = ("lib/python3*/site-packages", "Lib/site-packages")
_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO", ".egg-link": ""}
_EDITABLE = "a folder of its own, editable"
_NEEDED = ("name", "version", "build")
_SPECS = re.compile(r"# (update|install|create|remove|neutered) specs: (\[.*\])\s*")
_NAME = re.compile(r"(?:.*::)?\s*([A-Za-z0-9_.-]+)")
_COMMAND = "accelock conda install"


class CaptureError(AccelockError):
    """A folder is no conda environment, or its records cannot be read."""


class BrokenRecordError(CaptureError):
    """The record of a package in an environment is none."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A package of an environment: its record, what asked for it, and its files (with `/`)."""

    record: Record
    specs: tuple[str, ...]
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class PipPackage:
    """A distribution that pip, or another installer of wheels, put into the environment.

    `origin` says where it came from where that is no index, so that its version is no pin; it may
    then be empty.
    """

    name: str
    version: str
    origin: str | None = None


def installed(prefix: Path) -> tuple[Installed, ...]:
    """Return the packages of the environment at `prefix`, in the order of names.

    Raises CaptureError.
    """
    folder = prefix / "conda-meta"
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
        found = [_installed(_meta(path)) for path in paths]
    except OSError as error:
        raise CaptureError(
            f"{prefix}: is not a conda environment ({folder.name} cannot be read: "
            f"{error.strerror}); name the folder that holds it, as `conda env list` shows it"
        ) from error
    if not found:
        raise CaptureError(f"{prefix}: conda has installed nothing into it")
    return tuple(sorted(found, key=lambda each: each.record.name))


def _meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BrokenRecordError(
            f"{path}: is not JSON; the environment is broken ({error})"
        ) from error
    if not isinstance(meta, dict) or not all(isinstance(meta.get(k), str) for k in _NEEDED):
        raise BrokenRecordError(
            f"{path}: is not the record of a package: it lacks {', '.join(_NEEDED)}"
        )
    return meta


def _record(meta: Mapping[str, Any]) -> Record:
    subdir = str(meta.get("subdir") or "noarch")
    channel = strip_credentials(str(meta.get("channel") or "")).rstrip("/")
    return Record(
        name=meta["name"],
        version=meta["version"],
        build=meta["build"],
        build_number=number if isinstance(number := meta.get("build_number"), int) else 0,
        subdir=subdir,
        channel=channel.removesuffix(f"/{subdir}"),
        url=strip_credentials(str(meta.get("url") or "")),
        filename=str(meta.get("fn") or ""),
        md5=str(meta.get("md5") or ""),
        sha256=str(meta.get("sha256") or ""),
        depends=_texts(meta.get("depends")),
    )


def _installed(meta: Mapping[str, Any]) -> Installed:
    specs = (*_texts(meta.get("requested_specs")), *_texts([meta.get("requested_spec")]))
    files = frozenset(file.replace("\\", "/") for file in _texts(meta.get("files")))
    asked = tuple(spec for spec in specs if spec not in ("", "None"))
    return Installed(_record(meta), asked, files)


def _texts(value: object) -> tuple[str, ...]:
    """Return the strings of a JSON array, and nothing of anything else."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def pip_packages(prefix: Path, packages: tuple[Installed, ...]) -> tuple[PipPackage, ...]:
    """Return the distributions whose metadata no conda package has brought, by name."""
    owned = frozenset[str]().union(*(package.files for package in packages))
    found: dict[str, PipPackage] = {}
    for path in _site_packages(prefix):
        metadata = _metadata(path)
        if metadata.is_file() and metadata.relative_to(prefix).as_posix() not in owned:
            for package in _pip_package(path):
                found[package.name] = package
    return tuple(found[name] for name in sorted(found))


def _site_packages(prefix: Path) -> Iterator[Path]:
    """Return what may be a distribution's metadata."""
    for pattern in _SITE_PACKAGES:
        for folder in sorted(prefix.glob(pattern)):
            # conda-forge and defaults ship `lib/python3.1`, a link to python3.10 and later ones.
            if not folder.parent.is_symlink():
                yield from sorted(path for path in folder.glob("*") if path.suffix in _METADATA)


def _metadata(path: Path) -> Path:
    """Return the file that makes a distribution of its folder; setuptools wrote some without."""
    return path / _METADATA[path.suffix] if path.is_dir() else path


def _pip_package(path: Path) -> Iterator[PipPackage]:
    """Return the distribution that a name in site-packages stands for; of some there is none.

    `<name>-<version>.dist-info` (PEP 376), setuptools' `<name>-<version>-py3.12.egg-info`, and its
    `<name>.egg-link` of a folder to work in. pip renames what it could not remove to `~ame-...`.
    """
    if path.suffix == ".egg-link":
        yield PipPackage(canonicalize_name(path.stem), "", _EDITABLE)
        return
    name, _, rest = path.name.removesuffix(path.suffix).partition("-")
    version = rest.partition("-")[0]
    if version and not name.startswith("~"):
        yield PipPackage(canonicalize_name(name), version, _origin(path / "direct_url.json"))


def _origin(path: Path) -> str | None:
    """Return where a distribution came from by its direct_url.json (PEP 610); none: an index.

    A path tells of this machine alone, and is not told.
    """
    try:
        said = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    url = _public(str(said.get("url") or ""))
    if url.startswith("file:") or not url:
        editable = isinstance(of := said.get("dir_info"), dict) and of.get("editable") is True
        return _EDITABLE if editable else "a folder or a file of its own"
    vcs = said.get("vcs_info")
    if isinstance(vcs, dict):
        url = f"{vcs.get('vcs', 'vcs')}+{url}@{vcs.get('commit_id', '')}".rstrip("@")
    if folder := said.get("subdirectory"):
        url = f"{url}#subdirectory={folder}"
    return "".join(url.split())  # it goes into a comment of one line


def _public(url: str) -> str:
    """Return a URL without credentials; the user of an SSH address is none, and part of it."""
    parts = urlsplit(url)
    if parts.scheme == "ssh" and parts.username:
        at = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{parts.username}@{at}", query="", fragment="").geturl()
    return strip_credentials(url)


def history(prefix: Path) -> dict[str, list[str]]:
    """Return what the history says was asked for, by name, and not removed again."""
    asked: dict[str, list[str]] = {}
    try:
        path = prefix / "conda-meta" / "history"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    for line in lines:
        found = _SPECS.fullmatch(line)
        for spec in _listed(found[2]) if found else ():
            named = _NAME.match(spec)
            name = named[1].lower() if named else ""
            if found and found[1] == "remove":
                asked.pop(name, None)
            else:
                asked.setdefault(name, []).append(spec)
    return asked


def add_revision(
    prefix: Path, before: Iterable[Record], after: Iterable[Record], requested: Sequence[Spec]
) -> None:
    """Add what an install did to an environment's history; nothing where it did nothing.

    :param before: the packages that were there, and `after` those that are there now.
    :param requested: what is asked for now; of what the history has beside it, it is taken back.
    """
    old, new = {_dist(each) for each in before}, {_dist(each) for each in after}
    said = {name: specs[-1] for name, specs in history(prefix).items()}
    asked = {spec.name: str(spec) for spec in requested}
    dropped = sorted(name for name in said if name not in asked)
    if old == new and said == asked:
        return
    lines = [
        f"==> {time.strftime('%Y-%m-%d %H:%M:%S')} <==",
        f"# cmd: {_COMMAND}",
        *(f"-{dist}" for dist in sorted(old - new)),
        *(f"+{dist}" for dist in sorted(new - old)),
    ]
    if dropped:
        lines.append(f"# remove specs: {dropped}")
    if asked:
        lines.append(f"# update specs: {[asked[name] for name in sorted(asked)]}")
    with (prefix / "conda-meta" / "history").open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _dist(record: Record) -> str:
    """Return a package as conda's history has it: `conda-forge/linux-64::zlib-1.3.1-h0_2`."""
    channel = record.channel.rstrip("/").removeprefix(f"{ALIAS}/")
    return f"{channel}/{record.subdir}::{record.name}-{record.version}-{record.build}"


def _listed(text: str) -> list[str]:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return []
    return [str(each) for each in found] if isinstance(found, list) else []
