"""Hashes that nobody asked for: of every line of a file, or of none, and never by a download."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_invocations import SEED
from tests.piptools.support_sites import on_pypi
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.internals

LINUX = "--platform=linux-x86_64"
WORDS = ("-t", "cpu", LINUX)
TORCH = "torch==2.8.0\n"
SAID = "no hashes: pip asks all of its indexes for every package, and accelock sync does not"


def command_of(text: str) -> list[str]:
    """Return the words of the command line in a file's header, behind `accelock compile`."""
    line = next(line for line in text.splitlines() if line.startswith("#    accelock compile"))
    return shlex.split(line.removeprefix("#    accelock compile"))


def body_of(text: str) -> str:
    """Return a file without its header."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def notes_of(said: str) -> list[str]:
    """Return the notes on why a file has hashes or none."""
    lines = (line for line in said.splitlines() if SAID not in line)
    return [line for line in lines if line.startswith("NOTE: ")]


def test_as_if_asked_for(project: Project, index: IndexServer) -> None:
    """The same lines as with --generate-hashes, without a word, and the header's command again."""
    project.write(requirements_in="torchvision\ntqdm\n")
    done = project.compile(*WORDS)
    text = project.read()
    assert not notes_of(done.stderr)
    assert all(project.hashes().values())
    assert not index.bodies()
    project.compile(*WORDS, "--generate-hashes", "-o", "asked.txt", "requirements.in")
    assert body_of(project.read("asked.txt")) == body_of(text)

    assert command_of(text) == ["--target=cpu", LINUX]
    project.compile(*command_of(text))
    assert project.read() == text


def test_left_out(project: Project) -> None:
    """By the command line, which the header repeats, or by pip-tools' own table, which stays."""
    project.write(requirements_in=TORCH)
    project.compile(*WORDS, "--no-generate-hashes")
    text = project.read()
    assert "--hash" not in text
    assert "--no-generate-hashes" in command_of(text)
    project.compile(*command_of(text))
    assert project.read() == text

    project.write(pyproject_toml="[tool.pip-tools]\ngenerate-hashes = false\n")
    project.compile(*WORDS, "-o", "table.txt", "requirements.in")
    assert "--hash" not in project.read("table.txt")
    assert "--no-generate-hashes" not in command_of(project.read("table.txt"))
    assert body_of(project.read("table.txt")) == body_of(text)


def url_of(server: IndexServer, fragment: str = "") -> str:
    found = pytorch_site().index("/simple").projects["tqdm"]
    wheel = next(each.distribution for each in found if each.distribution.is_wheel)
    end = fragment.format(wheel.hash.removeprefix("sha256:"))
    return f"tqdm @ {server.url}/packages/{wheel.filename}{end}\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [("-e ./seed\n", "seed is editable"), ("./seed\n", "seed is a local directory")],
)
def test_a_line_that_can_have_none(project: Project, line: str, why: str) -> None:
    """pip refuses hashes on some lines alone: the file is written as it was before, and said."""
    for name, text in SEED.items():
        project.put(name, text)
    project.write(requirements_in=TORCH + line)
    done = project.compile(*WORDS)
    assert "--hash" not in project.read()
    assert project.pins()["torch"] == "2.8.0+cpu"
    (note,) = notes_of(done.stderr)
    assert why in note
    assert "requirements.txt has no hashes" in note


def test_what_is_left_out_has_none(project: Project) -> None:
    """torch requires setuptools from Python 3.12 on, and pip would refuse it without a hash."""
    project.write(requirements_in=TORCH)
    done = project.compile(*WORDS, "--python-version=3.12", "--no-allow-unsafe")
    assert "--hash" not in project.read()
    (note,) = notes_of(done.stderr)
    assert "setuptools is left out by --no-allow-unsafe" in note
    assert "--no-allow-unsafe" in project.read()

    project.compile(*WORDS, "--python-version=3.12")
    assert all(project.hashes(python="3.12").values())


def test_a_url_says_its_hash_or_there_are_none(project: Project, index: IndexServer) -> None:
    project.write(requirements_in=TORCH + url_of(index, "#sha256={}"))
    done = project.compile(*WORDS)
    assert not notes_of(done.stderr)
    assert "tqdm @" in project.read()
    assert all(project.hashes().values())

    project.write(requirements_in=TORCH + url_of(index))
    done = project.compile(*WORDS)
    (note,) = notes_of(done.stderr)
    assert "tqdm has no #sha256= in its URL" in note
    assert "--hash" not in project.read()


@pytest.mark.parametrize("page", ["/simple/typing-extensions", "/whl"])
def test_an_index_without_hashes(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    page: str,
) -> None:
    """Nothing is downloaded and nothing passed over; who allows the download has the hashes."""
    server = serve(on_pypi().configured(page, hashes="none").configured("/simple", format="html"))
    project = project_at(server)
    project.write(requirements_in=TORCH)
    done = project.compile("-t", "cpu", "-t", "cu126", LINUX)
    assert not server.bodies()
    for target in ("cpu", "cu126"):
        assert "--hash" not in project.read(f"requirements.{target}.txt")
        assert f"NOTE: requirements.{target}.txt has no hashes" in done.stderr
    name = "typing-extensions" if "simple" in page else "torch"
    assert f"{name} has files whose index publishes no sha256" in done.stderr

    project.compile(*WORDS, "--allow-downloads")
    assert server.bodies()
    assert all(project.hashes().values())


def test_of_one_target_alone(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    bare = pytorch_site().configured("/whl/cu126", hashes="none")
    server = serve(bare.configured("/whl/torch", hashes="none"))
    project = project_at(server)
    project.write(requirements_in=TORCH)
    done = project.compile("-t", "cpu", "-t", "cu126", LINUX)
    assert all(project.hashes("requirements.cpu.txt").values())
    assert "--hash" not in project.read("requirements.cu126.txt")
    (note,) = notes_of(done.stderr)
    assert "requirements.cu126.txt has no hashes" in note
    assert "torch has files whose index publishes no sha256" in note


def test_an_older_file_is_whole_and_gets_them(project: Project) -> None:
    """The next compile adds the hashes, keeps the pins, and says what that means; once."""
    project.write(requirements_in="torch==2.8.0\ntqdm==4.66.5\n")
    project.compile(*WORDS, "--no-generate-hashes")
    old = project.read().replace(" --no-generate-hashes", "")
    project.put("requirements.txt", old)
    assert project.accelock("check").returncode == 0
    project.write(requirements_in="torch==2.8.0\ntqdm\n")

    done = project.compile(*WORDS)
    (note,) = notes_of(done.stderr)
    assert "requirements.txt had no hashes, and has them now" in note
    assert project.pins()["tqdm"] == "4.66.5"
    assert all(project.hashes().values())
    assert project.accelock("check").returncode == 0
    assert not notes_of(project.compile(*WORDS).stderr)


@pytest.mark.parametrize(
    "words", [("--no-generate-hashes",), ("--python-version=3.12", "--no-allow-unsafe")], ids=str
)
def test_what_does_not_hold_without_is_said(project: Project, words: tuple[str, ...]) -> None:
    """In the file itself, which says it to who did not compile it, and on stderr; once a file."""
    project.write(requirements_in=TORCH)
    done = project.compile(*WORDS, *words)
    assert project.read().count(f"# {SAID}\n") == 1
    assert done.stderr.count(f"NOTE: requirements.txt has {SAID}.") == 1
    assert project.accelock("check").returncode == 0

    project.write(requirements_in="tqdm\n")
    assert SAID not in project.compile(*WORDS, *words, "-U").stderr, "there is one"
    assert SAID not in project.read()
