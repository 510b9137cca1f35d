"""A little server, and the sessions of both kinds of host tool."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, cast

import pytest

from accelock.sources.reader import IndexReader
from tests.sources.little_server import LittleServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.sources.reader import Session


@pytest.fixture
def server() -> Iterator[LittleServer]:
    with LittleServer() as running:
        yield running


@pytest.fixture(params=["requests", "pip"])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    if request.param == "pip":
        with warnings.catch_warnings():  # pip 24 vendors a pkg_resources that is deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            opened = pytest.importorskip("pip._internal.network.session").PipSession()
        opened.auth.prompting = False
    else:
        opened = pytest.importorskip("requests").Session()
    with opened:
        opened.trust_env = False  # no proxy of this machine between us and 127.0.0.1
        yield cast("Session", opened)


@pytest.fixture
def reader(session: Session) -> IndexReader:
    return IndexReader(session, timeout=20)
