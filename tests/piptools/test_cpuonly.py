"""`# cpuonly`: the whole family takes its CPU build on every target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import options_of
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"


def assert_cpu_builds(project: Project, name: str) -> None:
    pins = project.pins(name)
    assert pins["torch"].endswith("+cpu")
    assert pins["torchvision"].endswith("+cpu")
    assert not [name for name in pins if name.startswith(("nvidia", "triton"))]
    assert CPU_INDEX in options_of(project.read(name))


@pytest.mark.parametrize(
    "text",
    [
        "torch  # cpuonly\ntorchvision\n",
        "torch\ntorchvision # no GPU in production: cpuonly\n",
        "torch==2.6.0+cpu  # cpuonly\ntorchvision\n",
        "Torch >= 2  #cpuonly\ntorchvision\n",
        'torch ; python_version > "3"  # cpuonly\ntorchvision\n',
    ],
)
def test_a_comment(project: Project, text: str) -> None:
    project.write(requirements_in=text).compile("-q", "-t", "cpu", "-t", "cu126")

    for target in ("cpu", "cu126"):
        assert_cpu_builds(project, f"requirements.{target}.txt")


def test_a_comment_in_a_layer(project: Project) -> None:
    project.write(requirements_in="-r base.in\ntorchvision\n", base_in="torch # cpuonly\n")
    project.compile("-q", "-t", "cu126")

    assert_cpu_builds(project, "requirements.txt")


def test_a_comment_on_standard_input(project: Project) -> None:
    project.compile(
        "-q", "-t", "cu126", "-o", "out.txt", "-", stdin="torch # cpuonly\ntorchvision\n"
    )

    assert_cpu_builds(project, "out.txt")


def test_the_table(project: Project) -> None:
    project.write(
        requirements_in="torchvision\n",
        pyproject_toml='[tool.accelock]\ntargets = ["cu126"]\n'
        "[tool.accelock.packages]\ntorch = { cpuonly = true }\n",
    )
    project.compile("-q", "requirements.in")

    assert_cpu_builds(project, "requirements.txt")


def test_a_mirrors_cpu_index_is_for_the_family_alone(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """A compiled file names it, although `cpu` is no target, and another layer reads that file."""
    torch = pytorch_site().index("/whl/cpu").projects["torch"]
    server = serve(pytorch_site().with_files("/pt/cpu", *(file.distribution for file in torch)))
    project = project_at(server)
    project.write(
        requirements_in="torch\n",
        dev_in="-c requirements.txt\ntqdm\n",
        pyproject_toml='[tool.accelock]\ntargets = ["cu126"]\n[tool.accelock.sources]\n'
        f'pytorch = "{server.url}/pt/{{target}}"\n'
        "[tool.accelock.packages]\ntorch = { cpuonly = true }\n",
    )
    project.compile("-q", "requirements.in", ACCELOCK_SOURCE_PYTORCH="")
    assert f"--extra-index-url {server.url}/pt/cpu" in options_of(project.read())
    server.reset()
    project.compile("-q", "dev.in", ACCELOCK_SOURCE_PYTORCH="")

    assert project.pins("dev.txt") == {"tqdm": "4.67.1"}
    assert server.pages("/simple/tqdm/")
    assert not server.pages("/pt/cpu/tqdm/")


def test_the_word_in_a_comment_of_its_own_says_nothing(project: Project) -> None:
    project.write(requirements_in="# torch is not cpuonly here\ntorch\n")
    project.compile("-q", "-t", "cu126")

    assert project.pins()["torch"] == "2.8.0+cu126"


def test_another_label_is_refused(project: Project) -> None:
    project.write(requirements_in="torch==2.6.0+cu126  # cpuonly\n")

    said = project.refused("-q", "-t", "cu126")

    assert "cpuonly" in said
    assert "+cpu" in said


def test_a_package_of_no_family_is_refused(project: Project) -> None:
    project.write(requirements_in="tqdm  # cpuonly\ntorch\n")

    said = project.refused("-q", "-t", "cpu")

    assert "tqdm is marked cpuonly" in said
    assert "[tool.accelock.packages]" in said


def test_without_a_target_it_is_a_comment(project: Project) -> None:
    project.write(requirements_in="tqdm  # cpuonly\n").compile("-q")

    assert project.lines() == ["tqdm==4.67.1"]
