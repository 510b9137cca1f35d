"""`accelock conda lock` beside a lock of pip's, whose pins bind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.locks import requirements
from tests.conda.projects import FORGE, SUBDIRS, Project, packages
from tests.conda.scenarios import noarch, package

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from tests.support.channels import ChannelServer


def test_the_pins_of_pip_bind(project: Project, forge: ChannelServer) -> None:
    numpys = [
        package("numpy", version, f"py312_{number}", "python 3.12.*", subdir=subdir)
        for number, version in enumerate(("1.26.4", "2.1.0"))
        for subdir in SUBDIRS
    ]
    forge.put("forge", FORGE.with_packages(*numpys, noarch("pandas", "2.2", "0", "numpy")))
    project.declare(forge.channel("forge"))
    project.edit("pyproject.toml", 'pytorch = "*"', 'pandas = "*"')
    for target in ("cpu", "cu126"):
        project.write(f"requirements.{target}.txt", "numpy==1.26.4\n")
    project.lock()
    assert packages(project, "conda-cpu-lock.yml")["numpy"] == "1.26.4 py312_0"
    assert project.lock().out.endswith("there was nothing to solve.\n")
    project.write("requirements.cu126.txt", "numpy==2.1.0\nrich==13\n")
    done = project.lock()
    assert "conda-cpu-lock.yml" not in done.out
    assert packages(project, "conda-cu126-lock.yml")["numpy"] == "2.1.0 py312_1"
    project.write("requirements.cu126.txt", "numpy==2.2.0\n")
    before = project.files()
    done = project.accelock("conda", "lock")
    assert done.code == 1
    assert (
        "numpy is 2.2.0 in requirements.cu126.txt, and conda would install numpy 2.1.0" in done.err
    )
    assert project.files() == before


def test_torch_on_both_sides_is_refused(project: Project, forge: ChannelServer) -> None:
    project.declare(forge.channel("forge"))
    project.write("requirements.cpu.txt", "torch==2.6.0\n")
    project.write("requirements.cu126.txt", "rich==13\n")
    done = project.accelock("conda", "lock")
    assert done.code == 1
    assert "conda would install pytorch 2.6.0 (it was asked for)" in done.err
    assert "requirements.cpu.txt holds torch 2.6.0" in done.err


def test_each_lock_is_read_once_a_run(
    project: Project, forge: ChannelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    parse = requirements.parse

    def counted(text: str, where: str) -> requirements.RequirementsFile:
        read.append(where)
        return parse(text, where)

    monkeypatch.setattr(requirements, "parse", counted)
    project.declare(forge.channel("forge"))
    names = [f"requirements.{target}.txt" for target in ("cpu", "cu126")]
    for name in names:
        project.write(name, f"rich==13  # {project.folder} is this test's alone\n")
    project.lock()
    assert sorted(read) == names
