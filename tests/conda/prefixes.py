"""What a lock has, and what a prefix then holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelock.conda.formats.lock import read_lock
from accelock.conda.install import choose_records
from accelock.targets import host_platform
from tests.conda.projects import FORGE, SUBDIRS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.conda.record import Record
    from accelock.targets import Platform
    from tests.conda.projects import Project

HOST = host_platform()
ON_CHANNEL = pytest.mark.skipif(
    HOST is None or HOST.conda_subdir not in SUBDIRS, reason="the channel is not for this machine"
)
_VEGAS = {each.subdir: each for each in FORGE.packages if each.name == "vega-lite-cli"}
VEGA = _VEGAS[HOST.conda_subdir if HOST is not None and HOST.conda_subdir in _VEGAS else SUBDIRS[0]]


def records_of(project: Project, target: str = "cpu") -> Mapping[Platform, tuple[Record, ...]]:
    name = f"conda-{target}-lock.yml"
    return read_lock(project.read(name), name)


def of_host(project: Project, target: str = "cpu") -> tuple[Platform, tuple[Record, ...]]:
    return choose_records(records_of(project, target), "the lock")


def installed(prefix: Path) -> set[str]:
    return {path.stem for path in (prefix / "conda-meta").glob("*.json")}


def stem(record: Record) -> str:
    return f"{record.name}-{record.version}-{record.build}"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def cached() -> dict[str, bytes]:
    """Every file of this test's own cache of rattler's."""
    return contents(Path(os.environ["RATTLER_CACHE_DIR"]))
