"""Servers of channels that send next to nothing: a run ends, and says of what it waited for."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
import shutil
import string
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.conda import patience
from accelock.conda.install import install
from accelock.conda.link import InstallError
from accelock.conda.record import Request
from accelock.conda.solve import ChannelError
from accelock.conda.spec import parse
from tests.conda.cells import LINUX, TOOLS
from tests.conda.prefixes import HOST, ON_CHANNEL, contents
from tests.conda.scenarios import noarch, package
from tests.sources.little_server import LittleServer
from tests.support.channels import Channel, zstd_stored

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda import rattler as adapter
from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from accelock.conda.record import Record

pytestmark = [pytest.mark.internals, ON_CHANNEL]

SUBDIR = HOST.conda_subdir if HOST is not None else "linux-64"
# What no compressor makes smaller: a second and a half of a slow server's time.
_NOISE = "".join(random.Random(14).choices(string.printable, k=1_500_000))
TOOL = replace(package("tool", "1.0", subdir=SUBDIR), files={"share/x": _NOISE})
SMALL = replace(package("small", "1.0", subdir=SUBDIR), files={"share/y": "y\n"})
FORGE = Channel.of(TOOL, SMALL)
SILENT: dict[str, dict[str, Any]] = {
    "no answer": {"hold": True},
    "half of it": {"stall": True},
    "byte after byte": {"drip": True, "length": 10**7},
    "byte after byte of its headers": {"drip_headers": True},
}


@pytest.fixture
def server() -> Iterator[LittleServer]:
    with LittleServer() as running:
        yield running


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.5)


def serve(server: LittleServer, channel: Channel, name: str = "forge") -> str:
    for path, content in channel.files().items():
        server.serve(f"/{name}/{path}", content, content_type="application/octet-stream")
    return f"{server.url}/{name}"


def spoil(server: LittleServer, path: str, **how: Any) -> None:
    server.replies[path] = replace(server.replies[path], **how)


def solved(channel: str, *asked: str) -> tuple[Record, ...]:
    assert HOST is not None
    return Solver([channel]).solve(Request(HOST, tuple(map(parse, asked))))


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("how", "is_new"), [*((how, True) for how in SILENT), ("half of it", False)]
)
def test_an_archive_that_does_not_come(
    server: LittleServer, tmp_path: Path, how: str, *, is_new: bool
) -> None:
    assert HOST is not None
    channel, prefix = serve(server, FORGE), tmp_path / "env"
    if not is_new:
        install(solved(channel, "small"), prefix, HOST)
    before = contents(prefix)
    records = solved(channel, "tool", "small")
    spoil(server, f"/forge/{SUBDIR}/{TOOL.filename}", **SILENT[how])
    with pytest.raises(InstallError) as caught:
        install(records, prefix, HOST)
    told = str(caught.value)
    url = f"{channel}/{SUBDIR}/{TOOL.filename}"
    assert f"{url} stalled: less than 60 kB came in 0.5 s." in told
    assert "try again" in told
    assert told.endswith("Nothing was installed." if is_new else "The environment is as it was.")
    assert (contents(prefix), prefix.exists()) == (before, not is_new)


def test_an_archive_that_comes_slowly_is_waited_for(
    server: LittleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HOST is not None
    monkeypatch.setattr(patience, "PATIENCE", 1.0)
    records = solved(serve(server, FORGE), "tool", "small")
    spoil(server, f"/forge/{SUBDIR}/{TOOL.filename}", slow=100_000)
    install(records, tmp_path / "env", HOST)
    assert (tmp_path / "env/share/x").read_bytes() == _NOISE.encode()


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("how", SILENT)
@pytest.mark.parametrize("name", ["repodata.json", "repodata.json.zst"])
def test_repodata_that_does_not_come(server: LittleServer, how: str, name: str) -> None:
    channel = serve(server, TOOLS)
    path = f"/forge/linux-64/{name}"
    if name.endswith("zst"):
        server.serve(path, zstd_stored(TOOLS.repodata("linux-64")))
    spoil(server, path, **SILENT[how])
    with pytest.raises(ChannelError) as caught:
        Solver([channel]).prefetch([LINUX])
    assert (
        f"the channel {channel} could not be read: linux-64 stalled, less than 60 kB came in 0.5 s."
    ) in str(caught.value)


def test_repodata_that_comes_slowly_is_waited_for(
    server: LittleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 1.0)
    channel = serve(server, Channel.of(replace(noarch("tzdata", "1"), more={"summary": _NOISE})))
    spoil(server, "/forge/noarch/repodata.json", slow=100_000)
    assert Solver([channel]).names(LINUX) == {"tzdata"}


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("how", ["no answer", "half of it"])
def test_a_shard_that_does_not_come(server: LittleServer, how: str) -> None:
    """Of a channel in shards (CEP 16) the records of a name are read when they are asked for."""
    channel, paths = serve_shards(server, TOOLS, "linux-64")
    asked = Request(LINUX, (parse("vega-cli"),))
    assert [each.name for each in Solver([channel]).solve(asked)] == ["nodejs", "vega-cli"]
    shutil.rmtree(adapter.cache() / "shards-v1")
    solver = Solver([channel])
    assert "vega-cli" in solver.names(LINUX)
    spoil(server, paths["nodejs"], **SILENT[how])
    with pytest.raises(ChannelError, match=r"/forge could not be read: its repodata stalled, less"):
        solver.solve(asked)


def test_who_works_is_not_waiting(tmp_path: Path) -> None:
    """A solve of minutes asks no server for anything."""

    def work() -> str:
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            hashlib.sha256(bytes(100_000))
        return "done"

    async def wait_for(function: Callable[[], Any]) -> Any:
        life = patience.RepodataLife(tmp_path, 0.3)
        return await patience.watched(asyncio.to_thread(function), life, 0.3)

    assert asyncio.run(wait_for(work)) == "done"
    with pytest.raises(patience.StalledError, match=r"less than 60 kB came in 0\.3 s"):
        asyncio.run(wait_for(functools.partial(time.sleep, 0.6)))


def serve_shards(server: LittleServer, channel: Channel, subdir: str) -> tuple[str, dict[str, str]]:
    """Serve a channel in shards; return its URL, and where the shard of each name is."""
    msgpack = pytest.importorskip("pip._vendor.msgpack")
    paths, shards = {}, {}
    for name in sorted({each.name for each in channel.packages if each.subdir == subdir}):
        records = {
            each.filename: {
                **each.record,
                **{kind: bytes.fromhex(str(each.record[kind])) for kind in ("md5", "sha256")},
            }
            for each in channel.packages
            if (each.name, each.subdir) == (name, subdir)
        }
        shard = {"packages": {}, "packages.conda": records, "removed": []}
        content = zstd_stored(msgpack.packb(shard, use_bin_type=True))
        shards[name] = hashlib.sha256(content).digest()
        paths[name] = f"/forge/{subdir}/{shards[name].hex()}.msgpack.zst"
        server.serve(paths[name], content)
    base = f"{server.url}/forge/{subdir}/"
    info = {"base_url": base, "shards_base_url": base, "subdir": subdir}
    index = {"info": info, "repodata_version": 1, "shards": shards}
    content = zstd_stored(msgpack.packb(index, use_bin_type=True))
    server.serve(f"/forge/{subdir}/repodata_shards.msgpack.zst", content)
    server.serve("/forge/noarch/repodata.json", Channel.of().repodata("noarch"))
    return f"{server.url}/forge", paths
