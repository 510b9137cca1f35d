"""What every test can ask for, and the isolation that none has to ask for."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.environments import isolated_env, without_settings
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.snapshot import WHY_NOT, SnapshotServer, find_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.sites import Site

TESTS = Path(__file__).parent
COUNT = itertools.count()
# These take seconds, and what they test depends on the standard library: every test in them, and
# in the files beside this one, is marked `python`. The snapshot is the same on all of them, and so
# is what is made up for a property, which takes a minute.
ON_EACH_PYTHON = {
    ".", "catalogue", "commands", "hardware", "locks", "resolve", "settings", "sources",
}  # fmt: skip

# A run of a commit finds what the run before found: made-up inputs are the same each time. `tox -e
# fuzz` looks for new ones.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("fuzz", max_examples=2000, print_blob=True)
settings.load_profile("fixed")


# Before pytest itself takes out what -m does not choose.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of whole folders."""
    for item in items:
        folder = item.path.relative_to(TESTS).parent
        top = folder.parts[0] if folder.parts else "."
        if top not in ON_EACH_PYTHON or item.get_closest_marker("snapshot") is not None:
            continue
        if not getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("python")


def pytest_configure() -> None:
    """Hide this machine's pip settings from the tests that call the tools in this process."""
    clean = without_settings(os.environ)
    for name in set(os.environ) - set(clean):
        if not name.startswith(("PYTHON", "XDG_", "TOX_")):
            del os.environ[name]
    os.environ.update(clean)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give each test a cache of its own, where it calls what reads indexes in this process."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{next(COUNT)}"
    monkeypatch.setattr("accelock.sources.cache.user_cache_path", lambda *_, **__: folder)
    return folder


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment for subprocesses, with an empty home of its own."""
    return isolated_env(tmp_path_factory.mktemp("home"))


@pytest.fixture
def serve() -> Iterator[Callable[[Site], IndexServer]]:
    """Serve a site until the test ends."""
    with ExitStack() as stack:
        yield lambda site: stack.enter_context(IndexServer(site))


@pytest.fixture
def pytorch(serve: Callable[[Site], IndexServer]) -> IndexServer:
    """The PyTorch-like indexes and the PyPI-like one (tests/support/pytorch_site.py)."""
    return serve(pytorch_site())


@pytest.fixture
def snapshot_folder() -> Path:
    """The folder with the snapshot of the real PyTorch indexes; skips where there is none."""
    folder = find_snapshot()
    if folder is None:
        pytest.skip(WHY_NOT)
    return folder


@pytest.fixture
def snapshot(snapshot_folder: Path) -> Iterator[SnapshotServer]:
    """The snapshot, served with its default options."""
    with SnapshotServer(snapshot_folder) as server:
        yield server
