from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import tomlkit

from accelock import toml

if TYPE_CHECKING:
    from pathlib import Path


def test_data(tmp_path: Path) -> None:
    path = tmp_path / "poetry.lock"
    path.write_bytes(b'x = 1\r\n[a]\ny = "z"\n')
    assert toml.read(path, "poetry.lock") == {"x": 1, "a": {"y": "z"}}


def test_no_such_file(tmp_path: Path) -> None:
    assert toml.read(tmp_path / "poetry.lock", "poetry.lock") is None


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(toml.TomlError, match=r"^poetry.lock: cannot be read"):
        toml.read(tmp_path, "poetry.lock")


def test_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "poetry.lock"
    path.write_bytes(b"x = '\xe9'\n")
    with pytest.raises(toml.TomlError, match=r"^poetry.lock: is not UTF-8 at byte 5"):
        toml.read(path, "poetry.lock")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = \n", r"^pyproject.toml, line 2: is not valid TOML"),
        ("x = 1\nx = 2\n", r"^pyproject.toml.*: is not valid TOML"),
        ("x = 1\n<<<<<<< HEAD\n", r"^pyproject.toml, line 2: has an unresolved merge conflict"),
        ("x = 1\n>>>>>>> topic\n", r"line 2: has an unresolved merge conflict"),
    ],
)
def test_no_toml(text: str, said: str) -> None:
    with pytest.raises(toml.TomlError, match=said):
        toml.parse(text, "pyproject.toml")


EVERY_KIND = """
a = [1, 2.50, 1_000, 0xff, inf]
'b c' = true
d.e.f = "\\u00e9"
g = { h = 1979-05-27T07:32:00.5-07:00, i = 1979-05-27 07:32:00, j = 07:32:00, k = 1979-05-27 }
[l.m]
n = -0.0
[[l.o]]
p = []
[[l.o]]
[d.q]
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_both_parsers_say_the_same(newline: str) -> None:
    """A digest is of the data, and must not depend on the Python that has it made."""
    text = EVERY_KIND.replace("\n", newline)
    found = json.dumps(toml.loads(text), sort_keys=True, default=str)
    assert found == json.dumps(tomlkit.parse(text).unwrap(), sort_keys=True, default=str)
