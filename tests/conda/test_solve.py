"""The adapter: what it gives back, how often it fetches, and what it says when it cannot."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import accelock
from accelock.conda.cell import NoSuchPackageError, solve_cell
from accelock.conda.overlap import Pins
from accelock.conda.record import Request
from accelock.conda.solve import UnsatisfiableError
from accelock.conda.spec import parse
from tests.conda.cells import ALL, ARM, LINUX, MAC, TOOLS, WINDOWS, cell, request, versions
from tests.conda.scenarios import noarch, package
from tests.support.channels import Channel, every_platform

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

pytestmark = pytest.mark.internals


def test_only_the_adapter_imports_rattler() -> None:
    source = Path(accelock.__file__).parent
    importers = []
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "rattler" for name in names):
                importers.append(path.relative_to(source).as_posix())
    assert set(importers) == {"conda/rattler.py"}


# What a solve gives


def test_a_record_has_all_that_a_lock_needs(serve_channels: Serve) -> None:
    hello = package("hello", "1.0", "h1_3", "tzdata", number=3, constrains=("bye <0",))
    server = serve_channels(tools=TOOLS.with_packages(hello))
    found, tzdata = Solver([server.channel("tools")]).solve(request(LINUX, "hello"))
    assert (found.name, found.version, found.build, found.build_number) == (
        "hello",
        "1.0",
        "h1_3",
        3,
    )
    assert found.channel == server.channel("tools")
    assert found.url == f"{found.channel}/linux-64/hello-1.0-h1_3.conda"
    assert found.filename == "hello-1.0-h1_3.conda"
    assert (found.md5, found.sha256) == (hello.record["md5"], hello.record["sha256"])
    assert (found.size, found.license) == (len(hello.content), "BSD-3-Clause")
    assert (found.depends, found.constrains) == (("tzdata",), ("bye <0",))
    assert (found.timestamp, found.noarch) == (1_704_067_200_000, None)
    assert (tzdata.subdir, tzdata.noarch) == ("noarch", "generic")


def test_the_order_of_requirements_does_not_matter(save: Callable[[Channel], str]) -> None:
    channel = save(TOOLS)
    one = Solver([channel]).solve(request(LINUX, "vega-cli", "nodejs<22", "tzdata"))
    other = Solver([channel]).solve(request(LINUX, "tzdata", "nodejs<22", "vega-cli"))
    assert one == other
    assert versions(one) == {"nodejs": "20.12.2", "tzdata": "2024a", "vega-cli": "5.30.0"}


def test_both_kinds_of_archives(save: Callable[[Channel], str]) -> None:
    old = replace(package("old", "1"), suffix=".tar.bz2")
    (found,) = Solver([save(Channel.of(old))]).solve(request(LINUX, "old"))
    assert found.filename == "old-1-0.tar.bz2"


def test_the_first_channel_that_has_a_package_has_all_of_it(serve_channels: Serve) -> None:
    server = serve_channels(
        mine=Channel.of(package("git", "1.0")), theirs=Channel.of(package("git", "2.0"))
    )
    solver = Solver([server.channel("mine"), server.channel("theirs")])
    assert versions(solver.solve(request(LINUX, "git"))) == {"git": "1.0"}


def test_a_requirement_that_names_its_channel(serve_channels: Serve) -> None:
    server = serve_channels(
        mine=Channel.of(package("git", "1.0")), theirs=Channel.of(package("git", "2.0"))
    )
    theirs = server.channel("theirs")
    solver = Solver([server.channel("mine"), theirs])
    found = solver.solve(request(LINUX, f"{theirs}::git"))
    assert versions(found) == {"git": "2.0"}


# What was locked stays


def test_what_was_locked_stays(serve_channels: Serve) -> None:
    server = serve_channels(tools=Channel.of(package("git", "1.0")))
    before = Solver([server.channel("tools")]).solve(request(LINUX, "git"))
    server.put("tools", Channel.of(package("git", "1.0"), package("git", "2.0")))
    solver = Solver([server.channel("tools")])
    assert solver.solve(request(LINUX, "git", locked=before)) == before
    assert versions(solver.solve(request(LINUX, "git"))) == {"git": "2.0"}


def test_what_a_channel_withdrew_does_not_stay(serve_channels: Serve) -> None:
    server = serve_channels(tools=Channel.of(package("git", "1.0"), package("git", "2.0")))
    before = Solver([server.channel("tools")]).solve(request(LINUX, "git"))
    server.put("tools", Channel.of(package("git", "1.0")))
    after = Solver([server.channel("tools")]).solve(request(LINUX, "git", locked=before))
    assert versions(after) == {"git": "1.0"}


def test_what_a_channel_built_again_under_the_same_name_does_not_stay(
    serve_channels: Serve,
) -> None:
    first = package("git", "2.0")
    server = serve_channels(tools=Channel.of(first))
    before = Solver([server.channel("tools")]).solve(request(LINUX, "git"))
    again = package("git", "2.0", "0", "tzdata")
    server.put("tools", TOOLS.with_packages(again))
    after = Solver([server.channel("tools")]).solve(request(LINUX, "git", locked=before))
    assert {record.name: record.sha256 for record in after}["git"] == again.record["sha256"]


def test_what_a_locked_package_constrains_still_holds(serve_channels: Serve) -> None:
    strict = package("strict", "1.0", constrains=("git <2",))
    server = serve_channels(tools=Channel.of(strict, package("git", "1.0"), package("git", "2.0")))
    solver = Solver([server.channel("tools")])
    # A lock in conda-lock's format does not hold constraints.
    locked = tuple(replace(r, constrains=()) for r in solver.solve(request(LINUX, "strict")))
    found = solver.solve(request(LINUX, "strict", "git", locked=locked))
    assert versions(found) == {"git": "1.0", "strict": "1.0"}


# How often it fetches


def test_each_subdir_is_fetched_once_however_many_cells(serve_channels: Serve) -> None:
    server = serve_channels(one=TOOLS, two=Channel.of(every_platform("git", "2.47", ALL)))
    solver = Solver([server.channel("one"), server.channel("two")])
    solver.prefetch([LINUX, ARM, MAC, WINDOWS])
    for asked in (("vega-cli",), ("git", "tzdata"), ("nodejs<22", "git")):
        for platform in (LINUX, ARM, MAC, WINDOWS):
            records = solve_cell(solver, cell(*asked, platform=platform))
            solver.solve(request(platform, *asked, locked=records))
    assert server.repodata() == {
        f"/{name}/{subdir}/repodata.json": 1
        for name in ("one", "two")
        for subdir in ("noarch", *ALL)
    }


# What cannot be satisfied


def test_what_cannot_be_had_together(save: Callable[[Channel], str]) -> None:
    solver = Solver([save(TOOLS)])
    with pytest.raises(UnsatisfiableError) as caught:
        solve_cell(solver, cell("tzdata", "vega-cli", "nodejs=18"))
    message = str(caught.value)
    assert message.startswith(
        "cpu, linux-x86_64: no packages satisfy all of these:\n  - nodejs 18.*\n"
    )
    assert caught.value.specs == (parse("nodejs=18"),)
    solver = Solver([save(TOOLS.with_packages(package("old-chart", "1", "0", "nodejs <21")))])
    with pytest.raises(UnsatisfiableError) as caught:
        solve_cell(solver, cell("tzdata", "old-chart", "vega-cli", "nodejs=22"))
    assert caught.value.specs == (parse("old-chart"), parse("nodejs=22"))


def test_the_python_of_the_project_may_be_what_is_in_the_way(
    save: Callable[[Channel], str],
) -> None:
    channel = save(
        Channel.of(package("python", "3.12.1"), package("ext", "1", "0", "python 3.12.*"))
    )
    with pytest.raises(UnsatisfiableError) as caught:
        solve_cell(Solver([channel]), cell("ext", python=parse("python=3.11")))
    assert "\n  - ext\n  - python 3.11.*, the project's own\n" in str(caught.value)


def test_what_stands_against_many_versions_is_said_once(save: Callable[[Channel], str]) -> None:
    pythons = (package("python", f"3.9.{number}") for number in range(30))
    solver = Solver([save(Channel.of(pythons))])
    asked = Request(LINUX, (parse("python"),), (parse("python >=3.11"),))
    with pytest.raises(UnsatisfiableError) as caught:
        solver.solve(asked)
    assert str(caught.value).count("the constraint python >=3.11 cannot be fulfilled") == 1
    assert "python 3.9.0 | 3.9.1" in str(caught.value)


def test_packages_that_no_channel_has(save: Callable[[Channel], str]) -> None:
    with pytest.raises(NoSuchPackageError) as caught:
        solve_cell(Solver([save(TOOLS)]), cell("vega-cil", "nodejs", "mkl"))
    message = str(caught.value)
    assert "no channel has these packages for linux-64" in message
    assert "\n  - vega-cil; did you mean vega-cli?\n  - mkl\n" in message


def test_a_platform_that_the_channel_lacks(serve_channels: Serve) -> None:
    server = serve_channels(tools=Channel.of(every_platform("git", "2", ["linux-64"])))
    solver = Solver([server.channel("tools")])
    solver.prefetch([LINUX, WINDOWS])
    assert (solver.lacking(LINUX), solver.lacking(WINDOWS)) == ((), (server.channel("tools"),))
    with pytest.raises(NoSuchPackageError) as caught:
        solve_cell(solver, cell("git", platform=WINDOWS))
    assert f"{server.channel('tools')} has no packages for win-64" in str(caught.value)


def test_a_channel_of_noarch_packages_serves_every_platform(
    save: Callable[[Channel], str],
) -> None:
    solver = Solver([save(Channel.of(noarch("tzdata", "2024a")))])
    for platform in (LINUX, MAC, WINDOWS):
        assert versions(solve_cell(solver, cell("tzdata", platform=platform))) == {
            "tzdata": "2024a"
        }


# Pip's pins


def test_pins_that_conda_cannot_have_name_both_versions(save: Callable[[Channel], str]) -> None:
    channel = save(
        Channel.of(
            package("python", "3.12.1"),
            package("numpy", "1.26.4", "0", "python"),
            package("numpy", "2.1.0", "0", "python"),
            package("chart", "1", "0", "numpy >=2"),
        )
    )
    pinned = replace(cell("numpy"), pins=Pins("requirements.cpu.txt", {"numpy": "1.26.4"}))
    assert versions(solve_cell(Solver([channel]), pinned))["numpy"] == "1.26.4"
    pinned = replace(cell("chart"), pins=Pins("requirements.cpu.txt", {"numpy": "1.26.4"}))
    with pytest.raises(Exception, match=r"numpy is 1\.26\.4 in requirements\.cpu\.txt") as caught:
        solve_cell(Solver([channel]), pinned)
    assert "numpy 2.1.0, for chart" in str(caught.value)
    told: list[str] = []
    found = solve_cell(Solver([channel]), replace(pinned, overlap="warn"), told.append)
    assert versions(found)["numpy"] == "2.1.0"
    assert told[0].startswith("cpu, linux-x86_64: numpy is 1.26.4 in requirements.cpu.txt")


# The end of the process


def test_a_process_that_ends_right_after_an_error_does_not_crash(
    serve_channels: Serve, tmp_path: Path
) -> None:
    server = serve_channels()
    code = (
        "from accelock.conda.solve import Solver; from accelock.targets import PLATFORMS\n"
        f"Solver(['{server.channel('one')}', '{server.channel('two')}'])"
        ".prefetch(PLATFORMS.values())"
    )
    for _ in range(6):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 1, done.stderr
        assert "ChannelError" in done.stderr
