"""Linking what was solved into a prefix: the one step that changes an environment."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from accelock.conda import rattler as adapter
from accelock.conda.archive import Contents, Escapes, read_contents
from accelock.conda.errors import InstallError, without_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = ["link"]

_ARCHIVE = 3600  # seconds for one package: the largest have some 2 GB
_BLOCK = 1 << 20  # bytes read at once
_OWNERS = 0o600  # a file for its owner alone
_PRIVATE = 0o077  # the umask that gives such files


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
    client = adapter.client(channels, _ARCHIVE)
    try:
        adapter.run(_link(records, prefix, platform, client, requested, inspector, named))
    except adapter.exceptions.InstallerError as error:
        inspector.refuse()
        raise InstallError(without_credentials(str(error)).strip()) from None
    inspector.refuse()
    _open_records(prefix)
    return tuple(inspector.contents.values())


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
                _spoil(folder)

    def refuse(self) -> None:
        """Raise InstallError where a package was not to be linked, and take it out of the cache."""
        for _, folder in self._refused.values():
            shutil.rmtree(folder, ignore_errors=True)
        for _, (fault, _) in sorted(self._refused.items()):
            raise InstallError(f"{fault}.")


def _spoil(folder: Path) -> None:
    """Make an unpacked package one that rattler cannot link."""
    for name in ("paths.json", "index.json"):
        path = folder / "info" / name
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # it may be one file with another's
            path.write_text("refused by accelock", encoding="utf-8")


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
        try:
            found = _sha256(archive)
        except OSError as error:
            raise InstallError(f"{archive} cannot be read: {error.strerror}") from None
        if found != record.sha256:
            raise InstallError(
                f"{archive} is not what was locked: expected sha256 {record.sha256}, got {found}"
            )


def _sha256(archive: Path) -> str:
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


async def _link(
    records: Sequence[Record],
    prefix: Path,
    platform: Platform,
    client: Any,
    requested: Sequence[Spec],
    reporter: Any,
    named: Path | None,
) -> None:
    install = functools.partial(
        adapter.rattler.install,
        [adapter.to_rattler(record) for record in records],
        prefix,
        cache_dir=adapter.package_cache(),
        client=client,
        platform=adapter.subdir(platform),
        reporter=reporter,
        show_progress=False,
        execute_link_scripts=False,
        alternative_target_prefix=named,
    )
    await adapter.handing_over(install, requested)
