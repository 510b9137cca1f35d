"""An attacker's channel behind the project's own: nothing of theirs is locked, or fetched.

All placements are there at once: every package that is locked, in the attacker's channel too, in a
higher version, in a higher build, for all platforms, under the same file name, spelt otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from accelock.conda.install import install
from accelock.conda.link import InstallError
from accelock.conda.record import Request
from accelock.conda.spec import parse
from tests.conda.prefixes import HOST, ON_CHANNEL
from tests.conda.projects import FORGE, Project, packages
from tests.conda.scenarios import package
from tests.sources.little_server import LittleServer
from tests.support.channels import Channel, ChannelServer, Package

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.internals

TABLE = """\
[project]
name = "charts"
requires-python = ">=3.11,<3.13"

[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64"]

[tool.accelock.conda]
channels = ["{}"]

[tool.accelock.conda.dependencies]
python = "*"
vega-lite-cli = ">=5"
ffmpeg = "*"
pytorch = "*"
mkl = ">=2024"

[tool.accelock.conda.target.cu126.dependencies]
cuda-toolkit = "*"

[tool.accelock.conda.group.dev.dependencies]
git = "*"
"""
FORMATS = ("--format", "explicit", "--format", "pixi")
#: What is locked of the project's channel; the rest of it does not fit.
LOCKED = {
    "python": "3.12.4",
    "tzdata": "2024a",
    "vega-lite-cli": "5.21.0",
    "nodejs": "22.4.0",
    "git": "2.47.0",
    "ffmpeg": "6.1",
    "mkl": "2024.2.2",
    "pytorch": "2.6.0",
    "cuda-toolkit": "12.6.2",
    "libcublas": "12.6.4",
    "cuda-version": "12.6",
}


@dataclass(frozen=True, slots=True)
class Placement:
    """One package of the attacker's channel."""

    package: Package
    how: str

    def __str__(self) -> str:
        return f"{self.package.name}-{self.package.build}-{self.how}"


def _all() -> Iterator[Placement]:
    for each in FORGE.packages:
        if each.subdir not in ("linux-64", "noarch") or LOCKED.get(each.name) != each.version:
            continue
        evil = replace(each, files={"share/evil": "evil\n"})
        higher = replace(evil, build=f"{evil.build}9", build_number=evil.build_number + 999)
        yield Placement(replace(evil, version="9999.0"), "higher")
        yield Placement(higher, "build")
        yield Placement(evil, "bytes")
        yield Placement(replace(evil, name=each.name.title(), version="9999.1"), "spelt")
        if each.subdir != "noarch":
            yield Placement(replace(higher, subdir="noarch", noarch="generic"), "noarch")


PLACEMENTS = tuple(_all())
THEIRS = Channel.of(each.package for each in PLACEMENTS)


@pytest.fixture(scope="module")
def server() -> Iterator[ChannelServer]:
    with ChannelServer(forge=FORGE, theirs=THEIRS, clean=Channel.of()) as running:
        yield running


@pytest.fixture(scope="module")
def projects(
    server: ChannelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Project]]:
    """A project locked anew, one that is relocked after the attack, one whose order is wrong."""
    forge, theirs = server.channel("forge"), server.channel("theirs")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RATTLER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        for name, channels in {
            "clean": [forge],
            "first": [forge, theirs],
            "again": [forge, theirs],
            "wrong": [theirs, forge],
        }.items():
            found[name] = Project(tmp_path_factory.mktemp(name))
            found[name].write("pyproject.toml", TABLE.format('", "'.join(channels)))
            if name == "again":
                for file, content in found["clean"].files().items():
                    found[name].write(file, content.decode())
            found[name].lock(*FORMATS, *(["--update-all"] if name == "again" else []))
        yield found


def texts(project: Project) -> str:
    return "\n".join(content.decode() for content in project.files().values())


def test_the_attacks_are_real(projects: dict[str, Project]) -> None:
    """Where the channel comes first, its packages are taken."""
    text = texts(projects["wrong"])
    taken = [each for each in PLACEMENTS if str(each.package.record["sha256"]) in text]
    assert len({each.package.name.lower() for each in taken}) >= len(LOCKED) // 2
    assert len(PLACEMENTS) >= 60
    found = {
        name: pin.partition(" ")[0]
        for target in ("cpu", "cpu-dev", "cu126")
        for name, pin in packages(projects["clean"], f"conda-{target}-lock.yml").items()
    }
    assert found == LOCKED


@pytest.mark.parametrize("placed", PLACEMENTS, ids=str)
@pytest.mark.parametrize("when", ["first", "again"])
def test_nothing_of_theirs_is_locked(
    projects: dict[str, Project], server: ChannelServer, when: str, placed: Placement
) -> None:
    text, record = texts(projects[when]), placed.package.record
    assert "pytorch" in text
    for kind in ("sha256", "md5"):
        assert str(record[kind]) not in text
    assert f"/theirs/{placed.package.subdir}/{placed.package.filename}" not in text
    assert server.channel("forge") in text


@ON_CHANNEL
@pytest.mark.parametrize("when", ["first", "again"])
def test_nothing_of_theirs_is_fetched(
    projects: dict[str, Project], server: ChannelServer, when: str
) -> None:
    if HOST is None or HOST.conda_subdir != "linux-64":
        pytest.skip("the lock is for another platform")
    server.reset()
    done = projects[when].accelock("conda", "install", "-p", "env", "-t", "cpu")
    assert done.code == 0, done.err
    asked = [each.path for each in server.requests]
    assert asked
    assert not [path for path in asked if path.startswith("/theirs/")]


@ON_CHANNEL
class TestElsewhere:
    """An archive's address leads to another host."""

    @pytest.fixture
    def elsewhere(self) -> Iterator[LittleServer]:
        with LittleServer() as running:
            yield running

    @pytest.mark.parametrize("evil", [True, False])
    def test_where_an_archive_is(
        self,
        serve_channels: type[ChannelServer],
        elsewhere: LittleServer,
        tmp_path: Path,
        *,
        evil: bool,
    ) -> None:
        """Its hash decides, and not who sends it; a login stays with the host that it is for."""
        assert HOST is not None
        tool = replace(package("tool", "1.0", subdir=HOST.conda_subdir), files={"share/x": "x\n"})
        server = serve_channels(forge=Channel.of(tool))
        server.login = ("me", "s3cret")
        channel = server.secret("forge")
        records = Solver([channel]).solve(Request(HOST, (parse("tool"),)))
        sent = replace(tool, files={"share/x": "evil\n"}) if evil else tool
        path = f"/forge/{tool.subdir}/{tool.filename}"
        server.moved[path] = elsewhere.serve("/tool.conda", sent.content).replace(
            "127.0.0.1", "localhost"
        )
        if evil:
            with pytest.raises(InstallError, match="hash mismatch"):
                install(records, tmp_path / "env", HOST, channels=[channel])
            assert not (tmp_path / "env").exists()
        else:
            install(records, tmp_path / "env", HOST, channels=[channel])
        assert elsewhere.asked("/tool.conda")
        for seen in elsewhere.log:
            assert "authorization" not in seen.headers
