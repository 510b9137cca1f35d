"""`accelock conda lock --format`: the other formats of a lock, and what other tools read in it."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from accelock.conda.formats import FORMATS, Format
from accelock.conda.formats.lock import read_lock
from accelock.targets import PLATFORMS
from tests.conda.projects import FILES, FORGE, GPU_SUBDIRS, SUBDIRS, Project, findings
from tests.conda.scenarios import package
from tests.support.channels import Channel
from tests.support.environments import isolated_env, run

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

from rattler.lock import LockFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.conda.record import Record, Solved
    from accelock.targets import Platform
    from tests.support.channels import ChannelServer

pytestmark = pytest.mark.internals

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
    assert locked.lock().out.endswith("there was nothing to solve.\n")
    assert findings(locked) == {}
    locked.edit("pyproject.toml", 'git = "*"', 'git = ">=2"')
    before = locked.files()
    locked.lock()
    changed = {name for name, text in locked.files().items() if before[name] != text}
    assert "pixi.lock" in changed
    assert "conda-cpu-dev-linux-64.txt" in changed
    assert findings(locked) == {}


def test_a_format_of_a_fresh_lock_is_rendered_and_not_solved(
    locked: Project, forge: ChannelServer
) -> None:
    """Offline, and though the channel has withdrawn a build: no pin moves."""
    before = locked.files()
    newer = [each for each in FORGE.packages if each.name != "vega-lite-cli"]
    newer += [package("vega-lite-cli", "5.22.0", "h0_0", subdir=subdir) for subdir in SUBDIRS]
    forge.put("forge", Channel.of(newer))
    forge.reset()
    done = locked.lock("--format", "explicit", "--format", "pixi")
    assert (forge.requests, done.err) == ((), "")
    assert {name: locked.files()[name] for name in before} == before
    for target, subdirs in TARGETS.items():
        for subdir, records in records_of(locked, target).items():
            urls = {record.url for record in records}
            assert {
                line.partition("#")[0]
                for line in locked.read(f"conda-{target}-{subdir}.txt").splitlines()
                if "://" in line and line[0] != "#"
            } == urls
            theirs = LockFile.from_path(locked.folder / "pixi.lock").environment(target)
            found = theirs.conda_repodata_records()
            assert {str(each.url) for each in found[subdir]} == urls
            assert set(found) == set(subdirs)
    assert findings(locked) == {}
    assert locked.lock().out.endswith("there was nothing to solve.\n")


def test_a_lock_that_is_solved_again_keeps_what_pixi_lock_says_of_the_others(
    locked: Project,
) -> None:
    locked.lock("--format", "pixi", "--update-all")
    before = locked.read("pixi.lock")
    assert "license: BSD-3-Clause" in before
    locked.edit("pyproject.toml", 'git = "*"', 'git = ">=2"')
    done = locked.lock()
    assert "Solving cpu, linux-x86_64 (group dev) (1 of 7)" in done.err
    after = locked.read("pixi.lock")
    assert body_of(after) == body_of(before)
    assert findings(locked) == {}


def body_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_pixi_has_an_environment_called_default(locked: Project, forge: ChannelServer) -> None:
    """In every project; and a lock is that of the pixi.toml beside it."""
    locked.lock("--format", "pixi")
    lock = LockFile.from_path(locked.folder / "pixi.lock")
    first, default = (lock.environment(name).packages_by_platform() for name in ("cpu", "default"))
    assert {str(p): [str(each.location) for each in found] for p, found in first.items()} == {
        str(p): [str(each.location) for each in found] for p, found in default.items()
    }
    told = [line.removeprefix("#").strip() for line in locked.read("pixi.lock").splitlines()]
    assert (
        "pixi reads it beside a pixi.toml with these environments (pixi install --frozen):" in told
    )
    manifest = tomlkit.parse(
        "\n".join(told[told.index("[workspace]") : told.index("cu126 = []") + 2])
    )
    assert manifest["workspace"] == {
        "channels": [forge.channel("forge")], "platforms": sorted(SUBDIRS)
    }  # fmt: skip
    assert set(manifest["environments"]) == {"cpu", "cpu-dev", "cu126", "cu126-dev"}


# A format of one's own

NAMES = """\
[tool.accelock]
targets = ["cpu"]
platforms = ["linux-x86_64", "macos-arm64"]
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
vega-lite-cli = ">=5"
"""


@pytest.mark.parametrize("holds", ["environment", "platform", "project"])
def test_a_new_format_is_one_value_and_its_registration(
    project: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch, holds: Any
) -> None:
    """It is offered, written, kept fresh and checked, and nothing else knows of it."""

    def body(
        environments: Sequence[Solved], platform: Platform | None, _project: str | None
    ) -> tuple[list[str], list[str]]:
        (solved,) = environments
        platforms = [platform] if platform is not None else solved.platforms
        names = {record.name for each in platforms for record in solved.records[each]}
        return sorted(names), ["names alone"]

    made_up = Format("names", "the names alone", holds, "names", ".txt", body)
    monkeypatch.setitem(FORMATS, made_up.name, made_up)
    files = {
        "environment": {"names-cpu.txt"},
        "platform": {"names-cpu-linux-64.txt", "names-cpu-osx-arm64.txt"},
        "project": {"names.txt"},
    }[holds]
    project.declare(forge.channel("forge"), NAMES).lock()
    done = project.lock("--format", "names")
    assert set(done.out.split()) - {"written"} == files
    for name in files:
        text = project.read(name)
        assert "#    accelock conda lock --format names\n#\n# names alone\n" in text
        assert body_of(text) == ["nodejs", "vega-lite-cli"]
    assert findings(project) == {}

    project.edit("pyproject.toml", 'vega-lite-cli = ">=5"', 'git = "*"')
    assert {name for name, code in findings(project).items() if code == "stale-sidecar"} >= files
    project.lock()
    assert {tuple(body_of(project.read(name))) for name in files} == {("git",)}
    assert findings(project) == {}
    name = min(files)
    project.edit(name, "git", "got")
    assert findings(project) == {name: "edited-sidecar"}
    assert project.lock().out == f"{name} written\n"
    assert findings(project) == {}
    done = project.accelock("conda", "lock", "--format", "name")
    assert done.err == "ERROR: unknown format 'name'; did you mean 'names'?\n"


def test_a_group_that_is_gone_leaves_pixi_lock(locked: Project) -> None:
    """No file of the other environments is stale: pixi.lock, which holds all of them, is."""
    locked.lock("--format", "pixi")
    table = '[tool.accelock.conda.group.dev.dependencies]\ngit = "*"\n'
    locked.edit("pyproject.toml", table, "")
    assert findings(locked)["pixi.lock"] == "stale-sidecar"
    locked.lock()
    assert "pixi.lock" not in findings(locked)
    assert "cpu-dev" not in locked.read("pixi.lock")
    assert locked.lock().out.endswith("there was nothing to solve.\n")


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
    locked.lock("--format", "pixi", "--update-all")
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
