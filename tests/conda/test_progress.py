"""What a terminal shows while a command works: whatever its colours, and not where `-q` is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conda.prefixes import ON_CHANNEL, VEGA, of_host
from tests.support.environments import isolated_env
from tests.support.terminal import run_on_terminal

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")
pytest.importorskip("pty", reason="there are no terminals to be had here")

if TYPE_CHECKING:
    from tests.conda.projects import Project
    from tests.support.channels import ChannelServer

pytestmark = [pytest.mark.internals, ON_CHANNEL]


def shown(project: Project, *words: str) -> str:
    """Run a command with NO_COLOR on a terminal, and return what that got."""
    env = isolated_env(project.folder.parent / "home")
    assert env["NO_COLOR"]
    code, told = run_on_terminal("accelock", "conda", *words, cwd=project.folder, env=env)
    assert code == 0, told
    return told


@pytest.mark.parametrize("quiet", [False, True])
def test_a_lock_shows_what_it_fetches(
    project: Project, forge: ChannelServer, *, quiet: bool
) -> None:
    forge.delay = 0.2
    project.declare(forge.channel("forge"))
    told = shown(project, "lock", *(["-q"] if quiet else []))
    before, solving, _ = told.partition("Solving cpu, ")
    assert (f"Fetching {forge.channel('forge')}/noarch/repodata" in before) is not quiet
    assert bool(solving) is not quiet
    assert not (quiet and told)


def test_a_change_of_an_environment_shows_its_trial(locked: Project) -> None:
    """All is fetched then; of the change itself nothing but the one package is left to do."""
    assert locked.accelock("conda", "install", "-p", "env", "-t", "cpu").code == 0
    meta = locked.folder / "env" / "conda-meta"
    (meta / f"{VEGA.filename.removesuffix('.conda')}.json").unlink()
    told = shown(locked, "install", "-p", "env", "-t", "cpu")
    count = len(of_host(locked)[1])
    assert told.count("Installing ") == 1
    assert told.index("Installing ") < told.index(f"\r\x1b[K  {count}/{count} ")


@pytest.mark.parametrize("quiet", [False, True])
def test_an_install_shows_what_it_links(locked: Project, *, quiet: bool) -> None:
    told = shown(locked, "install", "-p", "env", "-t", "cpu", *(["-q"] if quiet else []))
    count = len(of_host(locked)[1])
    assert (f"Installing {count} packages into " in told) is not quiet
    for word in (f"\r\x1b[K  0/{count} ", f"\r\x1b[K  {count}/{count} "):
        assert (word in told) is not quiet
    assert not (quiet and told)
