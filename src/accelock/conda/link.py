"""Linking what was solved into a prefix: the one step that changes an environment.

rattler links to wherever a package's `info/paths.json` says (up to 0.28 at least): `../x` is
written beside the prefix, and an absolute path ends the process. So each package is looked at here,
between its unpacking and its linking.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import posixpath
import re
import shutil
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from accelock.conda import patience
from accelock.conda import rattler as adapter
from accelock.conda.channels import without_credentials
from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

_ARCHIVE = 24 * 3600  # seconds for one archive, however slowly it comes; see `patience`
_BLOCK = 1 << 20  # bytes read at once
_OWNERS = 0o600  # a file for its owner alone
_PRIVATE = 0o077  # the umask that gives such files
_DRIVE = re.compile(r"[A-Za-z]:")
_SCRIPT = re.compile(r"(?:bin/\.|Scripts/\.).+-(?:pre-link|post-link|pre-unlink)\.(?:sh|bat)")
_MENU = re.compile(r"Menu/[^/]+\.json", re.IGNORECASE)
_STEPS = 1000  # of a path with its links; a circle has no end


class InstallError(AccelockError):
    """A lock could not be installed; the message says what became of the prefix."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package puts into a prefix.

    `paths` are what it is to be linked as, with `/`; `links` those that are symbolic links, with
    what they point to; `commands` the names of its entry points (noarch: python). `site_packages`
    is where a python has the modules of others (CEP 17), None for its default. `scripts` and
    `menus` are those that another installer would run, or put into a desktop's menu.
    """

    name: str
    paths: frozenset[str]
    links: Mapping[str, str]
    commands: tuple[str, ...]
    site_packages: str | None
    scripts: tuple[str, ...]
    menus: tuple[str, ...]


def read_contents(name: str, folder: Path) -> Contents:
    """Return the contents of an unpacked package.

    Raises OSError for a folder that cannot be read, ValueError for what is no package's.
    """
    index = _json(folder / "info/index.json")
    if not index:
        raise ValueError(f"{folder} is no package")
    link = _json(folder / "info/link.json")
    listed = _json(folder / "info/paths.json").get("paths")
    paths = {_text(each.get("_path")) for each in listed} if isinstance(listed, list) else set()
    # The older form, which stands in where paths.json is missing.
    files = folder / "info/files"
    if files.exists():
        paths |= {line for line in files.read_text(encoding="utf-8").splitlines() if line}
    points = link.get("noarch")
    points = points.get("entry_points") if isinstance(points, dict) else None
    site_packages = index.get("python_site_packages_path") if name == "python" else None
    return Contents(
        name=name,
        paths=frozenset(paths),
        links={
            path: os.readlink(folder / path)  # noqa: PTH115 - as it is written
            for path in paths
            if _is_inside(path) and (folder / path).is_symlink()
        },
        commands=tuple(_text(each).partition("=")[0].strip() for each in points or ()),
        site_packages=site_packages if isinstance(site_packages, str) else None,
        scripts=tuple(sorted(filter(_SCRIPT.fullmatch, paths))),
        menus=tuple(sorted(filter(_MENU.fullmatch, paths))),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no table")  # noqa: TRY004 - what JSON is not raises too
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004
    return value


class Escapes:
    """Finds the paths that lead out of a prefix, package by package, as they are to be linked.

    A path that goes through a symbolic link counts as where that leads, whosever link it is.
    """

    def __init__(self) -> None:
        self._seen: list[Contents] = []
        self._links: dict[str, str] = {}
        self._leads_out = False  # whether any link does; without one no sound path can

    def check(self, contents: Contents) -> str | None:
        """Say which path leads out because of this package, or None where none does."""
        if (fault := _fault_of_names(contents)) is not None:
            return fault
        self._seen.append(contents)
        for path, target in contents.links.items():
            self._links[path] = target
            place, _ = _resolve(posixpath.dirname(path), self._links)
            self._links.setdefault(posixpath.join(place, posixpath.basename(path)), target)
        if contents.links:
            self._leads_out = any(_resolve(path, self._links)[1] for path in self._links)
        if not self._leads_out:
            return None
        for each in self._seen if contents.links else (contents,):
            for path in sorted(each.paths):
                # A link is made, and not gone through; a file in its place is.
                is_made = path in each.links
                link = _resolve(posixpath.dirname(path) if is_made else path, self._links)[1]
                if link is not None:
                    return f"the path {path!r}, through the link {link} -> {self._links[link]}"
        return None


def _fault_of_names(contents: Contents) -> str | None:
    for path in sorted(contents.paths):
        if not _is_inside(path):
            return f"the path {path!r}"
    for command in contents.commands:
        if not _is_inside(command) or "/" in command:
            return f"the command {command!r}"
    if contents.site_packages is not None and not _is_inside(contents.site_packages):
        return f"its site-packages {contents.site_packages!r}"
    return None


def _is_inside(path: str) -> bool:
    """Tell whether a path stays below the prefix, on Windows (which parts it elsewhere) too."""
    parts = path.replace("\\", "/").split("/")
    return bool(path) and parts[0] != "" and not _DRIVE.match(path) and ".." not in parts


def _resolve(path: str, links: Mapping[str, str]) -> tuple[str, str | None]:
    """Return where a path leads, step by step as a system goes, and the link that leads out."""
    place: list[str] = []
    steps = path.split("/")[::-1]
    last: str | None = None
    for _ in range(_STEPS):
        if not steps:
            return "/".join(place), None
        step = steps.pop()
        if step == "..":
            if not place:
                return "", last
            place.pop()
        elif step not in ("", "."):
            place.append(step)
            here = "/".join(place)
            if here in links:
                last, target = here, links[here].replace("\\", "/")
                if target.startswith("/") or _DRIVE.match(target):
                    return "", last
                place.pop()
                steps += target.split("/")[::-1]
    return "", last


def link(
    records: Sequence[Record],
    prefix: Path,
    platform: Platform,
    channels: Sequence[str] = (),
    requested: Sequence[Spec] = (),
    reporter: Any = None,
    *,
    named: Path | None = None,
) -> tuple[Contents, ...]:
    """Make a prefix hold exactly these packages: fetch, compare with the hashes, link, unlink.

    No package is linked before its paths were looked at. Scripts of packages are not run. What pip
    installed stays.

    :param channels: those of the project, for their credentials.
    :param requested: what the environment's own records are to say that the user asked for.
    :param reporter: an `InstallerReporter` of rattler's, which is told of the progress.
    :param named: the prefix that files are to name in the place of `prefix`, for a trial of it.

    Returns the packages that were linked. Raises InstallError; by then some packages may have been
    linked.
    """
    adapter.require("installing conda environments")
    _refuse_changed(records)
    inspector = _Inspector(records, reporter)
    downloads = patience.ArchiveLife(inspector)
    client = adapter.client(channels, _ARCHIVE)
    try:
        with adapter.telling():
            install = functools.partial(
                adapter.rattler.install,
                [adapter.to_rattler(record) for record in records],
                prefix,
                cache_dir=adapter.package_cache(),
                client=client,
                platform=adapter.subdir(platform),
                reporter=downloads,
                show_progress=False,
                execute_link_scripts=False,
                alternative_target_prefix=named,
            )
        work = adapter.handing_over(install, requested)
        adapter.run(patience.watched(work, downloads, patience.PATIENCE))
    except patience.StalledError as error:
        inspector.refuse()
        raise _stalled(records, downloads.under_way, error) from None
    except adapter.exceptions.InstallerError as error:
        inspector.refuse()
        raise InstallError(without_credentials(str(error)).strip()) from None
    inspector.refuse()
    _open_records(prefix)
    return tuple(inspector.contents.values())


def _stalled(
    records: Sequence[Record], under_way: Sequence[str], error: patience.StalledError
) -> InstallError:
    archives = [each.url for each in records if each.name in under_way]
    others = f" (and {len(archives) - 1} more)" if archives[1:] else ""
    return InstallError(
        f"{archives[0]}{others} stalled: {error}. Check the network and try again, or put a mirror "
        "of the channel into [tool.accelock.conda] and lock again."
    )


class _Inspector:
    """Looks at each package once it is unpacked, and keeps rattler from linking one that escapes.

    rattler calls it from its own threads (`InstallerReporter`), before it links that package, and
    takes no notice of what it raises (up to 0.28): what is not to be linked is made unreadable in
    the cache, where it has no place anyway.
    """

    def __init__(self, records: Sequence[Record], reporter: Any) -> None:
        self.contents: dict[str, Contents] = {}
        self._records = {record.name: record for record in records}
        self._reporter = reporter
        self._names: dict[int, str] = {}
        self._refused: dict[str, tuple[str, Path]] = {}  # what to say, and the folder
        self._escapes = Escapes()
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reporter, name)

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Remember which package it is."""
        self._names[operation] = package_name
        if self._reporter is not None:
            self._reporter.on_populate_cache_start(operation, package_name)
        return operation

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        """Look at the package, which is unpacked now, and not linked yet."""
        record = self._records.get(self._names[cache_entry])
        if record is None:
            return
        folder = adapter.package_folder(record)
        with self._lock:
            try:
                found = read_contents(record.name, folder)
                escaping = self._escapes.check(found)
                self.contents[record.name] = found
                fault = escaping and (
                    f"{record} would write outside of the environment ({escaping}); it is no sound "
                    "package, and may be an attack: tell the channel's owner"
                )
            except (OSError, ValueError) as error:
                fault = f"{record} cannot be looked at before it is linked: {error}"
            if fault is not None:
                self._refused[record.name] = fault, folder
                for name in ("paths.json", "index.json"):
                    path = folder / "info" / name
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)  # it may be one file with another's
                        path.write_text("refused by accelock", encoding="utf-8")

    def refuse(self) -> None:
        """Raise InstallError where a package was not to be linked, and take it out of the cache."""
        for _, folder in self._refused.values():
            shutil.rmtree(folder, ignore_errors=True)
        for _, (fault, _) in sorted(self._refused.items()):
            raise InstallError(f"{fault}.")


def _open_records(prefix: Path) -> None:
    """Let everybody read the records whom the umask lets, as conda does.

    rattler leaves them to their owner alone (up to 0.28 at least): what root installs into an image
    would be no environment to the user who runs it.
    """
    if os.name == "nt":
        return
    os.umask(umask := os.umask(_PRIVATE))  # there is no other way to ask for it
    for record in (prefix / "conda-meta").glob("*.json"):
        with contextlib.suppress(OSError):  # of another owner: it was there before
            if stat.S_IMODE(record.stat().st_mode) == _OWNERS:
                record.chmod(0o666 & ~umask)


def _refuse_changed(records: Sequence[Record]) -> None:
    """Compare archives of `file:` channels with their hashes, which rattler does for others alone.

    What it unpacked of another archive would be in its cache under the right name, for everybody.
    """
    for record in records:
        parts = urlsplit(record.url)
        if parts.scheme != "file":
            continue
        archive = Path(url2pathname(parts.path))
        digest = hashlib.sha256()
        try:
            with archive.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise InstallError(f"{archive} cannot be read: {error.strerror}") from None
        if digest.hexdigest() != record.sha256:
            raise InstallError(
                f"{archive} is not what was locked: expected sha256 {record.sha256}, "
                f"got {digest.hexdigest()}"
            )
