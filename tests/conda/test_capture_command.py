"""`accelock conda capture`, on the records of an environment as rattler and conda write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import tomlkit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conda.projects import Project

CHANNEL = "https://channel.example/forge"


def put(prefix: Path, name: str, version: str, *depends: str, asked: str | None = None) -> None:
    """Write the record of an installed package."""
    meta = prefix / "conda-meta"
    meta.mkdir(parents=True, exist_ok=True)
    record = {
        "name": name, "version": version, "build": "h0_0", "build_number": 0, "subdir": "linux-64",
        "channel": CHANNEL, "url": f"{CHANNEL}/linux-64/{name}-{version}-h0_0.conda",
        "fn": f"{name}-{version}-h0_0.conda", "md5": "0" * 32, "sha256": "0" * 64,
        "depends": list(depends), "files": [], "requested_specs": [asked] if asked else [],
    }  # fmt: skip
    (meta / f"{name}-{version}-h0_0.json").write_text(json.dumps(record))


@pytest.fixture
def prefix(project: Project) -> Path:
    folder = project.folder / "env"
    put(folder, "python", "3.12.4", asked="python")
    put(folder, "nodejs", "22.4.0")
    put(folder, "vega-lite-cli", "5.21.0", "nodejs", asked="vega-lite-cli >=5")
    return folder


@pytest.mark.usefixtures("prefix")
def test_the_table_goes_to_stdout(project: Project) -> None:
    done = project.accelock("conda", "capture", "--prefix", "env")
    assert done.code == 0, done.err
    conda = tomlkit.parse(done.out).unwrap()["tool"]["accelock"]["conda"]
    assert conda == {
        "channels": [CHANNEL],
        "dependencies": {"python": "==3.12.4", "vega-lite-cli": "==5.21.0"},
    }
    assert done.err == "2 packages, known by the records' requested specs\n"


@pytest.mark.usefixtures("prefix")
def test_an_environment_to_a_file(project: Project) -> None:
    words = ("--prefix", "env", "--format", "environment", "--output", "environment.yml")
    done = project.accelock("conda", "capture", *words)
    assert (done.code, done.out) == (0, "")
    assert "  - vega-lite-cli=5.21.0\n" in project.read("environment.yml")
    assert "prefix" not in project.read("environment.yml")


@pytest.mark.usefixtures("prefix")
def test_a_keep_list(project: Project) -> None:
    project.write("requirements.in", "nodejs\nnothing-such\n")
    done = project.accelock("conda", "capture", "-p", "env", "--keep", "requirements.in")
    assert '"==22.4.0"' in done.out
    assert "vega" not in done.out
    assert "WARNING: nothing-such of the keep-list is not in the environment\n" in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say which environment: accelock conda capture --prefix FOLDER"),
        (("-p", "env", "--format", "yaml"), "unknown format 'yaml'"),
        (("-p", "env", "--keep", "nothing.in"), "nothing.in: cannot be read"),
        (("-p", "nowhere"), "nowhere"),
    ],
)
@pytest.mark.usefixtures("prefix")
def test_what_is_refused(project: Project, words: tuple[str, ...], told: str) -> None:
    done = project.accelock("conda", "capture", *words)
    assert (done.code, done.out) == (1, "")
    assert told in done.err
