"""Packages with a page per release of torch and target: torch goes with what is built for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import options_of
from tests.support.pyg_site import files, table, with_pyg
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

BOTH = (
    "-q", "--strip-extras", "-t", "cpu", "-t", "cu126",
    "--platform=linux-x86_64", "--platform=macos-arm64",
)  # fmt: skip


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_pyg(pytorch_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    made = project_at(server).write(requirements_in="torch\ntorch-scatter\ntorch-sparse\n")
    return made.write(pyproject_toml=f"[tool.accelock.sources]\n{table(server.url)}")


def test_torch_is_the_newest_that_all_are_built_for(project: Project, server: IndexServer) -> None:
    done = project.compile(*BOTH)
    assert (
        "NOTE: torch 2.7.1 is taken instead of 2.8.0, because torch-sparse has no build on cpu, "
        "linux-x86_64" in done.stderr
    )
    for target, platform in (
        ("cpu", "linux-x86_64"),
        ("cpu", "macos-arm64"),
        ("cu126", "linux-x86_64"),
    ):
        pins = project.pins(f"requirements.{target}.txt", platform)
        assert pins["torch"].partition("+")[0] == "2.7.1"
        # The page of 2.7.1 lists what was built for 2.7.0.
        assert pins["torch-scatter"] == f"2.1.2+pt27{target}"
        assert pins["torch-sparse"] == f"0.6.18+pt27{target}"
    assert options_of(project.read("requirements.cu126.txt"))[-1] == (
        f"--find-links {server.url}/pyg/whl/torch-2.7.1+cu126.html"
    )
    assert server.bodies_of_wheels() == ()
    assert project.accelock("check").returncode == 0


def test_what_is_built_for_the_newest_leaves_that(project: Project) -> None:
    project.write(requirements_in="torch\ntorch-scatter\n")
    done = project.compile(*BOTH)
    assert "NOTE: torch" not in done.stderr
    assert project.pins("requirements.cu126.txt")["torch-scatter"] == "2.1.2+pt28cu126"


def test_no_release_that_fits_is_told_with_the_nearest(project: Project) -> None:
    project.write(requirements_in="torch==2.8.0\ntorch-scatter\ntorch-sparse\n")
    said = project.refused(*BOTH)
    assert "torch 2.7.1 is the newest release that torch-scatter and torch-sparse are" in said


def test_a_release_that_the_project_refuses_is_passed_over(project: Project) -> None:
    project.write(requirements_in="torch<2.7\ntorch-scatter\ntorch-sparse==0.6.18\n")
    project.compile(*BOTH)
    assert project.pins("requirements.cpu.txt")["torch-sparse"] == "0.6.18+pt26cpu"


def test_its_page_in_an_input_is_its_own(project: Project, server: IndexServer) -> None:
    page = f"--find-links {server.url}/pyg/whl/torch-2.6.0%2Bcu126.html\n"
    project.write(requirements_in=f"{page}torch==2.7.1\ntorch-scatter\n")
    (project.folder / "pyproject.toml").unlink()
    project.compile(*BOTH)
    assert f"--find-links {server.url}/pyg/whl/torch-2.7.1+cpu.html" in options_of(
        project.read("requirements.cpu.txt")
    )


def test_other_commands_find_the_page_of_the_release(project: Project) -> None:
    project.compile(*BOTH, "-v", "--no-strip-extras")
    done = project.accelock("targets", "torch-scatter", "-t", "cu126", "-m", "h100")
    assert "cu126   2.1.2" in done.stdout
    done = project.accelock("diff", "cpu", "cu126")
    assert (done.returncode, "{torch}" in done.stdout + done.stderr) == (0, False), done.stderr
    done = project.accelock("pylock", "-t", "cu126")
    assert "no index publishes the sha256 of torch_scatter-2.1.2+pt27cu126-" in done.stderr


def test_hashes_need_consent(project: Project, server: IndexServer) -> None:
    assert "--allow-downloads" in project.refused(*BOTH, "--generate-hashes")
    assert server.bodies_of_wheels() == ()
    project.compile(*BOTH, "--generate-hashes", "--allow-downloads", "--allow-unsafe")
    own = {each.distribution.hash for each in files("2.7.0", "cu126")}
    assert project.hashes("requirements.cu126.txt")["torch-scatter"] <= own


def test_cpuonly_holds_for_torch_and_what_is_built_for_it(project: Project) -> None:
    project.write(requirements_in="torch\ntorch-scatter  # cpuonly\n")
    project.compile("-q", "--strip-extras", "-t", "cu126", "--platform=linux-x86_64")
    pins = project.pins()
    assert (pins["torch"], pins["torch-scatter"]) == ("2.8.0+cpu", "2.1.2+pt28cpu")
    project.write(requirements_in="torch  # cpuonly\ntorch-scatter\n")
    project.compile("-q", "--strip-extras", "-t", "cu126", "--platform=linux-x86_64")
    assert project.pins() == pins


def test_torch_from_elsewhere_tells_no_release(project: Project) -> None:
    more = '[tool.accelock.packages]\ntorch = { source = "pypi" }\n'
    project.write(pyproject_toml=project.read("pyproject.toml") + more)
    said = project.refused(*BOTH)
    assert "the project has torch from elsewhere than its family's source" in said


def test_only_another_package_asks_for_it(project: Project, server: IndexServer) -> None:
    server.site = server.site.with_files("/simple", wheel("gnn", "1.0", requires=["torch-scatter"]))
    project.write(requirements_in="torch\ngnn\n")
    said = project.refused(*BOTH)
    assert "Add torch-scatter (and torch) to the project's own requirements" in said


@pytest.mark.parametrize("word", ["cpu", "cu126"])
def test_a_freeze_is_turned_to_the_page_of_its_target(
    project: Project, server: IndexServer, word: str
) -> None:
    other = {"cpu": "cu126", "cu126": "cpu"}[word]
    lines = (f"torch==2.7.1+{other}", f"torch-scatter==2.1.2+pt27{other}", "tqdm==4.67.1")
    project.put("freeze.txt", "".join(f"{line}\n" for line in lines))
    words = ("-q", "-t", word, "--platform=linux-x86_64", "freeze.txt", "-o", "turned.txt")
    done = project.accelock("rewrite", *words)
    assert (done.returncode, done.stderr) == (0, "")
    pins = project.pins("turned.txt")
    assert (pins["torch"], pins["torch-scatter"]) == (f"2.7.1+{word}", f"2.1.2+pt27{word}")
    page = f"--find-links {server.url}/pyg/whl/torch-2.7.1+{word}.html"
    assert page in options_of(project.read("turned.txt"))
