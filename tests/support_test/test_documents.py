"""What documents for contributors name is there."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
DOCUMENTS = ("CONTRIBUTING.md", "docs/how-it-works.md")
NAME = re.compile(r"[\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml|ini)")
CODE = re.compile(r"```sh\n(?P<block>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
# Words of commands that are no file of the repository.
MADE = re.compile(r"\.venv")


def paths_in(text: str) -> list[str]:
    """Return the names of files and folders in code of a Markdown text."""
    words = " ".join(match["block"] or match["span"] for match in CODE.finditer(text)).split()
    return [word for word in words if NAME.fullmatch(word) and not MADE.match(word)]


def missing(names: list[str]) -> list[str]:
    """Return those that are there neither from the top nor from the package's folder."""
    return [
        name
        for name in names
        if not any((top / name).exists() for top in (TOP, TOP / "src/accelock"))
    ]


def test_the_reader_of_names() -> None:
    text = "In `a/b.py`, `c/`, `d.toml` and `e.f`:\n```sh\n.venv/bin/python -m pytest g/h.py\n```\n"
    assert paths_in(text) == ["a/b.py", "c/", "d.toml", "g/h.py"]
    assert missing(["resolve/search.py", "tox.ini", "resolve/nowhere.py"]) == ["resolve/nowhere.py"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_files_that_are_there(document: str) -> None:
    names = paths_in((TOP / document).read_text(encoding="utf-8"))
    assert len(names) > 10
    assert missing(names) == []


def test_contributing_has_the_versions_of_the_matrix() -> None:
    """Each row of the table says what tox.ini installs."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(TOP / "tox.ini", encoding="utf-8")
    section = tox["testenv:piptools-{lowest,741,753,newest}"]
    rows = re.findall(
        r"\| `piptools-(\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\S+)",
        (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    )
    assert [row[0] for row in rows] == ["lowest", "741", "753"]
    for name, python, pip, pip_tools, rattler in rows:
        assert f"{name}: python{python}\n" in section["base_python"]
        assert f"pip=={pip}\n" in section["commands_pre"].split(f"{name}: ")[1]
        assert f"{name}: pip-tools=={pip_tools}\n" in section["deps"]
        assert (f"{name}: py-rattler=={rattler}.*" in section["deps"]) == (rattler != "none:")
