"""`accelock conda capture --from`: a hand-written environment.yml, and an export of conda's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tomlkit

from accelock.catalogue import load_catalogue
from accelock.conda.config import parse_conda
from accelock.settings.settings import parse_config
from tests.conda.records import LINUX

pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from tests.conda.projects import Done, Project

WRITTEN = """\
name: mine
channels:
  - pytorch
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pytorch::pytorch=2.1.*=*cpu*
  - numpy>=1.26,<2
  - blas=*=openblas
  - cpuonly
  - git
  - pip
  - pip:
    - --extra-index-url https://me:secret@h.example/simple
    - torch==2.4.1+cu118
    - requests
prefix: /home/me/env
"""
EXPORTED = """\
name: mine
channels:
  - conda-forge
dependencies:
  - _libgcc_mutex=0.1=conda_forge
  - blas=1.0=openblas
  - numpy=1.26.4=py311h64a7726_0
  - libarrow=18.1.0=h1_0_cpu
  - pytorch=2.6.0=cuda126_mkl_py311_h0_300
  - python=3.11.9=hb806964_0_cpython
  - cudatoolkit=11.8.0=h4ba93d1_13
prefix: /home/me/env
"""


def captured(project: Project, text: str, *words: str) -> Done:
    project.write("environment.yml", text)
    return project.accelock("conda", "capture", "--from", "environment.yml", *words)


def table_of(done: Done) -> dict[str, object]:
    assert done.code == 0, done.err
    found: dict[str, object] = tomlkit.parse(done.out).unwrap()["tool"]["accelock"]["conda"]
    return found


def test_a_file_by_hand(project: Project) -> None:
    done = captured(project, WRITTEN)
    table = table_of(done)
    assert table == {
        "channels": ["pytorch", "conda-forge"],
        "dependencies": {
            "blas": {"version": "*", "build": "openblas"},
            "git": "*",
            "numpy": ">=1.26,<2",
            "pip": "*",
            "python": "3.11.*",
            "pytorch": {"version": "2.1.*", "build": "*cpu*", "channel": "pytorch"},
        },
    }
    notes = [line for line in done.out.splitlines() if line.startswith("#")]
    assert notes == [
        "# cpuonly is left out: the target says it.",
        "# Installed by pip; put those that you require yourself into requirements.in, or into",
        "# Poetry's dependencies:",
        "#   --extra-index-url https://h.example/simple",
        "#   torch==2.4.1+cu118",
        "#   requests",
    ]
    assert done.err == "6 packages, known by environment.yml\n"
    config = parse_config({"conda": table}, "pyproject.toml", load_catalogue())
    conda = parse_conda(table, "pyproject.toml", config)
    assert len(conda.specs_for(None, LINUX)) == 6


def test_an_export_of_all_packages(project: Project) -> None:
    """Who asked for what it does not say; builds are those of one machine."""
    done = captured(project, EXPORTED)
    assert table_of(done)["dependencies"] == {
        "_libgcc_mutex": "==0.1",
        "blas": {"version": "==1.0", "build": "openblas"},
        "libarrow": {"version": "==18.1.0", "build": "*cpu*"},
        "numpy": "==1.26.4",
        "python": "==3.11.9",
        "pytorch": {"version": "==2.6.0", "build": "cuda126*"},
    }
    assert "# cudatoolkit ==11.8.0 is left out: the target says it.\n" in done.out
    assert "known by environment.yml, an export of all packages\n" in done.err


def test_the_same_as_an_environment_yml(project: Project) -> None:
    done = captured(project, WRITTEN, "--format", "environment")
    assert done.code == 0, done.err
    assert "  - 'pytorch::pytorch 2.1.* *cpu*'\n" in done.out
    assert "  - 'numpy >=1.26,<2'\n" in done.out
    assert "  - pip:\n      - '--extra-index-url https://h.example/simple'\n" in done.out
    assert "secret" not in done.out
    again = captured(project, done.out)
    assert table_of(again) == table_of(captured(project, WRITTEN))


def test_no_channel_is_condas_own(project: Project) -> None:
    done = captured(project, "dependencies: [git]\n")
    assert table_of(done)["channels"] == ["defaults"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dependencies: [", "environment.yml, line 2: is not valid YAML"),
        ("channels: [x]\n", "environment.yml: is not an environment.yml: it has no list of depend"),
        ("[a]\n", "environment.yml: is not an environment.yml"),
        ("dependencies: ['bad spec !!']\n", "environment.yml: 'bad spec !!': "),
        (
            "dependencies: [{'sel(linux)': mkl}]\n",
            "environment.yml: 'sel(linux)' is not a package; write a package for only some",
        ),
    ],
)
def test_what_cannot_be_read(project: Project, text: str, told: str) -> None:
    done = captured(project, text)
    assert (done.code, done.out) == (1, "")
    assert f"ERROR: {told}" in done.err


def test_one_or_the_other(project: Project) -> None:
    done = captured(project, WRITTEN, "--prefix", "env")
    assert (done.code, "--prefix FOLDER, or --from FILE" in done.err) == (2, True)
    done = captured(project, WRITTEN, "--keep", "requirements.in")
    assert (done.code, "--keep works with --prefix only" in done.err) == (2, True)
