"""Which pyproject.toml a compiled file follows: in a monorepo several are in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.lock import freshness
from accelock.report.freshness import is_fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.report.files import Compiled
    from accelock.report.freshness import Inputs


def governing(compiled: Compiled, inputs: Inputs, directory: Path) -> Path:
    """Return the folder whose pyproject.toml a file was compiled with, as far as that can be told.

    A compile follows the one of where it runs, which the stamp does not name: that is `directory`,
    where `check` runs, or one above the file. It is the one with which the file is fresh; of a
    stale file it is taken to be `directory`'s where that is above it, else the nearest.
    """
    here = directory.resolve()
    above = list(_above(compiled.path.resolve().parent))
    for each in dict.fromkeys([*above, here]):
        if is_fresh(compiled, inputs, each):
            return each
    return here if here in above or not above else above[-1]


def _above(folder: Path) -> Iterator[Path]:
    """Yield the folders upward that have a pyproject.toml, to the first that steers a compile."""
    for each in (folder, *folder.parents):
        if (each / freshness.PYPROJECT).is_file():
            yield each
            if freshness.settings_of(each):
                return
