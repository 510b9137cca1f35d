"""The world that the README's commands reach, and a shell in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.readme.shell import Shell, needs_poetry, open_shell
from tests.readme.world import outside_world
from tests.support.environments import isolated_env

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.readme.document import Scenario
    from tests.support.proxy import Proxy
    from tests.support.server import IndexServer


@pytest.fixture(scope="module")
def outside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[IndexServer, Proxy]]:
    """Everything that the commands reach, told apart by host, until the file's tests are done.

    A file of tests that needs another world names it OUTSIDE.
    """
    opened = getattr(request.module, "OUTSIDE", outside_world)
    with opened(tmp_path_factory.mktemp("outside")) as world:
        yield world


@pytest.fixture
def server(outside: tuple[IndexServer, Proxy]) -> IndexServer:
    outside[0].reset()
    return outside[0]


@pytest.fixture
def begin(
    outside: tuple[IndexServer, Proxy], server: IndexServer, tmp_path: Path
) -> Iterator[Callable[[Scenario], Shell]]:
    """Open a shell for a scenario; at the end, nothing else in the world may have been asked."""
    del server
    _server, proxy = outside
    env = isolated_env(tmp_path / "home") | proxy.variables

    def open_(scenario: Scenario) -> Shell:
        if not needs_poetry(scenario):
            pytest.importorskip("piptools", reason="the extra pip-tools is not installed")
        return open_shell(scenario, tmp_path, env)

    yield open_
    assert not proxy.refused
