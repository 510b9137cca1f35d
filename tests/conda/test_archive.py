"""Packages that would write outside of the prefix: none of it is linked, in no way there is."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelock.conda.install import install
from accelock.conda.link import Contents, Escapes, InstallError
from accelock.conda.record import Request
from accelock.conda.spec import parse
from tests.conda.prefixes import HOST, ON_CHANNEL, contents
from tests.conda.scenarios import noarch, package
from tests.support.channels import Channel, Package
from tests.support.fakes import on_posix

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda import rattler as adapter
from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelock.conda.record import Record

    Save = Callable[[Channel], str]

pytestmark = ON_CHANNEL
SUBDIR = HOST.conda_subdir if HOST is not None else "linux-64"


def of_host(name: str, *depends: str, version: str = "1.0") -> Package:
    return package(name, version, "0", *depends, subdir=SUBDIR)


# Its file stands in rattler's cache where `../victim-1.0-0/share/x` of another package's is.
VICTIM = replace(of_host("victim"), files={"share/x": "x\n"})
EVIL = replace(of_host("evil", "victim"), files={"share/ok": "ok\n"})
PYTHON = replace(of_host("python", version="3.12.4"), files={"bin/python3.12": "python\n"})


def solved(channel: str, *asked: str) -> tuple[Record, ...]:
    assert HOST is not None
    return Solver([channel]).solve(Request(HOST, tuple(map(parse, asked))))


def entry_points(command: str) -> Package:
    link = {"noarch": {"type": "python", "entry_points": [f"{command} = evil:main"]}}
    evil = noarch("evil", "1.0", "0", "python", "victim")
    files = {"site-packages/evil.py": "def main(): ...\n"}
    return replace(evil, noarch="python", files=files, info={"link.json": json.dumps(link)})


WAYS = {
    "a path": replace(EVIL, named={"share/ok": "../victim-1.0-0/share/x"}),
    "an absolute path": replace(EVIL, named={"share/ok": "/tmp/accelock-evil"}),
    "a path of Windows": replace(EVIL, named={"share/ok": "..\\victim-1.0-0\\share\\x"}),
    "a drive of Windows": replace(EVIL, named={"share/ok": "C:/evil"}),
    "a path within, and out": replace(EVIL, named={"share/ok": "share/../../victim-1.0-0/share/x"}),
    "the older list of files": replace(EVIL, info={"files": "../victim-1.0-0/share/x\n"}),
    "a path in site-packages": replace(
        entry_points("evil"), named={"site-packages/evil.py": "site-packages/../../../../../x"}
    ),
    "an entry point": entry_points("../../evil"),
    "an absolute entry point": entry_points("/tmp/accelock-evil"),
    "a link of its own": replace(EVIL, links={"out": ".."}, named={"share/ok": "out/x"}),
    "an absolute link": replace(EVIL, links={"out": "/tmp"}, named={"share/ok": "out/accelock-x"}),
    "two links": replace(
        EVIL, links={"a": "share", "share/b": "../.."}, named={"share/ok": "a/b/x"}
    ),
}  # fmt: skip


@on_posix
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_new", [True, False])
def test_what_leads_out_of_the_prefix(
    save: Save, tmp_path: Path, way: str, *, is_new: bool
) -> None:
    assert HOST is not None
    folder = tmp_path / "outer" / "env"
    folder.parent.mkdir()
    if not is_new:
        install(solved(save(Channel.of(VICTIM)), "victim"), folder, HOST)
    before = contents(folder.parent)
    records = solved(save(Channel.of(VICTIM, PYTHON, WAYS[way])), "evil")
    for _ in range(2):  # nothing is left in the cache at which a second one would fail otherwise
        with pytest.raises(
            InstallError, match=r"evil 1\.0 0 would write outside of the environment"
        ):
            install(records, folder, HOST)
        assert contents(folder.parent) == before
        assert folder.exists() is not is_new
        assert not (adapter.package_cache() / "evil-1.0-0").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"outer", "channel-0", *(
        [] if is_new else ["channel-1"])}  # fmt: skip


@on_posix
@pytest.mark.parametrize("names", [("alpha", "omega"), ("omega", "alpha")])
def test_a_link_of_another_package(save: Save, tmp_path: Path, names: tuple[str, str]) -> None:
    """Whichever of the two comes first, neither is written through the other."""
    assert HOST is not None
    linking = replace(of_host(names[0]), links={"out": "../.."})
    writing = replace(of_host(names[1]), files={"out/x": "x\n"})
    records = solved(save(Channel.of(linking, writing)), *names)
    with pytest.raises(InstallError, match="would write outside of the environment"):
        install(records, tmp_path / "outer" / "env", HOST)
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "outer" / "env").exists()


@on_posix
def test_links_that_stay_within(save: Save, tmp_path: Path) -> None:
    assert HOST is not None
    links = {"lib64": "lib", "lib/libx.so": "libx.so.1", "etc/ssl": "../share/ssl", "tmp": "/tmp"}
    sound = replace(
        of_host("sound"), links=links, files={"lib/libx.so.1": "x\n", "share/ssl/cert.pem": "c\n"}
    )
    install(solved(save(Channel.of(sound)), "sound"), tmp_path / "env", HOST)
    assert (tmp_path / "env/lib/libx.so").read_text() == "x\n"
    assert (tmp_path / "env/etc/ssl/cert.pem").read_text() == "c\n"


def test_every_package_is_found_where_rattler_unpacks_it(save: Save, tmp_path: Path) -> None:
    """Of what is not found there, nothing could be said; each release is held to it."""
    assert HOST is not None
    found = install(solved(save(Channel.of(VICTIM, EVIL)), "evil"), tmp_path / "env", HOST)
    assert {each.name: set(each.paths) for each in found} == {
        "victim": {"share/x"}, "evil": {"share/ok"}
    }  # fmt: skip
    again = install(solved(save(Channel.of(VICTIM, EVIL)), "evil"), tmp_path / "another", HOST)
    assert {each.name for each in again} == {"victim", "evil"}  # from the cache


@on_posix
def test_the_cache_is_where_rattler_has_its_own(save: Save, tmp_path: Path) -> None:
    """Without the variable, too: asked of rattler in a process with a home of its own."""
    assert HOST is not None
    script = (
        "import sys; from pathlib import Path\n"
        "from accelock.conda import rattler as adapter\n"
        "from tests.conda.test_archive import solved, install, HOST\n"
        "found = install(solved(sys.argv[1], 'victim'), Path(sys.argv[2]), HOST)\n"
        "print([each.name for each in found], adapter.package_cache())\n"
    )
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    for name in ("RATTLER_CACHE_DIR", "XDG_CACHE_HOME"):
        env.pop(name, None)
    words = [sys.executable, "-c", script, save(Channel.of(VICTIM)), str(tmp_path / "env")]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("['victim'] ")
    assert (tmp_path / "home").as_posix() in done.stdout


# The rule by itself


def contents_of(name: str, *paths: str, **links: str) -> Contents:
    return Contents(name, frozenset({*paths, *links}), links, (), None, (), ())


def escapes(contents: Contents, *before: Contents) -> str | None:
    found = Escapes()
    for each in before:
        found.check(each)
    return found.check(contents)


@pytest.mark.parametrize("path", ["", "/x", "\\x", "//server/x", "a/../b", "..", "c:x", "a\\..\\x"])
def test_paths_that_are_none(path: str) -> None:
    assert escapes(contents_of("evil", path)) == f"the path {path!r}"


@pytest.mark.parametrize("path", ["x", "a/b", "a/..b", "a./b", ".x", "lib/python3.12/x.py", "a b"])
def test_paths_that_are_sound(path: str) -> None:
    assert escapes(contents_of("sound", path)) is None
    out = contents_of("out", usr="/usr")
    assert escapes(contents_of("sound", path), out) is None


def test_links_through_links() -> None:
    assert escapes(contents_of("sound", "lib64/x", lib64="lib", lib="usr/lib")) is None
    told = escapes(contents_of("circle", "a/x", a="b", b="a"))
    assert told is not None
    assert told.startswith("the path 'a/x', through the link ")
    # A system goes up from where a link leads, and not from where it stands.
    deep = {"a/b": "../c", "out": "a/b/../.."}
    assert escapes(contents_of("up", "out/x", "c/y", **deep)) is not None
    within = {"a/b": "../c/d/e", "out": "a/b/../.."}
    assert escapes(contents_of("up", "out/x", "c/d/e/y", **within)) is None


def test_the_link_of_one_and_the_path_of_another_in_any_order() -> None:
    told = "the path 'out/x', through the link out -> .."
    link, file = contents_of("link", out=".."), contents_of("file", "out/x")
    assert escapes(link) is None
    assert escapes(file, link) == told
    assert escapes(link, file) == told
    assert escapes(contents_of("third", "bin/x"), link) is None
    assert escapes(contents_of("same", "out"), link) == told.replace("out/x", "out")
    three = (
        contents_of("a", d="e"),
        contents_of("b", **{"e/x": "../.."}),
        contents_of("c", "d/x/y"),
    )
    for first, second, third in itertools.permutations(three):
        assert escapes(third, first, second) == "the path 'd/x/y', through the link e/x -> ../.."


def test_many_packages_with_links() -> None:
    found = Escapes()
    for number in range(200):
        files = [f"lib/python3.12/site-packages/p{number}/m{each}.py" for each in range(300)]
        links = {f"lib/lib{number}-{each}.so": f"lib{number}-{each}.so.1" for each in range(10)}
        assert found.check(contents_of(f"p{number}", *files, **links)) is None
