"""A family's wheel that an input names by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import lines_of
from tests.support.torch_releases import HERE
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

LINUX = "--platform=linux-x86_64"


def wheel_of(index: IndexServer, target: str, *, at: str = "") -> str:
    """The URL of torch 2.6.0 for Linux, as the index of a target has it."""
    host = at or index.url
    return f"{host}/whl/{target}/torch-2.6.0%2B{target}-{HERE}-{HERE}-{TAGS[target]}.whl"


TAGS = {"cpu": "linux_x86_64", "cu118": "manylinux_2_28_x86_64", "cu126": "manylinux_2_28_x86_64"}


class TestForeign:
    @pytest.mark.parametrize(
        ("written", "targets", "stopped"),
        [
            ("cu118", ("cpu",), "cpu"),
            ("cu118", ("cu126",), "cu126"),
            ("cpu", ("cu126",), "cu126"),
            ("cpu", ("cpu", "cu126"), "cu126"),
            ("cu118", ("cpu", "cu126"), "cpu"),
        ],
    )
    @pytest.mark.parametrize("form", ["torch @ {url}", "{url}"])
    def test_is_refused(
        self,
        project: Project,
        index: IndexServer,
        written: str,
        targets: tuple[str, ...],
        stopped: str,
        form: str,
    ) -> None:
        url = wheel_of(index, written)
        project.write(requirements_in=f"six\n{form.format(url=url)}\ntorchvision\n")

        said = project.refused("-q", LINUX, *(f"--target={target}" for target in targets))

        assert "requirements.in (line 2)" in said
        assert f"the target is {stopped}" in said
        assert f"-t {written}" in said

    def test_in_a_constraint(self, project: Project, index: IndexServer) -> None:
        project.write(
            requirements_in="-c limits.txt\ntorch\n",
            limits_txt=f"torch @ {wheel_of(index, 'cu118')}\n",
        )

        assert "is a build for cu118" in project.refused("-q", "-t", "cpu", LINUX)

    def test_a_build_without_a_label_is_of_the_folder_that_it_lies_in(
        self, project: Project, index: IndexServer
    ) -> None:
        named = f"torch-2.5.1-{HERE}-{HERE}-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
        project.write(requirements_in=f"torch @ {index.url}/whl/cpu/{named}\n")

        said = project.refused("-q", "-t", "cu126", "--platform=linux-aarch64")

        assert "is a build for cpu" in said

    def test_that_another_package_asks_for(self, project: Project, index: IndexServer) -> None:
        url = wheel_of(index, "cu118")
        mine = wheel("mine", "1.0", requires=[f"torch @ {url}"]).save(project.folder)
        project.write(requirements_in=f"./{mine.name}\n")

        assert "is a build for cu118" in project.refused("-q", "-t", "cpu", LINUX)

    def test_credentials_are_not_shown(self, project: Project, index: IndexServer) -> None:
        host = index.url.replace("//", "//me:secret@")
        project.write(requirements_in=f"torch @ {wheel_of(index, 'cu118', at=host)}\n")

        assert "secret" not in project.refused("-q", "-t", "cpu", LINUX)


class TestOwn:
    @pytest.mark.parametrize("target", ["cpu", "cu126"])
    @pytest.mark.parametrize("form", ["torch @ {url}", "{url}"])
    def test_is_version_and_target(
        self, project: Project, index: IndexServer, target: str, form: str
    ) -> None:
        url = wheel_of(index, target)
        project.write(requirements_in=f"{form.format(url=url)}\ntorchvision\n")
        project.compile("-q", "-t", target, LINUX)

        assert project.pins()["torch"] == f"2.6.0+{target}"
        assert project.pins()["torchvision"] == f"0.21.0+{target}"

    def test_so_it_compiles_for_the_other_platforms_too(
        self, project: Project, index: IndexServer
    ) -> None:
        project.write(requirements_in=f"torch[opt-einsum] @ {wheel_of(index, 'cpu')}\n")
        project.compile("-q", "-t", "cpu")

        assert project.pins(platform="linux-x86_64")["torch"] == "2.6.0+cpu"
        assert project.pins(platform="macos-arm64")["torch"] == "2.6.0"
        assert "opt-einsum" in project.pins(platform="macos-arm64")

    def test_its_marker_stays(self, project: Project, index: IndexServer) -> None:
        marker = 'sys_platform == "linux"'
        project.write(requirements_in=f"six\ntorch @ {wheel_of(index, 'cpu')} ; {marker}\n")
        project.compile("-q", "-t", "cpu", LINUX, "--platform=windows-x86_64")

        assert project.pins(platform="linux-x86_64")["torch"] == "2.6.0+cpu"
        assert "torch" not in project.pins(platform="windows-x86_64")

    def test_from_elsewhere_it_stays_where_it_is(
        self, project: Project, index: IndexServer
    ) -> None:
        """A wheel of the user's own has other bytes than the family's of the same name."""
        named = f"torch-2.6.0+cu126-{HERE}-{HERE}-manylinux_2_28_x86_64.whl"
        copied = index.site.find("/whl/cu126", named).save(project.folder)
        project.write(requirements_in=f"torch @ {copied.as_uri()}\n")
        project.compile("-q", "-t", "cu126", LINUX)

        (line,) = [one for one in lines_of(project.read()) if one.startswith("torch ")]
        assert line.startswith(f"torch @ {copied.as_uri()}")
        done = project.accelock("check")
        assert done.returncode == 0, done.stdout
        said = project.accelock("why", "torch").stdout
        assert "cu126: 2.6.0+cu126" in said
        assert f"index: none; it comes from {copied.as_uri()}" in said


def test_check_finds_a_url_that_was_put_in_by_hand(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torch==2.6.0\n").compile("-q", "-t", "cpu", LINUX)
    url = wheel_of(index, "cu118")
    project.put("requirements.txt", project.read().replace("torch==2.6.0+cpu", f"torch @ {url}"))

    done = project.accelock("check")

    assert done.returncode == 1
    assert "its pins, hashes or options changed after it was compiled" in done.stdout
