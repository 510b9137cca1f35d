"""Which environment is meant: the active one, and never that of a tool."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from accelock.environments import Environment, NoEnvironmentError, other_environment
from accelock.errors import AccelockError
from accelock.installation import tool_kind

RECEIPTS = {"pipx": "pipx_metadata.json", "uv tool": "uv-receipt.toml"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The environment that accelock runs in."""
    return made(tmp_path / "own")


def made(folder: Path) -> Path:
    """Make an environment with a Python in it."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / "pyvenv.cfg").touch()
    return folder


def found(tmp_path: Path, own: Path, **environ: object) -> Environment | None:
    words = {name: str(value) for name, value in environ.items()}
    return other_environment(words, tmp_path / "project", own)


def test_without_any_it_is_the_one_that_runs_this(tmp_path: Path, own: Path) -> None:
    assert found(tmp_path, own) is None
    assert found(tmp_path, own, VIRTUAL_ENV="", CONDA_PREFIX="") is None


def test_the_active_one_comes_before_that_of_the_project(tmp_path: Path, own: Path) -> None:
    venv, conda, here = (made(tmp_path / name) for name in ("a", "b", "project/.venv"))
    assert found(tmp_path, own, VIRTUAL_ENV=venv, CONDA_PREFIX=conda) == Environment(
        venv, "VIRTUAL_ENV"
    )
    assert found(tmp_path, own, CONDA_PREFIX=conda) == Environment(conda, "CONDA_PREFIX")
    assert found(tmp_path, own) == Environment(here, ".venv")


@pytest.mark.parametrize("base", ["base", "root"])
def test_condas_own_environment_is_nobodys(base: str, tmp_path: Path, own: Path) -> None:
    conda = made(tmp_path / "conda")
    assert found(tmp_path, own, CONDA_PREFIX=conda, CONDA_DEFAULT_ENV=base) is None


def test_the_active_one_may_be_the_one_that_runs_this(tmp_path: Path, own: Path) -> None:
    made(tmp_path / "project/.venv")
    (tmp_path / "link").symlink_to(own)
    assert found(tmp_path, own, VIRTUAL_ENV=own) is None
    assert found(tmp_path, own, VIRTUAL_ENV=tmp_path / "link") is None


@pytest.mark.parametrize("kind", RECEIPTS)
def test_a_tool_has_an_environment_that_nobody_means(kind: str, tmp_path: Path, own: Path) -> None:
    (own / RECEIPTS[kind]).touch()
    assert tool_kind(own) == kind
    with pytest.raises(NoEnvironmentError, match=rf"installed as a tool \({kind}\)"):
        found(tmp_path, own)
    here = made(tmp_path / "project/.venv")
    assert found(tmp_path, own) == Environment(here, ".venv")


def test_uvx_makes_environments_in_its_cache(tmp_path: Path) -> None:
    assert tool_kind(tmp_path / "archive-v0" / "Eg78gAVN") == "uvx"
    assert tool_kind(tmp_path / "venv") is None


def test_an_environment_that_is_gone_is_told(tmp_path: Path, own: Path) -> None:
    gone = found(tmp_path, own, VIRTUAL_ENV=tmp_path / "gone")
    assert gone is not None
    with pytest.raises(AccelockError, match=r"gone \(VIRTUAL_ENV\) has no Python"):
        assert gone.python
    there = found(tmp_path, own, VIRTUAL_ENV=made(tmp_path / "there"))
    assert there is not None
    assert Path(there.python).is_relative_to(tmp_path / "there")
