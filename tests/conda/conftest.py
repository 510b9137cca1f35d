"""Channels, solvers and settings for the tests of the conda side."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conda.projects import FORGE, Project
from tests.support.channels import ChannelServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.channels import Channel


@pytest.fixture(autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give rattler caches and credentials of this test's own."""
    home = tmp_path_factory.mktemp("rattler")
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(home / "credentials.json"))
    (home / "credentials.json").write_text("{}")


@pytest.fixture
def serve_channels() -> Iterator[Callable[..., ChannelServer]]:
    """Serve channels by name until the test ends."""
    with ExitStack() as stack:

        def serve(**channels: Channel) -> ChannelServer:
            return stack.enter_context(ChannelServer(**channels))

        yield serve


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Channel], str]:
    """Write a channel to a folder of its own, and return its URL."""
    count = iter(range(100))
    return lambda channel: channel.save(tmp_path / f"channel-{next(count)}")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def forge(serve_channels: Callable[..., ChannelServer]) -> ChannelServer:
    """The channel of `projects`, as `forge`."""
    return serve_channels(forge=FORGE)


@pytest.fixture
def locked(project: Project, forge: ChannelServer) -> Project:
    """The project of `projects`, locked; the server has forgotten it."""
    project.declare(forge.channel("forge")).lock()
    forge.reset()
    return project
