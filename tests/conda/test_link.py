"""What is linked from a folder: rattler does not compare its archives, so we do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from accelock.conda import rattler as adapter
from accelock.conda.install import install
from accelock.conda.link import InstallError, link
from accelock.conda.record import Request
from accelock.conda.spec import parse
from accelock.targets import host_platform
from tests.conda.scenarios import package
from tests.support.channels import Channel
from tests.support.fakes import on_posix

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.conda.record import Record

HOST = host_platform()
pytestmark = [
    pytest.mark.internals,
    pytest.mark.skipif(HOST is None, reason="no platform that accelock knows"),
]


def archive_of(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def locked(channel: str) -> tuple[Record, ...]:
    assert HOST is not None
    return Solver([channel]).solve(Request(HOST, (parse("tool"),)))


def tool(text: str) -> Channel:
    assert HOST is not None
    made = package("tool", "1.0", subdir=HOST.conda_subdir)
    return Channel.of(replace(made, files={"bin/tool": text}))


def test_an_archive_of_a_folder_that_was_changed(
    save: Callable[[Channel], str], tmp_path: Path
) -> None:
    assert HOST is not None
    records = locked(save(tool("good\n")))
    archive = archive_of(records[0].url)
    honest = archive.read_bytes()
    archive.write_bytes(archive_of(locked(save(tool("evil\n")))[0].url).read_bytes())
    with pytest.raises(InstallError) as caught:
        install(records, tmp_path / "env", HOST)
    told = str(caught.value)
    assert f"is not what was locked: expected sha256 {records[0].sha256}, got " in told
    assert told.endswith("Nothing was installed.")
    assert not (tmp_path / "env").exists()
    archive.write_bytes(honest)
    install(records, tmp_path / "env", HOST)  # nothing of the other one is in the cache
    assert (tmp_path / "env/bin/tool").read_text() == "good\n"


def test_an_archive_of_a_folder_that_is_gone(
    save: Callable[[Channel], str], tmp_path: Path
) -> None:
    assert HOST is not None
    records = locked(save(tool("good\n")))
    archive_of(records[0].url).unlink()
    with pytest.raises(InstallError, match=r"cannot be read: No such file"):
        install(records, tmp_path / "env", HOST)


@on_posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_another_user_can_read_the_records(
    save: Callable[[Channel], str], tmp_path: Path, umask: int, mode: int
) -> None:
    """As in an image that root builds, and another user runs."""
    assert HOST is not None
    prefix = tmp_path / "env"
    before = os.umask(umask)
    try:
        install(locked(save(tool("first"))), prefix, HOST)
        record = prefix / "conda-meta" / "tool-1.0-0.json"
        assert record.stat().st_mode & 0o777 == mode
        record.chmod(0o604)  # somebody's own choice, which stays
        install(locked(save(tool("first"))), prefix, HOST)
        assert record.stat().st_mode & 0o777 == 0o604
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_a_prefix_that_cannot_be_looked_at(tmp_path: Path) -> None:
    assert HOST is not None
    prefix = tmp_path / ("x" * 300)
    with pytest.raises(InstallError, match=r"cannot be read: \w+"):
        install((), prefix, HOST)


def test_what_rattler_does_not_understand_is_not_tried_again(
    save: Callable[[Channel], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what it says of the requested specs has a second way; by then much may be linked."""
    assert HOST is not None
    calls: list[str] = []

    async def confused(*words: Any, **named: Any) -> None:
        calls.append("install")
        await rattler_install(*words, **named, reinstall_packages=5)

    rattler_install = adapter.rattler.install
    monkeypatch.setattr(adapter.rattler, "install", confused)
    records = locked(save(tool("good\n")))
    with pytest.raises(TypeError, match="'int' object"):
        link(records, tmp_path / "env", HOST, requested=[parse("tool")])
    assert calls == ["install"]
