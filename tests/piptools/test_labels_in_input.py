"""Labels and a family's URLs that stand in the input already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import options_of

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer


def torch_lines(project: Project, name: str = "requirements.txt") -> list[str]:
    return [line for line in project.lines(name) if line.startswith("torch")]


class TestOwnLabel:
    @pytest.mark.parametrize(
        "line",
        [
            "torch==2.6.0+cpu",
            "torch==2.6.0+CPU",
            "torch===2.6.0+cpu",
            "torch[opt-einsum]==2.6.0+cpu",
            "torch == 2.6.0+cpu, >2.5",
        ],
    )
    def test_is_read_as_version_and_target(self, project: Project, line: str) -> None:
        project.write(requirements_in=f"{line}\n").compile("-q", "--strip-extras", "-t", "cpu")

        assert torch_lines(project) == [
            'torch==2.6.0 ; sys_platform == "darwin"',
            'torch==2.6.0+cpu ; sys_platform != "darwin"',
        ]

    def test_in_a_constraint(self, project: Project) -> None:
        project.write(requirements_in="-c limits.txt\ntorch\n", limits_txt="torch==2.6.0+cpu\n")
        project.compile("-q", "-t", "cpu")

        assert 'torch==2.6.0 ; sys_platform == "darwin"' in torch_lines(project)

    def test_of_a_cuda_target(self, project: Project) -> None:
        project.write(requirements_in="torch==2.6.0+cu126\n").compile("-q", "-t", "cu126")

        assert torch_lines(project) == ["torch==2.6.0+cu126"]

    def test_a_package_without_labels_keeps_what_it_has(self, project: Project) -> None:
        """Only packages that are labelled by target are read in this way."""
        project.write(requirements_in="tqdm==4.67.1+mine\n")

        assert "tqdm==4.67.1+mine" in project.refused("-q", "-t", "cpu")


class TestOtherLabel:
    def test_is_refused_by_name(self, project: Project) -> None:
        project.write(requirements_in="tqdm\ntorch==2.6.0+cu126\n")

        said = project.refused("-t", "cpu", "requirements.in")

        assert "requirements.in (line 2)" in said
        assert "+cu126" in said
        assert "the target is cpu" in said
        assert "-t cu126" in said

    def test_for_one_of_several_targets(self, project: Project) -> None:
        project.write(requirements_in="torch==2.6.0+cpu\n")

        assert "the target is cu126" in project.refused("-q", "-t", "cpu", "-t", "cu126")

    def test_under_a_marker_that_no_cell_meets_does_not_count(self, project: Project) -> None:
        project.write(
            requirements_in='torch==2.6.0+cpu\ntorch==2.7.1+cu126 ; platform_machine == "ppc64le"\n'
        )
        project.compile("-q", "-t", "cpu")

        assert 'torch==2.6.0 ; sys_platform == "darwin"' in torch_lines(project)


class TestFamilyUrl:
    def test_the_seed(self, project: Project, index: IndexServer) -> None:
        """The input that cannot be compiled on a Mac, for Linux and macOS."""
        page = f"{index.url}/whl/torch_stable.html"
        project.write(requirements_in=f"--find-links {page}\ntorch==1.7.1+cpu\n")
        platforms = ("--platform=linux-x86_64", "--platform=macos-x86_64")
        project.compile("-q", "-t", "cpu", *platforms, ACCELOCK_SOURCE_PYTORCH="")

        assert torch_lines(project) == [
            'torch==1.7.1 ; sys_platform == "darwin"',
            'torch==1.7.1+cpu ; sys_platform != "darwin"',
        ]
        assert f"--find-links {page}" in options_of(project.read())

    @pytest.mark.parametrize("word", ["--extra-index-url", "-i", "--index-url"])
    def test_an_index_becomes_the_familys_source(
        self, project: Project, index: IndexServer, word: str
    ) -> None:
        """It is never global: filelock 99 is on it, and copies of jinja2 and markupsafe."""
        url = f"{index.url}/whl/cpu"
        project.write(requirements_in=f"{word} {url}\ntorch\njinja2\n")
        project.compile("-q", "-t", "cpu", "-t", "cu126", ACCELOCK_SOURCE_PYTORCH="")

        for target in ("cpu", "cu126"):
            text = project.read(f"requirements.{target}.txt")
            assert options_of(text) == [
                f"--index-url {index.url}/simple",
                f"--extra-index-url {index.url}/whl/{target}",
            ]
            assert project.pins(f"requirements.{target}.txt")["filelock"] == "3.18.0"
            assert project.pins(f"requirements.{target}.txt")["torch"] == f"2.8.0+{target}"

    @pytest.mark.parametrize(
        "marker",
        ['; sys_platform != "darwin"', ' ; sys_platform != "darwin"', ";python_version>'3'"],
    )
    def test_with_a_marker_behind_it_which_pip_does_not_know(
        self, project: Project, index: IndexServer, marker: str
    ) -> None:
        url = f"{index.url}/whl/cpu"
        project.write(requirements_in=f"--extra-index-url {url}{marker}\ntorch\n")
        project.compile("-q", "-t", "cpu", ACCELOCK_SOURCE_PYTORCH="")

        assert options_of(project.read()) == [
            f"--index-url {index.url}/simple",
            f"--extra-index-url {url}",
        ]
        assert project.pins()["filelock"] == "3.18.0"

    def test_an_index_of_another_target(self, project: Project, index: IndexServer) -> None:
        project.write(requirements_in=f"--extra-index-url {index.url}/whl/cu126/\ntorch\n")
        project.compile("-q", "-t", "cpu", ACCELOCK_SOURCE_PYTORCH="")

        assert 'torch==2.8.0+cpu ; sys_platform != "darwin"' in torch_lines(project)
        assert f"--extra-index-url {index.url}/whl/cpu" in options_of(project.read())
        assert "cu126" not in project.read()

    def test_on_the_command_line(self, project: Project, index: IndexServer) -> None:
        url = f"{index.url}/whl/cpu"
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--extra-index-url", url, ACCELOCK_SOURCE_PYTORCH="")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert project.pins()["filelock"] == "3.18.0"
        assert options_of(project.read()).count(f"--extra-index-url {url}") == 1

    def test_in_a_layer(self, project: Project, index: IndexServer) -> None:
        project.write(
            requirements_in="-r gpu.in\ntqdm\n",
            gpu_in=f"--extra-index-url {index.url}/whl/cu118\ntorch\n",
        )
        project.compile("-q", "-t", "cu118", ACCELOCK_SOURCE_PYTORCH="")

        assert project.pins()["torch"] == "2.7.1+cu118"

    def test_in_pips_own_configuration(self, project: Project, index: IndexServer) -> None:
        project.write(requirements_in="torch\n")
        url = f"{index.url}/whl/cpu"
        project.compile("-q", "-t", "cpu", PIP_EXTRA_INDEX_URL=url, ACCELOCK_SOURCE_PYTORCH="")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert project.pins()["filelock"] == "3.18.0"

    def test_another_extra_index_stays_global(self, project: Project, index: IndexServer) -> None:
        project.write(requirements_in=f"--extra-index-url {index.other_url}/simple\ntorch\ntqdm\n")
        project.compile("-q", "-t", "cpu")

        assert f"--extra-index-url {index.other_url}/simple" in options_of(project.read())
        assert index.pages("/simple/tqdm/")
