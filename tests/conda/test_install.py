"""`accelock conda install`: a lock into a prefix, checked, and all of it or nothing new."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.conda.capture import capture
from accelock.conda.install import choose_records, install
from accelock.conda.link import InstallError
from accelock.conda.spec import parse
from accelock.targets import PLATFORMS
from tests.conda.prefixes import (
    HOST,
    ON_CHANNEL,
    VEGA,
    cached,
    contents,
    installed,
    of_host,
    records_of,
    stem,
)
from tests.conda.projects import VEGA as VEGA_TABLE
from tests.conda.projects import Project
from tests.conda.scenarios import package
from tests.support.channels import PLACEHOLDER, Channel

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

from accelock.conda.record import Request
from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelock.conda.record import Record
    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

pytestmark = [pytest.mark.internals, ON_CHANNEL]
CELLS = [("cpu", name) for name in PLATFORMS if name != "macos-x86_64"]
CELLS += [("cu126", name) for _, name in CELLS if "macos" not in name]


def solved(server: ChannelServer, asked: str) -> tuple[Record, ...]:
    assert HOST is not None
    return Solver([server.channel("forge")]).solve(Request(HOST, (parse(asked),)))


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_the_lock_of_each_target_and_a_script_of_it(
    locked: Project, forge: ChannelServer, target: str
) -> None:
    if HOST is not None and HOST not in records_of(locked, target):
        pytest.skip(f"{target} is not for this machine")
    done = locked.accelock("conda", "install", "--prefix", "env", "--target", target)
    assert done.code == 0, done.err
    prefix = locked.folder / "env"
    _, records = of_host(locked, target)
    assert installed(prefix) == set(map(stem, records))
    assert not forge.repodata()
    assert f"Installing {len(records)} packages into {prefix}\n" in done.err
    assert f"conda-{target}-lock.yml (--target says so)\n" in done.err
    assert done.err.endswith(f"{len(records)} packages are in env\n")
    if os.name == "posix":
        said = subprocess.run(
            [prefix / "bin" / "vl2svg"], capture_output=True, text=True, check=True
        ).stdout
        assert said == f"vega-lite of {prefix}\n"


@pytest.mark.parametrize(("target", "name"), CELLS)
def test_every_platform_of_each_target(locked: Project, target: str, name: str) -> None:
    """On one machine: a package of another platform is linked there by the same rules."""
    prefix, platform = locked.folder / "env", PLATFORMS[name]
    records = records_of(locked, target)[platform]
    install(records, prefix, platform)
    assert installed(prefix) == set(map(stem, records))
    builds = {record.name: record.build for record in records}
    assert ("cuda" in builds["pytorch"]) is (target == "cu126")
    script = prefix / "bin" / "vl2svg"
    assert script.exists()
    if os.name == "posix" and platform.sys_platform != "win32":
        done = subprocess.run(["sh", script], capture_output=True, text=True, check=True)
        assert done.stdout == f"vega-lite of {prefix}\n"


def test_scripts_of_packages_are_not_run(serve_channels: Serve, tmp_path: Path) -> None:
    assert HOST is not None
    windows = HOST.sys_platform == "win32"
    path = "Scripts/.hook-post-link.bat" if windows else "bin/.hook-post-link.sh"
    text = "echo it > %PREFIX%\\ran\r\n" if windows else '#!/bin/sh\necho it > "$PREFIX/ran"\n'
    hook = replace(package("hook", "1", subdir=HOST.conda_subdir), files={path: text})
    install(solved(serve_channels(forge=Channel.of(hook)), "hook"), tmp_path / "env", HOST)
    assert (tmp_path / "env" / path).exists()
    assert not (tmp_path / "env" / "ran").exists()


def test_the_prefix_knows_what_was_asked_for(locked: Project) -> None:
    locked.accelock("conda", "install", "--prefix", "env", "--target", "cpu", "--group", "dev")
    found = capture(locked.folder / "env")
    names = {record.name for record in found.requested}
    assert {"git", "python", "pytorch", "vega-lite-cli"} <= names
    assert "nodejs" not in names


def test_the_target_is_chosen_as_everywhere(
    locked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELOCK_TARGET", "cpu")
    done = locked.accelock("conda", "install", "--prefix", "env")
    assert "conda-cpu-lock.yml (cpu (ACCELOCK_TARGET says so))\n" in done.err
    done = locked.accelock("conda", "install", "--prefix", "env", "--target", "cu12")
    assert done.code == 2
    assert done.err == "ERROR: unknown declared target 'cu12'; did you mean 'cu126'?\n"


def test_a_target_that_is_not_for_this_platform_is_not_chosen(
    locked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver would run cu126; its lock has nothing for this machine."""
    if HOST is None or HOST not in records_of(locked, "cu126"):
        pytest.skip("cu126 is not for this machine")
    monkeypatch.setenv("ACCELOCK_CUDA_DRIVER", "580.82.07")
    words = ("conda", "install", "--prefix", "env")
    assert "conda-cu126-lock.yml (cu126 (" in locked.accelock(*words).err
    other = "linux-aarch64" if HOST.name == "linux-x86_64" else "linux-x86_64"
    everywhere = 'platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]'
    locked.edit("pyproject.toml", everywhere, f'platforms = ["{other}"]')
    locked.lock()
    done = locked.accelock(*words)
    assert done.code == 0, done.err
    assert "conda-cpu-lock.yml (cpu (" in done.err
    assert f"cu126: the lock has it for {other}, and this is {HOST.name}" in done.err


@pytest.mark.parametrize("way", ["login", "token"])
def test_credentials_reach_the_archives_and_no_file(
    project: Project, forge: ChannelServer, way: str
) -> None:
    forge.login = ("alice", "s3cr3t-w0rd") if way == "login" else None
    forge.token = "s3cr3t-w0rd" if way == "token" else None
    project.declare(forge.secret("forge")).lock()
    done = project.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 0, done.err
    assert forge.packages()
    written, kept = contents(project.folder / "env"), cached()
    assert any(VEGA.filename.removesuffix(".conda") in name for name in kept)
    assert any(name.endswith(".json") and not name.startswith("pkgs/") for name in kept)
    for content in (*written.values(), *kept.values(), done.err.encode()):
        for word in (b"s3cr3t", b"alice:", b"/t/"):
            assert word not in content


# What is refused


def test_a_lock_of_other_platforms_by_the_command(project: Project, forge: ChannelServer) -> None:
    assert HOST is not None
    others = [name for name in PLATFORMS if name not in (HOST.name, "macos-x86_64")]
    platforms = ", ".join(f'"{name}"' for name in others)
    project.declare(forge.channel("forge"), VEGA_TABLE, platforms).lock()
    before = project.files()
    forge.reset()
    done = project.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert (done.code, done.out) == (1, "")
    assert f"this machine is {HOST.conda_subdir}; add {HOST.name} to the platforms" in done.err
    assert (project.files(), forge.requests) == (before, ())
    assert not (project.folder / "env").exists()


def test_a_lock_of_other_platforms(locked: Project) -> None:
    others = {p: r for p, r in records_of(locked).items() if p != HOST}
    names = ", ".join(sorted(platform.conda_subdir for platform in others))
    with pytest.raises(InstallError) as caught:
        choose_records(others, "conda-cpu-lock.yml")
    assert str(caught.value).startswith(f"conda-cpu-lock.yml is for {names}, and this machine is")


def test_records_of_another_platform(locked: Project, tmp_path: Path) -> None:
    other = next(platform for platform in records_of(locked) if platform != HOST)
    platform, _ = of_host(locked)
    with pytest.raises(InstallError, match=f"is for {other.conda_subdir}, and not for"):
        install(records_of(locked)[other], tmp_path / "env", platform)
    assert not (tmp_path / "env").exists()


def test_a_record_without_sha256(locked: Project, tmp_path: Path) -> None:
    platform, (first, *rest) = of_host(locked)
    with pytest.raises(InstallError, match="has no sha256 in the lock"):
        install([replace(first, sha256=""), *rest], tmp_path / "env", platform)
    assert not (tmp_path / "env").exists()


def tamper(server: ChannelServer) -> None:
    """Serve an archive with another script under the same name."""
    other = replace(VEGA, files={"bin/vl2svg": "#!/bin/sh\necho evil\n"})
    server.spoil("forge", f"{VEGA.subdir}/{VEGA.filename}", other.content)


def test_an_archive_that_was_tampered_with(locked: Project, forge: ChannelServer) -> None:
    tamper(forge)
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert "hash mismatch" in done.err
    assert str(VEGA.record["sha256"]) in done.err
    assert done.err.endswith("Nothing was installed.\n")
    assert not (locked.folder / "env").exists()


def test_an_archive_that_is_gone(locked: Project, forge: ChannelServer) -> None:
    forge.failing[f"/forge/{VEGA.subdir}/{VEGA.filename}"] = 404
    (locked.folder / "env").mkdir()
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert "404" in done.err
    assert list((locked.folder / "env").iterdir()) == []


def test_a_folder_with_something_else_in_it(locked: Project) -> None:
    (locked.folder / "env").mkdir()
    (locked.folder / "env" / "thesis.tex").write_text("mine")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert "is not empty, and is not a conda environment" in done.err
    assert [path.name for path in (locked.folder / "env").iterdir()] == ["thesis.tex"]


def test_the_environment_that_conda_itself_runs_from(locked: Project) -> None:
    meta = locked.folder / "env" / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "conda-26.9.0-py312_0.json").write_text("{}")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert "is the environment from which conda runs" in done.err


def test_a_file_where_the_folder_should_be(locked: Project) -> None:
    done = locked.accelock("conda", "install", "-p", "pyproject.toml", "-t", "cpu")
    assert done.code == 1
    assert "is a file; name a folder to install into" in done.err


def test_a_lock_that_became_cuda(locked: Project) -> None:
    """As a bad merge makes it: the guarantee is kept when it is installed, too."""
    cuda = locked.read("conda-cu126-lock.yml")
    text = cuda.replace("; target cu126", "; target cpu")
    locked.write("conda-cpu-lock.yml", text)
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert "this environment must be for the CPU only, and these packages are not" in done.err
    assert not (locked.folder / "env").exists()


def test_an_edited_lock_is_told(locked: Project) -> None:
    locked.edit("conda-cpu-lock.yml", "category: main", "category: dev")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.err.startswith("WARNING: conda-cpu-lock.yml was edited by hand")
    assert done.code == 0, done.err


def test_a_stale_lock_is_told(locked: Project, forge: ChannelServer) -> None:
    words = ("conda", "install", "-p", "env", "-t", "cpu")
    assert "WARNING" not in locked.accelock(*words).err
    locked.edit("pyproject.toml", 'ffmpeg = "*"', 'ffmpeg = { version = "<6.1" }')
    done = locked.accelock(*words)
    assert done.code == 0, done.err
    assert done.err.startswith(
        "WARNING: conda-cpu-lock.yml is stale: its inputs changed, or are missing (linux-64, "
        "linux-aarch64, osx-arm64, win-64); to update it, run: accelock conda lock\n"
    )
    channel = f'channels = ["{forge.channel("forge")}"]'
    locked.edit("pyproject.toml", channel, f'{channel}\npins = "poetry.lock"')
    done = locked.accelock(*words)
    assert done.code == 0, done.err
    assert done.err.startswith(
        "WARNING: accelock cannot tell whether conda-cpu-lock.yml is fresh: poetry.lock: "
    )


def test_what_is_missing(locked: Project) -> None:
    done = locked.accelock("conda", "install")
    assert (done.code, "name a folder" in done.err) == (2, True)
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu", "--group", "dve")
    assert done.err == "ERROR: unknown group 'dve'; choose one of: dev\n"
    (locked.folder / "conda-cpu-lock.yml").unlink()
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.err == ("ERROR: conda-cpu-lock.yml does not exist; run: accelock conda lock\n")


def test_an_interrupted_run_comes_first(locked: Project) -> None:
    (locked.folder / f".accelock-journal.{'0' * 16}").write_text("{}")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert (done.code, "was interrupted" in done.err) == (1, True)


def test_both_kinds_of_archives(serve_channels: Serve, tmp_path: Path) -> None:
    assert HOST is not None
    old = package("old", "1", "0", "new", subdir=HOST.conda_subdir)
    new = package("new", "1", subdir=HOST.conda_subdir)
    old = replace(old, suffix=".tar.bz2", files={"share/old.txt": "old\n"})
    new = replace(new, files={"share/new.txt": "x" * 300_000})
    server = serve_channels(forge=Channel.of(old, new))
    install(solved(server, "old"), tmp_path / "env", HOST)
    assert (tmp_path / "env/share/old.txt").read_text() == "old\n"
    assert len((tmp_path / "env/share/new.txt").read_text()) == 300_000


def test_a_machine_that_has_no_name(locked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelock.conda.install.host_platform", lambda: None)
    with pytest.raises(InstallError, match=r"does not know the platform of this machine"):
        choose_records(records_of(locked), "the lock")
    assert choose_records(records_of(locked), "the lock", PLATFORMS["macos-arm64"])[1]


# What a lock does not say, and a package does

FREE_THREADED = """\
[tool.accelock]
targets = ["cpu"]
platforms = [{platforms}]
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
tool = "*"
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has one folder for all Pythons")
def test_noarch_packages_of_a_free_threaded_python(project: Project, serve_channels: Serve) -> None:
    """python_site_packages_path (CEP 17): pixi.lock has it, and conda-lock's format has no key."""
    assert HOST is not None
    path = "lib/python3.13t/site-packages"
    python = package("python", "3.13.1", "h1_5_cp313t", subdir=HOST.conda_subdir,
                     python_site_packages_path=path)  # fmt: skip
    python = replace(python, files={"bin/python3.13t": "python\n"})
    tool = replace(package("tool", "1.0", "pyh_0", "python >=3.9", subdir="noarch"),
                   noarch="python", files={"site-packages/tool.py": "1\n"})  # fmt: skip
    other = replace(tool, name="other", files={"site-packages/other.py": "1\n"})
    server = serve_channels(forge=Channel.of(python, tool, other))
    project.declare(server.channel("forge"), FREE_THREADED, f'"{HOST.name}"')
    project.lock("--format", "pixi")
    assert f"  python_site_packages_path: {path}\n" in project.read("pixi.lock")
    words = ("conda", "install", "-p", "env")
    done = project.accelock(*words)
    assert done.code == 0, done.err
    assert (project.folder / "env" / path / "tool.py").exists()
    assert not (project.folder / "env/lib/python3.13").exists()
    # Into an environment that has this Python already.
    project.edit("pyproject.toml", 'tool = "*"', 'tool = "*"\nother = "*"')
    project.lock()
    assert project.accelock(*words).code == 0
    assert (project.folder / "env" / path / "other.py").exists()
    assert not (project.folder / "env/lib/python3.13").exists()
    assert f"  python_site_packages_path: {path}\n" in project.read("pixi.lock")


def _filled(length: int) -> list[str]:
    """Names of folders that take so many characters together, each no longer than most systems'."""
    whole, rest = divmod(length, 100)
    return ["x" * 99] * whole + ["x" * rest] if rest else ["x" * 99] * (whole - 1) + ["x" * 100]


def test_an_environment_whose_path_is_as_long_as_a_package_has_room_for(
    serve_channels: Serve, tmp_path: Path
) -> None:
    """The folder of the trial is longer than it, and no file has room for that."""
    assert HOST is not None
    room = f"{PLACEHOLDER}{'_placehold' * 30}"
    prefix = tmp_path / "env" / "/".join(_filled(len(room) - len(str(tmp_path / "env")) - 1))
    for version in ("1.0", "2.0"):
        binary = package("binary", version, subdir=HOST.conda_subdir)
        binary = replace(binary, files={"share/binary": f"\0{room}\0"})
        install(solved(serve_channels(forge=Channel.of(binary)), "binary"), prefix, HOST)
        assert (prefix / "share/binary").read_bytes() == f"\0{prefix}\0".encode()


def test_packages_whose_scripts_are_not_run_are_named(
    project: Project, serve_channels: Serve
) -> None:
    assert HOST is not None
    windows = HOST.sys_platform == "win32"
    script = "Scripts/.tool-post-link.bat" if windows else "bin/.tool-post-link.sh"
    tool = package("tool", "1.0", "0", "menu", subdir=HOST.conda_subdir)
    tool = replace(tool, files={script: "exit 1\n"})
    menu = package("menu", "1.0", "0", subdir=HOST.conda_subdir)
    menu = replace(menu, files={"Menu/menu.json": "{}\n"})
    server = serve_channels(forge=Channel.of(tool, menu))
    project.declare(server.channel("forge"), FREE_THREADED, f'"{HOST.name}"').lock()
    done = project.accelock("conda", "install", "-p", "env")
    assert done.code == 0, done.err
    assert "WARNING: tool: accelock did not run the link scripts of these packages" in done.err
    assert (
        "NOTE: menu: accelock did not add the desktop menu entries of these packages\n" in done.err
    )
