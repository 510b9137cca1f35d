"""Installing a lock into a prefix, with no conda on the machine: all of it, or nothing new."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelock import alive
from accelock.conda.link import InstallError, link
from accelock.conda.prefix import BrokenRecordError, CaptureError, add_revision, installed
from accelock.conda.solve import NOARCH
from accelock.targets import host_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from accelock.conda.link import Contents
    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

_TRIAL = ".accelock-trial-"
_META = "conda-meta"
_MANAGERS = ("conda", "mamba")
_SHA256_LENGTH = 64
_ABANDONED = 24 * 3600  # seconds, where there are no locks; no install takes that long
_QUIET = 0.3  # seconds without a file of rattler's threads, which take milliseconds for one
_PATIENCE = 10.0  # seconds


def choose_records(
    locked: Mapping[Platform, tuple[Record, ...]], where: str, host: Platform | None = None
) -> tuple[Platform, tuple[Record, ...]]:
    """Return this machine's platform and what a lock has for it.

    :param where: the lock's name, for the message.
    :param host: another platform than this machine's.

    Raises InstallError where the lock is for other platforms.
    """
    platform = host or host_platform()
    if platform is None:
        raise InstallError(f"{where}: accelock does not know the platform of this machine")
    if platform not in locked:
        names = ", ".join(sorted(each.conda_subdir for each in locked)) or "no platform"
        raise InstallError(
            f"{where} is for {names}, and this machine is {platform.conda_subdir}; add "
            f"{platform.name} to the platforms of [tool.accelock] and lock again"
        )
    return platform, locked[platform]


def install(
    records: Sequence[Record],
    prefix: Path,
    platform: Platform,
    *,
    channels: Sequence[str] = (),
    requested: Sequence[Spec] = (),
    progress: Progress | None = None,
) -> tuple[Contents, ...]:
    """Make `prefix` hold exactly these packages; what pip installed there stays.

    Every archive is compared with its sha256 before anything is linked from it. A new prefix is
    removed again where that fails; for one that exists, all archives are fetched and linked on
    trial first, inside it, and it is as it was. One that holds them all needs no trial.

    :param channels: those of the project, for their credentials.
    :param requested: what the prefix's own records are to say that the user asked for.
    :param progress: is told what is done; nothing is said without.

    Returns what was looked at of the packages, for what is not run of it: nothing of a prefix that
    had them all. Raises InstallError, with what became of the prefix.
    """
    records = tuple(records)
    prefix = Path(os.path.abspath(prefix))  # noqa: PTH100 - packages embed it: without `..`
    _refuse_records(records, platform)
    try:
        is_new = _refuse_prefix(prefix, {record.name for record in records})
    except OSError as error:  # a name that is too long, a folder of somebody else's
        raise InstallError(f"{prefix} cannot be read: {error.strerror}") from None
    for trial in prefix.glob(f"{_TRIAL}*"):
        with suppress(OSError), alive.seized(trial, _ABANDONED) as is_left:
            if is_left:
                shutil.rmtree(trial, ignore_errors=True)
    before = () if is_new else _found(prefix)
    held = not is_new and set(map(_identity, before)) == set(map(_identity, records))
    if progress is not None:
        progress.begin(len(records), prefix)
    contents: tuple[Contents, ...] = ()
    if not is_new and not held:
        contents = _rehearse(prefix, records, platform, channels, progress)
        records = _completed(records, contents)
    with _left_as_it_was(prefix) if is_new else _told_of_parts(prefix):
        linked = link(records, prefix, platform, channels, requested, progress)
        if is_new and (complete := _completed(records, linked)) != records:
            # What depends on it is in the wrong place now; the archives are in the cache.
            shutil.rmtree(prefix)
            link(complete, prefix, platform, channels, requested, progress)
        add_revision(prefix, before, records, requested)
    return contents or linked


def _completed(records: Sequence[Record], contents: Iterable[Contents]) -> Sequence[Record]:
    """Return records with what a lock does not say: where python has the modules of others."""
    said = {each.name: each.site_packages for each in contents}
    return tuple(
        replace(each, python_site_packages_path=said.get(each.name))
        if each.python_site_packages_path != said.get(each.name, each.python_site_packages_path)
        else each
        for each in records
    )


class Progress:
    """Says what is being fetched and linked; rattler calls it (`InstallerReporter`).

    On a terminal it is one line of stderr that changes; elsewhere only the beginning is told.

    :param say: gets that line.
    :param on_terminal: whether stderr is a terminal on which progress is wanted.
    """

    def __init__(self, say: Callable[[str], None], *, on_terminal: bool) -> None:
        self._say = say
        self._on_terminal = on_terminal
        self._total = 0
        self._linked = 0
        self._names: dict[int, str] = {}

    def begin(self, packages: int, prefix: Path) -> None:
        """Tell what is to be done."""
        self._total, self._linked = packages, 0
        noun = "package" if packages == 1 else "packages"
        self._say(f"Installing {packages} {noun} into {prefix}")

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Show what is fetched, or found in the cache."""
        self._names[operation] = package_name
        self._show(package_name)
        return operation

    def on_link_start(self, operation: int, package_name: str) -> int:
        """Remember what is linked."""
        self._names[operation] = package_name
        return operation

    def on_link_complete(self, index: int) -> None:
        """Count what has been linked."""
        self._linked += 1
        self._show(self._names.get(index, ""))

    def on_transaction_complete(self) -> None:
        """Clear the line; after a trial comes a second transaction, which is counted anew."""
        self._linked = 0
        self._write("")

    def _show(self, name: str) -> None:
        self._write(f"  {self._linked}/{self._total} {name}")

    def _write(self, text: str) -> None:
        if self._on_terminal:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()


def _refuse_records(records: Sequence[Record], platform: Platform) -> None:
    for record in records:
        if record.subdir not in (platform.conda_subdir, NOARCH):
            raise InstallError(
                f"{record} is for {record.subdir}, and not for {platform.conda_subdir}; nothing "
                "was installed"
            )
        if len(record.sha256) != _SHA256_LENGTH:
            raise InstallError(
                f"{record} has no sha256 in the lock, so accelock cannot check its archive; "
                "nothing was installed. Lock again from a channel that publishes it."
            )


def _refuse_prefix(prefix: Path, names: set[str]) -> bool:
    """Refuse to write where there is something else; tell whether the prefix is new."""
    if not prefix.exists():
        return True
    if not prefix.is_dir():
        raise InstallError(f"{prefix} is a file; name a folder to install into")
    meta = prefix / _META
    if not meta.is_dir():
        if any(prefix.iterdir()):
            raise InstallError(
                f"{prefix} is not empty, and is not a conda environment (it has no {_META}); name "
                "a new folder"
            )
        return True
    for manager in _MANAGERS:
        if manager not in names and any(meta.glob(f"{manager}-[0-9]*.json")):
            raise InstallError(
                f"{prefix} is the environment from which {manager} runs, and the lock does not "
                f"have {manager}, so the install would remove it; name another folder"
            )
    return False


@contextmanager
def _left_as_it_was(prefix: Path) -> Iterator[None]:
    """Take a new prefix away again where the work on it fails, but keep a folder that was there."""
    was_there = prefix.exists()
    try:
        yield
    except BaseException as error:
        with without_interruption():
            remove(prefix)
            if was_there:
                prefix.mkdir(exist_ok=True)
        if isinstance(error, InstallError):
            raise InstallError(f"{prefix}: {error}\nNothing was installed.") from None
        raise


def _found(prefix: Path) -> tuple[Record, ...]:
    """Return the packages of a prefix that is there.

    Raises InstallError where it does not know itself what it has.
    """
    try:
        return tuple(each.record for each in installed(prefix))
    except BrokenRecordError as error:  # without it nobody can say what there is to change
        raise InstallError(
            f"{error}\nNothing was installed; name a new folder, or remove this one first."
        ) from None
    except CaptureError:  # conda makes environments with nothing in them too
        return ()


def _identity(record: Record) -> tuple[str, ...]:
    return record.name, record.version, record.build, record.subdir, record.sha256


def _rehearse(
    prefix: Path,
    records: Sequence[Record],
    platform: Platform,
    channels: Sequence[str],
    progress: Progress | None,
) -> tuple[Contents, ...]:
    """Fetch and check everything before a prefix that exists is touched: the cache then has it."""
    with ExitStack() as stack:
        try:
            # Inside, and so on its own filesystem: the system's folder for such may be small, in
            # memory and not where rattler can link to from its cache; and the folder above may be
            # another's.
            made = alive.holding(lambda: Path(tempfile.mkdtemp(prefix=_TRIAL, dir=prefix)))
            scratch = stack.enter_context(made)
        except OSError as error:
            raise InstallError(f"{prefix} cannot be written to: {error.strerror}") from None
        stack.callback(remove, scratch)
        try:
            # Packages have room for a path of some length: the trial's is longer, and in no file.
            return link(records, scratch, platform, channels, reporter=progress, named=prefix)
        except InstallError as error:
            raise InstallError(f"{prefix}: {error}\nThe environment is as it was.") from None


@contextmanager
def _told_of_parts(prefix: Path) -> Iterator[None]:
    """Say what became of a prefix that exists, where the work on it fails."""
    try:
        yield
    except InstallError as error:
        raise InstallError(
            f"{prefix}: {error}\nThe environment may have some of the new packages and not "
            "others. Install it again, or create a new one."
        ) from None


def remove(folder: Path) -> None:
    """Remove a folder until it stays away.

    After an error, threads of rattler's that are linking other packages go on for a moment.
    """
    with without_interruption():
        deadline = time.monotonic() + _PATIENCE
        quiet_since = time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - quiet_since < _QUIET:
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
                quiet_since = time.monotonic()
            time.sleep(_QUIET / 10)


@contextmanager
def without_interruption() -> Iterator[None]:
    """Hold SIGINT back until the block is done; then it counts.

    Half of a removal leaves a folder that is no environment, into which nobody can install.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield  # it is ignored, or this thread gets none (and may not ask for any)
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            before(*held[-1])
