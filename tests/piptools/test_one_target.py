"""What [tool.accelock.target.<target>] says of one target alone: dependencies and sources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import Project, options_of
from tests.support.pytorch_site import pytorch_site
from tests.support.sites import HostedFile, Index
from tests.support.torch_releases import HERE
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.server import IndexServer
    from tests.support.sites import Site

LINUX = ("--platform=linux-x86_64", "--platform=linux-aarch64")
TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64"]
"""


@pytest.fixture
def project(pytorch: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    """A project that asks for torch on cpu and cu126."""
    return project_at(pytorch).write(requirements_in="torch\n", pyproject_toml=TABLE)


def of_cu126(project: Project, text: str) -> Project:
    project.put("pyproject.toml", f"{TABLE}[tool.accelock.target.cu126.dependencies]\n{text}\n")
    return project


class TestDependencies:
    def test_a_pin_takes_the_target_out_of_lockstep_and_is_said(self, project: Project) -> None:
        said = of_cu126(project, 'torch = "==2.6.0"').compile("-q").stderr

        assert project.pins("requirements.cpu.txt")["torch"] == "2.8.0+cpu"
        assert project.pins("requirements.cu126.txt")["torch"] == "2.6.0+cu126"
        note = "NOTE: cu126 has torch 2.6.0 by [tool.accelock.target.cu126.dependencies]"
        assert said.count(note) == 1

    def test_the_others_do_not_follow_a_leader_that_is_out_of_it(self, project: Project) -> None:
        table = f"{TABLE}[tool.accelock.target.cpu.dependencies]\n"
        project.write(requirements_in="torch\ntorchvision\n")
        project.put("pyproject.toml", f'{table}torch = "==2.6.0"\n')
        project.compile("-q")

        assert project.pins("requirements.cpu.txt")["torchvision"] == "0.21.0+cpu"
        assert project.pins("requirements.cu126.txt")["torch"] == "2.8.0+cu126"
        assert project.pins("requirements.cu126.txt")["torchvision"] == "0.23.0+cu126"

    def test_what_belongs_to_it_follows(self, project: Project) -> None:
        project.write(requirements_in="torch\ntorchvision\n")
        of_cu126(project, 'torch = "==2.6.0"').compile("-q")

        assert project.pins("requirements.cpu.txt")["torchvision"] == "0.23.0+cpu"
        assert project.pins("requirements.cu126.txt")["torchvision"] == "0.21.0+cu126"

    def test_a_range_that_all_can_have_stays_in_lockstep(self, project: Project) -> None:
        said = of_cu126(project, 'torch = "<2.8"').compile("-q").stderr

        assert project.pins("requirements.cpu.txt")["torch"] == "2.7.1+cpu"
        assert project.pins("requirements.cu126.txt")["torch"] == "2.7.1+cu126"
        assert "out of lockstep" not in said

    def test_a_package_of_one_target(self, project: Project) -> None:
        of_cu126(project, 'tqdm = { version = "*", markers = "sys_platform == \'linux\'" }')
        project.compile("-q")

        assert "tqdm" not in project.pins("requirements.cpu.txt")
        assert "tqdm" in project.pins("requirements.cu126.txt")
        assert "# via [tool.accelock.target.cu126.dependencies]" in project.read(
            "requirements.cu126.txt"
        )

    def test_a_marker_that_does_not_hold(self, project: Project) -> None:
        of_cu126(project, 'tqdm = { version = "*", markers = "sys_platform == \'win32\'" }')
        project.compile("-q")

        assert "tqdm" not in project.pins("requirements.cu126.txt")

    def test_a_name_of_the_inputs_is_constrained_further(self, project: Project) -> None:
        project.write(requirements_in="filelock<3.19\n")
        of_cu126(project, 'filelock = "<3.18"').compile("-q")

        both = [project.pins(f"requirements.{name}.txt")["filelock"] for name in ("cpu", "cu126")]
        assert [version.startswith("3.1") for version in both] == [True, True]
        assert both[0] != both[1]

    def test_what_nothing_can_meet_is_refused(self, project: Project) -> None:
        project.write(requirements_in="torch>=2.7\n")
        of_cu126(project, 'torch = "==2.6.0"')

        assert "torch" in project.refused("-q")

    def test_check_finds_that_it_changed(self, project: Project) -> None:
        of_cu126(project, 'torch = "==2.6.0"').compile("-q", "--generate-hashes")
        assert project.accelock("check").returncode == 0, project.accelock("check").stdout
        of_cu126(project, 'torch = "==2.7.1"')
        assert project.accelock("check").returncode == 1

    def test_a_second_run_changes_nothing(self, project: Project) -> None:
        of_cu126(project, 'torch = "==2.6.0"\ntqdm = "*"').compile("-q")
        before = project.files()
        project.compile("-q")
        assert project.files() == before

    def test_why_tells_who_asks(self, project: Project) -> None:
        of_cu126(project, 'torch = "==2.6.0"').compile("-q")
        told = project.accelock("why", "torch").stdout
        assert "required by -r requirements.in, [tool.accelock.target.cu126.dependencies]" in told
        assert "(lockstep)" not in told


class TestSources:
    @pytest.fixture
    def site(self) -> Site:
        """The usual site, and an index of a vendor's own builds, which have no labels."""
        builds = [
            wheel("torch", "2.7.0", f"{HERE}-{HERE}-linux_{machine}")
            for machine in ("aarch64", "x86_64")
        ]
        site = pytorch_site()
        files = [HostedFile(f"/jetson/{each.filename}", each) for each in builds]
        return replace(site, indexes=(*site.indexes, Index.of("/jetson", files)))

    def test_one_target_has_its_own(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
        site: Site,
    ) -> None:
        server = serve(site)
        project = project_at(server).write(
            requirements_in="torch\n",
            pyproject_toml=f"""{TABLE}
lockstep = false
[tool.accelock.sources]
pytorch = "{server.url}/whl/{{target}}"
[tool.accelock.target.cu126.sources]
pytorch = "{server.url}/jetson"
""",
        )
        project.compile("-q", *LINUX, "--generate-hashes", ACCELOCK_SOURCE_PYTORCH="")

        assert project.pins("requirements.cpu.txt")["torch"] == "2.8.0+cpu"
        for platform in ("linux-x86_64", "linux-aarch64"):
            assert project.pins("requirements.cu126.txt", platform)["torch"] == "2.7.0"
        lines = options_of(project.read("requirements.cu126.txt"))
        assert f"--extra-index-url {server.url}/jetson" in lines
        assert not any("/whl/" in line for line in lines)
        assert project.accelock("check").returncode == 0, project.accelock("check").stdout
