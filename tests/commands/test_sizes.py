"""What a verbose compile or lock says at its end: MB per target, and of all, each file once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.commands.downloads import Downloads, sizes
from accelock.locks.budget import Download
from accelock.locks.model import Pin, TargetLock
from accelock.settings.config import Config
from accelock.settings.project import Settings
from accelock.targets import PLATFORMS, PythonVersion, parse_target
from tests.commands.heres import no_network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelock.locks.markers import Place
    from accelock.targets import Target

CATALOGUE = load_catalogue()
LINUX = (PLATFORMS["linux-x86_64"],)
FILELOCK = Pin("filelock", "3.18.0")
SIZES = {"2.6.0+cpu": 178_600_000, "2.6.0+cu126": 766_700_000, "3.18.0": 4_000_000}


class Known(Downloads):
    """Knows sizes by version, where nobody has to be asked."""

    def of(self, pins: Iterable[Pin], target: Target, place: Place) -> dict[str, Download]:
        assert (target.name in ("cpu", "cu126"), str(place.python)) == (True, "3.11")
        return {
            each.name: Download(each, f"{each}.whl", SIZES.get(each.version or "")) for each in pins
        }


def lock(target: str, torch: str, *more: Pin) -> TargetLock:
    return TargetLock(
        target=parse_target(target, CATALOGUE.targets),
        file=f"requirements.{target}.txt",
        pins=(Pin("torch", torch), *more),
        platforms=LINUX,
    )


def told(*locks: TargetLock, fault: str | None = None) -> list[str]:
    downloads = Known(no_network, Settings(CATALOGUE, Config()))
    if fault:
        downloads.faults[fault] = None
    return list(sizes(locks, downloads, PythonVersion(3, 11)))


def test_each_target_and_all_together_each_file_once() -> None:
    assert told(lock("cpu", "2.6.0+cpu", FILELOCK), lock("cu126", "2.6.0+cu126", FILELOCK)) == [
        "cpu downloads 182.6 MB on linux-x86_64, Python 3.11",
        "cu126 downloads 770.7 MB on linux-x86_64, Python 3.11",
        "all targets together: 949.3 MB",
    ]


def test_one_target_is_all_of_them() -> None:
    assert told(lock("cpu", "2.6.0+cpu", FILELOCK)) == [
        "cpu downloads 182.6 MB on linux-x86_64, Python 3.11"
    ]


def test_what_is_not_known_is_said() -> None:
    assert told(lock("cpu", "2.7.0+cpu", FILELOCK), fault="no index was read: it is down") == [
        "cpu downloads at least 4.0 MB, 1 not known on linux-x86_64, Python 3.11",
        "sizes: no index was read: it is down",
    ]
