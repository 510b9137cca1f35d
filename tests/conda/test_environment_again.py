"""environment.yml is solved once more: it leads to what the project asked for, and the lock has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda.spec import parse
from tests.conda.cells import LINUX, request
from tests.conda.projects import Project, packages
from tests.conda.two_channels import FIRST, SECOND, TWO_CHANNELS

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

import yaml

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.channels import ChannelServer


def test_it_leads_to_the_build_and_the_channel_that_were_asked_for(
    project: Project, serve_channels: Callable[..., ChannelServer]
) -> None:
    server = serve_channels(first=FIRST, second=SECOND)
    table = TWO_CHANNELS.replace("{second}", server.channel("second"))
    project.declare(server.channel("first"), table).lock()
    wanted = {"alpha": "3.1 second_0", "blas": "1.0 openblas"}
    assert packages(project, "conda-cpu-lock.yml") == wanted
    file = yaml.safe_load(project.read("environment-cpu.yml"))
    found = Solver(file["channels"]).solve(request(LINUX, *file["dependencies"]))
    assert {each.name: f"{each.version} {each.build}" for each in found} == wanted
    plain = Solver(file["channels"]).solve(request(LINUX, "alpha=3.1", "blas=1.0"))
    assert {each.build for each in plain} == {"first_0", "mkl"}
    assert parse(file["dependencies"][0]).channel == server.channel("second")
