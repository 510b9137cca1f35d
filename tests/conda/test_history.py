"""`conda-meta/history` of an environment made by us: what conda reads in it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from accelock.conda.prefix import add_revision, history
from accelock.conda.spec import parse
from tests.conda.prefixes import ON_CHANNEL, installed
from tests.conda.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conda.projects import Project
    from tests.support.channels import ChannelServer

INSTALL = ("conda", "install", "-p", "env", "-t", "cpu")


def read_as_conda(text: str) -> tuple[dict[str, str], set[str]]:
    """Return the specs by name, and the packages, by the rules of conda's own `History`."""
    specs: dict[str, str] = {}
    packages: set[str] = set()
    revisions: list[list[str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if re.match(r"==>\s*(.+?)\s*<==", line):
            revisions.append([])
        else:
            revisions[-1].append(line)
    for lines in revisions:
        # conda takes no notice of a revision without a command.
        assert any(re.match(r"# cmd:\s*(.+)", line) for line in lines)
        said: dict[str, list[str]] = {"update": [], "remove": []}
        for line in lines:
            if found := re.match(r"# (\w+) specs:\s*(.+)", line):
                said["remove" if found[1] == "remove" else "update"] = ast.literal_eval(found[2])
            elif line[0] in "+-":
                (packages.add if line[0] == "+" else packages.remove)(line[1:])
        for name in said["remove"]:
            specs.pop(name, None)
        specs |= {re.split(r"[^\w.-]", spec)[0]: spec for spec in said["update"]}
    return specs, packages


@ON_CHANNEL
def test_the_specs_and_revisions_of_an_environment(locked: Project, forge: ChannelServer) -> None:
    pytest.importorskip("rattler", reason="the extra conda is not installed")
    assert locked.accelock(*INSTALL, "--group", "dev").code == 0
    path = locked.folder / "env" / "conda-meta" / "history"
    specs, packages = read_as_conda(path.read_text())
    assert specs["vega-lite-cli"] == "vega-lite-cli >=5"
    assert {"python", "git"} <= specs.keys()
    assert "nodejs" not in specs
    meta = installed(locked.folder / "env")
    assert {each.partition("::")[2] for each in packages} == meta
    assert all(each.startswith(forge.channel("forge")) for each in packages)

    assert locked.accelock(*INSTALL).code == 0
    specs, packages = read_as_conda(path.read_text())
    assert "git" not in specs
    assert {each.partition("::")[2] for each in packages} == meta - {"git-2.47.0-pl_h0_0"}
    before = path.read_bytes()
    assert locked.accelock(*INSTALL).code == 0
    assert path.read_bytes() == before  # nothing was done


@ON_CHANNEL
def test_a_history_that_is_there_goes_on(locked: Project) -> None:
    """As conda left it: what was asked for there and is not in the lock is taken back."""
    pytest.importorskip("rattler", reason="the extra conda is not installed")
    assert locked.accelock(*INSTALL, "--group", "dev").code == 0
    path = locked.folder / "env" / "conda-meta" / "history"
    theirs = path.read_text() + (
        "==> 2026-11-30 12:00:00 <==\n# cmd: conda install ffmpeg nodejs\n"
        "# conda version: 26.9.0\n# update specs: ['ffmpeg', 'nodejs=22']\n"
    )
    path.write_text(theirs)
    assert locked.accelock(*INSTALL).code == 0
    assert path.read_text().startswith(theirs)
    specs, _ = read_as_conda(path.read_text())
    assert specs["ffmpeg"] == "ffmpeg *" if "*" in specs["ffmpeg"] else "ffmpeg"
    assert "nodejs" not in specs
    assert "# remove specs: ['git', 'nodejs']\n" in path.read_text()


def test_channels_as_conda_names_them(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    old, new = record("git 2.45.2"), record("git 2.47.0")
    other = record("tool 1.0", channel="https://host.example/c", subdir="noarch")
    add_revision(tmp_path, [old], [new, other], [parse("git"), parse("tool >=1,<2 cpu*")])
    text = (tmp_path / "conda-meta" / "history").read_text()
    lines = text.splitlines()
    assert re.fullmatch(r"==> \d{4}-\d\d-\d\d \d\d:\d\d:\d\d <==", lines[0])
    assert lines[1:] == [
        "# cmd: accelock conda install",
        "-conda-forge/linux-64::git-2.45.2-h0_0",
        "+conda-forge/linux-64::git-2.47.0-h0_0",
        "+https://host.example/c/noarch::tool-1.0-h0_0",
        "# update specs: ['git', 'tool >=1,<2 cpu*']",
    ]
    assert history(tmp_path) == {"git": ["git"], "tool": ["tool >=1,<2 cpu*"]}
    add_revision(tmp_path, [new, other], [new, other], [parse("tool >=1,<2 cpu*"), parse("git")])
    assert (tmp_path / "conda-meta" / "history").read_text() == text
