"""The command that adds an extra, for each way in which accelock can be installed."""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from accelock import installation
from accelock.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIT = "https://example.org/accelock.git"


class Installed:
    """accelock as somebody installed it: its prefix, and what stands beside its metadata."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.info = folder / "site" / "accelock-0.1.0.dist-info"
        self.info.mkdir(parents=True)
        self.monkeypatch = monkeypatch
        monkeypatch.chdir(folder)
        found = metadata.PathDistribution(self.info)
        monkeypatch.setattr("importlib.metadata.distribution", lambda _name: found)
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        self.in_environment("venv")

    def direct(self, url: str, **more: Any) -> None:
        """Say where it came from."""
        text = json.dumps({"url": url, **more})
        (self.info / "direct_url.json").write_text(text, encoding="utf-8")

    def in_environment(self, name: str, receipt: str | None = None) -> None:
        """Say which environment it is in, and which file of a tool's is there."""
        prefix = self.folder / "prefixes" / name
        prefix.mkdir(parents=True)
        if receipt:
            (prefix / receipt).touch()
        self.monkeypatch.setattr("sys.prefix", str(prefix))

    def by(self, installer: str) -> None:
        """Say who installed it."""
        (self.info / "INSTALLER").write_text(f"{installer}\n", encoding="utf-8")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(tmp_path, monkeypatch)


def test_an_index_of_ones_own_needs_the_name_alone(installed: Installed) -> None:
    installed.by("pip")
    assert installation.command_for("conda") == "pip install 'accelock[conda]'"


@pytest.mark.parametrize(
    ("direct", "told"),
    [
        ({"url": "file://{here}/accelock", "dir_info": {}}, "pip install './accelock[conda]'"),
        (
            {"url": "file://{here}/accelock", "dir_info": {"editable": True}},
            "pip install -e './accelock[conda]'",
        ),
        ({"url": "file:///opt/a%20b", "dir_info": {}}, "pip install '/opt/a b[conda]'"),
        (
            {"url": GIT, "vcs_info": {"vcs": "git", "requested_revision": "v1"}},
            f"pip install 'accelock[conda] @ git+{GIT}@v1'",
        ),
        (
            {"url": "https://example.org/accelock.zip", "archive_info": {}},
            "pip install 'accelock[conda] @ https://example.org/accelock.zip'",
        ),
    ],
)
def test_the_extra_comes_from_where_accelock_came(
    direct: Mapping[str, Any], told: str, installed: Installed
) -> None:
    installed.direct(**{**direct, "url": direct["url"].format(here=installed.folder)})
    assert installation.command_for("conda") == told


@pytest.mark.parametrize(
    ("name", "receipt", "told"),
    [
        ("accelock", "pipx_metadata.json", "pipx install --force './accelock[conda]'"),
        ("poetry", "pipx_metadata.json", "pipx inject --force poetry './accelock[conda]'"),
        ("accelock", "uv-receipt.toml", "uv tool install --force './accelock[conda]'"),
        ("poetry", "uv-receipt.toml", "uv tool install poetry --with './accelock[conda]'"),
        ("archive-v0/x1", None, "uvx --from './accelock[conda]' accelock"),
    ],
)
def test_a_tool_is_told_to_who_made_it(
    name: str, receipt: str | None, told: str, installed: Installed
) -> None:
    installed.direct(f"file://{installed.folder}/accelock", dir_info={})
    installed.in_environment(name, receipt)
    assert installation.command_for("conda") == told


def test_a_tool_that_is_made_anew_keeps_its_extras(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "piptools" or None)
    installed.in_environment("accelock", "pipx_metadata.json")
    assert installation.command_for("conda") == "pipx install --force 'accelock[conda,pip-tools]'"


def test_uv_is_told_where_uv_installed_it(installed: Installed) -> None:
    installed.by("uv")
    assert installation.command_for("conda") == "uv pip install 'accelock[conda]'"


def test_poetry_is_told_where_it_is_a_plugin(installed: Installed) -> None:
    installed.direct(f"file://{installed.folder}/accelock", dir_info={"editable": True})
    error = MissingExtraError("conda", "this")
    where = installed.folder / "accelock"  # whole: Poetry reads it from a folder of its own
    assert error.for_plugin().endswith(f"Run: poetry self add --editable '{where}[conda]'")
    assert str(error).endswith(". Run: pip install -e './accelock[conda]'")


@pytest.mark.parametrize("broken", ["", "{", "[1]"])
def test_what_cannot_be_read_says_nothing(broken: str, installed: Installed) -> None:
    (installed.info / "direct_url.json").write_text(broken, encoding="utf-8")
    assert installation.command_for("conda") == "pip install 'accelock[conda]'"
