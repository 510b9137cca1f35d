"""`accelock conda install`: a lock into a prefix, checked, and all of it or nothing new."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.conda.capture import capture
from accelock.conda.errors import InstallError
from accelock.conda.install import choose_records, install
from accelock.conda.read import read_lock
from accelock.conda.spec import parse
from accelock.target import PLATFORMS, host_platform
from tests.conda.projects import FORGE, SUBDIRS, Project
from tests.conda.scenarios import package
from tests.support.channels import Channel

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from accelock.conda.record import Record
    from accelock.target import Platform
    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

HOST = host_platform()
pytestmark = pytest.mark.skipif(
    HOST is None or HOST.conda_subdir not in SUBDIRS, reason="the channel is not for this machine"
)
VEGA = next(p for p in FORGE.packages if p.name == "vega-lite-cli" and HOST
            and p.subdir == HOST.conda_subdir)  # fmt: skip


def records_of(project: Project, target: str = "cpu") -> Mapping[Platform, tuple[Record, ...]]:
    name = f"conda-{target}-lock.yml"
    return read_lock(project.read(name), name)


def of_host(project: Project, target: str = "cpu") -> tuple[Platform, tuple[Record, ...]]:
    return choose_records(records_of(project, target), "the lock")


def installed(prefix: Path) -> set[str]:
    return {path.stem for path in (prefix / "conda-meta").glob("*.json")}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def ends(record: Record) -> str:
    return f"{record.name}-{record.version}-{record.build}"


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
    assert installed(prefix) == set(map(ends, records))
    assert not forge.repodata()
    assert f"Installing {len(records)} packages into {prefix}\n" in done.err
    assert f"conda-{target}-lock.yml (--target says so)\n" in done.err
    assert done.err.endswith(f"{len(records)} packages are in env\n")
    if os.name == "posix":
        said = subprocess.run(
            [prefix / "bin" / "vl2svg"], capture_output=True, text=True, check=True
        ).stdout
        assert said == f"vega-lite of {prefix}\n"


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
    assert done.err == "ERROR: unknown declared target 'cu12'; did you mean 'cu126'?\n"


def test_a_second_install_takes_away_what_the_lock_lacks(locked: Project) -> None:
    locked.accelock("conda", "install", "-p", "env", "-t", "cpu", "--group", "dev")
    prefix = locked.folder / "env"
    assert any(name.startswith("git-") for name in installed(prefix))
    (prefix / "note.txt").write_text("mine")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 0, done.err
    assert not any(name.startswith("git-") for name in installed(prefix))
    assert (prefix / "note.txt").read_text() == "mine"


def test_credentials_reach_the_archives_and_no_file(project: Project, forge: ChannelServer) -> None:
    forge.login = ("alice", "s3cr3t-w0rd")
    project.declare(forge.secret("forge")).lock()
    done = project.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 0, done.err
    everything = b"".join(contents(project.folder / "env").values())
    assert b"s3cr3t" not in everything
    assert "s3cr3t" not in done.err


# What is refused


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


def test_an_environment_is_as_it_was_after_a_failure(
    locked: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert locked.accelock("conda", "install", "-p", "env", "-t", "cpu").code == 0
    prefix = locked.folder / "env"
    before = contents(prefix)
    newer = [replace(p, version="5.99.0") for p in FORGE.packages if p.name == "vega-lite-cli"]
    forge.put("forge", FORGE.with_packages(*newer, *(
        package("nodejs", "22.9.0", "h0_0", subdir=subdir) for subdir in SUBDIRS)))  # fmt: skip
    locked.lock("--update-all")
    mine = next(each for each in newer if each.subdir == VEGA.subdir)
    forge.spoil("forge", f"{mine.subdir}/{mine.filename}", VEGA.content)
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "another-cache"))
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert done.err.endswith("The environment is as it was.\n")
    assert contents(prefix) == before


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
    assert "is not empty, and no conda environment" in done.err
    assert [path.name for path in (locked.folder / "env").iterdir()] == ["thesis.tex"]


def test_the_environment_that_conda_itself_runs_from(locked: Project) -> None:
    meta = locked.folder / "env" / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "conda-26.9.0-py312_0.json").write_text("{}")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 1
    assert "is an environment that conda itself runs from" in done.err


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
    assert "this environment must be for the CPU alone, and is not" in done.err
    assert not (locked.folder / "env").exists()


def test_an_edited_lock_is_told(locked: Project) -> None:
    locked.edit("conda-cpu-lock.yml", "category: main", "category: dev")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.err.startswith("WARNING: conda-cpu-lock.yml was edited by hand")
    assert done.code == 0, done.err


def test_what_is_missing(locked: Project) -> None:
    assert "say where to" in locked.accelock("conda", "install").err
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu", "--group", "dve")
    assert done.err == "ERROR: unknown group 'dve'; choose one of: dev\n"
    (locked.folder / "conda-cpu-lock.yml").unlink()
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.err == (
        "ERROR: conda-cpu-lock.yml is not there; make it with: accelock conda lock\n"
    )


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
    from accelock.conda.request import Request  # noqa: PLC0415
    from accelock.conda.solve import Solver  # noqa: PLC0415

    records = Solver([server.channel("forge")]).solve(Request(HOST, (parse("old"),)))
    install(records, tmp_path / "env", HOST)
    assert (tmp_path / "env/share/old.txt").read_text() == "old\n"
    assert len((tmp_path / "env/share/new.txt").read_text()) == 300_000


def test_a_machine_that_has_no_name(locked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelock.conda.install.host_platform", lambda: None)
    with pytest.raises(InstallError, match="none of the platforms that accelock knows"):
        choose_records(records_of(locked), "the lock")
    assert choose_records(records_of(locked), "the lock", PLATFORMS["macos-arm64"])[1]
