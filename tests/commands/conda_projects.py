"""Projects with conda files, as `accelock conda lock` writes them, without a solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.catalogue import load_catalogue
from accelock.conda.formats import FORMATS
from accelock.conda.project import CondaEnvironment, CondaProject, project_of
from accelock.conda.record import Solved
from accelock.settings.config import Config
from accelock.settings.settings import read_config
from tests.conda.records import LINUX, record, vega

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-64", "osx-arm64"]
[tool.accelock.conda]
channels = ["https://me:secret@host.example/t/token/c"]
[tool.accelock.conda.dependencies]
vega-lite-cli = ">=5"
"""
DEV = '[tool.accelock.conda.group.dev.dependencies]\ngit = "*"\n'
NAMES = (
    "conda-cpu-lock.yml",
    "conda-cu126-lock.yml",
    "environment-cpu.yml",
    "environment-cu126.yml",
)


def config_of(folder: Path) -> Config:
    return read_config(folder / "pyproject.toml", load_catalogue()) or Config()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8", newline="")


def solve(folder: Path, formats: tuple[str, ...] = ()) -> None:
    """Write the sidecars of a project as `accelock conda lock` does, without a solver."""
    config = config_of(folder)
    project = project_of(folder, config)
    assert project is not None
    everything = {each: _solved(project, each) for each in project.environments()}
    for name in ("environment", "lock", *formats):
        for file in FORMATS[name].files(everything):
            if file.platform in (None, LINUX):
                solved = [everything[each] for each in file.environments]
                text = file.format.render(solved, file.platform)
                write(folder, file.name, text)


def _solved(project: CondaProject, each: CondaEnvironment) -> Solved:
    records = {
        platform: (*vega(platform.conda_subdir), record("numpy 2.1.3", "python"))
        for platform in each.platforms
        if platform.name != "windows-x86_64"  # as if the channel lacked it
    }
    digests = {
        platform: project.digest(each, platform, [one.name for one in records.get(platform, ())])
        for platform in each.platforms
    }
    asked = {p: project.conda.specs_for(each.target, p, each.group) for p in records}
    channels = project.conda.channels
    return Solved(each.target, each.group, channels, records, asked, digests)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
