"""Platforms, their levels, and Pythons: what a cell is for, and not what runs the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_sites import binary, on_pypi, pure
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.python


@pytest.fixture
def served(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[[Site], Project]:
    """Make a project that leads to a server of a site."""
    return lambda site: project_at(serve(site))


class TestLevels:
    @pytest.mark.parametrize(
        ("table", "platform", "version"),
        [
            ("", "linux-x86_64", "1.0"),
            ("", "macos-arm64", "1.0"),
            ('glibc = "2.34"\n', "linux-x86_64", "2.0"),
            ('glibc = "2.34"\n', "macos-arm64", "1.0"),
            ('macos = "15.0"\n', "linux-x86_64", "1.0"),
            ('macos = "15"\n', "macos-arm64", "2.0"),
        ],
    )
    def test_of_the_table(
        self, served: Callable[[Site], Project], table: str, platform: str, version: str
    ) -> None:
        old = ("manylinux2014_x86_64", "macosx_11_0_arm64")
        new = ("manylinux_2_34_x86_64", "macosx_15_0_arm64")
        both = (*binary("new-level", "1.0", *old), *binary("new-level", "2.0", *new))
        project = served(on_pypi(*both))
        project.write(
            requirements_in="new-level\n",
            pyproject_toml='[tool.accelock]\ntargets = ["cpu"]\n'
            f'platforms = ["{platform}"]\n{table}',
        )
        project.compile("-q", "requirements.in")

        assert project.lines() == [f"new-level=={version}"]

    def test_of_a_familys_wheels(self, project: Project) -> None:
        """torch is manylinux_2_28 since 2.7."""
        project.write(
            requirements_in="torch\n",
            pyproject_toml='[tool.accelock]\ntargets = ["cpu"]\nplatforms = ["linux-x86_64"]\n'
            'glibc = "2.17"\n',
        )
        project.compile("-q", "requirements.in")

        assert project.pins()["torch"] == "2.6.0+cpu"


class TestPlatforms:
    def test_condas_names(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--platform", "osx-arm64", "--platform", "linux-64")

        assert "# accelock: platforms macos-arm64 linux-x86_64\n" in project.read()
        assert project.pins(platform="macos-arm64")["torch"] == "2.8.0"

    def test_markers_are_judged_for_the_platform(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n")
        project.compile("-q", "-t", "cpu", "--platform", "win-64")

        assert project.lines() == ["colorama==0.4.6", "tqdm==4.67.1"]

    def test_all_names_of_the_environment(self, served: Callable[[Site], Project]) -> None:
        markers = {
            "by-os-name": 'os_name == "nt"',
            "by-system": 'platform_system == "Windows"',
            "by-machine": 'platform_machine == "AMD64"',
            "by-implementation": 'implementation_name == "cpython" and sys_platform == "win32"',
            "by-cpython": 'platform_python_implementation == "CPython" and os_name == "nt"',
            "not-there": 'sys_platform == "linux"',
        }
        packages = [pure(name, "1.0") for name in markers]
        asking = pure("asking", "1.0", *(f"{name}; {marker}" for name, marker in markers.items()))
        project = served(on_pypi(asking, *packages))
        project.write(requirements_in="asking\n")
        project.compile("-q", "-t", "cpu", "--platform", "win-64")

        assert set(project.pins()) == {"asking", *markers} - {"not-there"}

    @pytest.mark.parametrize("name", ["platform_release", "platform_version"])
    @pytest.mark.parametrize("marker", ['{} >= "5.10"', '"Darwin" not in {}', '{} == "no such"'])
    def test_a_marker_that_a_platform_does_not_determine(
        self, served: Callable[[Site], Project], name: str, marker: str
    ) -> None:
        """Some machine may want it, and the file does not depend on the one that makes it."""
        own = marker.format(name)
        project = served(on_pypi(pure("asking", "1.0", f"tqdm; {own}")))
        project.write(requirements_in=f"asking\nsix ; {own}\n").compile("-q", "-t", "cpu")

        assert project.pins(platform="linux-x86_64")["tqdm"] == "4.67.1"
        assert project.pins(platform="windows-x86_64")["colorama"] == "0.4.6"
        assert f"six==1.17.0 ; {own}" in project.lines()

    def test_beside_what_a_platform_determines(self, project: Project) -> None:
        own = 'sys_platform == "linux" and platform_release >= "5"'
        project.write(requirements_in=f"tqdm\nsix ; {own}\n").compile("-q", "-t", "cpu")

        assert f"six==1.17.0 ; {own}" in project.lines()

    @pytest.mark.parametrize("name", ["platform_release", "platform_version"])
    def test_it_does_not_decide_about_the_family(
        self, served: Callable[[Site], Project], name: str
    ) -> None:
        project = served(on_pypi(pure("asking", "1.0", f'torch; {name} >= "5.10"')))
        for line, origin in (
            (f'torch ; {name} >= "5.10"', "requirements.in (line 1)"),
            ("asking", "asking 1.0"),
        ):
            project.write(requirements_in=f"{line}\n")
            said = project.refused("-q", "-t", "cpu")

            assert f"{origin} asks for torch" in said
            assert name in said
            assert "--platform" in said

    def test_where_the_platform_settles_it_all_the_same(self, project: Project) -> None:
        marker = 'platform_release >= "5" and sys_platform == "aix"'
        project.write(requirements_in=f"tqdm\ntorch ; {marker}\n").compile("-q", "-t", "cpu")

        assert "torch" not in project.pins()

    def test_an_ordinary_package_without_a_wheel_for_a_cell(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(*binary("linux-only", "1.0", "manylinux2014_x86_64")))
        project.write(requirements_in="linux-only\n")

        done = project.compile("-q", "-t", "cpu")
        for name in ("linux-aarch64", "macos-arm64", "windows-x86_64"):
            assert f"{name} is left out of cpu: pip found no solution" in done.stderr
        assert "# accelock: platforms linux-x86_64\n" in project.read()

        both = ("--platform=linux-x86_64", "--platform=linux-aarch64")
        said = project.refused("-q", "-t", "cpu", *both)
        assert "linux-only" in said
        assert "linux-aarch64" in said

    def test_under_a_marker_it_need_not_have_one(self, served: Callable[[Site], Project]) -> None:
        project = served(on_pypi(*binary("linux-only", "1.0", "manylinux2014_x86_64")))
        marker = 'sys_platform == "linux" and platform_machine == "x86_64"'
        project.write(requirements_in=f"linux-only ; {marker}\ntqdm\n").compile("-q", "-t", "cpu")

        assert f"linux-only==1.0 ; {marker}" in project.lines()


class TestPythons:
    def test_another_python(self, project: Project) -> None:
        """torch requires setuptools from Python 3.12 on; networkx 3.5 wants Python 3.11."""
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--python-version=3.10")
        old = project.pins(python="3.10")
        project.compile("-q", "-U", "--allow-unsafe", "-t", "cpu", "--python-version=3.12")
        new = project.pins(python="3.12")

        assert (old["networkx"], new["networkx"]) == ("3.4.2", "3.5")
        assert "setuptools" not in old
        assert new["setuptools"] == "70.2.0"
        assert "with Python 3.12" in project.read()
        assert "; target cpu; python 3.12" in project.read()

    def test_several(self, project: Project) -> None:
        project.write(requirements_in="torch\nuvicorn\n")
        versions = ("--python-version=3.12", "--python-version=3.10")
        project.compile("-q", "--allow-unsafe", "-t", "cpu", *versions)

        lines = project.lines()
        assert 'setuptools==70.2.0 ; python_version >= "3.12"' in lines
        assert "networkx==3.4.2" in lines
        assert "typing-extensions==4.14.0" in lines
        assert "with Python 3.10, 3.12" in project.read()
        assert 'torch==2.8.0 ; sys_platform == "darwin"' in lines

    def test_several_that_cannot_share_a_version(self, served: Callable[[Site], Project]) -> None:
        project = served(
            on_pypi(pure("split", "1.0", python="<3.12"), pure("split", "2.0", python=">=3.12"))
        )
        project.write(requirements_in="split\n")
        versions = [f"--python-version={each}" for each in ("3.10", "3.11", "3.12")]
        project.compile("-q", "-t", "cpu", *versions)

        assert project.lines() == [
            'split==1.0 ; python_version < "3.12"',
            'split==2.0 ; python_version >= "3.12"',
        ]

    def test_of_the_table(self, project: Project) -> None:
        project.write(
            requirements_in="torch\n",
            pyproject_toml='[tool.accelock]\ntargets = ["cpu"]\npython = ["3.13", "3.10"]\n',
        )
        project.compile("-q", "requirements.in")

        assert "; target cpu; python 3.10 3.13" in project.read()
        assert "networkx==3.4.2" in project.lines()

    def test_wheels_are_those_of_the_python(self, served: Callable[[Site], Project]) -> None:
        project = served(
            on_pypi(
                *binary("bound", "1.0", python="cp310"), *binary("bound", "2.0", python="cp312")
            )
        )
        project.write(requirements_in="bound\n")
        for python, version in (("3.10", "1.0"), ("3.12", "2.0")):
            project.compile("-q", "-U", "-t", "cpu", f"--python-version={python}")
            assert project.pins()["bound"] == version

    def test_requires_python_of_the_metadata_alone(self, served: Callable[[Site], Project]) -> None:
        """PyTorch's pages have no data-requires-python: the wheel itself tells."""
        site = on_pypi(pure("new-only", "1.0"), pure("new-only", "2.0", python=">=3.13"))
        project = served(site.configured("/simple/new-only", requires_python=False))
        project.write(requirements_in="new-only\n")
        project.compile("-q", "-t", "cpu", "--python-version=3.12")

        assert project.pins()["new-only"] == "1.0"

    @pytest.mark.parametrize("word", ["3", "snake", "2.7", "3.12.1"])
    def test_a_word_that_is_none(self, project: Project, word: str) -> None:
        project.write(requirements_in="tqdm\n")

        said = project.refused("-q", "-t", "cpu", f"--python-version={word}", code=2)

        assert word in said
        assert "3.12" in said


class TestOwnPackages:
    TABLE = (
        '[tool.accelock]\ntargets = ["cpu", "cu126"]\nplatforms = ["linux-x86_64"]\n'
        '[tool.accelock.packages]\n"My.Cuda_Ext" = { family = "pytorch" }\n'
    )

    @staticmethod
    def site() -> Site:
        built = {
            label: binary("my-cuda-ext", f"1.0+{label}", "manylinux_2_28_x86_64")
            for label in ("cpu", "cu126")
        }
        site = on_pypi(*binary("my-cuda-ext", "3.0"))
        for label, files in built.items():
            site = site.with_files(f"/whl/{label}", *files)
        return site

    def test_take_the_targets_builds(self, served: Callable[[Site], Project]) -> None:
        project = served(self.site())
        project.write(requirements_in="my_cuda_ext\n", pyproject_toml=self.TABLE)
        project.compile("-q", "requirements.in")

        for target in ("cpu", "cu126"):
            name = f"requirements.{target}.txt"
            assert project.lines(name) == [f"my-cuda-ext==1.0+{target}"]
            assert f"https://download.pytorch.org/whl/{target}\n" in project.read(name)

    def test_without_the_table_they_are_ordinary(self, served: Callable[[Site], Project]) -> None:
        project = served(self.site())
        project.write(requirements_in="my_cuda_ext\n").compile("-q", "-t", "cpu")

        assert project.lines() == ["my-cuda-ext==3.0"]


def test_a_wheel_for_several_platforms_at_once(served: Callable[[Site], Project]) -> None:
    tag = "py3-none-manylinux2014_x86_64.manylinux2014_aarch64.macosx_11_0_universal2.win_amd64"
    project = served(on_pypi(wheel("everywhere", "1.0", tag)))
    project.write(requirements_in="everywhere\n").compile("-q", "-t", "cpu")

    assert project.lines() == ["everywhere==1.0"]
