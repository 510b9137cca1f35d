"""Memory is given back platform by platform: a large channel has a gigabyte of parsed records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.targets import PLATFORMS
from tests.conda.cells import TOOLS
from tests.conda.projects import FORGE, Project
from tests.support.channels import Channel, Package

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from accelock.conda.record import Record, Request
    from accelock.targets import Platform
    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

LINUX = PLATFORMS["linux-x86_64"]
pytestmark = pytest.mark.internals


def test_what_is_forgotten_is_read_anew(serve_channels: Serve) -> None:
    """rattler asks the channel again, so that it has nothing of that platform in memory."""
    server = serve_channels(tools=TOOLS)
    solver = Solver([server.channel("tools")])
    solver.prefetch([LINUX])
    solver.names(LINUX)
    before = server.repodata()
    solver.hardware(["nodejs"], LINUX)
    assert server.repodata() == before
    solver.forget(LINUX)
    solver.hardware(["nodejs"], LINUX)
    anew = server.repodata() - before
    assert set(anew) == {"/tools/linux-64/repodata.json"}, "noarch is for the other platforms too"


def test_a_platform_is_forgotten_once_its_cells_are_solved(
    project: Project, serve_channels: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    solve, forget = Solver.solve, Solver.forget

    def solving(self: Solver, request: Request) -> tuple[Record, ...]:
        steps.append(("solve", request.platform.conda_subdir))
        return solve(self, request)

    def forgetting(self: Solver, platform: Platform) -> None:
        steps.append(("forget", platform.conda_subdir))
        forget(self, platform)

    monkeypatch.setattr(Solver, "solve", solving)
    monkeypatch.setattr(Solver, "forget", forgetting)
    project.declare(serve_channels(forge=FORGE).channel("forge")).lock()
    forgotten = [subdir for what, subdir in steps if what == "forget"]
    assert len(forgotten) == len(set(forgotten)) > 1
    for subdir in forgotten:
        assert ("solve", subdir) not in steps[steps.index(("forget", subdir)) :]
    assert {subdir for _, subdir in steps} == set(forgotten)


def test_no_more_records_at_once_than_a_batch_has(
    serve_channels: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As objects of Python's, the records of all names of a large solve would be too many."""
    many = [Package(f"p{number}", "1") for number in range(250)]
    solver = Solver([serve_channels(many=Channel.of(*many)).channel("many")])
    asked: list[int] = []
    query = Solver._query

    async def counting(
        self: Solver, names: Collection[str], platform: Platform, channels: Sequence[str] = ()
    ) -> list[object]:
        asked.append(len(names))
        return await query(self, names, platform, channels)

    monkeypatch.setattr(Solver, "_query", counting)
    assert solver.hardware([each.name for each in many], LINUX) == {}
    assert (sum(asked), max(asked)) == (250, 100)
