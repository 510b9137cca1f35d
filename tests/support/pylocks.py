"""What a pylock file gives each place, by `packaging` alone, and what tools install it here."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from accelock import toml
from accelock.commands.downloads import Downloads
from accelock.locks.open import open_lock
from accelock.locks.pylock import places_of
from accelock.settings.project import Settings
from tests.support.environments import run

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.commands.downloads import Fetching
    from accelock.locks.markers import Place
    from accelock.targets import Target

needs_packaging = pytest.mark.skipif(
    importlib.util.find_spec("packaging.pylock") is None, reason="packaging here is older than 26"
)
UV = shutil.which("uv")


def pip_reads_pylock() -> bool:
    """Tell whether this Python's pip installs from a pylock file."""
    done = run(sys.executable, "-m", "pip", "install", "--help", cwd=None, env={})  # type: ignore[arg-type]
    return "pylock" in done.stdout


def selected(
    path: Path, place: Place, settings: Settings, extras: tuple[str, ...] = ()
) -> dict[str, tuple[str | None, str]]:
    """Return what a file gives a place: name -> version, and the sha256 of the one file."""
    from packaging.pylock import Pylock  # noqa: PLC0415 - packaging may be older

    lock = Pylock.from_dict(toml.loads(path.read_text(encoding="utf-8")))
    environment = {
        **place.platform.marker_environment(place.python),
        "platform_release": "",
        "platform_version": "",
    }
    tags = place.platform.tags(place.python, settings.config.levels)
    found = lock.select(environment=environment, tags=tags, extras=extras)  # type: ignore[arg-type]
    return {
        package.name: (
            str(package.version) if package.version else None,
            str(getattr(file, "hashes", {}).get("sha256", "")),
        )
        for package, file in found
    }


def read_back(
    path: Path, target: Target, place: Place, settings: Settings
) -> dict[str, tuple[str | None, str]]:
    """Return the same as accelock reads it: of the model, and of the file that it would take."""
    lock = open_lock(path.parent, settings, path.name)
    downloads = Downloads(no_network, settings)
    found = {}
    for name, pin in lock.at(target, place).items():
        file = downloads.file(pin, target, place)
        found[name] = (pin.version, file.sha256 or "" if file else "".join(pin.hashes))
    return found


def no_network() -> Fetching:
    raise AssertionError("a pylock file tells of each file what there is to know")


def same_in_every_cell(
    folder: Path, lock_name: str | None = None, together: str | None = None
) -> int:
    """Hold each target's pylock file against the lock, place by place; return how many places.

    Versions are equal, and so is the hash where the lock has any.

    :param together: the one file of all targets. Of it, too, the first one needs no extra.
    """
    settings = Settings.of(folder)
    lock = open_lock(folder, settings, lock_name)
    count = 0
    for target, each in lock.targets.items():
        extra = target.name.replace(".", "-")
        path = folder / (together or f"pylock.{extra}.toml")
        extras = (extra,) if together else ()
        for place in places_of(each):
            pins = lock.at(target, place)
            found = selected(path, place, settings, extras)
            if together and target == next(iter(lock.targets)):
                assert selected(path, place, settings) == found
            assert {name: version for name, (version, _) in found.items()} == {
                name: pin.version for name, pin in pins.items()
            }, (target, place)
            for name, (_, sha256) in found.items():
                assert not pins[name].hashes or sha256 in pins[name].hashes, (target, place, name)
            assert read_back(path, target, place, settings) == found, (target, place)
            count += 1
    return count
