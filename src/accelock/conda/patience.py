"""How long rattler may wait for servers that send next to nothing: it waits for a whole answer.

Its client's timeout is for all of an archive, and has to be long enough for the largest. So what
comes in is watched here, and rattler's work is cancelled where too little does.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

PATIENCE = 60.0  # seconds
_LEAST = 60_000  # bytes in that time: a modem has more
_AT_WORK = 0.05  # of one processor, in the mean of that time: one that waits needs far less
_LOOKS = 10  # how often in that time is looked

_T = TypeVar("_T")


class StalledError(Exception):
    """Too little came from the servers that were waited for; `str` says so."""

    def __init__(self, patience: float) -> None:
        super().__init__(f"less than {_LEAST / 1000:g} kB came in {patience:g} s")


async def watched(work: Awaitable[_T], life: Callable[[], float], patience: float) -> _T:
    """Await work of rattler's for as long as there is life in it, and return what it gives.

    :param life: returns a number that grows by 1 at least in `patience` seconds, unless the work
        has stalled.

    Raises StalledError. rattler's threads may go on a little with what was cancelled.
    """
    task = asyncio.ensure_future(work)
    heard, since = life(), time.monotonic()
    try:
        while True:
            await asyncio.wait({task}, timeout=patience / _LOOKS)
            if task.done():
                return task.result()
            now = time.monotonic()
            if (told := life()) >= heard + 1:
                heard, since = told, now
            elif now - since >= patience:
                raise StalledError(patience)
    finally:
        if task.cancel():
            await asyncio.wait({task})  # the loop must not be closed before rattler knows of it


class ArchiveLife:
    """Life of an installation: archives come in, or none is waited for.

    rattler calls it from its own threads (`InstallerReporter`). A thin link may starve one archive
    for the sake of others, so that all of them count together.

    :param reporter: another reporter, which is told everything too.
    """

    def __init__(self, reporter: Any) -> None:
        self._reporter = reporter
        self._names: dict[int, str] = {}
        self._under_way: dict[int, int] = {}  # bytes so far
        self._life = 0.0
        self.under_way: tuple[str, ...] = ()
        """The packages whose archives were waited for when it was last asked."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reporter, name)

    def __call__(self) -> float:
        """Return the life so far."""
        self.under_way = tuple(self._names[each] for each in tuple(self._under_way))
        if not self.under_way:
            self._life += 1
        return self._life

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Remember which package it is."""
        self._names[operation] = package_name
        self._reporter.on_populate_cache_start(operation, package_name)
        return operation

    def on_download_start(self, cache_entry: int) -> int:
        """Count an archive as waited for; it begins anew where a connection broke."""
        self._under_way[cache_entry] = 0
        self._life += 1
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, _total: int | None) -> None:
        """Count its bytes."""
        self._life += max(0, progress - self._under_way.get(download_idx, 0)) / _LEAST
        self._under_way[download_idx] = progress

    def on_download_completed(self, download_idx: int) -> None:
        """Wait for it no longer."""
        self._under_way.pop(download_idx, None)


class RepodataLife:
    """Life of what reads channels: files of rattler's cache grow, or this process works.

    rattler tells nobody of repodata's progress (up to 0.28). It writes repodata.json into a file
    while it comes; each shard, and the list of them, is a small file that is written once it is
    there. While it parses or solves it writes nothing, and keeps a processor busy.

    :param cache: the folder of rattler's for what channels answer.
    """

    def __init__(self, cache: Path, patience: float) -> None:
        self._cache = cache
        self._second = 1 / (_AT_WORK * patience)
        self._grown = 0
        self._sizes = self._read()

    def __call__(self) -> float:
        """Return the life so far."""
        before, self._sizes = self._sizes, self._read()
        self._grown += sum(max(0, size - before.get(path, 0)) for path, size in self._sizes.items())
        return self._grown / _LEAST + time.process_time() * self._second

    def _read(self) -> dict[str, int]:
        sizes = {}
        try:
            paths = [each.path for each in os.scandir(self._cache)]
        except OSError:
            return {}
        for path in paths:
            try:
                found = os.stat(path)  # noqa: PTH116 - of the file: Windows' folder is out of date
            except OSError:  # renamed meanwhile
                continue
            # Of a folder, such as that of the shards, any change counts.
            sizes[path] = found.st_mtime_ns if os.path.isdir(path) else found.st_size  # noqa: PTH112
        return sizes
