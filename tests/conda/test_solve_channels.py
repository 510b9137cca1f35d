"""The adapter over channels that cannot be read, and over those that ask for a login."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from accelock.conda.cell import solve_cell
from accelock.conda.solve import ChannelError, UnsatisfiableError
from tests.conda.cells import LINUX, TOOLS, cell, request, versions
from tests.conda.scenarios import package
from tests.support.channels import Channel, Package

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

pytestmark = pytest.mark.internals


def test_a_channel_that_nobody_serves() -> None:
    with pytest.raises(ChannelError) as caught:
        Solver(["http://127.0.0.1:9/nowhere"]).prefetch([LINUX])
    assert "the channel http://127.0.0.1:9/nowhere could not be read" in str(caught.value)


def test_a_channel_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = f"http://127.0.0.1:{silent.getsockname()[1]}/silent"
        with pytest.raises(ChannelError, match=r"/silent could not be read: no answer in 0\.5 s"):
            Solver([channel], timeout=0.5).prefetch([LINUX])


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_channel_that_does_not_answer_with_one(serve_channels: Serve, status: int) -> None:
    server = serve_channels(tools=TOOLS)
    for subdir in ("noarch", "linux-64"):
        for file in ("repodata.json", "repodata_shards.msgpack.zst"):
            server.failing[f"/tools/{subdir}/{file}"] = status
    with pytest.raises(ChannelError) as caught:
        Solver([server.channel("tools")]).prefetch([LINUX])
    assert f"the channel {server.channel('tools')} could not be read" in str(caught.value)
    assert str(status) in str(caught.value)


def test_repodata_that_is_cut_off(serve_channels: Serve) -> None:
    server = serve_channels(tools=TOOLS)
    whole = TOOLS.repodata("linux-64")
    server.spoil("tools", "linux-64/repodata.json", whole[: len(whole) // 2])
    with pytest.raises(ChannelError, match=r"/tools could not be read: failed to parse"):
        Solver([server.channel("tools")]).prefetch([LINUX])


def test_an_error_of_one_channel_waits_for_the_answers_of_the_others(serve_channels: Serve) -> None:
    """Else a thread of rattler's may find the event loop closed, and says so in a traceback."""
    broken, slow = serve_channels(broken=TOOLS), serve_channels(slow=TOOLS)
    broken.spoil("broken", "noarch/repodata.json", b"<html>login</html>")
    slow.delay = 0.2
    channels = [slow.channel("slow"), broken.channel("broken")]
    with pytest.raises(ChannelError, match="/broken could not be read: failed to parse"):
        Solver(channels).prefetch([LINUX])
    assert set(slow.repodata()) == {
        f"/slow/{subdir}/repodata.json" for subdir in ("linux-64", "noarch")
    }


def test_a_broken_record_is_named(serve_channels: Serve) -> None:
    broken = Package("canvas", "1.0", more={"version": "not a version !!"})
    needs = package("chart", "1.0", "0", "canvas")
    server = serve_channels(good=TOOLS, bad=Channel.of(broken, needs, package("git", "2")))
    solver = Solver([server.channel("good"), server.channel("bad")])
    assert versions(solve_cell(solver, cell("git", "vega-cli")))["git"] == "2"
    with pytest.raises(ChannelError) as caught:
        solve_cell(solver, cell("chart", "vega-cli"))
    assert str(caught.value).startswith(
        f"the channel {server.channel('bad')} has a broken record of canvas for linux-64 or "
        "noarch: malformed version string 'not a version !!'"
    )


def test_a_record_without_a_version_is_named(serve_channels: Serve) -> None:
    server = serve_channels(bad=Channel.of(package("canvas", "1.0")))
    text = Channel.of(package("canvas", "1.0")).repodata("linux-64").decode()
    spoilt = text.replace('"version": "1.0", ', "")
    assert spoilt != text
    server.spoil("bad", "linux-64/repodata.json", spoilt.encode())
    with pytest.raises(
        ChannelError, match=r"a broken record of canvas .*: missing field `version`"
    ):
        solve_cell(Solver([server.channel("bad")]), cell("canvas"))


# Credentials


@pytest.mark.parametrize("way", ["login", "token", "both"])
def test_credentials_are_used_and_never_told(serve_channels: Serve, way: str) -> None:
    server = serve_channels(tools=TOOLS)
    server.login = ("me@work", "pass/w:rd") if way != "token" else None
    server.token = "tok-12345" if way != "login" else None
    secret = server.secret("tools")
    solver = Solver([secret])
    assert solver.channels == (server.channel("tools"),)
    records = solver.solve(request(LINUX, "vega-cli"))
    assert {record.channel for record in records} == {server.channel("tools")}
    with pytest.raises(UnsatisfiableError) as caught:
        solve_cell(solver, cell("vega-cli", "nodejs<20"))
    told = f"{records} {caught.value}"
    for word in ("pass", "tok-12345", "me%40work", "me@work"):
        assert word not in told


@pytest.mark.parametrize("way", ["login", "token"])
def test_wrong_credentials_are_not_told_either(serve_channels: Serve, way: str) -> None:
    server = serve_channels(tools=TOOLS)
    server.login = ("me", "right") if way == "login" else None
    server.token = "right" if way == "token" else None
    wrong = server.secret("tools").replace("right", "wrong-12345")
    with pytest.raises(ChannelError) as caught:
        Solver([wrong]).prefetch([LINUX])
    assert f"the channel {server.channel('tools')} could not be read" in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert caught.value.__cause__ is None
