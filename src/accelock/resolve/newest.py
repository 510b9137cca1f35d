"""The newest version of a family's package for a target on a platform, as a lock would find it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from accelock.catalogue.source import redact
from accelock.resolve.routing import Routing, look_up
from accelock.resolve.serving import public_versions
from accelock.targets import PYTHONS, Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.version import Version

    from accelock.resolve.routing import Accelerated
    from accelock.sources.model import IndexFile
    from accelock.sources.reader import IndexReader
    from accelock.targets import Levels, Platform, PythonVersion, Target


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of a package on a platform, the Pythons that it has wheels for, where."""

    platform: Platform
    version: Version
    pythons: tuple[PythonVersion, ...]
    index: str


@dataclass(frozen=True, slots=True)
class NewestReader:
    """What is read: a family's source by the rule of routing, and the default indexes.

    :param indexes: the URLs of the default ones.
    """

    reader: IndexReader
    indexes: Sequence[str]
    routing: Routing
    levels: Levels

    def prefetch(self, names: Iterable[str], chosen: Iterable[Target]) -> None:
        """Fetch the pages of first places, several at once; what fails, fails when asked for."""
        found = [(name, entry.package) for name in names if (entry := self.routing.find(name))]
        default = [name for name, package in found if package.lookup[0] == "default"]
        self.routing.prefetch([name for name, _package in found if name not in default], chosen)
        self.reader.prefetch([(u, n) for u in self.indexes for n in default])

    def newest(
        self, entry: Accelerated, name: str, target: Target, platform: Platform
    ) -> Newest | None:
        """Return the newest version on a platform: a pre-release only where there is nothing else.

        :raises SourceError: a place cannot be read.
        """
        found = self._wheels(entry, name, target, platform)
        versions = public_versions(file for _python, file in found)
        if not versions:
            return None
        newest = max(versions, key=lambda version: (not version.is_prerelease, version))
        of_it = [(python, file) for python, file in found if file.public == newest]
        pythons = tuple(dict.fromkeys(python for python, _file in of_it))
        return Newest(platform, newest, pythons, redact(of_it[0][1].page_url))

    def _wheels(
        self, entry: Accelerated, name: str, target: Target, platform: Platform
    ) -> Sequence[tuple[PythonVersion, IndexFile]]:
        """Return what serves a target on a platform, by Python, of the first place that has any.

        :raises SourceError: a place cannot be read.
        """
        cells = [Cell(target, platform, python) for python in PYTHONS]
        if not target.exists_on(platform):
            return ()
        return look_up(
            entry.package,
            {
                "family": lambda: _taken((c.python, self.routing.files(name, c)) for c in cells),
                "default": lambda: _taken((c.python, self._of_default(name, c)) for c in cells),
            },
        )

    def _of_default(self, name: str, cell: Cell) -> Sequence[IndexFile]:
        tags = frozenset(cell.platform.tags(cell.python, self.levels))
        pages = (self.reader.project(url, name) for url in self.indexes)
        return [f for page in pages for f in page.files if not f.yanked and f.fits(tags)]


def _taken(
    found: Iterable[tuple[PythonVersion, Sequence[IndexFile]]],
) -> list[tuple[PythonVersion, IndexFile]]:
    """Return the files, each with a Python that its Requires-Python allows."""
    return [
        (python, file)
        for python, files in found
        for file in files
        if _allows(file.requires_python, python)
    ]


@functools.lru_cache(maxsize=4096)
def _allows(requires_python: str | None, python: PythonVersion) -> bool:
    """Tell whether some release of a Python is among a file's; a broken specifier allows all."""
    try:
        allowed = SpecifierSet(requires_python or "")
    except ValueError:
        return True
    return any(allowed.contains(python.release(patch)) for patch in python.patches(str(allowed)))
