"""A project with a conda table for four platforms and two targets, and the channel for it."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock import cli
from accelock.catalogue import load_catalogue
from accelock.commands.check_conda import check_sidecars
from accelock.conda.formats.lock import read_lock
from accelock.settings.settings import read_config
from tests.conda.scenarios import noarch, package
from tests.support.channels import PLACEHOLDER, Channel, Package

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SUBDIRS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
GPU_SUBDIRS = ("linux-64", "linux-aarch64", "win-64")
# The oldest of each kind, which a lock is for.
PROCESSORS = dict(zip(SUBDIRS, ("x86_64", "aarch64", "m1", "x86_64"), strict=True))
PLATFORMS = '"linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"'
SCRIPT = f"#!/bin/sh\necho vega-lite of {PLACEHOLDER}\n"
TABLE = """\
[project]
name = "charts"
requires-python = ">=3.11,<3.13"

[tool.accelock]
targets = ["cpu", "cu126"]
platforms = [{platforms}]

[tool.accelock.target.cu126]
platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]

[tool.accelock.conda]
channels = ["{channel}"]

[tool.accelock.conda.dependencies]
python = "*"
vega-lite-cli = ">=5"
ffmpeg = "*"
pytorch = "*"
mkl = {{ version = ">=2024", platforms = ["linux-x86_64", "windows-x86_64"] }}

[tool.accelock.conda.target.cu126.dependencies]
cuda-toolkit = "*"

[tool.accelock.conda.group.dev.dependencies]
git = "*"
"""
# The node story alone: nothing there says which Python it needs.
VEGA = """\
[project]
name = "charts"
requires-python = ">=3.11,<3.13"

[tool.accelock]
targets = ["cpu"]
platforms = [{platforms}]

[tool.accelock.conda]
channels = ["{channel}"]

[tool.accelock.conda.dependencies]
python = "*"
vega-lite-cli = ">=5"
"""


def _of(subdir: str) -> Iterator[Package]:
    """The packages of one platform, as conda-forge has them."""
    for version in ("3.11.9", "3.12.4", "3.13.0"):
        yield package("python", version, "h0_0_cpython", "tzdata", subdir=subdir)
    for version in ("20.12.2", "22.4.0"):
        yield package("nodejs", version, "h0_0", subdir=subdir)
    yield Package(
        "vega-lite-cli", "5.21.0", "h0_0", subdir, ("nodejs >=20,<23.0a0",),
        files={"bin/vl2svg": SCRIPT},
    )  # fmt: skip
    yield package("git", "2.47.0", "pl_h0_0", subdir=subdir)
    yield from _ffmpeg(subdir)
    if subdir in ("linux-64", "win-64"):
        yield package("mkl", "2024.2.2", "h0_0", subdir=subdir)
    yield from _pytorch(subdir)


def _ffmpeg(subdir: str) -> Iterator[Package]:
    """Three versions, of which the settings of a project allow the second."""
    system = {"linux": "__glibc >=2.29", "osx": "__osx >=50", "win": "__win >=50"}
    yield package("ffmpeg", "6.0", "h0_0", subdir=subdir)
    yield package("ffmpeg", "6.1", "h0_0", f"__archspec 1 {PROCESSORS[subdir]}", subdir=subdir)
    yield package("ffmpeg", "7.0", "h0_0", system[subdir.partition("-")[0]], subdir=subdir)


def _pytorch(subdir: str) -> Iterator[Package]:
    for python in ("311", "312"):
        needs = f"python 3.{python[1:]}.*"
        yield package("pytorch", "2.6.0", f"cpu_generic_py{python}_h1_0", needs, subdir=subdir)
        if subdir in GPU_SUBDIRS:
            yield package(
                "pytorch", "2.6.0", f"cuda126_mkl_py{python}_h2_300", needs, "__cuda",
                "cuda-version >=12.6,<13", "libcublas >=12.6", number=300, subdir=subdir,
            )  # fmt: skip
    if subdir in GPU_SUBDIRS:
        for version in ("12.6", "12.8"):
            pin = f"cuda-version {version}.*"
            yield package("libcublas", f"{version}.4", "h0_0", pin, subdir=subdir)
            yield package("cuda-toolkit", f"{version}.2", "h0_0", pin, "libcublas", subdir=subdir)


FORGE = Channel.of(
    noarch("tzdata", "2024a", "h0_0"),
    (noarch("cuda-version", version, "h1_3") for version in ("12.6", "12.8")),
    *(_of(subdir) for subdir in SUBDIRS),
)


def charts_channel(*more: Iterable[Package]) -> Channel:
    """FORGE with what a project that takes charts from conda, and numpy by pip, overlaps in."""
    numpy = (package("numpy", "2.1.2", "py311_0", "python", subdir=each) for each in SUBDIRS)
    charts = (package("charts", "1.0", "0", "numpy", subdir=each) for each in SUBDIRS)
    return Channel.of(FORGE.packages, numpy, charts, *more)


FILES = tuple(
    name
    for target in ("cpu", "cpu-dev", "cu126", "cu126-dev")
    for name in (f"environment-{target}.yml", f"conda-{target}-lock.yml")
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a pyproject.toml, in which commands are run."""

    folder: Path

    def declare(self, channel: str, table: str = TABLE, platforms: str = PLATFORMS) -> Project:
        self.write("pyproject.toml", table.format(channel=channel, platforms=platforms))
        return self

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8", newline="")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))

    def files(self) -> dict[str, bytes]:
        """Every file of the folder but pyproject.toml."""
        return {
            path.name: path.read_bytes()
            for path in sorted(self.folder.iterdir())
            if path.is_file() and path.name != "pyproject.toml"
        }

    def accelock(self, *words: str) -> Done:
        """Run a command in this process, in the folder."""
        before = os.getcwd()  # noqa: PTH109 - to go back to
        out, err = io.StringIO(), io.StringIO()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = cli.main(words)
        finally:
            os.chdir(before)
        return Done(code, out.getvalue(), err.getvalue())

    def lock(self, *words: str) -> Done:
        done = self.accelock("conda", "lock", *words)
        assert done.code == 0, done.err
        return done


def packages(project: Project, name: str, subdir: str = "linux-64") -> dict[str, str]:
    """Return the packages that a lock has for a platform: their versions and builds."""
    for platform, records in read_lock(project.read(name), name).items():
        if platform.conda_subdir == subdir:
            return {record.name: f"{record.version} {record.build}" for record in records}
    return {}


def findings(project: Project) -> dict[str | None, str]:
    """Return what `check` says of the conda files, by file."""
    config = read_config(project.folder / "pyproject.toml", load_catalogue())
    assert config is not None
    found = check_sidecars(project.folder, config).findings
    return {finding.file: finding.code for finding in found}
