"""A project folder on a machine of a test, and an index that counts what it is asked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import requests

from accelock.commands.context import Context
from accelock.commands.downloads import Fetching
from accelock.commands.installed import InstalledEnvironment
from accelock.errors import AccelockError
from accelock.hardware.context import Surroundings
from accelock.sources.reader import IndexReader
from accelock.targets import PLATFORMS, PythonVersion
from tests.hardware.machines import Commands, nvml, with_driver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accelock.hardware.context import Output
    from tests.support.server import IndexServer

LINUX = "linux-x86_64"
PYTHON = PythonVersion(3, 11)
#: An environment in which nothing is installed.
EMPTY = InstalledEnvironment("/home/me/app/.venv", PYTHON, {})
H100 = ("NVIDIA H100 80GB HBM3", "9.0")


def here(
    folder: Path,
    root: Path | None = None,
    answers: Mapping[str, str | Output] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    platform: str = LINUX,
    libc: str = "manylinux_2_39_x86_64",
    saved: str | None = None,
    machine: str | None = None,
    lock: str | None = None,
) -> Context:
    """Return a project on a machine: an empty one, or that of a root."""
    named = PLATFORMS[platform]
    around = Surroundings(
        environ or {},
        named.sys_platform,
        named.machine,
        root=root or folder / "no-root",
        run=Commands(answers or {}),
        tags=lambda: [libc],
    )
    return Context(folder, around, PYTHON, named, saved, machine, lock)


def gpu_box(folder: Path, driver: str = "580.82.07", **words: str) -> Context:
    """Return a project on a machine with an H100."""
    return here(folder, with_driver(folder / "root", driver), {"NVML": nvml(driver, H100)}, **words)  # type: ignore[arg-type]


def no_network() -> Fetching:
    """Stand for a session that cannot be had."""
    raise AccelockError("there is no network in this test")


@contextlib.contextmanager
def fetching(server: IndexServer) -> Iterator[Fetching]:
    """Read the indexes of a server, whose /simple is the default one."""
    with requests.Session() as session:
        session.trust_env = False
        yield Fetching(IndexReader(session, timeout=20), (f"{server.url}/simple",))
