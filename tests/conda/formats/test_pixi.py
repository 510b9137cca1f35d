from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda.formats.model import read_stamp, scalar
from accelock.conda.formats.pixi import PIXI
from tests.conda.records import CPU, CUDA, FORGE, record, render, solved, target, vega

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
    text = render(PIXI, [solved({"linux-x86_64": [TINY]}, of=None)])
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
    text = render(PIXI, environments)
    stamp = read_stamp(text)
    assert stamp is not None
    assert list(stamp.parts) == [
        "cpu-dev/linux-64",
        "cpu-dev/osx-arm64",
        "cu126/linux-64",
        "cu126/osx-arm64",
        "rocm6-3/linux-64",
    ]
    assert stamp.describes(text)
    assert render(PIXI, environments[::-1]) == text
    assert "secret" not in text
    assert "token" not in text


def test_rattler_reads_what_few_packages_have(tmp_path: Path) -> None:
    """All that every package has, it reads in tests/conda/test_run_formats.py."""
    lock = pytest.importorskip("rattler.lock", reason="needs the extra conda")
    path = tmp_path / "pixi.lock"
    path.write_text(render(PIXI, [solved({"linux-x86_64": [TINY]}, of=None)]))
    environment = lock.LockFile.from_path(path).environment("default")
    (mkl,) = environment.conda_repodata_records()["linux-64"]
    assert list(mkl.depends) == ["__glibc >=2.17", "tbb 2021.*"]
    assert list(mkl.constrains) == ["blas * mkl"]
    assert (mkl.license, mkl.size) == ("LicenseRef-Intel: free", 1027)
    assert mkl.build_number == 3
    (channel,) = environment.channels()
    assert FORGE in str(channel)
