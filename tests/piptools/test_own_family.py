"""A family in `[tool.accelock.families]` is compiled as one of the catalogue's is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.own_family import PLATFORMS, TABLE, hashes, with_kernels
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

HEAD = f"""\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = {list(PLATFORMS)}
"""


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_kernels(pytorch_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    made = project_at(server).write(requirements_in="fast-kernels\n")
    return made.write(pyproject_toml=HEAD + TABLE.format(url=server.url))


def test_each_target_has_its_builds_of_one_version(project: Project, server: IndexServer) -> None:
    project.compile("-q", "--generate-hashes")
    for target in ("cpu", "cu126"):
        file = f"requirements.{target}.txt"
        pins, found = project.pins(file), project.hashes(file)
        assert pins["fast-kernels"] == f"1.1+{target}"
        assert found["fast-kernels"] == hashes(server.site, target, f"1.1+{target}")
        assert pins["torch"].endswith(f"+{target}")
        assert f"--extra-index-url {server.url}/kernels/{target}" in project.read(file).splitlines()
    assert project.pins("requirements.cpu.txt", "macos-arm64")["fast-kernels"] == "1.1"
    mac = project.hashes("requirements.cpu.txt", "macos-arm64")["fast-kernels"]
    assert mac == hashes(server.site, "cpu", "1.1")


def test_sources_and_variables_know_it(project: Project, server: IndexServer) -> None:
    table = project.read("pyproject.toml").replace(server.url, "https://wheels.invalid")
    project.write(pyproject_toml=table)
    project.compile("-q", ACCELOCK_SOURCE_KERNELS=f"{server.url}/kernels/{{target}}")
    line = "--extra-index-url https://wheels.invalid/kernels/cu126"
    assert line in project.read("requirements.cu126.txt").splitlines()
    project.compile("-q", "--source", f"kernels={server.url}/kernels/{{target}}")
    line = f"--extra-index-url {server.url}/kernels/cu126"
    assert line in project.read("requirements.cu126.txt").splitlines()


def test_its_index_in_an_input_is_its_own_alone(project: Project, server: IndexServer) -> None:
    project.write(
        requirements_in=f"--extra-index-url {server.url}/kernels/cpu\nfast-kernels\ntqdm\n"
    )
    project.compile("-q")
    lines = project.read("requirements.cu126.txt").splitlines()
    assert f"--extra-index-url {server.url}/kernels/cu126" in lines
    assert f"--extra-index-url {server.url}/kernels/cpu" not in lines
    assert project.pins("requirements.cu126.txt")["fast-kernels"] == "1.1+cu126"


def test_what_excludes_each_other_is_refused(project: Project) -> None:
    project.write(requirements_in="fast-kernels\nfast-kernels-lite\n")
    said = project.refused("-q")
    assert "fast-kernels (required by -r requirements.in) and fast-kernels-lite" in said


def test_a_fault_names_the_key_and_the_word_that_is_meant(project: Project) -> None:
    table = project.read("pyproject.toml").replace("label =", "lable =")
    project.write(pyproject_toml=table)
    said = project.refused("-q")
    assert "tool.accelock.families.kernels.lable: unknown key; did you mean 'label'?" in said
    assert "tool.accelock.families.kernels.unlabelled-platforms: " in said


def test_a_compiled_file_is_turned_to_another_target(project: Project, server: IndexServer) -> None:
    project.compile("-q")
    words = ("-q", "-t", "cpu", "requirements.cu126.txt", "-o", "turned.txt")
    done = project.accelock("rewrite", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert project.pins("turned.txt") == project.pins("requirements.cpu.txt")
    assert f"--extra-index-url {server.url}/kernels/cpu" in project.read("turned.txt").splitlines()
