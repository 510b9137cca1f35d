"""`accelock rewrite` of what is no requirements file: files that the real tools wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_rewrite import MADE, refused, rewrite, versions
from tests.support.pylocks import needs_packaging
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

# uv 0.13.9, pip 23.2.1 and Poetry 2.5.1 wrote these of support_rewrite.REQUIREMENTS, against the
# site of tests/support/pytorch_site.py, for cu126 on Linux with Python 3.11.
FILES = [
    pytest.param("uv-pylock.toml", marks=needs_packaging),
    "uv-from.txt",
    "pip-list.txt",
    "pip-list.json",
    "poetry.lock",
]
LINUX = "linux-x86_64"
# What all of them pin, but for what the target brings.
PINS = {
    "click": "8.2.1", "filelock": "3.18.0", "fsspec": "2025.5.1", "h11": "0.16.0",
    "jinja2": "3.1.5", "lightning": "2.5.1", "markupsafe": "3.0.2", "mpmath": "1.3.0",
    "networkx": "3.5", "numpy": "2.2.6", "pillow": "11.0.0", "sympy": "1.13.1",
    "torch": "2.6.0+cpu", "torchvision": "0.21.0+cpu", "tqdm": "4.67.1",
    "typing-extensions": "4.14.0", "uvicorn": "0.34.3", "uvloop": "0.21.0",
}  # fmt: skip


@pytest.fixture
def project(
    serve: Callable[..., IndexServer], project_at: Callable[[IndexServer], Project]
) -> Project:
    own = (wheel("pip", "23.2.1"), wheel("setuptools", "65.5.0"))
    return project_at(serve(pytorch_site().with_files("/simple", *own)))


def given(project: Project, name: str) -> str:
    text = (MADE / name).read_text(encoding="utf-8")
    address = project.env["PIP_INDEX_URL"].removeprefix("http://").partition("/")[0]
    project.put(name, text.replace("{address}", address))
    return name


@pytest.mark.parametrize("name", FILES)
def test_every_pin_stays_and_torch_is_the_targets(project: Project, name: str) -> None:
    words = ("-t", "cpu", "--platform", LINUX, "--python-version", "3.11")
    done = rewrite(project, *words, given(project, name), "-o", "turned.txt")
    assert " -> " not in done.stderr, "a pin moved"
    text = project.read("turned.txt")
    found = versions(text, LINUX, "3.11")
    assert {each: found[each] for each in found if each not in {"pip", "setuptools"}} == PINS
    assert "/whl/cpu" in text
    assert "/whl/cu126" not in text
    assert ("--hash" in text) is (name in {"uv-pylock.toml", "poetry.lock"})


@pytest.mark.parametrize("name", ["pip-list.json", "poetry.lock"])
def test_it_is_not_overwritten(project: Project, name: str) -> None:
    given(project, name)
    said = refused(project, "-t", "cpu", name, "-o", name)
    assert "rewrite writes a requirements file: choose another name (-o)" in said


@needs_packaging
def test_a_message_names_the_package_where_there_is_no_line(project: Project) -> None:
    given(project, "uv-pylock.toml")
    text = project.read("uv-pylock.toml")
    own = set(re.findall(r"tqdm-4\.67\.1.*sha256 = \"(\w+)\"", text))
    project.put("pylock.toml", re.sub("|".join(own), "0" * 64, text))
    said = refused(project, "-q", "-t", "cpu", "--platform", LINUX, "pylock.toml")
    assert said.startswith("ERROR: pylock.toml, tqdm: no file of tqdm 4.67.1 on the indexes")
