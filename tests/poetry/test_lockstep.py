"""One public version of torch and its kin on every target; what stands in the way is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from accelock.targets import PythonVersion
from tests.poetry.support_cases import ONLY_HERE
from tests.poetry.support_project import HERE
from tests.poetry.support_site import pure
from tests.support.environments import run
from tests.support.sites import Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer

TWO_SYSTEMS = 'platforms = ["linux-x86_64", "macos-arm64"]'
LINUX = 'platforms = ["linux-x86_64"]'
# Says what each solve is given as locked.
GIVEN = """\
import sys
from poetry.console.application import main
from accelock.hosts.poetry import group_solver
real = group_solver.Solver
def told(package, pool, installed, locked, io):
    print("given", *(each.name for each in locked), file=sys.stderr)
    return real(package, pool, installed, locked, io)
group_solver.Solver = told
sys.exit(main())
"""


def is_torch(entry: Mapping[str, Any]) -> bool:
    return bool(entry["name"] == "torch")


def public(project: Project, target: str, name: str = "torch") -> str:
    return Version(project.pins(target)[name]).public


def test_all_targets_have_the_newest_common_version(project: Project) -> None:
    project.write_pyproject(["torch"], targets=("cpu", "cu118", "rocm6.3"), table=LINUX)
    project.poetry("lock")

    assert {public(project, target) for target in ("cpu", "cu118", "rocm6.3")} == {"2.7.1"}


def test_a_conflict_names_the_group_that_asks(project: Project) -> None:
    vision = '[tool.poetry.group.dev.dependencies]\ntorchvision = ">=0.22"'
    project.write_pyproject(["torch<2.7"], table=LINUX, more=vision)

    said = project.refused("lock")
    assert "torch (<2.7) is required in pyproject.toml." in said
    assert "torchvision (>=0.22) is required in pyproject.toml (group dev)." in said
    assert "Change one of these, or lock for fewer targets." in said


def test_where_there_is_none_the_target_that_stops_is_named(project: Project) -> None:
    project.write_pyproject(["torch>=2.8"], targets=("cpu", "cu118", "cu126"), table=LINUX)

    said = project.refused("lock")
    assert "torch (>=2.8) cannot be locked for cu118, linux-x86_64: " in said
    assert "these have it up to: cpu, linux-x86_64: 2.8.0." in said
    assert "2.7.1" in said


def test_two_that_have_nothing_in_common(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    index: IndexServer,
) -> None:
    site = index.site
    for file in site.index("/whl/cu118").projects["torch"]:
        if "2.7" in file.distribution.version or "2.6" in file.distribution.version:
            site = site.without("/whl/cu118", "torch")
    old = [
        each.distribution
        for each in index.site.index("/whl/cu118").projects["torch"]
        if "2.5.1" in each.distribution.version
    ]
    project = project_at(serve(site.with_files("/whl/cu118", *old)))
    project.write_pyproject(["torch"], targets=("cpu", "cu126", "cu118"), table=LINUX)

    said = project.refused("lock")
    assert "torch cannot be locked for cu118, linux-x86_64" in said
    assert "the only torch that it has is 2.5.1" in said
    assert "cu126, linux-x86_64" in said


def test_a_default_platform_never_lowers_a_version(project: Project) -> None:
    done = project.write_pyproject(["torch"]).poetry("lock")

    assert public(project, "cu126") == "2.8.0"
    (said,) = [line for line in done.stderr.splitlines() if "is left out of" in line]
    assert said.startswith("linux-aarch64 is left out of cu126: torch")
    assert "the only torch that it has is 2.6.0" in said


def test_it_can_be_turned_off(project: Project) -> None:
    table = f"lockstep = false\n{LINUX}"
    project.write_pyproject(["torch"], targets=("cpu", "cu118"), table=table).poetry("lock")

    assert (public(project, "cpu"), public(project, "cu118")) == ("2.8.0", "2.7.1")


def test_without_it_a_platform_that_one_target_lacks_costs_the_others_no_solve(
    project: Project,
) -> None:
    targets = ("cpu", "cu118", "cu126")
    project.write_pyproject(["torch"], targets=targets, table="lockstep = false")
    done = project.poetry("lock")

    assert "linux-aarch64 is left out of cu118" in done.stderr
    assert done.stderr.count("Resolving cpu, macos") == 1
    assert done.stderr.count("Resolving cu118") == 1
    assert public(project, "cpu") == "2.8.0"
    assert project.pins("cpu", "macos-arm64")["torch"] == "2.8.0"
    assert "linux-aarch64" in project.lock()["metadata"]["accelock"]["platforms"]["cpu"]


class TestBacktracking:
    def test_where_the_leaders_graph_refuses_the_newest(self, project: Project) -> None:
        project.write_pyproject(["torch", "old-fashioned==1.0"], table=LINUX).poetry("lock")

        assert {public(project, target) for target in ("cpu", "cu126")} == {"2.6.0"}

    def test_where_another_targets_graph_refuses_it(self, project: Project) -> None:
        """Only cu126 wants triton, and 2.8.0 wants one that the project forbids."""
        project.write_pyproject(["torch", "triton<3.4"], table=LINUX).poetry("lock")

        assert {public(project, target) for target in ("cpu", "cu126")} == {"2.7.1"}
        assert project.pins("cu126")["triton"] == "3.3.1"

    def test_several_times(self, project: Project) -> None:
        project.write_pyproject(["torch", "triton<3.3"], table=LINUX).poetry("lock")

        assert {public(project, target) for target in ("cpu", "cu126")} == {"2.6.0"}

    def test_where_torchvision_has_to_follow(self, project: Project) -> None:
        project.write_pyproject(["torchvision", "triton<3.4"], table=LINUX).poetry("lock")

        for target in ("cpu", "cu126"):
            assert public(project, target) == "2.7.1"
            assert public(project, target, "torchvision") == "0.22.1"

    def test_where_no_version_is_left_the_target_is_named(self, project: Project) -> None:
        project.write_pyproject(["torch", "triton<3.2"], targets=("cpu", "cu126"), table=LINUX)

        said = project.refused("lock")
        assert "accelock: there is no solution for cu126, linux:" in said
        assert "triton (<3.2)" in said


class TestTheRestFollowsTheLeader:
    def test_in_versions_that_only_others_would_choose(self, project: Project) -> None:
        project.write_pyproject(["torch", "pandas", "tqdm"], table=LINUX).poetry("lock")

        cpu, cuda = project.pins("cpu"), project.pins("cu126")
        assert {"triton", "nvidia-cudnn-cu12"} <= cuda.keys() - cpu.keys()
        assert {name: cuda[name] for name in cpu if name != "torch"} == {
            name: version for name, version in cpu.items() if name != "torch"
        }

    def test_what_poetry_is_given_does_not_depend_on_the_process(self, project: Project) -> None:
        project.write_pyproject(["torch", "pandas", "tqdm"], table=LINUX)
        words, runs = (sys.executable, "-c", GIVEN, "lock"), []
        for seed in ("1", "2"):
            env = {**project.env, "PYTHONHASHSEED": seed}
            done = run(*words, cwd=project.folder, env=env)
            assert done.returncode == 0, done.stderr
            runs.append([line for line in done.stderr.splitlines() if line.startswith("given")])
            (project.folder / "poetry.lock").unlink()

        assert len(runs[0][1].split()) > 2
        assert runs[0] == runs[1]

    def test_no_platform_is_blamed_for_what_another_package_asks_for(
        self, project: Project
    ) -> None:
        """torchvision is as old as the torch that it requires, whatever linux-aarch64 has."""
        done = project.write_pyproject(["torch==2.6.0", "torchvision"]).poetry("lock")

        assert project.pins("cu126")["torchvision"] == "0.21.0+cu126"
        assert "is taken instead of" not in done.stdout + done.stderr

    def test_a_platform_that_lacks_what_goes_with_a_version_is_left_out(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> None:
        """torchvision 0.23.0, which goes with torch 2.8.0, is not there for linux-aarch64."""
        mac, others = "macosx_11_0_arm64", ["manylinux_2_28_x86_64", "win_amd64"]
        arm = "manylinux_2_28_aarch64"

        def built(name: str, version: str, *platforms: str, requires: str = "") -> Any:
            own = [requires] if requires else []
            here = f"cp{HERE.major}{HERE.minor}"
            tags = [f"{here}-{here}-{each}" for each in platforms]
            return [wheel(name, version, tag, own) for tag in tags]

        wheels = [
            *(w for v in ("2.6.0", "2.8.0") for w in built("torch", f"{v}+cpu", *others, arm)),
            *(w for v in ("2.6.0", "2.8.0") for w in built("torch", v, mac)),
            *built("torchvision", "0.21.0+cpu", *others, arm, requires="torch==2.6.0"),
            *built("torchvision", "0.21.0", mac, requires="torch==2.6.0"),
            *built("torchvision", "0.23.0+cpu", *others, requires="torch==2.8.0"),
            *built("torchvision", "0.23.0", mac, requires="torch==2.8.0"),
        ]
        project = project_at(serve(Site().with_files("/whl/cpu", *wheels)))
        project.write_pyproject(["torch", "torchvision"], targets=("cpu",), python=ONLY_HERE)
        done = project.poetry("lock")

        assert project.pins("cpu")["torch"] == "2.8.0+cpu"
        assert "linux-aarch64 is left out of cpu: torchvision cannot be locked" in done.stderr

    def test_cpuonly_takes_the_cpu_build_everywhere(self, project: Project) -> None:
        project.write_pyproject(
            ["torch>=2.5"], more="[tool.accelock.packages]\ntorch = { cpuonly = true }"
        ).poetry("lock")

        assert project.pins("cu126")["torch"] == "2.8.0+cpu"
        assert not any("nvidia" in name for name in project.pins("cu126"))


class TestMarkersOfTheUser:
    """The user's word for one platform or Python wins over one version for all."""

    @staticmethod
    def versions(project: Project, target: str, python: PythonVersion = HERE) -> dict[str, str]:
        platforms = project.lock()["metadata"]["accelock"]["platforms"][target]
        pins = {name: project.pins(target, name, python=python) for name in platforms}
        return {name: found["torch"] for name, found in pins.items() if "torch" in found}

    def test_a_version_for_another_system(self, project: Project) -> None:
        """As for a Mac, for which the builds ended before the others."""
        apple, others = "sys_platform == 'darwin'", "sys_platform != 'darwin'"
        project.write_pyproject([f"torch==2.6.0; {apple}", f"torch==2.7.1; {others}"])
        project.poetry("lock")

        assert self.versions(project, "cpu") == {
            "linux-x86_64": "2.7.1+cpu",
            "linux-aarch64": "2.7.1+cpu",
            "macos-arm64": "2.6.0",
            "windows-x86_64": "2.7.1+cpu",
        }
        assert set(self.versions(project, "cu126").values()) == {"2.7.1+cu126"}

    def test_what_one_solve_joins_is_apart_in_the_next(self, project: Project) -> None:
        """Poetry joins dependencies that ask for the same, and keeps it so."""
        apple, linux = "sys_platform == 'darwin'", "sys_platform == 'linux'"
        project.write_pyproject(
            [f"torch==2.6.0; {apple}", f"torch; {linux}"],
            table='platforms = ["linux-x86_64", "macos-arm64"]\nlockstep = false',
        )
        project.poetry("lock")

        assert self.versions(project, "cpu") == {
            "linux-x86_64": "2.8.0+cpu",
            "macos-arm64": "2.6.0",
        }
        assert self.versions(project, "cu126") == {"linux-x86_64": "2.8.0+cu126"}

    @pytest.mark.parametrize("table", ["", TWO_SYSTEMS])
    def test_what_one_version_would_do_for_and_the_graph_refuses(
        self, project: Project, table: str
    ) -> None:
        """torchvision 0.23.0 requires torch 2.8.0: no ground to leave macOS out."""
        apple, others = "sys_platform == 'darwin'", "sys_platform != 'darwin'"
        requires = [
            f"torch>=2.5,<2.8; {apple}",
            f"torch>=2.5; {others}",
            f"torchvision==0.23.0; {others}",
        ]
        project.write_pyproject(requires, targets=("cpu",), table=table).poetry("lock")

        found = self.versions(project, "cpu")
        assert found.pop("macos-arm64") == "2.7.1"
        assert "linux-x86_64" in found
        assert set(found.values()) == {"2.8.0+cpu"}

    def test_a_solve_has_no_torch_for_systems_that_have_their_own(self, project: Project) -> None:
        """It would be one that nobody asked for, and make a second lock another."""
        apple, linux = "sys_platform == 'darwin'", "sys_platform == 'linux'"
        project.write_pyproject([f"torch==2.7.1; {apple}", f"torch==2.6.0; {linux}"])
        project.poetry("lock")

        found = {
            target: {e["version"]: e["markers"] for e in project.view(target) if is_torch(e)}
            for target in ("cpu", "cu126")
        }
        assert found["cu126"] == {"2.6.0+cu126": 'sys_platform == "linux"'}
        assert found["cpu"] == {
            "2.6.0+cpu": 'sys_platform == "linux"',
            "2.7.1": 'sys_platform == "darwin"',
        }
        before = project.read()
        project.poetry("lock")
        assert project.read() == before

    def test_for_the_packages_released_with_it_too(self, project: Project) -> None:
        apple, linux = "sys_platform == 'darwin'", "sys_platform == 'linux'"
        requires = [f"torch==2.7.1; {apple}", f"torch==2.8.0; {linux}", "torchvision"]
        project.write_pyproject(requires, table=TWO_SYSTEMS).poetry("lock")

        assert self.versions(project, "cpu") == {
            "linux-x86_64": "2.8.0+cpu",
            "macos-arm64": "2.7.1",
        }
        assert project.pins("cpu", "linux-x86_64")["torchvision"] == "0.23.0+cpu"
        assert project.pins("cpu", "macos-arm64")["torchvision"] == "0.22.1"
        assert project.pins("cu126", "linux-x86_64")["torchvision"] == "0.23.0+cu126"

    def test_of_some_pythons_on_one_system(self, project: Project) -> None:
        old, new = "python_version < '3.12'", "python_version >= '3.12'"
        requires = [f"torch==2.6.0; {old}", f"torch>=2.7; {new} and sys_platform == 'linux'"]
        project.write_pyproject(requires, targets=("cpu",), table=TWO_SYSTEMS).poetry("lock")

        assert self.versions(project, "cpu", PythonVersion(3, 11)) == {
            "linux-x86_64": "2.6.0+cpu",
            "macos-arm64": "2.6.0",
        }
        assert self.versions(project, "cpu", PythonVersion(3, 12)) == {"linux-x86_64": "2.8.0+cpu"}

    def test_one_for_each_of_two_systems_and_pythons(self, project: Project) -> None:
        linux, old, new = (
            "sys_platform == 'linux'",
            "python_version < '3.12'",
            "python_version >= '3.12'",
        )
        project.write_pyproject(
            [f"torch==2.6.0; {linux} and {old}", f"torch==2.7.1; {linux} and {new}"],
            table='platforms = ["linux-x86_64", "macos-arm64"]',
        ).poetry("lock")

        for minor, version in ((11, "2.6.0"), (12, "2.7.1")):
            for target in ("cpu", "cu126"):
                found = self.versions(project, target, PythonVersion(3, minor))
                assert found == {"linux-x86_64": f"{version}+{target}"}

    def test_within_one_solve_too(self, project: Project) -> None:
        windows, others = "sys_platform == 'win32'", "sys_platform != 'win32'"
        project.write_pyproject([f"torch==2.6.0; {windows}", f"torch==2.7.1; {others}"])
        project.poetry("lock")
        before = project.read()

        assert self.versions(project, "cu126") == {
            "linux-x86_64": "2.7.1+cu126",
            "windows-x86_64": "2.6.0+cu126",
        }
        assert self.versions(project, "cpu")["windows-x86_64"] == "2.6.0+cpu"
        assert self.versions(project, "cpu")["macos-arm64"] == "2.7.1"
        project.poetry("lock")
        assert project.read() == before

    def test_a_version_for_older_pythons(self, project: Project) -> None:
        old, new = "python_version < '3.11'", "python_version >= '3.11'"
        project.write_pyproject([f"torch==2.6.0; {old}", f"torch>=2.7; {new}"], table=LINUX)
        project.poetry("lock")

        for target in ("cpu", "cu126"):
            found = [self.versions(project, target, PythonVersion(3, m)) for m in (10, 12)]
            assert found == [
                {"linux-x86_64": f"2.6.0+{target}"},
                {"linux-x86_64": f"2.8.0+{target}"},
            ]

    def test_where_it_is_not_wanted_nothing_is_held_back(self, project: Project) -> None:
        """There is no 2.8.0 of cu126 for linux-aarch64, and none is asked for."""
        project.write_pyproject(["torch; platform_machine == 'x86_64'"]).poetry("lock")

        assert self.versions(project, "cu126") == {"linux-x86_64": "2.8.0+cu126"}

    def test_unless_another_package_asks_for_it_there(self, project: Project) -> None:
        table = 'platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]'
        project.write_pyproject(["torch; platform_machine == 'x86_64'", "lightning"], table=table)
        project.poetry("lock")

        assert set(self.versions(project, "cu126").values()) == {"2.6.0+cu126"}
        assert set(self.versions(project, "cu126")) == {
            "linux-x86_64",
            "linux-aarch64",
            "windows-x86_64",
        }


class TestFromOtherPackages:
    """cu126 ends at 2.6.0 on linux-aarch64, and pyproject.toml asks for no torch."""

    @pytest.fixture
    def needy(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
        index: IndexServer,
    ) -> Project:
        needy = pure("needy", "1.0", "torch==2.8.0")
        return project_at(serve(index.site.with_files("/simple", needy)))

    def test_a_default_platform_is_left_out(self, needy: Project) -> None:
        done = needy.write_pyproject(["needy"]).poetry("lock")

        (said,) = [line for line in done.stderr.splitlines() if " is left out of " in line]
        assert said.startswith("linux-aarch64 is left out of cu126: torch 2.8.0 is needed by needy")
        assert "the only torch that it has is 2.6.0" in said
        assert needy.pins("cpu", "linux-aarch64")["torch"] == "2.8.0+cpu"
        assert needy.pins("cu126", "windows-x86_64")["torch"] == "2.8.0+cu126"
        platforms = needy.lock()["metadata"]["accelock"]["platforms"]
        assert platforms["cu126"] == ["linux-x86_64", "windows-x86_64"]

        first = needy.lock()
        assert "is left out of cu126" in needy.poetry("lock").stderr
        assert needy.lock() == first

    def test_no_old_release_that_does_without_is_taken(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> None:
        """The builds for macOS end at 2.6.0, and its group is solved by itself."""
        here = f"cp{HERE.major}{HERE.minor}-cp{HERE.major}{HERE.minor}"
        linux, mac = f"{here}-manylinux_2_28_x86_64", f"{here}-macosx_11_0_arm64"
        torch = [wheel("torch", "2.8.0+cpu", linux, []), wheel("torch", "2.6.0", mac, [])]
        needy = (pure("needy", "0.1"), pure("needy", "1.0", "torch==2.8.0"))
        site = Site().with_files("/whl/cpu", *torch).with_files("/simple", *needy)
        project = project_at(serve(site))
        project.write_pyproject(["needy"], targets=("cpu",), python=ONLY_HERE)
        done = project.poetry("lock")

        assert "macos-arm64 is left out of cpu: torch 2.8.0 is needed by needy" in done.stderr
        assert [e["version"] for e in project.view("cpu") if e["name"] == "needy"] == ["1.0"]

    def test_of_the_target_that_is_solved_first(self, needy: Project) -> None:
        """A platform of the very slice that has no solution."""
        done = needy.write_pyproject(["needy"], targets=("cu126",)).poetry("lock")

        assert done.stderr.count("linux-aarch64 is left out of cu126") == 1
        assert needy.pins("cu126")["torch"] == "2.8.0+cu126"

    def test_a_named_platform_is_refused_with_the_reason(self, needy: Project) -> None:
        needy.write_pyproject(["needy"], table='platforms = ["linux-x86_64", "linux-aarch64"]')

        said = needy.refused("lock")
        assert "needy" in said
        assert "torch 2.8.0 is needed by needy, and cu126, linux-aarch64 has no 2.8.0" in said

    def test_what_nothing_has_is_refused_in_poetrys_words(self, needy: Project) -> None:
        needy.write_pyproject(["needy", "old-fashioned==1.0"])

        said = needy.refused("lock")
        assert "old-fashioned (1.0) depends on torch (<2.7)" in said
        assert "left out" not in said
        assert "lockstep" not in said
