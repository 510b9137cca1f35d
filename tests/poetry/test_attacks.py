"""Attackers on every source: nothing of theirs is in poetry.lock, or in what is exported of it.

What an attacker has where is in `tests/support/attacks.py`. Poetry installs only files whose hash
is in the lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import Project, new_project
from tests.support import attacks
from tests.support.attacks import PLACEMENTS, Placement, with_other_bytes
from tests.support.environments import run_accelock
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.sites import HostedFile, Index, Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ASKED = ["torch==2.8.0", "torchvision==0.23.0", 'numpy==2.2.6 ; python_version > "3.9"', "tqdm"]


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with IndexServer(attacks.attacked_site()) as server:
        yield server


@pytest.fixture(scope="module")
def texts(server: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The lock, an export with hashes, and the lock of what `init` moved in."""
    pytest.importorskip("poetry_plugin_export")
    project: Project = new_project(tmp_path_factory.mktemp("attacked"), server)
    third = '[[tool.poetry.source]]\nname = "third"\npriority = "supplemental"\n'
    project.write_pyproject(
        ASKED,
        targets=[attacks.TARGET],
        table='platforms = ["linux-x86_64"]',
        more=f'{third}url = "{server.url}{attacks.THIRD}"',
    )
    project.poetry("lock")
    exported = project.poetry("export", ACCELOCK_TARGET=attacks.TARGET).stdout
    by_hand: Project = new_project(tmp_path_factory.mktemp("by-hand"), server)
    family = '[[tool.poetry.source]]\nname = "family"\npriority = "explicit"\n'
    family += f'url = "{server.url}{attacks.FAMILYS}"\n'
    named = '[tool.poetry.dependencies]\ntorch = { source = "family" }\n'
    named += 'torchvision = { source = "family" }\n'
    by_hand.write_pyproject(
        ASKED,
        targets=(),
        source="",
        more=f'{named}{family}{third}url = "{server.url}{attacks.THIRD}"',
    )
    done = run_accelock("init", "--write", cwd=by_hand.folder, env=by_hand.env)
    assert done.returncode == 0, done.stdout + done.stderr
    by_hand.replace("\ntargets = ", '\nplatforms = ["linux-x86_64"]\ntargets = ')
    by_hand.poetry("lock")
    return {"lock": project.read(), "export": exported, "init": by_hand.read()}


@pytest.mark.parametrize("placed", PLACEMENTS, ids=str)
def test_nothing_of_theirs_is_locked(texts: dict[str, str], placed: Placement) -> None:
    for text in texts.values():
        assert "sha256:" in text
        assert placed.file.sha256 not in text


@pytest.fixture
def led(
    serve: Callable[[Site], IndexServer], tmp_path: Path
) -> Callable[..., tuple[Project, IndexServer]]:
    """Make a project whose index leads some paths to another host."""

    def make(site: Site, other: Site, *paths: str) -> tuple[Project, IndexServer]:
        elsewhere = serve(other)
        project: Project = new_project(tmp_path, serve(site))
        for path in paths:
            project.server.configure(path, moved=elsewhere.other_url)
        return project, elsewhere

    return make


def test_a_page_that_is_led_to_another_project(
    led: Callable[..., tuple[Project, IndexServer]],
) -> None:
    """Files of another name count for nothing, wherever they are."""
    evil = wheel("evil", "9999.0")
    hosted = HostedFile(f"/simple/{evil.filename}", evil)
    other = Site((Index("/simple", {"tqdm": (hosted,)}),))
    project, elsewhere = led(pytorch_site(), other, "/simple/tqdm/")
    project.write_pyproject(["tqdm"], targets=["cpu"], table='platforms = ["linux-x86_64"]')
    done = project.poetry("lock", code=1)
    assert elsewhere.requests
    assert "tqdm" in done.stdout + done.stderr
    assert evil.sha256 not in (project.read() if (project.folder / "poetry.lock").exists() else "")


def test_a_login_stays_with_its_host(
    led: Callable[..., tuple[Project, IndexServer]],
) -> None:
    site = pytorch_site()
    path = "/whl/cpu/torch/"
    project, elsewhere = led(site.configured("/whl", login=("me", "s3cret")), site, path)
    project.write_pyproject(["torch==2.8.0"], targets=["cpu"], table='platforms = ["linux-x86_64"]')
    secret = project.server.url.replace("//", "//me:s3cret@")
    project.poetry("lock", ACCELOCK_SOURCE_PYTORCH=f"{secret}/whl/{{target}}")
    assert path in {each.path for each in elsewhere.requests}
    assert not [each for each in elsewhere.requests if each.login]
    assert [each for each in project.server.requests if each.login]
    assert "s3cret" not in project.read()


def test_a_wheel_that_is_led_to_other_bytes(
    led: Callable[..., tuple[Project, IndexServer]],
) -> None:
    """The hash decides, and not who sends the file."""
    site = pytorch_site()
    project, elsewhere = led(site, with_other_bytes(site, "tqdm", "its own hash"))
    project.write_pyproject(["tqdm"], targets=["cpu"], table='platforms = ["linux-x86_64"]')
    project.poetry("lock")
    for file in site.index("/simple").projects["tqdm"]:
        project.server.configure(file.path, moved=elsewhere.other_url)
    done = project.poetry("install", code=1)
    assert elsewhere.bodies()
    assert "hash" in (done.stdout + done.stderr).lower()
