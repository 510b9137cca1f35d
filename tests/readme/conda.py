"""conda-forge as the README's commands see it, and micromamba, played by tiny things.

Its `python` is the Python of the tests as a virtual environment has it, and its `pip` the tests'
own, so that what pip installs into such an environment can be run. This module is also the script
that stands in for micromamba:

    python conda.py create -y -q -p PREFIX -f LOCK
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the script has only accelock, and not the tests, to import
    from collections.abc import Iterator

    from tests.support.answers import Answer
    from tests.support.channels import Channel, Package
    from tests.support.proxy import Proxy
    from tests.support.server import Handler, IndexServer

HOST = "conda.anaconda.org"
FORGE = "conda-forge"
SUBDIRS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
NEWER = "3.99"  # which only a project without a Python of its own would get
TEXTS = (".py", ".pem", ".txt", ".typed", "METADATA", "WHEEL", "RECORD", "INSTALLER")


@contextmanager
def outside_world_with_conda(folder: Path) -> Iterator[tuple[IndexServer, Proxy]]:
    """Serve what the other commands of the README reach, and the channel, until the block ends."""
    from tests.readme.world import hosts, world  # noqa: PLC0415
    from tests.support.answers import Answer  # noqa: PLC0415
    from tests.support.proxy import Proxy  # noqa: PLC0415
    from tests.support.server import IndexServer  # noqa: PLC0415

    files = {f"/{FORGE}/{path}": content for path, content in forge().files().items()}

    class World(IndexServer):
        def answer(self, handler: Handler) -> Answer | None:
            path = handler.path.partition("?")[0]
            if not path.startswith(f"/{FORGE}/"):
                return super().answer(handler)
            if path not in files:
                return Answer(404, b"")
            return Answer(200, files[path], "application/octet-stream")

    with World(world()) as server, Proxy((*hosts(), HOST), server.port, folder) as proxy:
        yield server, proxy


def forge() -> Channel:
    """The channel: what the README asks for, on every platform that it names."""
    from tests.support.channels import Channel, Package  # noqa: PLC0415

    versions = (Package("cuda-version", v, "h1_3", "noarch", noarch="generic") for v in CUDAS)
    return Channel.of(versions, *(_of(subdir) for subdir in SUBDIRS))


CUDAS = ("12.6", "12.8")
SCRIPT = "#!/bin/sh\necho vega-lite is here\n"


def _of(subdir: str) -> Iterator[Package]:
    from tests.support.channels import Package  # noqa: PLC0415

    yield Package("python", f"{HERE}.9", "h0_0_cpython", subdir, files=_python())
    yield Package("python", f"{NEWER}.1", "h0_0_cpython", subdir)
    yield Package("pip", metadata.version("pip"), "h0_0", subdir, ("python",), files=_pip())
    yield Package("nodejs", "22.4.0", "h0_0", subdir)
    yield Package(
        "vega-lite-cli", "5.21.0", "h0_0", subdir, ("nodejs >=20,<23.0a0",),
        files={"bin/vl2svg": SCRIPT},
    )  # fmt: skip
    yield Package("git", "2.47.0", "pl_h0_0", subdir)
    if subdir in ("linux-64", "win-64"):
        yield Package("mkl", "2024.2.2", "h0_0", subdir)
    if subdir != "osx-arm64":
        for version in CUDAS:
            pin = f"cuda-version {version}.*"
            yield Package("libcublas", f"{version}.4", "h0_0", subdir, (pin,))
            yield Package("cuda-toolkit", f"{version}.3", "h0_0", subdir, (pin, "libcublas"))


def _python() -> dict[str, str]:
    """A Python that finds itself where it is installed, as one of a virtual environment does."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    version = ".".join(map(str, sys.version_info[:3]))
    return {
        "bin/python": f'#!/usr/bin/env bash\nexec -a "$0" {base} "$@"\n',
        "pyvenv.cfg": f"home = {base.parent}\nversion = {version}\n"
        "include-system-site-packages = false\n",
    }


def _pip() -> dict[str, str]:
    """The modules of the tests' own pip, as texts."""
    found = {}
    for file in metadata.distribution("pip").files or ():
        path = Path(str(file.locate()))
        if ".." not in file.parts and file.name.endswith(TEXTS) and path.is_file():
            text = path.read_text(encoding="utf-8")
            found[f"lib/python{HERE}/site-packages/{file.as_posix()}"] = text
    return found


def main(words: list[str]) -> None:
    """Install a lock, as micromamba does; SystemExit for what it would not take for one."""
    from accelock.conda.formats.lock import read_lock  # noqa: PLC0415
    from accelock.conda.install import choose_records, install  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="micromamba")
    parser.add_argument("command", choices=["create"])
    parser.add_argument("-y", "--yes", action="store_true", required=True)
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-p", "--prefix", type=Path, required=True)
    parser.add_argument("-f", "--file", type=Path, required=True)
    given = parser.parse_args(words)
    if not given.file.name.endswith("-lock.yml"):
        sys.exit(f"micromamba takes {given.file.name} for no lock, and makes an empty environment")
    text = given.file.read_text(encoding="utf-8")
    platform, records = choose_records(read_lock(text, given.file.name), given.file.name)
    install(records, given.prefix, platform)


if __name__ == "__main__":
    main(sys.argv[1:])
