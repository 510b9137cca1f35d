"""`accelock conda lock` where a package is asked of one channel: the lock, and every edit of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda import rattler as adapter
from accelock.conda.channels import strip_credentials
from tests.conda.projects import findings, packages
from tests.conda.records import FORGE, record
from tests.conda.scenarios import package
from tests.support.channels import Channel

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conda.projects import Project
    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64"]
[tool.accelock.conda]
channels = ["{forge}", "{forge}/label/rc", "{other}"]
[tool.accelock.conda.dependencies]
tool = "*"
"""
OF_CUDA = "[tool.accelock.conda.target.cu126.dependencies]\n"
OF_GROUP = "[tool.accelock.conda.group.dev.dependencies]\n"
# The way that a channel is written in a dependency, and the version that this one has.
WAYS = (
    ("{other}", "9.0"),
    ("{other}/", "9.0"),
    ("{upper}/other", "9.0"),
    ("{forge}/label/rc", "3.0"),
    ("{forge}", "2.0"),
)


@pytest.fixture
def server(serve_channels: Serve) -> ChannelServer:
    """Three channels that have the same package in versions of their own."""
    forge, label, other = (Channel.of(package("tool", each)) for each in ("2.0", "3.0", "9.0"))
    server = serve_channels(forge=forge, other=other)
    for path, content in label.files().items():
        server.spoil("forge", f"label/rc/{path}", content)
    return server


def written(server: ChannelServer, text: str) -> str:
    return text.format(
        forge=server.secret("forge"),
        other=server.secret("other"),
        upper=server.url.replace("http", "HTTP"),
    )


def asked(server: ChannelServer, way: str) -> str:
    """A dependency as it is written; it has no credentials, wherever the channel has some."""
    return f'tool = {{ channel = "{strip_credentials(written(server, way))}" }}\n'


def tool(project: Project, target: str = "cpu") -> str:
    return packages(project, f"conda-{target}-lock.yml")["tool"].partition(" ")[0]


@pytest.mark.parametrize(("way", "version"), WAYS)
def test_a_first_lock_has_each_package_from_the_channel_that_is_asked_for(
    project: Project, server: ChannelServer, way: str, version: str
) -> None:
    """The leader's package must not be that of a target, or of a group, which asks for another."""
    line = asked(server, way)
    project.write("pyproject.toml", written(server, TABLE) + OF_CUDA + line + OF_GROUP + line)
    project.lock()
    assert tool(project) == "2.0"
    assert {tool(project, each) for each in ("cu126", "cpu-dev", "cu126-dev")} == {version}
    assert f"::tool={version}'\n" in project.read("environment-cu126.yml")
    assert findings(project) == {}


@pytest.mark.parametrize(("way", "version"), WAYS)
@pytest.mark.parametrize("secret", ["nothing", "login", "token"])
def test_a_lock_follows_when_the_channel_of_a_package_is_edited(
    project: Project, server: ChannelServer, secret: str, way: str, version: str
) -> None:
    server.login = ("me", "pass") if secret == "login" else None
    server.token = "tok-12345" if secret == "token" else None
    project.write("pyproject.toml", written(server, TABLE))
    project.lock()
    assert tool(project) == "2.0"
    project.edit("pyproject.toml", 'tool = "*"\n', asked(server, way))
    assert findings(project) != {}
    project.lock()
    assert (tool(project), findings(project)) == (version, {})


def test_what_the_channel_that_is_asked_for_has_not_is_not_taken_from_another(
    project: Project, server: ChannelServer
) -> None:
    project.write("pyproject.toml", written(server, TABLE))
    project.lock()
    before = project.files()
    line = asked(server, "{forge}/label/rc").replace("{ ", '{ version = "==2.0", ')
    project.edit("pyproject.toml", 'tool = "*"\n', line)
    done = project.accelock("conda", "lock")
    assert done.code == 1
    assert "/label/rc::tool ==2.0" in done.err
    assert project.files() == before


def test_a_locked_package_of_that_channel_stays(project: Project, server: ChannelServer) -> None:
    """Only another channel's package is given up."""
    line = asked(server, "{other}")
    project.write("pyproject.toml", written(server, TABLE).replace('tool = "*"\n', line))
    project.lock()
    newer = Channel.of(package("tool", each) for each in ("9.0", "9.1"))
    server.put("other", newer)
    project.edit("pyproject.toml", "{ channel", '{ version = ">=9", channel')
    project.lock()
    assert tool(project) == "9.0"
    project.lock("--update-all")
    assert tool(project) == "9.1"


@pytest.mark.parametrize(
    ("url", "channel", "is_from"),
    [
        (FORGE, "conda-forge", True),
        (FORGE, f"{FORGE}/", True),
        (FORGE, "conda-forge/label/rc", False),
        (f"{FORGE}/label/rc", "conda-forge", False),
        (f"{FORGE}/label/rc", "conda-forge/label/rc", True),
        ("https://mirror.example/conda-forge", "conda-forge", False),
        ("https://mirror.example/t/token/own", "https://mirror.example/own", True),
        ("file:///srv/own", "file:///srv/own", True),
        ("file:///srv/own", "own", False),
        (FORGE, None, True),
    ],
)
def test_a_channel_is_known_by_its_name_and_by_its_url(
    url: str, channel: str | None, is_from: bool
) -> None:
    found = adapter.to_rattler(record("tool 1.0", channel=url))
    assert adapter.is_from(found, channel) is is_from
