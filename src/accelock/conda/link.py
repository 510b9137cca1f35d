"""Linking what was solved into a prefix: the one step that changes an environment."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from accelock.conda.adapter import host, values
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
) -> None:
    """Make a prefix hold exactly these packages: fetch, compare with the hashes, link, unlink.

    Scripts of packages are not run. What pip installed stays.

    :param channels: those of the project, for their credentials.
    :param requested: what the environment's own records are to say that the user asked for.
    :param reporter: an `InstallerReporter` of rattler's, which is told of the progress.

    Raises InstallError; by then some packages may have been linked.
    """
    host.require("installing conda environments")
    _refuse_changed(records)
    try:
        host.run(
            _link(records, prefix, platform, host.client(channels, _ARCHIVE), requested, reporter)
        )
    except host.exceptions.InstallerError as error:
        raise InstallError(without_credentials(str(error)).strip()) from None
    _open_records(prefix)


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
) -> None:
    install = functools.partial(
        host.rattler.install,
        [values.to_rattler(record) for record in records],
        prefix,
        client=client,
        platform=values.subdir(platform),
        reporter=reporter,
        show_progress=False,
        execute_link_scripts=False,
    )
    await values.handing_over(install, requested)
