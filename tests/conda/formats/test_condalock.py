from __future__ import annotations

import random

import pytest

from accelock.conda.formats.lock import LOCK
from accelock.conda.formats.model import read_stamp, scalar
from tests.conda.records import CUDA, LINUX, record, render, solved, vega

BOTH = {"linux-x86_64": vega("linux-64"), "macos-arm64": vega("osx-arm64")}
TINY = {
    "linux-x86_64": [
        record("pip 24.10 pyh_0", "python >=3.8", "python !=3.9.0", subdir="noarch"),
        record("python 3.12.4 h0_0_cpython", "__glibc >=2.17,<3.0.a0", "numpy 2.* py*"),
    ]
}


def body(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def test_the_whole_text() -> None:
    text = render(LOCK, solved(TINY, channels=["https://me:pw@h.example/t/tk/own", "c"]))
    assert "# To install it:\n#\n#    micromamba create -p ./env -f conda-cpu-lock.yml\n" in text
    pip, python = TINY["linux-x86_64"]
    assert (
        body(text)
        == f"""\
version: 1
metadata:
  content_hash:
    linux-64: {scalar(solved(TINY).digests[LINUX])}
  channels:
  - url: https://h.example/own
    used_env_vars: []
  - url: c
    used_env_vars: []
  platforms:
  - linux-64
  sources:
  - pyproject.toml
package:
- name: pip
  version: '24.10'
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.8,!=3.9.0'
  url: https://conda.anaconda.org/conda-forge/noarch/pip-24.10-pyh_0.conda
  hash:
    md5: {scalar(pip.md5)}
    sha256: {scalar(pip.sha256)}
  build: pyh_0
  category: main
  optional: false
- name: python
  version: '3.12.4'
  manager: conda
  platform: linux-64
  dependencies:
    __glibc: '>=2.17,<3.0.a0'
    numpy: '2.* py*'
  url: https://conda.anaconda.org/conda-forge/linux-64/python-3.12.4-h0_0_cpython.conda
  hash:
    md5: {scalar(python.md5)}
    sha256: {scalar(python.sha256)}
  build: h0_0_cpython
  category: main
  optional: false
"""
    )


def test_the_same_bytes_whatever_the_order() -> None:
    text = render(LOCK, solved(BOTH))
    shuffled = {name: random.Random(1).sample(BOTH[name], 6) for name in reversed(BOTH)}
    assert render(LOCK, solved(shuffled)) == text


def test_the_stamp_describes_it() -> None:
    text = render(LOCK, solved(BOTH, of=CUDA, group="dev"))
    stamp = read_stamp(text)
    assert stamp is not None
    assert (stamp.kind, stamp.target, stamp.group) == ("lock", "cu126", "dev")
    assert list(stamp.parts) == ["linux-64", "osx-arm64"]
    assert stamp.describes(text)


def test_no_secret_and_nothing_that_mamba_refuses() -> None:
    text = render(LOCK, solved(BOTH, channels=["https://me:secret@h.example/t/token/c"]))
    for word in ("secret", "token", "custom_metadata", "sel(", "nodefaults", "prefix"):
        assert word not in text


def test_every_dependency_of_the_same_name_counts() -> None:
    one = record("x 1", "a >=1", "a <3", "b", "b >=2", "c 1.* py*", "c", "d >=1|<0", "d <9")
    text = render(LOCK, solved({"linux-x86_64": [one]}))
    for line in ("a: '>=1,<3'", "b: '>=2'", "c: '1.* py*'", "d: '>=1|<0'"):
        assert f"    {line}\n" in text


# An independent reader; conda-lock itself is in tests/conda/test_run_formats.py


def test_a_yaml_parser_reads_strings() -> None:
    yaml = pytest.importorskip("yaml", reason="needs the extra conda")
    data = yaml.safe_load(render(LOCK, solved(BOTH)))
    assert data["metadata"]["platforms"] == ["linux-64", "osx-arm64"]
    for entry in data["package"]:
        texts = (entry["version"], entry["build"], entry["url"], *entry["hash"].values())
        assert all(isinstance(text, str) for text in texts)
    empty = yaml.safe_load(render(LOCK, solved({"linux-x86_64": []})))
    assert empty["package"] == []
