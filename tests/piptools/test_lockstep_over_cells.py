"""One public version of the lockstep packages over all cells, and what stops it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_invocations import BACKEND, PYPROJECT
from tests.piptools.support_sites import binary, on_pypi, pure
from tests.support.pytorch_site import pytorch_site
from tests.support.sites import Site
from tests.support.torch_releases import HERE
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.wheels import Distribution

MAC_AND_OTHERS = (
    "macosx_11_0_arm64",
    "manylinux_2_28_x86_64",
    "manylinux_2_28_aarch64",
    "win_amd64",
)
BOTH_PYTHONS = ("--python-version=3.10", "--python-version=3.12")
PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")


@pytest.fixture
def served(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[[Site], Project]:
    """Make a project that leads to a server of a site."""
    return lambda site: project_at(serve(site))


def named(*platforms: str) -> list[str]:
    return [f"--platform={platform}" for platform in platforms]


def built(
    name: str, version: str, *platforms: str, python: str = HERE, requires: str = ""
) -> list[Distribution]:
    own = [requires] if requires else []
    return [wheel(name, version, f"{python}-{python}-{each}", own) for each in platforms]


def held_back() -> list[Distribution]:
    mac, *others = MAC_AND_OTHERS
    old, new = "torch==2.6.0", "torch==2.8.0"
    return [
        *(each for v in ("2.6.0", "2.8.0") for each in built("torch", f"{v}+cpu", *others)),
        *(each for v in ("2.6.0", "2.8.0") for each in built("torch", v, mac)),
        *built("torchvision", "0.21.0+cpu", *others, requires=old),
        *built("torchvision", "0.21.0", mac, requires=old),
        *built("torchvision", "0.23.0+cpu", others[0], others[2], requires=new),
        *built("torchvision", "0.23.0", mac, requires=new),
    ]


class TestOverTargets:
    def test_all_take_the_newest_that_all_have(self, project: Project) -> None:
        project.write(requirements_in="torchvision\n")
        project.compile("-q", "-t", "cpu", "-t", "cu118", "-t", "rocm6.3")

        for target in ("cpu", "cu118", "rocm6.3"):
            assert project.pins(f"requirements.{target}.txt")["torch"] == f"2.7.1+{target}"
            assert project.pins(f"requirements.{target}.txt")["torchvision"] == f"0.22.1+{target}"

    def test_turned_off(self, project: Project) -> None:
        project.write(
            requirements_in="torch\n",
            pyproject_toml="[tool.accelock]\n"
            'targets = ["cpu", "cu118", "cu126"]\nlockstep = false\n',
        )
        project.compile("-q", "requirements.in")

        assert project.pins("requirements.cpu.txt")["torch"] == "2.8.0+cpu"
        assert project.pins("requirements.cu118.txt")["torch"] == "2.7.1+cu118"
        cuda = "requirements.cu126.txt"
        assert project.pins(cuda)["torch"] == "2.8.0+cu126"
        assert project.pins(cuda, "linux-aarch64")["torch"] == "2.6.0+cu126"

    def test_a_default_platform_does_not_cost_a_target(self, project: Project) -> None:
        """cu126 ends at 2.6.0 on linux-aarch64, and rocm6.3 begins with 2.7.1."""
        project.write(requirements_in="torch\n")
        done = project.compile("-t", "cpu", "-t", "cu126", "-t", "rocm6.3")

        for target in ("cpu", "cu126", "rocm6.3"):
            assert project.pins(f"requirements.{target}.txt")["torch"] == f"2.8.0+{target}"
        assert done.stderr.count("is left out of") == 1
        assert "linux-aarch64 is left out of cu126" in done.stderr

    def test_its_error_says_who_stops_where(self, project: Project) -> None:
        project.write(requirements_in="torch==2.8.0\n")

        said = project.refused("-q", "-t", "cpu", "-t", "cu118", "--platform=linux-x86_64")

        assert "torch==2.8.0 cannot be locked for cu118, linux-x86_64" in said
        assert "newest torch is 2.7.1" in said
        assert "lockstep" in said
        assert "cpu, linux-x86_64" in said
        assert "2.8.0" in said

    def test_a_target_that_shares_nothing(self, project: Project) -> None:
        project.write(requirements_in="torch>=2\n")

        said = project.refused("-q", "-t", "cpu", "-t", "cu110", "--platform=linux-x86_64")

        assert "cu110" in said
        assert "the only torch that it has is 1.7.1" in said

    def test_other_packages_follow_the_leader(self, served: Callable[[Site], Project]) -> None:
        project = served(on_pypi(*binary("helper", "1.0"), *binary("helper", "2.0", "win_amd64")))
        project.write(requirements_in="torch\nhelper\n")
        project.compile("-q", "-t", "cpu", "-t", "cu126")

        for target in ("cpu", "cu126"):
            name = f"requirements.{target}.txt"
            assert {project.pins(name, each)["helper"] for each in PLATFORMS} == {"1.0"}


class TestOverPlatforms:
    def test_an_old_platform_holds_all_back(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "--platform=linux-x86_64", "--platform=macos-x86_64")

        assert [line for line in project.lines() if line.startswith("torch")] == [
            'torch==1.7.1 ; sys_platform == "darwin"',
            'torch==1.7.1+cpu ; sys_platform != "darwin"',
        ]

    @pytest.mark.parametrize("asked", ["torchvision", "kit[image]"])
    def test_a_split_of_torch_is_one_of_what_is_released_with_it(
        self, served: Callable[[Site], Project], asked: str
    ) -> None:
        """Named or not: macOS is not bound to the torchvision that goes with Linux's torch."""
        image = wheel("kit", "2.0", requires=['torchvision; extra == "image"'], extras=["image"])
        project = served(on_pypi(image, pure("kit", "1.0", "torch")))
        apple, others = 'sys_platform == "darwin"', 'sys_platform != "darwin"'
        project.write(requirements_in=f"torch==2.7.1 ; {apple}\ntorch==2.8.0 ; {others}\n{asked}\n")
        project.compile("-q", "-t", "cpu", "-t", "cu126", *named("linux-x86_64", "macos-arm64"))

        for target in ("cpu", "cu126"):
            pins = project.pins(f"requirements.{target}.txt")
            assert (pins["torch"], pins["torchvision"]) == (f"2.8.0+{target}", f"0.23.0+{target}")
        mac = project.pins("requirements.cpu.txt", "macos-arm64")
        assert (mac["torch"], mac["torchvision"], mac.get("kit", "2.0")) == (
            "2.7.1",
            "0.22.1",
            "2.0",
        )

    @pytest.mark.parametrize("platforms", [(), ("linux-x86_64", "macos-arm64")])
    def test_what_one_version_would_do_for_and_the_graph_refuses(
        self, project: Project, platforms: tuple[str, ...]
    ) -> None:
        apple, others = 'sys_platform == "darwin"', 'sys_platform != "darwin"'
        project.write(
            requirements_in=f"torch>=2.5,<2.8 ; {apple}\ntorch>=2.5 ; {others}\n"
            f"torchvision==0.23.0 ; {others}\n"
        )
        project.compile("-q", "-t", "cpu", *named(*platforms))

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert project.pins(platform="macos-arm64")["torch"] == "2.7.1"

    def test_a_named_platform_binds(self, project: Project) -> None:
        project.write(requirements_in="torch==2.8.0\n")

        said = project.refused(
            "-q", "-t", "cu126", "--platform=linux-x86_64", "--platform=linux-aarch64"
        )

        assert "torch==2.8.0 cannot be locked for cu126, linux-aarch64" in said
        assert "2.6.0" in said

    def test_a_platform_of_the_table_binds(self, project: Project) -> None:
        project.write(
            requirements_in="torch==2.8.0\n",
            pyproject_toml="[tool.accelock]\n"
            'targets = ["cu126"]\nplatforms = ["linux-x86_64", "linux-aarch64"]\n',
        )

        assert "linux-aarch64" in project.refused("-q", "requirements.in")

    def test_a_default_platform_is_left_out_with_a_warning(self, project: Project) -> None:
        project.write(requirements_in="torch==2.8.0\n")
        done = project.compile("-t", "cu126", "requirements.in")

        warnings = [each for each in done.stderr.splitlines() if each.startswith("WARNING: linux")]
        assert len(warnings) == 1
        assert "linux-aarch64 is left out of cu126" in warnings[0]
        assert "--platform" in warnings[0]
        assert "# accelock: platforms linux-x86_64 windows-x86_64" in project.read()
        assert project.pins()["torch"] == "2.8.0+cu126"

    def test_one_never_lowers_a_version(self, project: Project) -> None:
        """cu126 ends at 2.6.0 on linux-aarch64, which nobody named."""
        project.write(requirements_in="torch<2.9\n")
        done = project.compile("-q", "-t", "cpu", "-t", "cu126")

        assert project.pins("requirements.cu126.txt")["torch"] == "2.8.0+cu126"
        assert project.pins("requirements.cpu.txt", "linux-aarch64")["torch"] == "2.8.0+cpu"
        assert "linux-aarch64 is left out of cu126: torch<2.9 cannot be locked" in done.stderr
        assert "the only torch that it has is 2.6.0" in done.stderr

    def test_no_platform_is_blamed_for_what_another_package_asks_for(
        self, project: Project
    ) -> None:
        """torchvision is as old as the torch that it requires, whatever linux-aarch64 has."""
        project.write(requirements_in="torch==2.6.0\ntorchvision\n")
        done = project.compile("-q", "-t", "cpu", "-t", "cu126")

        assert project.pins("requirements.cu126.txt")["torchvision"] == "0.21.0+cu126"
        assert "is taken instead of" not in done.stderr

    def test_one_never_lowers_what_goes_with_a_version(
        self, served: Callable[[Site], Project]
    ) -> None:
        """torchvision 0.23.0, which goes with torch 2.8.0, is not there for linux-aarch64."""
        project = served(Site().with_files("/whl/cpu", *held_back()))
        project.write(requirements_in="torch\ntorchvision\n")
        done = project.compile("-q", "-t", "cpu")

        pins = project.pins()
        assert (pins["torch"], pins["torchvision"]) == ("2.8.0+cpu", "0.23.0+cpu")
        assert "linux-aarch64 is left out of cpu: torchvision cannot be locked" in done.stderr

    def test_one_that_lacks_what_is_locked_is_left_out(self, project: Project) -> None:
        """Locked for Linux on x86_64: more platforms do not move it back."""
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cu126", "--platform=linux-x86_64")
        assert project.pins()["torch"] == "2.8.0+cu126"
        done = project.compile("-q", "-t", "cu126")

        assert project.pins()["torch"] == "2.8.0+cu126"
        assert "linux-aarch64 is left out of cu126: torch cannot be locked" in done.stderr

    def test_what_the_user_asks_for_there_is_no_ground_to_leave_it_out(
        self, project: Project
    ) -> None:
        project.write(requirements_in="torch\n").compile("-q", "-t", "cpu")
        project.write(requirements_in='torch\ntorch==2.7.1 ; sys_platform == "win32"\n')
        project.compile("-q", "-t", "cpu")

        assert project.pins(platform="windows-x86_64")["torch"] == "2.7.1+cpu"

    def test_a_target_without_any_platform_left(self, project: Project) -> None:
        project.write(requirements_in="torch==2.5.1\n")

        said = project.refused("-q", "-t", "rocm6.3")

        assert "torch==2.5.1 cannot be locked for rocm6.3" in said
        assert "2.7.1, 2.8.0" in said

    def test_one_target_narrowed_to_fewer_platforms(self, project: Project) -> None:
        project.write(
            requirements_in="torch\n",
            pyproject_toml='[tool.accelock]\ntargets = ["cpu", "cu126"]\n'
            '[tool.accelock.target.cu126]\nplatforms = ["linux-x86_64"]\n',
        )
        done = project.compile("requirements.in")

        assert "# accelock: platforms linux-x86_64\n" in project.read("requirements.cu126.txt")
        assert "torch==2.8.0+cu126" in project.lines("requirements.cu126.txt")
        assert "triton==3.4.0" in project.lines("requirements.cu126.txt")
        assert "does not exist" not in done.stderr

    def test_a_cell_that_does_not_exist_is_said_once(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        done = project.compile("-t", "cu126", "-t", "rocm6.3")

        said = [line for line in done.stderr.splitlines() if "does not exist" in line]
        assert said == [
            "cu126 does not exist on macos-arm64: left out there.",
            "rocm6.3 does not exist on linux-aarch64, macos-arm64, windows-x86_64: left out there.",
        ]

    def test_a_warning_of_pip_tools_is_said_once(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        done = project.compile("-q", "-t", "cpu", "-t", "rocm6.3")

        assert done.stderr.count("--strip-extras is becoming the default") == 1

    def test_quiet_says_only_what_matters(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        done = project.compile("-q", "--strip-extras", "-t", "rocm6.3", "-t", "cpu")

        assert done.stdout == done.stderr == ""


class TestBacktracking:
    def test_one_cell_refuses_the_newest_common_version(
        self, served: Callable[[Site], Project]
    ) -> None:
        """Only on Windows does `old-needs` stand against torch 2.8.0: all cells take 2.7.1."""
        project = served(on_pypi(pure("old-needs", "1.0", 'torch<2.8; sys_platform == "win32"')))
        project.write(requirements_in="torch\nold-needs\n")
        project.compile("-q", "-t", "cpu", *named(*PLATFORMS))

        found = {each: project.pins(platform=each)["torch"] for each in PLATFORMS}
        assert {version.partition("+")[0] for version in found.values()} == {"2.7.1"}

    def test_a_default_platform_that_refuses_it_is_left_out(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(pure("old-needs", "1.0", 'torch<2.8; sys_platform == "win32"')))
        project.write(requirements_in="torch\nold-needs\n")
        done = project.compile("-q", "-t", "cpu")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert "windows-x86_64 is left out of cpu: pip found no solution" in done.stderr
        assert "# accelock: platforms linux-x86_64 linux-aarch64 macos-arm64\n" in project.read()

    def test_over_targets(self, served: Callable[[Site], Project]) -> None:
        site = on_pypi(pure("old-needs", "1.0", 'torch<2.7; platform_machine == "aarch64"'))
        project = served(site)
        project.write(requirements_in="torchvision\nold-needs\n")
        both = named("linux-x86_64", "linux-aarch64")
        project.compile("-q", "-t", "cpu", "-t", "cu126", *both)

        for target in ("cpu", "cu126"):
            pins = project.pins(f"requirements.{target}.txt")
            assert (pins["torch"], pins["torchvision"]) == (f"2.6.0+{target}", f"0.21.0+{target}")

    def test_twice(self, served: Callable[[Site], Project]) -> None:
        project = served(
            on_pypi(
                pure(
                    "old-needs",
                    "1.0",
                    'torch<2.8; sys_platform == "darwin"',
                    'torch<2.7; sys_platform == "win32"',
                )
            )
        )
        project.write(requirements_in="torch\nold-needs\n")
        project.compile("-q", "-t", "cpu", *named(*PLATFORMS))

        assert project.pins()["torch"] == "2.6.0+cpu"
        assert project.pins(platform="windows-x86_64")["torch"] == "2.6.0+cpu"
        assert project.pins(platform="macos-arm64")["torch"] == "2.6.0"

    def test_no_common_version_is_left(self, served: Callable[[Site], Project]) -> None:
        project = served(on_pypi(pure("old-needs", "1.0", 'torch<2.8; sys_platform == "win32"')))
        project.write(requirements_in="torch>=2.8\nold-needs\n")

        said = project.refused("-q", "-t", "cpu", *named("linux-x86_64", "windows-x86_64"))

        assert "windows-x86_64" in said
        assert "old-needs" in said

    def test_each_cell_for_itself_where_lockstep_is_off(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(pure("old-needs", "1.0", 'torch<2.8; sys_platform == "win32"')))
        project.write(
            requirements_in="torch\nold-needs\n",
            pyproject_toml='[tool.accelock]\ntargets = ["cpu"]\nlockstep = false\n',
        )
        project.compile("-q", "requirements.in")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert project.pins(platform="windows-x86_64")["torch"] == "2.7.1+cpu"

    def test_a_lockstep_package_that_only_one_cell_lacks(
        self, served: Callable[[Site], Project]
    ) -> None:
        """torchaudio's newest build has no wheel for Windows."""
        tags = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "win_amd64")
        audio = [
            *(wheel("torchaudio", "2.7.1+cpu", f"{HERE}-{HERE}-{tag}") for tag in tags),
            *(wheel("torchaudio", "2.8.0+cpu", f"{HERE}-{HERE}-{tag}") for tag in tags[:2]),
            *(
                wheel("torchaudio", version, f"{HERE}-{HERE}-macosx_11_0_arm64")
                for version in ("2.7.1", "2.8.0")
            ),
        ]
        project = served(pytorch_site().with_files("/whl/cpu", *audio))
        project.write(requirements_in="torchaudio\n")
        project.compile("-q", "-t", "cpu", *named(*PLATFORMS))

        assert project.pins()["torchaudio"] == "2.7.1+cpu"
        assert project.pins(platform="macos-arm64")["torchaudio"] == "2.7.1"


def test_a_wheel_for_the_running_release_is_taken(served: Callable[[Site], Project]) -> None:
    """As pip-compile takes it; where a Python is asked for, its first release counts."""
    running = ">=" + ".".join(map(str, sys.version_info[:3]))
    new = wheel("helper", "2.0", "py3-none-any", [], running)
    project = served(on_pypi(pure("helper", "1.0"), new))
    project.write(requirements_in="torch\nhelper\n")

    project.compile("-q", "-t", "cpu")
    assert project.pins()["helper"] == "2.0"
    minor = ".".join(map(str, sys.version_info[:2]))
    project.compile("-q", "-t", "cpu", "-U", f"--python-version={minor}")
    assert project.pins()["helper"] == ("1.0" if sys.version_info[2] else "2.0")


class TestFromOtherPackages:
    """cu126 ends at 2.6.0 on linux-aarch64, and no line of the inputs asks for 2.8.0."""

    @pytest.fixture
    def needy(self, served: Callable[[Site], Project]) -> Project:
        return served(on_pypi(pure("needy", "1.0", "torch==2.8.0")))

    def test_a_default_platform_is_left_out(self, needy: Project) -> None:
        needy.write(requirements_in="needy\ntorch\n")
        done = needy.compile("-t", "cpu", "-t", "cu126")

        (said,) = [line for line in done.stderr.splitlines() if " is left out of " in line]
        assert said.startswith(
            "WARNING: linux-aarch64 is left out of cu126: torch cannot be locked"
        )
        assert "the only torch that it has is 2.6.0" in said
        assert "--platform" in said
        assert needy.pins("requirements.cpu.txt", "linux-aarch64")["torch"] == "2.8.0+cpu"
        assert needy.pins("requirements.cu126.txt", "windows-x86_64")["torch"] == "2.8.0+cu126"
        platforms = "# accelock: platforms linux-x86_64 windows-x86_64\n"
        assert platforms in needy.read("requirements.cu126.txt")

        again = needy.files()
        done = needy.compile("-t", "cpu", "-t", "cu126")
        assert "linux-aarch64 is left out of cu126" in done.stderr
        assert needy.files() == again

    def test_no_old_release_that_does_without_is_taken(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(pure("needy", "0.1"), pure("needy", "1.0", "torch==2.8.0")))
        project.write(requirements_in="needy\n")
        done = project.compile("-t", "cpu", "-t", "cu126")

        assert "linux-aarch64 is left out of cu126: torch 2.8.0 is needed by needy" in done.stderr
        assert project.pins("requirements.cu126.txt", "windows-x86_64")["needy"] == "1.0"

    def test_what_an_extra_needs_counts(self, served: Callable[[Site], Project]) -> None:
        extra = wheel(
            "needy", "1.0", "py3-none-any", ['torch==2.8.0 ; extra == "gpu"'], "", ["gpu"]
        )
        project = served(on_pypi(pure("needy", "0.1"), extra))
        project.write(requirements_in="needy[gpu]>=0.1\n")
        done = project.compile("-t", "cpu", "-t", "cu126")

        assert "linux-aarch64 is left out of cu126: torch 2.8.0 is needed by needy" in done.stderr

    def test_several_cells_at_once(self, needy: Project) -> None:
        """Both Pythons of linux-aarch64, and no cell is solved twice for it."""
        needy.write(requirements_in="needy\n")
        pythons = ("--python-version=3.10", "--python-version=3.12")
        done = needy.compile("-t", "cu126", *pythons)

        assert done.stderr.count("linux-aarch64 is left out of cu126") == 1
        assert done.stderr.count("Resolving cu126, linux-x86_64, Python 3.10") == 1
        assert needy.pins(python="3.10")["torch"] == "2.8.0+cu126"

    def test_a_package_that_no_other_try_got_to(self, served: Callable[[Site], Project]) -> None:
        """linux-aarch64 lacks the torch, and only without it pip sees what macOS lacks."""
        mac, *others = MAC_AND_OTHERS
        wheels = [
            *built("torch", "2.6.0+cpu", *others),
            *built("torch", "2.8.0+cpu", others[0], others[2]),
            *(each for version in ("2.6.0", "2.8.0") for each in built("torch", version, mac)),
            *built("torchvision", "0.21.0+cpu", *others),
            *built("torchvision", "0.21.0", mac),
            *built("torchvision", "0.23.0+cpu", *others),
        ]
        needy = pure("needy", "1.0", "torch==2.8.0", "torchvision==0.23.0")
        project = served(Site().with_files("/whl/cpu", *wheels).with_files("/simple", needy))
        project.write(requirements_in="needy\n")
        done = project.compile("-q", "-t", "cpu")

        for name in ("linux-aarch64", "macos-arm64"):
            assert f"{name} is left out of cpu: " in done.stderr
        assert project.pins()["torchvision"] == "0.23.0+cpu"
        assert "# accelock: platforms linux-x86_64 windows-x86_64\n" in project.read()

    @pytest.mark.parametrize("asked", ["needy", "torch==2.6.0"])
    def test_what_one_python_lacks(self, served: Callable[[Site], Project], asked: str) -> None:
        """A platform is left out on all Pythons: the file says that it holds on each of them."""
        mac, *others = MAC_AND_OTHERS
        wheels = [
            *built("torch", "2.6.0+cpu", *others, python="cp310"),
            *built("torch", "2.6.0", mac, python="cp310"),
            *built("torch", "2.6.0+cpu", others[0], python="cp312"),
            *built("torch", "2.8.0+cpu", *others, python="cp312"),
        ]
        needy = pure("needy", "1.0", "torch==2.6.0")
        project = served(Site().with_files("/whl/cpu", *wheels).with_files("/simple", needy))
        project.write(requirements_in=f"{asked}\n")
        project.compile("-q", "-t", "cpu", *BOTH_PYTHONS)

        assert "# accelock: platforms linux-x86_64\n" in project.read()
        assert "python 3.10 3.12\n" in project.read()

    @pytest.mark.parametrize("asked", ["needy", "torch==2.6.0"])
    def test_a_named_python_is_never_left_out(
        self, served: Callable[[Site], Project], asked: str
    ) -> None:
        _mac, *others = MAC_AND_OTHERS
        wheels = [
            *built("torch", "2.6.0+cpu", *others, python="cp310"),
            *built("torch", "2.8.0+cpu", *others, python="cp312"),
        ]
        needy = pure("needy", "1.0", "torch==2.6.0")
        project = served(Site().with_files("/whl/cpu", *wheels).with_files("/simple", needy))
        project.write(requirements_in=f"{asked}\n")

        said = project.refused("-q", "-t", "cpu", *BOTH_PYTHONS)
        assert "Python 3.12" in said.rpartition("ERROR:")[2]

    def test_a_directory(self, project: Project) -> None:
        project.write(
            pyproject_toml=PYPROJECT.replace('"tqdm"', '"torch==2.8.0"'),
            backend_py=BACKEND.replace("Requires-Dist: tqdm", "Requires-Dist: torch==2.8.0"),
        )
        project.write(requirements_in="-e .\n")
        done = project.compile("-t", "cpu", "-t", "cu126", "requirements.in")

        assert "linux-aarch64 is left out of cu126: torch 2.8.0 is needed by seed" in done.stderr
        assert project.pins("requirements.cu126.txt")["torch"] == "2.8.0+cu126"

    def test_what_nothing_has_is_refused_in_pips_words(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(pure("needy", "1.0", "torch==9.9")))
        project.write(requirements_in="needy\n")

        said = project.refused("-q", "-t", "cpu", "-t", "cu126")
        assert "pip found no solution for cpu, linux-x86_64" in said
        assert "No matching distribution found for torch==9.9" in said
        assert "left out" not in said
        assert "lockstep" not in said

    def test_a_named_platform_is_refused_with_the_reason(self, needy: Project) -> None:
        needy.write(requirements_in="needy\n")
        named = ("--platform=linux-x86_64", "--platform=linux-aarch64")

        said = needy.refused("-q", "-t", "cpu", "-t", "cu126", *named)
        assert "No matching distribution found for torch==2.8.0" in said
        assert "One version has to serve all cells (lockstep)" in said
        assert "torch 2.8.0 is needed by needy, and cu126, linux-aarch64" in said
        assert "has no 2.8.0: the only torch that it has is 2.6.0" in said


class TestDefaultPlatforms:
    """The first one that a target has is required; the others never cost what was asked for."""

    def test_what_the_first_lacks_is_an_error(self, served: Callable[[Site], Project]) -> None:
        """Not a file for cu118 that holds `six` alone, with which Linux gets no torch."""
        project = served(on_pypi(pure("six", "1.16")))
        project.write(requirements_in='torch==2.8.0 ; sys_platform == "linux"\nsix\n')

        said = project.refused("-q", "-t", "cpu", "-t", "cu118")
        assert "torch==2.8.0 cannot be locked for cu118, linux-x86_64" in said

    def test_a_package_without_wheels_for_one(self, served: Callable[[Site], Project]) -> None:
        """`triton` has no wheel for macOS: that platform is left out, and the lock is made."""
        project = served(on_pypi(pure("six", "1.16")))
        project.write(requirements_in="torch==2.8.0\ntriton\n")
        done = project.compile("-q", "-t", "cpu")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert "macos-arm64 is left out of cpu: " in done.stderr

    def test_what_is_asked_for_there_alone_is_not_taken_away(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(pure("winonly", "1.0"), pure("needy", "1.0", "torch==2.8.0")))
        project.write(requirements_in='torch==2.6.0\nwinonly ; platform_machine == "aarch64"\n')
        project.compile("-q", "-t", "cu126")
        project.write(requirements_in='torch==2.8.0\nwinonly ; platform_machine == "aarch64"\n')

        said = project.refused("-q", "-t", "cu126")
        assert "The project requires winonly on linux-aarch64 and on no other platform" in said
        assert "the only torch that it has is 2.6.0" in said

    def test_what_one_platforms_marker_forces_is_no_preference(
        self, served: Callable[[Site], Project]
    ) -> None:
        project = served(on_pypi(pure("idna", "3.9"), pure("idna", "3.20")))
        project.write(requirements_in='idna\nidna<3.10 ; platform_machine == "aarch64"\n')
        project.compile("-q", "-t", "cpu")

        found = {each: project.pins(platform=each)["idna"] for each in PLATFORMS}
        assert found == dict.fromkeys(PLATFORMS, "3.20") | {"linux-aarch64": "3.9"}

    def test_other_packages_never_lower_the_family(self, served: Callable[[Site], Project]) -> None:
        """Without lockstep: cu118's torch is the newest, whatever the leader has of `sympy`."""
        site = Site()
        for target, newest in (("cpu", "1.14"), ("cu118", "1.13")):
            site = site.with_files(
                f"/whl/{target}",
                *built("torch", f"2.6.0+{target}", "manylinux_2_28_x86_64", requires="sympy==1.13"),
                *built(
                    "torch", f"2.7.0+{target}", "manylinux_2_28_x86_64", requires=f"sympy=={newest}"
                ),
                *built("torch", f"2.5.0+{target}", "manylinux_2_28_x86_64", requires="sympy"),
            )
        project = served(site.with_files("/simple", pure("sympy", "1.13"), pure("sympy", "1.14")))
        project.write(
            requirements_in="torch\n",
            pyproject_toml='[tool.accelock]\ntargets = ["cpu", "cu118"]\nlockstep = false\n'
            'platforms = ["linux-x86_64"]\n',
        )
        project.compile("-q", "requirements.in")

        assert project.pins("requirements.cpu.txt")["torch"] == "2.7.0+cpu"
        assert project.pins("requirements.cu118.txt")["torch"] == "2.7.0+cu118"


class TestBeforeAnySolve:
    """What the wheels' own metadata says of a family."""

    @pytest.fixture
    def without_compiler(self, served: Callable[[Site], Project]) -> Project:
        """`triton`, which torch 2.8.0 requires on Linux, has no wheel for linux-aarch64."""
        x86, arm = "manylinux_2_28_x86_64", "manylinux_2_28_aarch64"
        triton = 'triton==3.4.0; platform_system == "Linux"'
        wheels = [
            *built("torch", "2.8.0+cu126", x86, arm, requires=triton),
            *built("torch", "2.7.0+cu126", x86, arm),
            *built("triton", "3.4.0", x86),
        ]
        return served(Site().with_files("/whl/cu126", *wheels))

    def test_a_default_platform_without_a_file_is_not_solved(
        self, without_compiler: Project
    ) -> None:
        without_compiler.write(requirements_in="torch\n")
        done = without_compiler.compile("-t", "cu126")

        assert without_compiler.pins()["torch"] == "2.8.0+cu126"
        assert (
            "linux-aarch64 is left out of cu126: torch 2.8.0 requires triton==3.4.0" in done.stderr
        )
        assert "Resolving cu126, linux-aarch64" not in done.stderr

    def test_a_named_platform_takes_the_newest_that_it_can_have(
        self, without_compiler: Project
    ) -> None:
        without_compiler.write(requirements_in="torch\n")
        done = without_compiler.compile("-t", "cu126", *named("linux-x86_64", "linux-aarch64"))

        assert without_compiler.pins()["torch"] == "2.7.0+cu126"
        assert done.stderr.count("Resolving ") == 2

    def test_one_that_can_have_none_is_refused_with_the_reason(
        self, without_compiler: Project
    ) -> None:
        without_compiler.write(requirements_in="torch==2.8.0\n")

        both = named("linux-x86_64", "linux-aarch64")
        said = without_compiler.refused("-t", "cu126", *both)
        assert "torch 2.8.0 requires triton==3.4.0" in said
        assert "which cu126, linux-aarch64" in said
        assert "Resolving " not in said

    def test_the_newest_for_which_all_that_is_asked_for_is_there(
        self, served: Callable[[Site], Project]
    ) -> None:
        """torchvision 0.23.0, for torch 2.8.0, is not there for cu126."""
        x86 = "manylinux_2_28_x86_64"
        site = Site()
        for target in ("cpu", "cu126"):
            site = site.with_files(
                f"/whl/{target}",
                *(e for v in ("2.7.0", "2.8.0") for e in built("torch", f"{v}+{target}", x86)),
                *built("torchvision", f"0.22.0+{target}", x86, requires="torch==2.7.0"),
                *(
                    built("torchvision", "0.23.0+cpu", x86, requires="torch==2.8.0")
                    if target == "cpu"
                    else ()
                ),
            )
        project = served(site)
        project.write(requirements_in="torchvision\ntorch\n")
        done = project.compile("-t", "cpu", "-t", "cu126", *named("linux-x86_64"))

        assert project.pins("requirements.cu126.txt")["torch"] == "2.7.0+cu126"
        assert project.pins("requirements.cpu.txt")["torchvision"] == "0.22.0+cpu"
        assert done.stderr.count("Resolving ") == 2


class TestReleasesThatGoTogether:
    """torchaudio 2.11 asks for no torch, and crashes with another than its own."""

    @pytest.fixture
    def audio(self, served: Callable[[Site], Project]) -> Project:
        x86 = "manylinux_2_28_x86_64"
        wheels = [
            *(e for v in ("2.10.0", "2.11.0") for e in built("torch", f"{v}+cpu", x86)),
            *built("torchaudio", "2.10.0+cpu", x86, requires="torch==2.10.0"),
            *built("torchaudio", "2.11.0+cpu", x86),
        ]
        return served(Site().with_files("/whl/cpu", *wheels))

    def test_a_pinned_torch_gets_its_own(self, audio: Project) -> None:
        audio.write(requirements_in="torch==2.10.0\ntorchaudio\n")
        audio.compile("-q", "-t", "cpu", *named("linux-x86_64"))

        assert audio.pins()["torchaudio"] == "2.10.0+cpu"

    def test_both_are_the_newest_where_nothing_is_pinned(self, audio: Project) -> None:
        audio.write(requirements_in="torchaudio\n")
        audio.compile("-q", "-t", "cpu", *named("linux-x86_64"))

        pins = audio.pins()
        assert (pins["torch"], pins["torchaudio"]) == ("2.11.0+cpu", "2.11.0+cpu")

    def test_a_pinned_pair_that_does_not_go_together_is_refused(self, audio: Project) -> None:
        audio.write(requirements_in="torch==2.10.0\ntorchaudio==2.11.0\n")

        said = audio.refused("-q", "-t", "cpu", *named("linux-x86_64"))
        assert "torchaudio 2.11.0 requires torch>=2.11" in said
