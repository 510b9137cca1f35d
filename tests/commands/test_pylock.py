"""`accelock pylock` and what `check` says of its files: bad input, and links by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock import toml
from accelock.commands.check import check
from accelock.commands.pylock import PylockRequest, write
from accelock.errors import AccelockError, SourceError, UnknownWordError, UsageError
from accelock.locks import pylock
from tests.commands.heres import fetching, here, no_network
from tests.commands.poetry_locks import PoetryFolder, entry
from tests.commands.projects import Project, codes, only
from tests.support.pylocks import needs_packaging, same_in_every_cell
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.commands.downloads import Fetching

pytestmark = needs_packaging
LINUX = ("linux-x86_64",)
SHA = "a" * 64


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep sizes in a folder of the test."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("accelock.sources.cache.user_cache_path", lambda *_a, **_k: cache)


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer(pytorch_site()) as running:
        yield running


@pytest.fixture
def reading(server: IndexServer) -> Iterator[Fetching]:
    with fetching(server) as opened:
        yield opened


@pytest.fixture
def compiled(tmp_path: Path, server: IndexServer) -> Project:
    project = Project(tmp_path / "app")
    table = '[tool.accelock]\ntargets = ["cpu", "cu126"]\n[tool.accelock.sources]\n'
    project.write("pyproject.toml", f'{table}pytorch = "{server.url}/whl/{{target}}"\n')
    project.write("requirements.in", "torch\n")
    for target in ("cpu", "cu126"):
        body = f"--extra-index-url {server.url}/whl/{target}\nfilelock==3.18.0\n"
        body += f"torch==2.6.0+{target}\n"
        project.compiled(f"requirements.{target}.txt", target, body, platforms=LINUX)
    return project


def lines(project: Project, *more: str) -> None:
    """Put lines into the cpu file of a project, and leave it alone."""
    (project.folder / "requirements.cu126.txt").unlink(missing_ok=True)
    body = "".join(f"{line}\n" for line in more)
    project.compiled("requirements.cpu.txt", "cpu", body, platforms=LINUX)


def packages(project: Project) -> dict[str, dict[str, object]]:
    data = toml.loads((project.folder / "pylock.cpu.toml").read_text())
    return {each["name"]: each for each in data["packages"]}


def refused(project: Project, reading: Fetching, asked: PylockRequest = PylockRequest()) -> str:  # noqa: B008
    """Return the error of a run that leaves every file as it was."""
    before = {path: path.read_bytes() for path in project.folder.iterdir()}
    with pytest.raises(AccelockError) as told:
        write(here(project.folder), asked, lambda: reading)
    assert {path: path.read_bytes() for path in project.folder.iterdir()} == before
    return str(told.value)


def test_all_targets_or_some(compiled: Project, reading: Fetching) -> None:
    some = write(here(compiled.folder), PylockRequest(targets=("cpu",)), lambda: reading)
    assert some.files == ("pylock.cpu.toml",)
    both = write(here(compiled.folder), PylockRequest(), lambda: reading)
    assert both.files == ("pylock.cpu.toml", "pylock.cu126.toml")
    assert same_in_every_cell(compiled.folder) == 2


def test_a_name_for_each_target(compiled: Project, reading: Fetching) -> None:
    found = write(
        here(compiled.folder), PylockRequest(output="pylock.my-{target}.toml"), lambda: reading
    )
    assert found.files == ("pylock.my-cpu.toml", "pylock.my-cu126.toml")


def test_one_file_of_targets_for_different_pythons_is_refused(
    compiled: Project, reading: Fetching
) -> None:
    path = compiled.folder / "requirements.cu126.txt"
    text = path.read_text(encoding="utf-8")
    assert "python 3.11" in text
    path.write_text(text.replace("python 3.11", "python 3.12"), encoding="utf-8")

    asked = PylockRequest(output="pylock.toml")
    assert "the targets are locked for different Pythons" in refused(compiled, reading, asked)


def test_wrong_words(compiled: Project, reading: Fetching) -> None:
    assert "unknown target 'rocm6.3' (not in requirements.cpu.txt" in refused(
        compiled, reading, PylockRequest(targets=("rocm6.3",))
    )
    assert "did you mean 'cu126'" in refused(compiled, reading, PylockRequest(targets=("cu12.6",)))
    with pytest.raises(UnknownWordError, match=r"unknown group .*'mian'.*'main'"):
        write(here(compiled.folder), PylockRequest(groups=("mian",)), lambda: reading)
    with pytest.raises(UsageError, match="without a dot in NAME"):
        write(here(compiled.folder), PylockRequest(output="{target}.toml"), lambda: reading)


def test_without_a_lock_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(AccelockError, match=r"Run: poetry lock .*accelock compile"):
        write(here(tmp_path), PylockRequest(), no_network)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n', "accelock did not make"),
        ('lock-version = "2.0"\n', "it has lock-version 2.0"),
        ("[[", "is not valid TOML"),
    ],
)
def test_what_is_not_ours_stays(compiled: Project, reading: Fetching, text: str, said: str) -> None:
    compiled.write("pylock.cpu.toml", text)
    told = refused(compiled, reading)
    assert said in told
    assert "--force" in told
    named = PylockRequest(targets=("cpu",), output="pylock.cpu.toml")
    for asked in (named, PylockRequest(is_forced=True)):
        compiled.write("pylock.cpu.toml", text)
        write(here(compiled.folder), asked, lambda: reading)
        assert packages(compiled)["torch"]["version"] == "2.6.0+cpu"


def test_a_file_that_is_gone_is_named(compiled: Project, reading: Fetching) -> None:
    lines(compiled, "filelock==3.18.99")
    told = refused(compiled, reading)
    assert "requirements.cpu.txt, line " in told
    assert "has no file of filelock 3.18.99 for linux-x86_64, Python 3.11" in told
    lines(compiled, f"filelock==3.18.0 --hash=sha256:{SHA}")
    assert "has other hashes than in the lock" in refused(compiled, reading)


def test_a_page_with_a_part_of_the_wheels_is_passed_over(
    compiled: Project, server: IndexServer, reading: Fetching
) -> None:
    mine, other = (wheel("triton", "3.0", f"cp3{n}-cp3{n}-linux_x86_64") for n in (11, 12))
    server.site = server.site.with_files("/whl/cu126", other).with_files("/simple", mine, other)
    (compiled.folder / "requirements.cpu.txt").unlink()
    hashes = " ".join(f"--hash={each.hash}" for each in (mine, other))
    index = f"--extra-index-url {server.url}/whl/cu126"
    body = f"{index}\ntriton==3.0 {hashes}\n"
    compiled.compiled("requirements.cu126.txt", "cu126", body, platforms=LINUX)
    write(here(compiled.folder), PylockRequest(), lambda: reading)
    data = toml.loads((compiled.folder / "pylock.cu126.toml").read_text())
    (found,) = data["packages"]
    assert found["index"] == f"{server.url}/simple"
    assert [each["name"] for each in found["wheels"]] == [mine.filename]


def test_a_page_that_cannot_be_read_is_no_absence(
    compiled: Project, server: IndexServer, reading: Fetching
) -> None:
    server.configure("/whl/cpu", fault="unavailable")
    with pytest.raises(SourceError, match="/whl/cpu"):
        write(here(compiled.folder), PylockRequest(), lambda: reading)
    assert not list(compiled.folder.glob("pylock*"))


def test_a_file_without_a_stamp_is_refused(compiled: Project, reading: Fetching) -> None:
    compiled.write("requirements.cpu.txt", "torch==2.6.0+cpu\n")
    assert "it has no accelock stamp" in refused(compiled, reading)


def test_what_comes_from_elsewhere(compiled: Project, reading: Fetching) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    lines(
        compiled,
        f"a @ https://example.com/a-1.0-py3-none-any.whl --hash=sha256:{SHA}",
        f"b @ git+https://example.com/b.git@{commit}#subdirectory=src",
        "-e ./c#egg=c",
        f"d @ file:///srv/d-1.0.tar.gz --hash=sha256:{SHA}",
    )
    write(here(compiled.folder), PylockRequest(), lambda: reading)
    found = packages(compiled)
    assert found["a"]["archive"] == {
        "url": "https://example.com/a-1.0-py3-none-any.whl",
        "hashes": {"sha256": SHA},
    }
    assert found["b"]["vcs"] == {
        "type": "git",
        "url": "https://example.com/b.git",
        "commit-id": commit,
        "subdirectory": "src",
    }
    assert found["c"]["directory"] == {"path": "c", "editable": True}
    assert str(found["d"]["archive"]).startswith("{'path': '../")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a @ https://example.com/a-1.0-py3-none-any.whl", "a comes from .*no sha256"),
        ("a @ git+https://example.com/a.git@main", "a branch or tag can move"),
        ("a @ git+https://me:secret@example.com/a.git@main", r"a comes from .*\*\*\*\*"),
        ("-e ./a", "does not name its package"),
    ],
)
def test_what_the_lock_does_not_tell_enough_of_is_refused_by_name(
    compiled: Project, reading: Fetching, line: str, said: str
) -> None:
    lines(compiled, line)
    with pytest.raises(AccelockError, match=said) as told:
        write(here(compiled.folder), PylockRequest(), lambda: reading)
    assert "secret" not in str(told.value)


def test_of_poetry_lock(tmp_path: Path) -> None:
    """Markers of groups and extras, a range of Pythons, and links by hand need no index."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    git = {"type": "git", "url": "https://example.com/g.git", "resolved_reference": commit}
    own = {"type": "directory", "url": "../lib"}
    entries = [
        {**entry("g", "1.0"), "source": git, "groups": ["main", "dev"],
         "markers": {"main": 'sys_platform == "linux"', "dev": 'extra == "x"'}},
        {**entry("lib", "1.0"), "source": own, "develop": True, "groups": ["dev"]},
        {**entry("only", "1.0"), "source": own, "optional": True},
    ]  # fmt: skip
    PoetryFolder(tmp_path, entries={"cpu": entries, "cu126": entries}).write()
    found = write(here(tmp_path), PylockRequest(targets=("cpu",)), no_network)
    assert found.notes == ("what only extras ask for is not in it: only",)
    data = toml.loads((tmp_path / "pylock.cpu.toml").read_text())
    assert data["requires-python"] == ">=3.9,<4"
    by_name = {each["name"]: each for each in data["packages"]}
    assert by_name["g"]["marker"] == 'sys_platform == "linux"'
    assert by_name["g"]["vcs"]["commit-id"] == commit
    assert by_name["lib"]["directory"] == {"path": "../lib", "editable": True}
    write(here(tmp_path), PylockRequest(targets=("cpu",), groups=("main",)), no_network)
    assert "lib" not in (tmp_path / "pylock.cpu.toml").read_text()


class TestCheck:
    @pytest.fixture
    def made(self, compiled: Project, reading: Fetching) -> Project:
        write(here(compiled.folder), PylockRequest(), lambda: reading)
        return compiled

    def test_fresh(self, made: Project) -> None:
        report = check(made.folder)
        assert report.findings == ()
        assert {"pylock.cpu.toml", "pylock.cu126.toml"} < set(report.files)
        assert check(made.folder, ["pylock.cpu.toml"]).files == ("pylock.cpu.toml",)

    def test_edited(self, made: Project) -> None:
        path = made.folder / "pylock.cpu.toml"
        path.write_text(path.read_text().replace("3.18.0", "3.18.1"))
        assert only(check(made.folder), "edited-pylock").file == "pylock.cpu.toml"

    def test_a_name_that_is_not_there(self, made: Project) -> None:
        found = only(check(made.folder, ["nowhere/pylock.toml"]), "unstamped-pylock")
        assert found.file == "nowhere/pylock.toml"

    def test_its_lock_is_gone(self, made: Project) -> None:
        (made.folder / "requirements.cpu.txt").unlink()
        assert codes(check(made.folder, ["pylock.cpu.toml"])) == [
            ("stale-pylock", "pylock.cpu.toml")
        ]

    def test_of_another_tool_or_time(self, made: Project) -> None:
        made.write("pylock.toml", 'lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n')
        assert check(made.folder).findings == ()
        found = only(check(made.folder, ["pylock.toml"]), "unstamped-pylock")
        assert found.todo == "name a file that accelock made"
        made.write("pylock.toml", 'lock-version = "2.0"\n')
        assert only(check(made.folder), "damaged").file == "pylock.toml"
        table = '[tool.accelock]\nformat = 1\ntarget = "cpu"\n'
        made.write("pylock.toml", f'lock-version = "1.0"\n{table}')
        assert only(check(made.folder), "damaged").what == "[tool.accelock] is damaged"


def test_the_newest_packaging_is_asked_for(
    compiled: Project, reading: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "packaging.pylock", None)
    assert "needs packaging 26 or newer" in refused(compiled, reading)


def test_a_range_of_pythons_with_a_gap(compiled: Project, reading: Fetching) -> None:
    body = "filelock==3.18.0\n"
    compiled.compiled("requirements.cpu.txt", "cpu", body, python=("3.11", "3.13"))
    write(here(compiled.folder), PylockRequest(targets=("cpu",)), lambda: reading)
    data = toml.loads((compiled.folder / "pylock.cpu.toml").read_text())
    assert data["requires-python"] == ">=3.11,<3.14,!=3.12.*"


def test_the_text_is_read_back_as_it_was() -> None:
    times = ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05Z", "yesterday", None)
    found = [pylock._time(each) for each in times]
    assert [each.isoformat() if each else None for each in found] == [
        "2026-01-02T03:04:05.123456+00:00", "2026-01-02T03:04:05+00:00", None, None,
    ]  # fmt: skip
