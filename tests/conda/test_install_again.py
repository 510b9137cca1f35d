"""`accelock conda install` into an environment that is there: changed whole, or as it was."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock import alive
from tests.conda.prefixes import ON_CHANNEL, VEGA, contents, installed
from tests.conda.projects import FORGE, SUBDIRS, Project
from tests.conda.scenarios import package

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.channels import ChannelServer

pytestmark = [pytest.mark.internals, ON_CHANNEL]
INSTALL = ("conda", "install", "-p", "env", "-t", "cpu")


@pytest.fixture
def environment(locked: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of the project's; what comes after it has no cache yet."""
    assert locked.accelock(*INSTALL).code == 0
    forge.reset()
    monkeypatch.setenv("RATTLER_CACHE_DIR", f"{os.environ['RATTLER_CACHE_DIR']}-of-another")
    return locked.folder / "env"


def build_again(forge: ChannelServer) -> None:
    """Put another archive under the name of an old one into the channel."""
    others = [p for p in FORGE.packages if p.filename != VEGA.filename or p.subdir != VEGA.subdir]
    other = replace(VEGA, files={"bin/vl2svg": "#!/bin/sh\necho built again\n"})
    forge.put("forge", replace(FORGE, packages=(*others, other)))


def test_a_second_install_takes_away_what_the_lock_lacks(locked: Project) -> None:
    locked.accelock("conda", "install", "-p", "env", "-t", "cpu", "--group", "dev")
    prefix = locked.folder / "env"
    assert any(name.startswith("git-") for name in installed(prefix))
    (prefix / "note.txt").write_text("mine")
    done = locked.accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 0, done.err
    assert not any(name.startswith("git-") for name in installed(prefix))
    assert (prefix / "note.txt").read_text() == "mine"


def test_nothing_is_fetched_where_nothing_changes(
    locked: Project, forge: ChannelServer, environment: Path
) -> None:
    before = contents(environment)
    done = locked.accelock(*INSTALL)
    assert done.code == 0, done.err
    assert forge.requests == ()
    assert contents(environment) == before


def test_the_trial_is_on_the_filesystem_of_the_environment(
    locked: Project, forge: ChannelServer, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(path.name for path in environment.iterdir())
    build_again(forge)
    locked.lock("--update-all")
    monkeypatch.setattr(tempfile, "tempdir", str(locked.folder / "full"))  # as a full /tmp is
    done = locked.accelock(*INSTALL)
    assert done.code == 0, done.err
    assert "built again" in (environment / "bin" / "vl2svg").read_text()
    assert sorted(path.name for path in environment.iterdir()) == names
    assert sorted(path.name for path in locked.folder.iterdir() if path.is_dir()) == ["env"]


def test_the_trial_of_another_install_goes_on(
    locked: Project, forge: ChannelServer, environment: Path
) -> None:
    killed, others = (environment / f".accelock-trial-{name}" for name in ("killed", "others"))
    for trial in (killed, others):
        (trial / "bin").mkdir(parents=True)
    build_again(forge)
    locked.lock("--update-all")
    with alive.holding(lambda: others):
        done = locked.accelock(*INSTALL)
    assert done.code == 0, done.err
    assert [path.name for path in environment.glob(".accelock-trial-*")] == [others.name]
    assert (others / "bin").is_dir()
    done = locked.accelock(*INSTALL)  # now nobody holds it
    assert done.code == 0, done.err
    assert not list(environment.glob(".accelock-trial-*"))


def test_an_archive_built_again_is_tried_too(
    locked: Project, forge: ChannelServer, environment: Path
) -> None:
    before = contents(environment)
    build_again(forge)
    locked.lock("--update-all")
    forge.failing[f"/forge/{VEGA.subdir}/{VEGA.filename}"] = 404
    done = locked.accelock(*INSTALL)
    assert done.code == 1
    assert done.err.endswith("The environment is as it was.\n")
    assert contents(environment) == before


@pytest.mark.parametrize("record", ["{}", "{", '{"name": "vega"}'])
def test_an_environment_whose_records_are_broken(
    locked: Project, forge: ChannelServer, environment: Path, record: str
) -> None:
    name = f"{VEGA.filename.removesuffix('.conda')}.json"
    (environment / "conda-meta" / name).write_text(record)
    before = contents(environment)
    done = locked.accelock(*INSTALL)
    assert done.code == 1
    assert name in done.err
    assert done.err.endswith(
        "Nothing was installed; name a new folder, or remove this one first.\n"
    )
    assert contents(environment) == before
    assert forge.packages() == ()


def test_an_environment_without_a_package(locked: Project) -> None:
    (locked.folder / "env" / "conda-meta").mkdir(parents=True)
    (locked.folder / "env" / "conda-meta" / "history").touch()  # as `conda create` leaves it
    assert locked.accelock(*INSTALL).code == 0
    assert any(name.startswith(f"{VEGA.name}-") for name in installed(locked.folder / "env"))


def test_an_environment_that_cannot_be_written_to(
    locked: Project, forge: ChannelServer, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(environment)
    build_again(forge)
    locked.lock("--update-all")

    def refuse(**_: object) -> str:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    done = locked.accelock(*INSTALL)
    assert done.code == 1
    assert done.err.endswith("env cannot be written to: Read-only file system\n")
    assert contents(environment) == before


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
