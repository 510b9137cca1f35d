"""`accelock conda lock`: the files of a project, for four platforms and two targets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.conda.projects import (
    FILES,
    FORGE,
    GPU_SUBDIRS,
    PLATFORMS,
    SUBDIRS,
    VEGA,
    Project,
    findings,
    packages,
)
from tests.conda.scenarios import package
from tests.support.channels import Channel
from tests.support.fakes import fakes, on_posix

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.channels import ChannelServer

SMALL = """\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64"]
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
vega-lite-cli = ">=5"
"""


@on_posix
def test_no_probe_is_run(
    project: Project, forge: ChannelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = fakes(tmp_path)
    monkeypatch.setenv("PATH", commands.path)
    project.declare(forge.channel("forge"), SMALL).lock()
    assert commands.asked() == []
    project.accelock("detect")
    assert commands.asked() != []


def test_the_files_of_four_platforms_and_two_targets(
    project: Project, forge: ChannelServer
) -> None:
    done = project.declare(forge.channel("forge")).lock()
    assert set(project.files()) == set(FILES)
    assert sorted(done.out.splitlines()) == sorted(f"{name} written" for name in FILES)
    assert "Solving cpu, linux-x86_64 (1 of 14)\n" in done.err
    assert "Solving cu126, windows-x86_64 (group dev) (14 of 14)\n" in done.err
    for subdir in SUBDIRS:
        cpu = packages(project, "conda-cpu-lock.yml", subdir)
        assert cpu["pytorch"] == "2.6.0 cpu_generic_py312_h1_0"
        assert cpu["python"].startswith("3.12.4")
        assert cpu["ffmpeg"] == "6.1 h0_0"  # by glibc, macOS and processor of the settings
        assert ("mkl" in cpu) == (subdir in ("linux-64", "win-64"))
        assert not {"libcublas", "cuda-toolkit", "git"} & set(cpu)
    for subdir in GPU_SUBDIRS:
        cuda = packages(project, "conda-cu126-lock.yml", subdir)
        assert cuda["pytorch"] == "2.6.0 cuda126_mkl_py312_h2_300"
        assert cuda["cuda-toolkit"] == "12.6.2 h0_0"
    assert packages(project, "conda-cu126-lock.yml", "osx-arm64") == {}
    dev = packages(project, "conda-cpu-dev-lock.yml")
    assert dev == packages(project, "conda-cpu-lock.yml") | {"git": "2.47.0 pl_h0_0"}


@pytest.mark.parametrize("name", ["repodata.json", "repodata.json.zst"])
def test_each_subdir_is_fetched_once_a_run(
    project: Project, forge: ChannelServer, name: str
) -> None:
    forge.zst = name.endswith(".zst")
    project.declare(forge.channel("forge")).lock()
    assert forge.repodata() == {f"/forge/{subdir}/{name}": 1 for subdir in ("noarch", *SUBDIRS)}
    assert forge.packages() == ()


def test_check_finds_what_was_written_fresh(locked: Project) -> None:
    assert findings(locked) == {}
    locked.edit("pyproject.toml", 'vega-lite-cli = ">=5"', 'vega-lite-cli = ">=5.20"')
    assert findings(locked) == dict.fromkeys(FILES, "stale-sidecar")


def test_a_second_run_solves_nothing(locked: Project, forge: ChannelServer) -> None:
    before = locked.files()
    forge.reset()
    done = locked.lock()
    assert done.out == "The conda files are fresh; there was nothing to solve.\n"
    assert (done.err, forge.requests) == ("", ())
    assert locked.files() == before


def test_the_same_bytes_again(locked: Project, forge: ChannelServer) -> None:
    before = locked.files()
    for name in FILES:
        (locked.folder / name).unlink()
    locked.lock()
    assert locked.files() == before
    locked.lock("--update-all")
    assert locked.files() == before
    assert forge.repodata()  # it did solve


def test_the_same_bytes_from_reordered_tables(locked: Project) -> None:
    before = locked.files()
    text = locked.read("pyproject.toml")
    head, conda, tables = text.partition("[tool.accelock.conda]\n")
    channels, *rest = tables.split("\n\n")
    shuffled = [
        "\n".join([part.splitlines()[0], *sorted(part.splitlines()[1:], reverse=True)])
        for part in reversed(rest)
    ]
    locked.write("pyproject.toml", "\n\n".join([head.strip(), *shuffled, conda + channels]) + "\n")
    assert locked.lock().out.endswith("there was nothing to solve.\n")
    locked.lock("--update-all")
    assert locked.files() == before


def test_the_same_bytes_from_reordered_platforms(locked: Project) -> None:
    before = locked.files()
    locked.edit("pyproject.toml", PLATFORMS, ", ".join(PLATFORMS.split(", ")[::-1]))
    locked.edit("pyproject.toml", '"linux-aarch64", "windows-x86_64"]',
                '"windows-x86_64", "linux-aarch64"]')  # fmt: skip
    assert locked.lock().out.endswith("there was nothing to solve.\n")
    locked.lock("--update-all")
    assert locked.files() == before


def test_the_same_bytes_on_any_machine(locked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = locked.files()
    for system, machine in (("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "platform", system)
            patch.setattr("platform.machine", lambda machine=machine: machine)
            # What rattler would detect, if it were asked.
            patch.setenv("CONDA_OVERRIDE_CUDA", "13.0")
            patch.setenv("CONDA_OVERRIDE_GLIBC", "2.99")
            patch.setenv("CONDA_OVERRIDE_OSX", "99")
            patch.setenv("CONDA_OVERRIDE_WIN", "99")
            patch.setenv("CONDA_OVERRIDE_ARCHSPEC", "zen4")
            locked.lock("--update-all")
        assert locked.files() == before


def test_the_python_is_the_projects(project: Project, forge: ChannelServer) -> None:
    project.declare(forge.channel("forge"), VEGA).lock()
    for subdir in SUBDIRS:
        found = packages(project, "conda-cpu-lock.yml", subdir)
        assert found["python"] == "3.12.4 h0_0_cpython"  # though there is 3.13.0
        assert "pytorch" not in found


# What was locked stays


def test_what_was_locked_stays_unless_it_is_asked(locked: Project, forge: ChannelServer) -> None:
    newer = [package("nodejs", "22.9.0", "h0_0", subdir=subdir) for subdir in SUBDIRS]
    newer += [package("git", "2.48.0", "pl_h0_0", subdir=subdir) for subdir in SUBDIRS]
    forge.put("forge", FORGE.with_packages(*newer))
    locked.edit("pyproject.toml", 'git = "*"', 'git = ">=2"')
    locked.lock()
    dev = packages(locked, "conda-cpu-dev-lock.yml")
    assert (dev["nodejs"], dev["git"]) == ("22.4.0 h0_0", "2.47.0 pl_h0_0")

    locked.lock("--update", "NodeJS")
    for name in (name for name in FILES if name.startswith("conda-")):
        assert packages(locked, name)["nodejs"] == "22.9.0 h0_0"
    assert packages(locked, "conda-cpu-dev-lock.yml")["git"] == "2.47.0 pl_h0_0"

    locked.lock("--update-all")
    assert packages(locked, "conda-cpu-dev-lock.yml")["git"] == "2.48.0 pl_h0_0"


def test_what_is_asked_moves_what_was_locked(locked: Project) -> None:
    locked.edit("pyproject.toml", 'vega-lite-cli = ">=5"', 'vega-lite-cli = ">=5"\nnodejs = "<22"')
    locked.lock()
    for name in (name for name in FILES if name.startswith("conda-")):
        assert packages(locked, name)["nodejs"] == "20.12.2 h0_0"


def test_only_what_is_stale_is_solved(locked: Project) -> None:
    locked.edit("pyproject.toml", 'git = "*"', 'git = ">=2"')
    done = locked.lock()
    assert sorted(done.out.split(" written\n")) == sorted(
        ["", *(name for name in FILES if "dev" in name)]
    )


def test_a_new_target_follows_the_first(project: Project, forge: ChannelServer) -> None:
    project.declare(forge.channel("forge"))
    whole = project.read("pyproject.toml")
    cpu = whole.replace('["cpu", "cu126"]', '["cpu"]').replace('cuda-toolkit = "*"\n', "")
    headers = (
        "[tool.accelock.target.cu126]\n",
        "[tool.accelock.conda.target.cu126.dependencies]\n",
    )
    for header in headers:
        cpu = cpu.replace(header, "")
    cpu = cpu.replace('platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]\n', "")
    project.write("pyproject.toml", cpu)
    project.lock()
    forge.put("forge", FORGE.with_packages(package("nodejs", "22.9.0", "h0_0")))
    project.write("pyproject.toml", whole)
    done = project.lock()
    assert "conda-cpu-lock.yml" not in done.out
    assert packages(project, "conda-cu126-lock.yml")["nodejs"] == "22.4.0 h0_0"


def test_an_unknown_package_to_update(locked: Project) -> None:
    done = locked.accelock("conda", "lock", "--update", "nodjs")
    assert (done.code, done.out) == (2, "")
    assert done.err == "ERROR: unknown locked package 'nodjs'; did you mean 'nodejs'?\n"


@pytest.mark.parametrize("name", ["environment-cu126.yml", "pixi.lock"])
def test_a_file_of_the_user_is_not_written_over(
    project: Project, forge: ChannelServer, name: str
) -> None:
    project.declare(forge.channel("forge"))
    project.write(name, "dependencies: [git]\n")
    done = project.accelock("conda", "lock", "--format", "pixi")
    assert done.code == 1
    assert f"ERROR: {name}: accelock did not write this file" in done.err
    assert set(project.files()) == {name}
    assert not forge.repodata()


def test_a_lock_of_conda_lock_is_where_it_begins(locked: Project, forge: ChannelServer) -> None:
    theirs = "".join(
        line
        for line in locked.read("conda-cpu-lock.yml").splitlines(keepends=True)
        if not line.startswith("#")
    )
    for name in FILES:
        (locked.folder / name).unlink()
    locked.write("conda-cpu-lock.yml", theirs)
    forge.put("forge", FORGE.with_packages(package("nodejs", "22.9.0", "h0_0")))
    locked.lock()
    assert packages(locked, "conda-cpu-lock.yml")["nodejs"] == "22.4.0 h0_0"


@pytest.mark.parametrize("name", ["conda-cpu-lock.yml", "environment-cpu.yml"])
def test_an_edited_file_is_made_again(locked: Project, name: str) -> None:
    before = locked.files()
    locked.edit(name, "nodejs" if "lock" in name else "vega-lite-cli", "other")
    done = locked.lock()
    assert f"{name} written" in done.out
    assert locked.files() == before


# Platforms


def test_a_platform_of_the_default_list_does_its_best(
    project: Project, forge: ChannelServer
) -> None:
    channel = Channel.of(each for each in FORGE.packages if each.subdir != "win-64")
    forge.put("forge", channel)
    project.declare(forge.channel("forge"))
    text = project.read("pyproject.toml")
    start, end = text.index("platforms ="), text.index("[tool.accelock.conda]")
    project.write("pyproject.toml", text[:start] + text[end:].replace(', "windows-x86_64"]', "]"))
    done = project.lock()
    assert "has no packages for win-64" in done.err
    assert "NOTE: cu126 does not exist on macos-arm64; its conda files leave that out\n" in done.err
    assert "This platform is left out, because the project does not name it." in done.err
    assert packages(project, "conda-cpu-lock.yml", "win-64") == {}
    assert packages(project, "conda-cpu-lock.yml", "osx-arm64")
    assert "win-64" not in project.read("conda-cpu-lock.yml").partition("package:")[2]
    assert findings(project) == {}
    assert project.lock().out.endswith("there was nothing to solve.\n")


def test_a_platform_that_the_project_names_binds(project: Project, forge: ChannelServer) -> None:
    forge.put("forge", Channel.of(each for each in FORGE.packages if each.subdir != "win-64"))
    done = project.declare(forge.channel("forge")).accelock("conda", "lock")
    assert done.code == 1
    assert "ERROR: cpu, windows-x86_64: no channel has these packages for win-64" in done.err
    assert project.files() == {}


def test_a_cuda_target_on_macos(project: Project, forge: ChannelServer) -> None:
    project.declare(forge.channel("forge"))
    project.edit("pyproject.toml", '["linux-x86_64", "linux-aarch64", "windows-x86_64"]',
                 '["linux-x86_64", "macos-arm64"]')  # fmt: skip
    done = project.accelock("conda", "lock")
    assert done.code == 1
    assert "ERROR: cu126 on macos-arm64: there are no CUDA builds for that system" in done.err
    assert (project.files(), forge.requests) == ({}, ())


def test_a_project_without_targets(project: Project, forge: ChannelServer) -> None:
    project.write("pyproject.toml", "[tool.accelock]\nplatforms = ['linux-x86_64']\n"
                  f"[tool.accelock.conda]\nchannels = ['{forge.channel('forge')}']\n"
                  "[tool.accelock.conda.dependencies]\nvega-lite-cli = '>=5'\n")  # fmt: skip
    project.lock()
    assert set(project.files()) == {"environment.yml", "conda-lock.yml"}
