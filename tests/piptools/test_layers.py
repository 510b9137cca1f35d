"""Layered files: `-r` and `-c` of others, of which each target has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.piptools.support_project import Project

LINUX = ("-q", "--strip-extras", "--platform=linux-x86_64")
BOTH = (*LINUX, "-t", "cpu", "-t", "cu126")


@pytest.fixture
def prod(project: Project) -> Project:
    """A project with compiled production layers of two targets, and a dev layer over them."""
    project.write(
        requirements_in="torch<2.8\ntqdm<4.67\n", dev_in="-c requirements.txt\ntorchvision\ntqdm\n"
    )
    project.compile(*BOTH, "requirements.in")
    return project


def test_a_constraint_names_the_file_of_the_target(prod: Project) -> None:
    done = prod.compile(*BOTH, "--no-generate-hashes", "dev.in")

    for target in ("cpu", "cu126"):
        pins = prod.pins(f"dev.{target}.txt")
        assert pins["torch"] == f"2.7.1+{target}"
        assert pins["torchvision"] == f"0.22.1+{target}"
        assert pins["tqdm"] == "4.66.5"
    assert done.stderr == ""


def test_one_target_takes_its_own(prod: Project) -> None:
    prod.compile(*LINUX, "-t", "cu126", "dev.in")

    assert prod.pins("dev.txt")["torch"] == "2.7.1+cu126"


def test_the_stamp_names_what_was_read(prod: Project) -> None:
    prod.compile(*BOTH, "dev.in")

    assert "# accelock: inputs dev.in requirements.cpu.txt; " in prod.read("dev.cpu.txt")
    assert "# accelock: inputs dev.in requirements.cu126.txt; " in prod.read("dev.cu126.txt")


def test_both_exist_and_it_is_said(prod: Project) -> None:
    prod.write(requirements_txt="tqdm==4.67.1\n")
    done = prod.compile(*BOTH, "dev.in")

    assert prod.pins("dev.cpu.txt")["tqdm"] == "4.66.5"
    for target in ("cpu", "cu126"):
        said = f"Both requirements.txt and requirements.{target}.txt exist"
        assert done.stderr.count(said) == 1


def test_a_requirement_of_a_layer(prod: Project) -> None:
    prod.write(all_in="-r requirements.txt\njinja2\n").compile(*LINUX, "-t", "cpu", "all.in")

    pins = prod.pins("all.txt")
    assert pins["torch"] == "2.7.1+cpu"
    assert pins["tqdm"] == "4.66.5"
    assert "jinja2" in pins


class TestWhatConflicts:
    """A constraint stands in a file that the user may not have in mind: it is named."""

    def test_within_the_family(self, project: Project) -> None:
        project.write(requirements_in="torch\n\ntorchvision>=0.23\n-c constraints.txt\n")
        project.write(constraints_txt="# of the cluster\ntorch==2.7.1\n")
        said = project.refused(*BOTH, "requirements.in")

        assert "no torchvision>=0.23 goes with torch 2.7.1" in said
        assert "torch==2.7.1 is required in constraints.txt, line 2 (a constraint).\n" in said
        assert "torchvision>=0.23 is required in requirements.in, line 3.\n" in said
        assert "Change one of these, or lock for fewer targets." in said

    def test_what_pip_finds_out(self, project: Project) -> None:
        project.write(requirements_in="torchvision>=0.23\n-c constraints.txt\n")
        project.write(constraints_txt="# of the cluster\ntorch==2.7.1\n")
        said = project.refused(*BOTH, "requirements.in")

        assert "torchvision 0.23.0+cpu depends on torch==2.8.0" in said
        assert "(constraint) torch==2.7.1 in constraints.txt, line 2\n" in said
        assert "Loosen the constraint, or require versions that it allows." in said

    def test_with_a_layer_below(self, prod: Project) -> None:
        """It is the file of the target, which the input does not name."""
        prod.write(dev_in="-c requirements.txt\ntqdm>=4.67\n")
        said = prod.refused(*BOTH, "dev.in")

        lines = prod.read("requirements.cpu.txt").splitlines()
        number = next(n for n, line in enumerate(lines, 1) if line.startswith("tqdm=="))
        assert f"(constraint) tqdm==4.66.5 in requirements.cpu.txt, line {number}\n" in said

    def test_of_standard_input(self, project: Project) -> None:
        said = project.refused(*BOTH, "-", "-o", "out.txt", stdin="torch==2.4.0\n")

        assert "torch==2.4.0 is required in standard input.\n" in said
        assert "Change that line, or lock for fewer targets." in said


def test_a_layer_of_one_target(project: Project) -> None:
    """One file for one target: it is `requirements.txt` for the dev layer, too."""
    project.write(requirements_in="torch<2.8\n", dev_in="-c requirements.txt\ntorch\n")
    project.compile("-q", "-t", "cpu", "requirements.in")
    project.compile("-q", "-t", "cpu", "dev.in")

    assert project.pins("dev.txt")["torch"] == "2.7.1+cpu"
    assert project.pins("dev.txt", "macos-arm64")["torch"] == "2.7.1"


def test_a_layer_of_all_platforms(project: Project) -> None:
    """The markers of the layer below are judged in each cell."""
    project.write(requirements_in="torchvision<0.23\ntqdm\n", dev_in="-r requirements.txt\n")
    project.compile("-q", "-t", "cpu", "requirements.in")
    project.compile("-q", "-t", "cpu", "dev.in")

    below = project.lines()
    assert set(project.lines("dev.txt")) == set(below)


def test_a_layer_of_another_target_is_refused(project: Project) -> None:
    project.write(requirements_in="torch\n", dev_in="-c requirements.txt\ntorch\n")
    project.compile(*LINUX, "-t", "cu126", "requirements.in")

    said = project.refused(*LINUX, "-t", "cpu", "dev.in")

    assert "+cu126" in said
    assert "requirements.txt" in said


def test_a_layer_with_hashes(project: Project) -> None:
    project.write(requirements_in="torch<2.8\n", dev_in="-c requirements.txt\ntorch\ntqdm\n")
    project.compile(*BOTH, "--generate-hashes", "requirements.in")
    project.compile(*BOTH, "--generate-hashes", "dev.in")

    for target in ("cpu", "cu126"):
        assert (
            project.hashes(f"dev.{target}.txt")["torch"]
            == project.hashes(f"requirements.{target}.txt")["torch"]
        )


def test_the_constraint_option(prod: Project) -> None:
    prod.write(extra_in="torch\n")
    prod.compile(*BOTH, "-c", "requirements.cpu.txt", "extra.in", code=1)
    prod.write(requirements_txt="torch==2.6.0\n").compile(
        *LINUX, "-t", "cpu", "-c", "requirements.txt", "extra.in"
    )

    assert prod.pins("extra.txt")["torch"] == "2.7.1+cpu"


def test_layers_in_folders(project: Project) -> None:
    project.put("locks/prod.in", "torch<2.8\n")
    project.put("locks/dev.in", "-c prod.txt\ntorch\n")
    project.compile(*BOTH, "locks/prod.in")
    project.compile(*BOTH, "locks/dev.in")

    assert project.pins("locks/dev.cu126.txt")["torch"] == "2.7.1+cu126"
    assert "# accelock: inputs dev.in prod.cu126.txt; " in project.read("locks/dev.cu126.txt")


def test_a_plain_layer_without_target_files(project: Project) -> None:
    project.write(dev_in="-c limits.txt\n-r base.in\n", limits_txt="tqdm<4.67\n", base_in="tqdm\n")
    project.compile(*BOTH, "dev.in")

    assert project.pins("dev.cu126.txt") == {"tqdm": "4.66.5"}
    assert "# accelock: inputs base.in dev.in limits.txt; " in project.read("dev.cu126.txt")


def test_a_file_that_is_gone(project: Project) -> None:
    project.write(requirements_in="-r gone.in\n")

    assert "gone.in" in project.refused(*LINUX, "-t", "cpu")


def test_without_a_target_the_names_stand(prod: Project) -> None:
    """Law 1: `requirements.<target>.txt` means nothing to plain pip-compile."""
    prod.write(requirements_txt="tqdm==4.67.1\n", dev_in="-c requirements.txt\ntqdm\n")
    prod.compile("-q", "dev.in")

    assert prod.pins("dev.txt") == {"tqdm": "4.67.1"}
