"""`accelock conda install` that is interrupted while it cleans up: nothing of it is left."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conda.prefixes import ON_CHANNEL, VEGA, contents
from tests.conda.projects import FORGE, SUBDIRS
from tests.conda.scenarios import package
from tests.support.fakes import on_posix

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from tests.conda.projects import Project
    from tests.support.channels import ChannelServer

pytestmark = [ON_CHANNEL, on_posix]
# Ctrl-C comes each time that `{function}` is called. A shell that runs the tests in the background
# has its children ignore it.
DRIVER = """\
import shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
called = {function}
def interrupted(*words, **named):
    signal.raise_signal(signal.SIGINT)
    return called(*words, **named)
{function} = interrupted
from accelock.cli import main
sys.exit(main(["conda", "install", "-p", "env", "-t", "cpu"]))
"""
INTERRUPTED = 130


def install(project: Project, function: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DRIVER.format(function=function)],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("function", ["shutil.rmtree", "time.sleep"])
def test_a_trial_is_removed_whatever_comes(
    locked: Project, forge: ChannelServer, function: str
) -> None:
    assert locked.accelock("conda", "install", "-p", "env", "-t", "cpu").code == 0
    prefix = locked.folder / "env"
    before = contents(prefix)
    newer = (package("nodejs", "22.9.0", "h0_0", subdir=each) for each in SUBDIRS)
    forge.put("forge", FORGE.with_packages(*newer))
    locked.lock("--update", "nodejs")
    done = install(locked, function)
    assert (done.returncode, "Traceback" in done.stderr) == (INTERRUPTED, False), done.stderr
    assert contents(prefix) == before
    assert not list(prefix.glob(".accelock-trial-*"))


@pytest.mark.parametrize("was_there", [False, True])
@pytest.mark.parametrize("function", ["shutil.rmtree", "time.sleep"])
def test_a_new_prefix_is_removed_whatever_comes(
    locked: Project, forge: ChannelServer, function: str, *, was_there: bool
) -> None:
    prefix = locked.folder / "env"
    if was_there:
        prefix.mkdir()
    forge.failing[f"/forge/{VEGA.subdir}/{VEGA.filename}"] = 404
    done = install(locked, function)
    assert (done.returncode, "Traceback" in done.stderr) == (INTERRUPTED, False), done.stderr
    assert prefix.exists() is was_there
    assert not (was_there and list(prefix.iterdir()))


def test_an_interruption_after_the_last_word_says_nothing(locked: Project) -> None:
    done = install(locked, "time.sleep")
    assert done.stderr.endswith(" packages are in env\n")
