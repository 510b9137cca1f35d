"""Files that other tools compiled, and `accelock rewrite` beside a fresh `accelock compile`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.locks import stamp
from tests.piptools.support_project import HERE, pins_of
from tests.support.environments import fresh_venv, run_accelock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.piptools.support_project import Project

REQUIREMENTS = """\
lightning
torch==2.6.0
torchvision
uvicorn[standard]
jinja2<3.1.6
"""
# uv 0.13.8 and poetry-plugin-export 1.10.1 (of Poetry 2.5.1) wrote these from REQUIREMENTS, against
# the site of tests/support/pytorch_site.py, for Python 3.11 and for 3.10 and later.
MADE = Path(__file__).parent / "made"
MADE_FOR = "3.11"


@dataclass(frozen=True)
class Maker:
    """A tool that compiles REQUIREMENTS in a way of its own.

    :param make: writes made.txt in a project.
    :param python: the Python that the file is for.
    :param fresh: options with which `accelock compile` writes such a file itself.
    """

    name: str
    make: Callable[[Project], None]
    python: str = HERE
    fresh: tuple[str, ...] = ("--strip-extras",)

    def __str__(self) -> str:
        return self.name


def rewrite(
    project: Project, *words: str | Path, code: int = 0, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `accelock rewrite`, which must end with this exit code."""
    env = {**project.env, **variables}
    done = run_accelock("rewrite", *words, cwd=project.folder, env=env, stdin=stdin)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def turned(project: Project, text: str, *words: str) -> str:
    """Return what `accelock rewrite -q` makes of a text."""
    project.put("given.txt", text)
    rewrite(project, "-q", *words, "given.txt", "-o", "turned.txt")
    return project.read("turned.txt")


def refused(project: Project, *words: str, code: int = 1, stdin: str = "") -> str:
    """Run `accelock rewrite`, which must say one thing and write nothing; return what it said."""
    before = project.files()
    done = rewrite(project, *words, code=code, stdin=stdin)
    assert project.files() == before
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "accelock-" not in done.stderr, "the name of a temporary folder"
    assert done.stderr.count("ERROR: ") + done.stderr.count("Error: ") == 1, done.stderr
    return done.stderr


def compiled_afresh(project: Project, text: str, *words: str) -> str:
    """Return what `accelock compile` makes of requirements.in, with the pins of a text."""
    project.put("fresh.txt", text)
    off = [
        f"--no-{word}" for word in ("generate-hashes", "allow-unsafe") if f"--{word}" not in words
    ]
    project.compile("-q", *words, *off, "-o", "fresh.txt", "requirements.in")
    return project.read("fresh.txt")


def platforms_of(text: str) -> tuple[str, ...]:
    """Return the platforms that a file of ours holds on."""
    found = stamp.read(text)
    assert found is not None
    assert found.describes(text)
    return found.platforms


def says(text: str, platform: str, python: str = HERE) -> dict[str, tuple[str | None, set[str]]]:
    """Return what a text pins on a platform: name -> version and hashes; each name once."""
    pins = pins_of(text, platform, python)
    found = {pin.name: (pin.version, set(pin.hashes)) for pin in pins}
    assert len(found) == len(pins), f"a name twice on {platform}: {sorted(p.name for p in pins)}"
    return found


def versions(text: str, platform: str, python: str = HERE) -> dict[str, str | None]:
    """Return what a text pins on a platform: name -> version."""
    return {name: version for name, (version, _) in says(text, platform, python).items()}


def _pip_compile(*words: str) -> Callable[[Project], None]:
    def make(project: Project) -> None:
        done = project.pip_compile("-q", *words, "-o", "made.txt", "requirements.in")
        assert done.returncode == 0, done.stderr

    return make


def _as_made(name: str) -> Callable[[Project], None]:
    def make(project: Project) -> None:
        text = (MADE / name).read_text(encoding="utf-8")
        address = project.env["PIP_INDEX_URL"].removeprefix("http://").partition("/")[0]
        project.put("made.txt", text.replace("{address}", address))

    return make


def _accelock(target: str, *words: str) -> Callable[[Project], None]:
    def make(project: Project) -> None:
        project.compile("-q", "-t", target, *words, "-o", "made.txt", "requirements.in")

    return make


def _freeze(project: Project) -> None:
    venv = fresh_venv(project.folder.parent / "frozen", project.env, sys.executable)
    installed = venv.pip("install", "-q", "-r", project.folder / "requirements.in")
    assert installed.returncode == 0, installed.stderr
    project.put("made.txt", venv.pip("freeze").stdout)


HASHES = ("--strip-extras", "--generate-hashes")
# What other makers pin, pip-tools calls unsafe.
UNSAFE = ("--strip-extras", "--allow-unsafe")
MAKERS = (
    Maker("pip-compile", _pip_compile("--strip-extras")),
    Maker("pip-compile with extras", _pip_compile("--no-strip-extras"), fresh=()),
    Maker(
        "pip-compile with hashes, on lines",
        _pip_compile("--strip-extras", "--generate-hashes", "--annotation-style=line"),
        fresh=HASHES,
    ),
    Maker("pip-compile on lines", _pip_compile("--strip-extras", "--annotation-style=line")),
    Maker(
        "pip-compile without annotations",
        _pip_compile("--no-strip-extras", "--no-annotate", "--no-header"),
        fresh=("--allow-unsafe",),
    ),
    Maker(
        "pip-compile with CRLF",
        _pip_compile("--strip-extras", "--newline=crlf", "--allow-unsafe"),
        fresh=UNSAFE,
    ),
    Maker("uv", _as_made("uv.txt"), MADE_FOR, UNSAFE),
    Maker("uv, universal", _as_made("uv-universal.txt"), MADE_FOR, UNSAFE),
    Maker("uv with hashes", _as_made("uv-hashes.txt"), MADE_FOR, ("--allow-unsafe", *HASHES)),
    Maker(
        "uv with hashes, universal",
        _as_made("uv-universal-hashes.txt"),
        "3.10",
        ("--allow-unsafe", *HASHES),
    ),
    Maker("pip freeze", _freeze, fresh=UNSAFE),
    Maker("poetry export", _as_made("poetry.txt"), MADE_FOR, UNSAFE),
    Maker(
        "poetry export with hashes",
        _as_made("poetry-hashes.txt"),
        MADE_FOR,
        ("--allow-unsafe", *HASHES),
    ),
    Maker(
        "accelock for cu126",
        _accelock("cu126", "--strip-extras"),
        fresh=("--allow-unsafe", *HASHES),
    ),
    Maker(
        "accelock for cpu, with hashes",
        _accelock("cpu", *HASHES),
        fresh=("--allow-unsafe", *HASHES),
    ),
)
