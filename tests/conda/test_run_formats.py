"""`accelock conda lock --format`: the other formats of a lock, and what other tools read in it."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

from accelock.conda.read import read_lock
from accelock.targets import PLATFORMS
from tests.conda.projects import FILES, FORGE, GPU_SUBDIRS, SUBDIRS, Project, findings
from tests.support.environments import isolated_env, run

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

from rattler.lock import LockFile

if TYPE_CHECKING:
    from accelock.conda.record import Record

TARGETS = {"cpu": SUBDIRS, "cu126": GPU_SUBDIRS}


def records_of(project: Project, target: str) -> dict[str, tuple[Record, ...]]:
    """Return what a target's lock has, by conda's subdir."""
    name = f"conda-{target}-lock.yml"
    found = read_lock(project.read(name), name)
    return {platform.conda_subdir: records for platform, records in found.items()}


def test_other_formats_on_request_and_then_kept(locked: Project) -> None:
    done = locked.lock("--format", "explicit", "--format", "pixi")
    names = set(locked.files()) - set(FILES)
    assert names == {
        "pixi.lock",
        *(f"conda-cpu-{subdir}.txt" for subdir in SUBDIRS),
        *(f"conda-cpu-dev-{subdir}.txt" for subdir in SUBDIRS),
        *(f"conda-cu126-{subdir}.txt" for subdir in GPU_SUBDIRS),
        *(f"conda-cu126-dev-{subdir}.txt" for subdir in GPU_SUBDIRS),
    }
    assert "pixi.lock written" in done.out
    urls = [
        line.partition("#")[0]
        for line in locked.read("conda-cu126-win-64.txt").splitlines()
        if "://" in line and not line.startswith("#")
    ]
    records = read_lock(locked.read("conda-cu126-lock.yml"), "lock")[PLATFORMS["windows-x86_64"]]
    assert sorted(urls) == sorted(record.url for record in records)
    assert locked.lock().out.endswith("nothing was solved.\n")
    assert findings(locked) == {}
    locked.edit("pyproject.toml", 'git = "*"', 'git = ">=2"')
    before = locked.files()
    locked.lock()
    changed = {name for name, text in locked.files().items() if before[name] != text}
    assert "pixi.lock" in changed
    assert "conda-cpu-dev-linux-64.txt" in changed
    assert findings(locked) == {}


def test_a_group_that_is_gone_leaves_pixi_lock(locked: Project) -> None:
    """No file of the other environments is stale: pixi.lock, which holds all of them, is."""
    locked.lock("--format", "pixi")
    table = '[tool.accelock.conda.group.dev.dependencies]\ngit = "*"\n'
    locked.edit("pyproject.toml", table, "")
    assert findings(locked)["pixi.lock"] == "stale-sidecar"
    locked.lock()
    assert "pixi.lock" not in findings(locked)
    assert "cpu-dev" not in locked.read("pixi.lock")
    assert locked.lock().out.endswith("nothing was solved.\n")


def test_an_unknown_format(locked: Project) -> None:
    done = locked.accelock("conda", "lock", "--format", "pxi")
    assert done.code == 2
    assert done.err == "ERROR: unknown format 'pxi'; did you mean 'pixi'?\n"


# Independent readers


@pytest.mark.skipif(
    importlib.util.find_spec("conda_lock") is None, reason="conda-lock is not installed"
)
@pytest.mark.parametrize("target", TARGETS)
def test_conda_lock_renders_the_same_explicit_lists(locked: Project, target: str) -> None:
    locked.lock("--format", "explicit")
    words = ["render", "--kind", "explicit", "--filename-template", "theirs-{platform}.txt"]
    done = run(
        sys.executable, "-W", "ignore", "-m", "conda_lock", *words, f"conda-{target}-lock.yml",
        cwd=locked.folder, env=isolated_env(locked.folder.parent / "home"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for subdir, records in records_of(locked, target).items():
        theirs = listed(locked.read(f"theirs-{subdir}.txt"))
        assert theirs == listed(locked.read(f"conda-{target}-{subdir}.txt"))
        assert len(theirs) == len(records) + 1
    assert {path.name for path in locked.folder.glob("theirs-*")} == {
        f"theirs-{subdir}.txt" for subdir in TARGETS[target]
    }


def listed(text: str) -> set[str]:
    """Return the lines of an explicit list: `@EXPLICIT`, and a URL with its md5 each."""
    return {line for line in text.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("target", TARGETS)
def test_rattler_reads_the_same_from_pixi_lock(locked: Project, target: str) -> None:
    locked.lock("--format", "pixi")
    environment = LockFile.from_path(locked.folder / "pixi.lock").environment(target)
    theirs = environment.conda_repodata_records()
    ours = records_of(locked, target)
    assert set(theirs) == set(ours) == set(TARGETS[target])
    made = {(each.subdir, each.filename): each for each in FORGE.packages}
    for subdir, records in ours.items():
        assert {
            (each.name.normalized, str(each.url), each.sha256.hex(), each.md5.hex())
            for each in theirs[subdir]
        } == {(each.name, each.url, each.sha256, each.md5) for each in records}
        for each in theirs[subdir]:
            package = made[each.subdir, each.file_name]
            assert (str(each.version), str(each.build)) == (package.version, package.build)
            assert tuple(each.depends) == package.depends
            assert each.build_number == package.build_number
