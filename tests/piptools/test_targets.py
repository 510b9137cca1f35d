"""What a target's file pins: its own builds, merged over the platforms, and nothing else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.piptools.support_project import options_of
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from tests.piptools.support_project import Project

PYTORCH = "https://download.pytorch.org/whl"
X86 = 'sys_platform == "linux" and platform_machine == "x86_64"'


def test_readme(project: Project) -> None:
    """The input of README.md, for two targets and the default platforms."""
    project.write(requirements_in="numpy\npandas\ntorch\ntorchvision\n")
    done = project.compile("-t", "cpu", "-t", "cu126", "requirements.in")

    cpu, cuda = project.lines("requirements.cpu.txt"), project.lines("requirements.cu126.txt")
    assert 'torch==2.8.0 ; sys_platform == "darwin"' in cpu
    assert 'torch==2.8.0+cpu ; sys_platform != "darwin"' in cpu
    assert "torch==2.8.0+cu126" in cuda
    assert not [line for line in cpu if line.startswith(("nvidia", "triton"))]
    assert 'triton==3.4.0 ; sys_platform == "linux"' in cuda
    assert done.stdout == ""
    assert "cu126 does not exist on macos-arm64: left out there." in done.stderr
    said = [line for line in done.stderr.splitlines() if "is left out of" in line]
    assert len(said) == 1
    assert said[0].startswith("WARNING: linux-aarch64 is left out of cu126: ")
    assert "the only torch that it has is 2.6.0" in said[0]


def test_both_targets_take_the_same_public_versions(project: Project) -> None:
    project.write(requirements_in="pandas\ntorchvision\n")
    project.compile("-q", "-t", "cu126", "-t", "cpu", "-t", "cu118", "requirements.in")

    cpu = public(project.pins("requirements.cpu.txt"))
    for target in ("cu126", "cu118"):
        other = public(project.pins(f"requirements.{target}.txt"))
        assert {name: other[name] for name in cpu} == cpu
        own = ("nvidia-", "triton", "setuptools")  # triton requires setuptools
        assert set(other) - set(cpu) == {n for n in other if n.startswith(own)}


def public(pins: dict[str, str]) -> dict[str, str]:
    return {name: version.partition("+")[0] for name, version in pins.items()}


class TestMarkers:
    def test_of_labels(self, project: Project) -> None:
        project.write(requirements_in="torchvision\n").compile("-q", "-t", "cpu")

        assert [line for line in project.lines() if line.startswith("torch")] == [
            'torch==2.8.0 ; sys_platform == "darwin"',
            'torch==2.8.0+cpu ; sys_platform != "darwin"',
            'torchvision==0.23.0 ; sys_platform == "darwin" or platform_machine == "aarch64"',
            'torchvision==0.23.0+cpu ; sys_platform != "darwin" and platform_machine != "aarch64"',
        ]

    def test_a_pin_that_is_the_same_everywhere_has_none(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--platform=linux-64", "--platform=win-64")

        assert "torch==2.8.0+cpu" in project.lines()

    def test_of_ordinary_packages(self, project: Project) -> None:
        project.write(requirements_in="tqdm\nuvicorn[standard]\n").compile("-q", "-t", "cpu")

        lines = project.lines()
        assert 'colorama==0.4.6 ; sys_platform == "win32"' in lines
        assert 'uvloop==0.21.0 ; sys_platform != "win32"' in lines
        assert "uvicorn[standard]==0.34.3" in lines

    def test_the_users_own(self, project: Project) -> None:
        project.write(
            requirements_in='torch ; sys_platform != "darwin"\ntqdm ; python_version>"3"\n'
        )
        project.compile("-q", "-t", "cpu")

        lines = project.lines()
        assert 'torch==2.8.0+cpu ; sys_platform != "darwin"' in lines
        assert 'tqdm==4.67.1 ; python_version > "3"' in lines
        assert not [line for line in lines if line.startswith("torch==2.8.0 ;")]

    def test_one_line_per_platform_in_the_input(self, project: Project) -> None:
        project.write(
            requirements_in='torch==2.6.0 ; sys_platform == "darwin"\n'
            'torch==2.8.0 ; sys_platform != "darwin"\n'
        )
        project.compile("-q", "-t", "cpu")

        assert [line for line in project.lines() if line.startswith("torch")] == [
            'torch==2.6.0 ; sys_platform == "darwin"',
            'torch==2.8.0+cpu ; sys_platform != "darwin"',
        ]

    def test_every_machine_meets_a_line_of_torch(self, project: Project) -> None:
        """An undeclared platform must make pip fail, not skip torch."""
        project.write(requirements_in="torchvision\n")
        project.compile("-q", "-t", "cpu", "-t", "cu126")

        for target in ("cpu", "cu126"):
            for platform in ("macos-x86_64", "macos-arm64", "linux-aarch64", "windows-x86_64"):
                pins = project.pins(f"requirements.{target}.txt", platform)
                assert {"torch", "torchvision"} <= set(pins), (target, platform)

    def test_an_undeclared_platform_meets_a_line_of_torch(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--platform=linux-64", "--platform=osx-arm64")

        assert project.pins(platform="windows-x86_64")["torch"] == "2.8.0+cpu"
        assert project.pins(platform="macos-x86_64")["torch"] == "2.8.0"


class TestNvidia:
    def test_only_where_the_platform_wants_it(self, project: Project) -> None:
        """2.6.0+cu126 requires NVIDIA's libraries on x86_64, and not on aarch64."""
        project.write(requirements_in="torch==2.6.0\n").compile("-q", "-t", "cu126")

        nvidia = {
            platform: {n for n in project.pins(platform=platform) if n.startswith("nvidia-")}
            for platform in ("linux-x86_64", "linux-aarch64", "windows-x86_64")
        }
        assert len(nvidia["linux-x86_64"]) == 7
        assert nvidia["linux-aarch64"] == nvidia["windows-x86_64"] == set()
        assert project.pins(platform="linux-aarch64")["torch"] == "2.6.0+cu126"

    def test_without_marker_on_one_platform(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cu126", "--platform=linux-x86_64")

        assert "nvidia-nccl-cu12==2.27.3" in project.lines()
        assert "triton==3.4.0" in project.lines()

    def test_rocm_has_its_own_compiler(self, project: Project) -> None:
        project.write(requirements_in="torch\n").compile("-q", "-t", "rocm6.3")

        pins = project.pins()
        assert pins["torch"] == "2.8.0+rocm6.3"
        assert pins["pytorch-triton-rocm"] == "3.4.0"
        assert not [name for name in pins if name.startswith("nvidia") or name == "triton"]

    def test_older_cuda(self, project: Project) -> None:
        project.write(requirements_in="torch\n").compile("-q", "-t", "cu118")

        pins = project.pins()
        assert pins["torch"] == "2.7.1+cu118"
        assert pins["nvidia-cublas-cu11"] == "11.11.3.6"
        assert "nvidia-cublas-cu12" not in pins


class TestRouting:
    def test_no_cuda_build_of_pypi_in_a_cpu_file(self, project: Project) -> None:
        """PyPI's torch is newer than what the target's index has: by version it would be taken."""
        project.write(requirements_in="lightning\n")
        project.compile("-q", "-t", "cpu", "-t", "cu118", "--platform=linux-x86_64")

        cpu, cuda = project.pins("requirements.cpu.txt"), project.pins("requirements.cu118.txt")
        assert cpu["torch"] == "2.7.1+cpu"
        assert cuda["torch"] == "2.7.1+cu118"
        assert not [name for name in cpu if name.startswith("nvidia")]
        assert not [name for name in cuda if name.startswith("nvidia") and name.endswith("cu12")]

    def test_copies_on_the_familys_index_are_never_used(self, project: Project) -> None:
        """That index has a newer filelock, and other bytes of jinja2, markupsafe and numpy."""
        project.write(requirements_in="torch\nnumpy<2.2\n")
        project.compile("-q", "-t", "cpu", "--generate-hashes")

        pins, hashes = project.pins(), project.hashes()
        assert pins["filelock"] == "3.18.0"
        assert pins["numpy"] == "2.1.2"
        for name in ("jinja2", "markupsafe", "numpy"):
            assert hashes[name] <= everything_on("/simple", name)
            assert not hashes[name] & everything_on("/whl/cpu", name)

    def test_an_extra_index_is_not_looked_at_for_torch(self, project: Project) -> None:
        project.write(requirements_in="torch\ntqdm\n")
        index = project.env["PIP_INDEX_URL"]
        words = ("-q", "-t", "cu118", "--platform=linux-x86_64")
        project.compile(*words, "--extra-index-url", index + "/../simple")

        assert project.pins()["torch"] == "2.7.1+cu118"


def everything_on(index: str, name: str) -> set[str]:
    return {file.distribution.hash for file in pytorch_site().index(index).projects[name]}


class TestOptionLines:
    def test_the_index_of_the_target(self, project: Project) -> None:
        project.write(requirements_in="torch\n").compile("-q", "-t", "cpu", "-t", "cu126")

        mine = project.env["PIP_INDEX_URL"]
        for target in ("cpu", "cu126"):
            assert options_of(project.read(f"requirements.{target}.txt")) == [
                f"--index-url {mine}",
                f"--extra-index-url {PYTORCH}/{target}",
            ]

    def test_none_where_the_family_is_not_used(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n").compile("-q", "-t", "cpu")

        assert options_of(project.read()) == [f"--index-url {project.env['PIP_INDEX_URL']}"]

    def test_can_be_left_out(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--no-emit-index-url")
        assert options_of(project.read()) == []

        project.compile("-q", "-t", "cpu", "--no-emit-options")
        assert options_of(project.read()) == []


def test_annotations_are_pip_tools_own(project: Project) -> None:
    project.write(requirements_in="torchvision\nnumpy\n")
    project.compile("-q", "-t", "cpu", "--platform=linux-x86_64", "--no-generate-hashes")

    assert (
        "numpy==2.2.6\n"
        "    # via\n"
        "    #   -r requirements.in\n"
        "    #   torchvision\n" in project.read()
    )


def test_the_header_names_the_command_and_the_stamp(project: Project) -> None:
    project.write(requirements_in="tqdm\n")
    project.compile(
        "-q", "-t", "cpu", "--platform=osx-arm64", "--python-version=3.12", "requirements.in"
    )

    header = project.read().splitlines()[:12]
    assert header[1] == "# This file is autogenerated by pip-compile with Python 3.12"
    assert header[4].startswith(
        "#    accelock compile --target=cpu --platform=osx-arm64 --python-version=3.12 "
    )
    assert header[4].endswith(" requirements.in")
    assert header[6] == "# accelock: version 0.1.0; target cpu; python 3.12"
    assert header[7] == "# accelock: platforms macos-arm64"
    assert header[8].startswith("# accelock: inputs requirements.in; sha256 with settings ")
    assert header[9].startswith("# accelock: pins; sha256 ")
    assert header[10].startswith("# accelock: each requirements.in=")
