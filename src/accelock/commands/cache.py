"""The commands `cache info` and `cache clear`: what is kept between runs, and where."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from accelock.commands.base import Command
from accelock.errors import OutputError
from accelock.sources.cache import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

_MEGABYTE = 1_000_000
_KEPT = {
    "pages": "pages of indexes",
    "metadata": "metadata of wheels",
    "sizes.json": "sizes of files",
    "sha256.json": "hashes of files that were downloaded to compute them",
}


class _Kept(NamedTuple):
    path: Path
    what: str
    files: int
    size: int


def _kept(folder: Path) -> list[_Kept]:
    """Return what is kept, with the number of files and their bytes; other files are not ours."""
    found = []
    for name, what in _KEPT.items():
        path = folder / name
        files = [each for each in (path, *path.rglob("*")) if each.is_file()]
        found.append(_Kept(path, what, len(files), sum(each.stat().st_size for each in files)))
    return found


class CacheInfoCommand(Command):
    """Shows where the cache is, and how large."""

    name = "cache info"
    help = (
        "The cache saves later runs requests and transfers. accelock uses a cached page only "
        "after its index has said that it is unchanged; `compile --offline` uses it without "
        "asking."
    )

    def handle(self) -> int:
        """Print and return 0."""
        folder = cache_folder()
        kept = _kept(folder)
        self.show([f"{folder}: {sum(each.size for each in kept) / _MEGABYTE:.1f} MB"])
        self.show(
            f"  {each.path.name + ':':<12} {each.size / _MEGABYTE:>7.1f} MB  {each.files} file(s), "
            f"{each.what}"
            for each in kept
        )
        return 0


class CacheClearCommand(Command):
    """Removes what is kept."""

    name = "cache clear"
    help = (
        "Removes everything that `cache info` lists. The next run asks the indexes again, and "
        "downloads files again to compute hashes that no index publishes."
    )

    def handle(self) -> int:
        """Remove, print and return 0."""
        folder = cache_folder()
        kept = [each for each in _kept(folder) if each.files]
        try:
            for each in kept:
                shutil.rmtree(each.path) if each.path.is_dir() else each.path.unlink()
        except OSError as error:
            raise OutputError(f"{error.filename} cannot be removed: {error.strerror}.") from error
        size = sum(each.size for each in kept) / _MEGABYTE
        self.show([f"{folder}: {size:.1f} MB removed."])
        return 0
