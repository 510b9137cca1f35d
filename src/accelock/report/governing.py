"""Which pyproject.toml a compiled file follows: in a monorepo several are in sight."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from accelock.locks import freshness
from accelock.report.freshness import STDIN, is_fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from accelock.report.files import Compiled
    from accelock.report.freshness import Inputs

    SettingsOf = Callable[[Path], tuple[str, ...]]


def governing(
    compiled: Compiled,
    inputs: Inputs,
    directory: Path,
    settings_of: SettingsOf,
) -> Path:
    """Return the folder whose pyproject.toml a file was compiled with, as far as that can be told.

    A compile follows the one of where it runs. The stamp does not name that, but the command at the
    file's top names the inputs as they are called from there. Where it does not (another command
    stands for it, or no input was named), it is `directory`, where `check` runs, or a folder above
    the file: the one with which the file is fresh; of a stale file, `directory` where that is above
    it, else the nearest.
    """
    here, base = directory.resolve(), compiled.path.resolve().parent
    above = list(_above(base, settings_of))
    told = [each for each in dict.fromkeys([*above, here, base]) if _names(compiled, base, each)]
    for each in told or dict.fromkeys([*above, here]):
        if is_fresh(compiled, inputs, settings_of(each)):
            return each
    if told:
        return told[0]
    return here if here in above or not above else above[-1]


def _names(compiled: Compiled, base: Path, folder: Path) -> bool:
    """Tell whether the command of a file names an input as it is called from a folder."""
    words = {os.path.normpath(word) for word in (compiled.command or "").split()}
    local = (name for name in compiled.stamp.inputs if name != STDIN and "://" not in name)
    return any(_called(base / name, folder) in words for name in local)


def _called(path: Path, folder: Path) -> str | None:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # another drive of Windows
        return None


def _above(folder: Path, settings_of: SettingsOf) -> Iterator[Path]:
    """Yield the folders upward that have a pyproject.toml, to the first that steers a compile."""
    for each in (folder, *folder.parents):
        if (each / freshness.PYPROJECT).is_file():
            yield each
            if settings_of(each):
                return
