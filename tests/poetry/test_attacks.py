"""Attackers on every source: nothing of theirs is in poetry.lock, or in what is exported of it.

What an attacker has where is in `tests/support/attacks.py`. Poetry installs only files whose hash
is in the lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import Project, new_project
from tests.support import attacks
from tests.support.attacks import PLACEMENTS, Placement
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = ["torch==2.8.0", "torchvision==0.23.0", 'numpy==2.2.6 ; python_version > "3.9"', "tqdm"]


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with IndexServer(attacks.attacked_site()) as server:
        yield server


@pytest.fixture(scope="module")
def texts(server: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The lock, and an export with hashes."""
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
    return {"lock": project.read(), "export": exported}


@pytest.mark.parametrize("placed", PLACEMENTS, ids=str)
def test_nothing_of_theirs_is_locked(texts: dict[str, str], placed: Placement) -> None:
    for text in texts.values():
        assert "sha256:" in text
        assert placed.file.sha256 not in text
