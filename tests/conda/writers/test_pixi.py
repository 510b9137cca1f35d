from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda import header
from accelock.conda.writers import pixi
from accelock.conda.writers.scalars import scalar
from tests.conda.records import CPU, CUDA, FORGE, record, solved, target, vega

if TYPE_CHECKING:
    from pathlib import Path

BOTH = {"linux-x86_64": vega("linux-64"), "macos-arm64": vega("osx-arm64")}
TINY = record(
    "mkl 2024.2 h0_3",
    "__glibc >=2.17",
    "tbb 2021.*",
    constrains=("blas * mkl",),
    license="LicenseRef-Intel: free",
    size=1027,
    timestamp=1_750_000_000_000,
)


def test_the_whole_text() -> None:
    text = pixi.render([solved({"linux-x86_64": [TINY]}, of=None)])
    assert (
        text[text.index("version: 6") :]
        == f"""\
version: 6
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: {TINY.url}
packages:
- conda: {TINY.url}
  name: mkl
  version: '2024.2'
  build: h0_3
  build_number: 3
  subdir: linux-64
  sha256: {scalar(TINY.sha256)}
  md5: {scalar(TINY.md5)}
  depends:
  - '__glibc >=2.17'
  - 'tbb 2021.*'
  constrains:
  - 'blas * mkl'
  channel: https://conda.anaconda.org/conda-forge
  license: 'LicenseRef-Intel: free'
  size: 1027
  timestamp: 1750000000000
"""
    )


def test_environments_and_their_stamp() -> None:
    environments = [
        solved(BOTH, of=CUDA, channels=["https://me:secret@h.example/t/token/c"]),
        solved(BOTH, of=CPU, group="dev"),
        solved({"linux-x86_64": []}, of=target("rocm6.3")),
    ]
    text = pixi.render(environments)
    stamp = header.read(text)
    assert stamp is not None
    assert list(stamp.inputs) == [
        "cpu-dev/linux-64",
        "cpu-dev/osx-arm64",
        "cu126/linux-64",
        "cu126/osx-arm64",
        "rocm6-3/linux-64",
    ]
    assert stamp.describes(text)
    assert pixi.render(environments[::-1]) == text
    assert "secret" not in text
    assert "token" not in text


def test_rattler_reads_it_back(tmp_path: Path) -> None:
    lock = pytest.importorskip("rattler.lock", reason="needs the extra conda")
    path = tmp_path / "pixi.lock"
    path.write_text(pixi.render([solved(BOTH), solved({"linux-x86_64": [TINY]}, of=None)]))
    read = lock.LockFile.from_path(path)
    found = read.environment("cpu").conda_repodata_records()
    for name, records in BOTH.items():
        subdir = {"linux-x86_64": "linux-64", "macos-arm64": "osx-arm64"}[name]
        theirs = {each.name.normalized: each for each in found[subdir]}
        assert sorted(theirs) == sorted(each.name for each in records)
        for ours in records:
            other = theirs[ours.name]
            assert str(other.url) == ours.url
            assert (str(other.version), str(other.build)) == (ours.version, ours.build)
            assert (other.sha256.hex(), other.md5.hex()) == (ours.sha256, ours.md5)
            assert (other.build_number, other.subdir) == (ours.build_number, ours.subdir)
    (mkl,) = read.environment("default").conda_repodata_records()["linux-64"]
    assert list(mkl.depends) == ["__glibc >=2.17", "tbb 2021.*"]
    assert list(mkl.constrains) == ["blas * mkl"]
    assert (mkl.license, mkl.size) == ("LicenseRef-Intel: free", 1027)
    (channel,) = read.environment("cpu").channels()
    assert FORGE in str(channel)
