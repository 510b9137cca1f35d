"""`[tool.accelock.packages]`: a package that is taken out of its family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import options_of

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer


@pytest.mark.parametrize("source", ["pypi", "own"])
def test_it_comes_from_the_users_own_indexes(
    project: Project, index: IndexServer, source: str
) -> None:
    project.write(
        requirements_in="torch\ntorchvision==0.21.0\n",
        pyproject_toml=f'[tool.accelock.packages]\ntorchvision = {{ source = "{source}" }}\n',
    )
    project.compile("-q", "-t", "cpu", "-t", "cu126", "--platform=linux-x86_64", "requirements.in")

    for target in ("cpu", "cu126"):
        pins = project.pins(f"requirements.{target}.txt")
        assert (pins["torch"], pins["torchvision"]) == (f"2.6.0+{target}", "0.21.0")
    assert index.pages("/simple/torchvision/")
    assert not index.pages("/whl/cpu/torchvision/")


def test_alone_it_needs_no_index_of_the_family(project: Project, index: IndexServer) -> None:
    project.write(
        requirements_in="triton\n",
        pyproject_toml='[tool.accelock.packages]\ntriton = { source = "pypi" }\n',
    )
    project.compile("-q", "-t", "cpu", "--platform=linux-x86_64", "requirements.in")

    assert options_of(project.read()) == [f"--index-url {index.url}/simple"]


def test_the_nearest_word(project: Project) -> None:
    project.write(
        requirements_in="torch\n",
        pyproject_toml='[tool.accelock.packages]\ntorch = { source = "famly" }\n',
    )

    assert "did you mean 'family'?" in project.refused("-q", "-t", "cpu", "requirements.in")
