"""`accelock conda capture`, on the records of an environment as rattler and conda write them."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
import tomlkit

from tests.support import wheels
from tests.support.environments import Venv, isolated_env, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conda.projects import Project

CHANNEL = "https://channel.example/forge"
AUTHOR = ("-c", "user.name=me", "-c", "user.email=me@h.example")


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


@pytest.mark.parametrize(
    ("form", "name", "text"),
    [
        ("table", "pyproject.toml", "[project]\nname = 'mine'\n"),
        ("environment", "environment.yml", "dependencies: [git]\n"),
        ("environment", "environment-cpu.yml", "# accelock conda: version 1\n"),
    ],
)
@pytest.mark.usefixtures("prefix")
def test_a_file_that_is_there_is_not_written_over(
    project: Project, form: str, name: str, text: str
) -> None:
    project.write(name, text)
    words = ("conda", "capture", "-p", "env", "--format", form, "-o")
    done = project.accelock(*words, name)
    assert (done.code, done.out) == (1, "")
    assert f"{name} exists already; nothing was written" in done.err
    assert project.read(name) == text
    assert project.accelock(*words, "new.txt").code == 0
    before = project.read("new.txt")
    assert project.accelock(*words, "new.txt").code == 0  # with the same text there is nothing lost
    assert project.read("new.txt") == before


@pytest.mark.usefixtures("prefix")
def test_an_empty_file_and_a_device_are_written_to(project: Project) -> None:
    project.write("environment.yml", "\n")
    for name in ("environment.yml", os.devnull):
        assert project.accelock("conda", "capture", "-p", "env", "-o", name).code == 0
    assert "vega-lite-cli" in project.read("environment.yml")


def test_what_pip_really_installed(project: Project, prefix: Path, tmp_path: Path) -> None:
    """From an index it is a pin; from a folder, a file, a clone or an editable one, it is not."""
    env = isolated_env(tmp_path / "home")
    made = run(sys.executable, "-m", "venv", "--without-pip", prefix, cwd=tmp_path, env=env)
    assert made.returncode == 0, made.stderr
    links = tmp_path / "links"
    links.mkdir()
    wheels.wheel("of-an-index", "2.32.3").save(links)
    file = wheels.wheel("of-a-file", "1.0").save(tmp_path)
    folder, clone, editable = (source(tmp_path, f"of-{kind}") for kind in ("folder", "git", "edit"))
    for words in (["init", "-q"], ["add", "."], [*AUTHOR, "commit", "-q", "-m", "x"]):
        assert run("git", *words, cwd=clone, env=env).returncode == 0
    done = run(
        *(sys.executable, "-m", "pip", "--python", Venv(prefix, env).python, "install", "-q"),
        *("--no-index", "--find-links", links, "of-an-index", file, folder),
        *(f"git+{clone.as_uri()}", "-e", editable),
        cwd=tmp_path,
        env=env,
    )
    assert done.returncode == 0, done.stderr

    table = project.accelock("conda", "capture", "-p", "env")
    assert table.code == 0, table.err
    form = ("-p", "env", "--format", "environment")
    environment = project.accelock("conda", "capture", *form).out
    for text, mark in ((table.out, "#   "), (environment, "  # ")):
        for name in ("of-a-file", "of-folder", "of-git"):
            assert f"\n{mark}{name} 1.0 was installed from a folder or a file of its own;" in text
        assert f"\n{mark}of-edit 1.0 was installed from a folder of its own, editable;" in text
        assert str(tmp_path) not in text
    assert "\n#   of-an-index==2.32.3\n" in table.out
    assert environment.partition("  - pip:\n")[2].startswith("      - of-an-index==2.32.3\n  # ")


def source(tmp_path: Path, name: str) -> Path:
    """Unpack a source distribution whose backend can install it as editable, too."""
    sdist = wheels.sdist(name, "1.0")
    with tarfile.open(fileobj=io.BytesIO(sdist.content)) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            path, stream = tmp_path / member.name, archive.extractfile(member)
            assert stream is not None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stream.read())
    folder = tmp_path / sdist.filename.removesuffix(".tar.gz")
    with (folder / "sdist_backend.py").open("a") as backend:
        backend.write("\n\nbuild_editable = build_wheel\n")
    return folder


@pytest.mark.usefixtures("prefix")
def test_a_keep_list(project: Project) -> None:
    project.write("requirements.in", "nodejs\nnothing-such\n")
    done = project.accelock("conda", "capture", "-p", "env", "--keep", "requirements.in")
    assert '"==22.4.0"' in done.out
    assert "vega" not in done.out
    assert "WARNING: nothing-such is in the --keep file, and not in the environment\n" in done.err


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (2, (), "name an environment: accelock conda capture --prefix FOLDER"),
        (2, ("-p", "env", "--format", "yaml"), "unknown format 'yaml'"),
        (1, ("-p", "env", "--keep", "nothing.in"), "nothing.in: cannot be read"),
        (1, ("-p", "nowhere"), "nowhere"),
    ],
)
@pytest.mark.usefixtures("prefix")
def test_what_is_refused(project: Project, code: int, words: tuple[str, ...], told: str) -> None:
    done = project.accelock("conda", "capture", *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
