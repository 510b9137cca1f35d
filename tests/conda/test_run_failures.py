"""`accelock conda lock` where something is in the way: every file stays as it was."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from accelock.conda import rattler as adapter
from tests.conda.projects import FORGE, Project

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

pytestmark = pytest.mark.internals


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'git = "*"',
            'git = ">=99"',
            ("(group dev): no packages satisfy all of these:\n  - git >=99"),
        ),
        ('git = "*"', 'gitt = "*"', "\n  - gitt; did you mean git?"),
        ('git = "*"', 'git = ">>1"', "tool.accelock.conda.group.dev.dependencies.git: 'git >>1'"),
        ('pytorch = "*"', 'pytorch = "*"\ncuda-toolkit = "*"', "cuda-toolkit is a part of CUDA"),
        ('channels = ["', 'channels = []\nx = ["', "tool.accelock.conda.channels: is empty"),
        ("/forge", "/nowhere", "/nowhere could not be read"),
    ],
)
def test_a_failure_leaves_every_file_as_it_was(
    locked: Project, old: str, new: str, told: str
) -> None:
    before = locked.files()
    locked.edit("pyproject.toml", old, new)
    done = locked.accelock("conda", "lock")
    assert (done.code, done.out) == (1, "")
    assert told in done.err
    assert locked.files() == before


def test_no_table(project: Project) -> None:
    project.write("pyproject.toml", "[tool.accelock]\ntargets = ['cpu']\n")
    done = project.accelock("conda", "lock")
    assert done.code == 1
    assert "has no table [tool.accelock.conda]" in done.err


def test_without_the_extra_nothing_is_written(
    locked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = locked.files()
    monkeypatch.setattr("accelock.conda.rattler.rattler", None)
    assert locked.lock().out.endswith("there was nothing to solve.\n")
    locked.edit("pyproject.toml", 'git = "*"', 'git = ">=2"')
    done = locked.accelock("conda", "lock")
    assert done.code == 1
    assert done.err.startswith(
        "ERROR: solving conda environments needs the extra 'conda', which is not installed. Run: "
    )
    assert done.err.endswith("[conda]'\n")
    assert locked.files() == before


def test_without_a_yaml_parser_the_extra_is_missing(
    project: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "yaml" else name)
    done = project.declare(forge.channel("forge")).accelock("conda", "lock")
    assert done.err.endswith("[conda]'\n")
    assert (project.files(), forge.requests) == ({}, ())


def test_a_rattler_that_lacks_what_is_used(
    project: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter._probe.cache_clear()
    monkeypatch.delattr("rattler.Gateway")
    monkeypatch.setattr("rattler.solve", lambda sources, specs: (sources, specs))
    done = project.declare(forge.channel("forge")).accelock("conda", "lock")
    assert "does not find Gateway, solve(channel_relations=), solve(constraints=)" in done.err
    assert "python -m pip install 'py-rattler" in done.err
    assert (project.files(), forge.requests) == ({}, ())


def test_credentials_that_rattler_cannot_read(
    project: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("auth.json", "{bad")
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(project.folder / "auth.json"))
    done = project.declare(forge.channel("forge")).accelock("conda", "lock")
    assert done.code == 1
    assert done.err.startswith("ERROR: py-rattler gave up: ")
    assert "failed to parse " in done.err
    assert "RATTLER_AUTH_FILE" in done.err
    assert set(project.files()) == {"auth.json"}


def test_a_channel_without_sha256(project: Project, forge: ChannelServer) -> None:
    repodata = json.loads(FORGE.repodata("noarch"))
    for record in repodata["packages.conda"].values():
        del record["sha256"]
    forge.spoil("forge", "noarch/repodata.json", json.dumps(repodata).encode())
    done = project.declare(forge.channel("forge")).accelock("conda", "lock")
    assert done.code == 1
    assert "/forge publishes no md5 or no sha256 of tzdata-2024a-h0_0.conda" in done.err
    assert project.files() == {}


def test_a_broken_record_is_named(locked: Project, forge: ChannelServer) -> None:
    before = locked.files()
    repodata = json.loads(FORGE.repodata("linux-64"))
    for record in repodata["packages.conda"].values():
        if record["name"] == "nodejs":
            record["version"] = "no version !!"
    forge.spoil("forge", "linux-64/repodata.json", json.dumps(repodata).encode())
    locked.edit("pyproject.toml", 'vega-lite-cli = ">=5"', 'vega-lite-cli = ">=5.1"')
    done = locked.accelock("conda", "lock")
    assert (done.code, done.out) == (1, "")
    assert "/forge has a broken record of nodejs for linux-64 or noarch: malformed" in done.err
    assert "Traceback" not in done.err
    assert locked.files() == before


@pytest.mark.skipif(os.name != "posix", reason="making a link takes a right on Windows")
def test_a_file_that_cannot_be_written(locked: Project) -> None:
    name = "conda-cu126-lock.yml"
    (locked.folder / name).unlink()
    (locked.folder / name).symlink_to("nowhere/at-all.yml")
    before = locked.files()
    locked.edit("pyproject.toml", 'vega-lite-cli = ">=5"', 'vega-lite-cli = ">=5.1"')
    done = locked.accelock("conda", "lock")
    assert (done.code, done.out) == (1, "")
    assert "/nowhere/at-all.yml: cannot be written (No such file or directory)" in done.err
    assert locked.files() == before
    assert (locked.folder / name).is_symlink()
    assert {path.name for path in locked.folder.iterdir()} == {*before, name, "pyproject.toml"}


# Credentials


@pytest.mark.parametrize("way", ["login", "token"])
def test_credentials_are_in_no_file_and_no_message(
    project: Project, forge: ChannelServer, way: str
) -> None:
    forge.login = ("alice", "s3cr3t-w0rd") if way == "login" else None
    forge.token = "s3cr3t-w0rd" if way == "token" else None
    project.declare(forge.secret("forge"))
    done = project.lock("--format", "explicit", "--format", "pixi")
    told = done.out + done.err + "".join(text.decode() for text in project.files().values())
    project.edit("pyproject.toml", 'git = "*"', 'git = ">=99"')
    told += project.accelock("conda", "lock").err
    forge.login, forge.token = ("bob", "other"), None
    told += project.accelock("conda", "lock").err
    assert "could not be read" in told
    for word in ("s3cr3t", "alice", "/t/"):
        assert word not in told
