"""`poetry install` and `sync`: one target, said in one line, and nothing of the others."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from accelock.hardware.choice import CONTAINER_WARNING
from tests.poetry.support_project import installed_in, new_project, on_linux
from tests.support.wheels import wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = on_linux
BOTH = pytest.mark.parametrize(
    "reresolve",
    [{"POETRY_INSTALLER_RE_RESOLVE": word} for word in ("false", "true")],
    ids=("from the lock", "re-resolved"),
)


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("accelock:")]


class TestChoice:
    def test_the_only_target_needs_none(self, project: Project) -> None:
        project.write_pyproject(targets=("cu126",)).poetry("lock")
        project.make_environment()
        done = project.poetry("install", "--dry-run")

        assert lines(done) == ["accelock: installing for cu126 (the only target declared)"]
        assert "Installing torch (2.6.0+cu126)" in done.stdout

    @pytest.mark.parametrize("target", ["cpu", "cu126"])
    @pytest.mark.internals
    def test_the_variable(self, copy: Project, target: str) -> None:
        copy.make_environment()
        done = copy.poetry("install", ACCELOCK_TARGET=target)

        assert lines(done) == [f"accelock: installing for {target} (ACCELOCK_TARGET says so)"]
        assert copy.installed() == copy.pins(target)

    def test_a_variable_that_names_no_declared_target(self, copy: Project) -> None:
        copy.make_environment()
        said = copy.refused("install", ACCELOCK_TARGET="cu128")

        assert "cu128" in said
        assert "cu126" in said

    def test_what_was_chosen_for_the_environment(self, copy: Project) -> None:
        copy.make_environment()
        said = copy.poetry("accelock", "use", "cu126")
        assert "cu126" in said.stdout
        done = copy.poetry("install", "--dry-run")

        assert lines(done) == ["accelock: installing for cu126 (chosen for this environment)"]
        assert "Installing torch (2.6.0+cu126)" in done.stdout

    def test_the_variable_wins_over_it(self, copy: Project) -> None:
        copy.make_environment()
        copy.poetry("accelock", "use", "cu126")
        done = copy.poetry("install", "--dry-run", ACCELOCK_TARGET="cpu")

        assert lines(done) == ["accelock: installing for cpu (ACCELOCK_TARGET says so)"]

    def test_it_is_forgotten_on_request_and_with_the_environment(self, copy: Project) -> None:
        copy.make_environment()
        copy.poetry("accelock", "use", "cu126")
        said = copy.poetry("accelock", "use", "auto")
        assert "This environment now gets what fits this machine" in said.stdout
        assert "installing for cpu" in lines(copy.poetry("install", "--dry-run"))[0]

        copy.poetry("accelock", "use", "cu126")
        copy.forget_environment()
        copy.make_environment()
        assert "installing for cpu" in lines(copy.poetry("install", "--dry-run"))[0]

    def test_only_a_declared_target_can_be_chosen(self, copy: Project) -> None:
        copy.make_environment()
        said = copy.refused("accelock", "use", "cu128")

        assert "cu128" in said
        assert "cu126" in said

    def test_a_choice_that_is_no_longer_declared_is_passed_over(self, copy: Project) -> None:
        copy.make_environment()
        copy.poetry("accelock", "use", "cu126")
        copy.replace("['cpu', 'cu126']", "['cpu', 'cu118']")
        copy.poetry("lock")
        done = copy.poetry("install", "--dry-run")

        assert "installing for cpu (no other declared target fits" in lines(done)[0]

    @pytest.mark.internals
    def test_without_hardware_it_is_cpu_and_says_why(self, copy: Project) -> None:
        copy.make_environment()
        container_of_tests = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
        variables = {**container_of_tests, "ACCELOCK_CUDA_DRIVER": "none"}
        done = copy.poetry("install", "--dry-run", environ=variables)

        (line,) = lines(done)
        assert line.startswith("accelock: installing for cpu (no other declared target fits: ")
        assert line.endswith("cu126: no NVIDIA driver found)")
        assert CONTAINER_WARNING in done.stderr

        variables = {**container_of_tests, "ACCELOCK_CUDA_DRIVER": "470.57.02"}
        done = copy.poetry("install", "--dry-run", environ=variables)

        assert "needs NVIDIA driver" in lines(done)[0]
        assert CONTAINER_WARNING not in done.stderr

    def test_on_a_gpu_it_is_cuda(self, copy: Project) -> None:
        copy.make_environment()
        done = copy.poetry("install", environ={"ACCELOCK_CUDA_DRIVER": "570.86.15"})

        assert "installing for cu126 (NVIDIA driver 570.86.15" in lines(done)[0]
        assert copy.installed() == copy.pins("cu126")

    @pytest.mark.parametrize("words", [("install",), ("update",)], ids=" ".join)
    def test_it_is_judged_by_the_torch_of_this_platform(
        self, project: Project, words: tuple[str, ...]
    ) -> None:
        """Windows has a newer one; `why` and all that installs judge by the same."""
        apart = ["torch==2.6.0; sys_platform == 'linux'", "torch>=2.7; sys_platform != 'linux'"]
        project.write_pyproject(apart, table='platforms = ["linux-x86_64", "windows-x86_64"]')
        project.poetry("lock")
        assert project.pins("cu126", "windows-x86_64")["torch"] == "2.8.0+cu126"
        project.make_environment()
        gpu = {"ACCELOCK_CUDA_DRIVER": "580.82.07", "ACCELOCK_COMPUTE_CAPABILITY": "12.0"}
        (line,) = lines(project.poetry(*words, "--dry-run", environ=gpu))

        assert "installing for cpu (no other declared target fits: cu126: " in line
        assert "torch 2.6.0 " in line
        why = json.loads(project.poetry("accelock", "why", "--json", environ=gpu).stdout)
        assert "torch 2.6.0 " in json.dumps(why)
        assert "2.8.0" not in json.dumps(why)

    def test_where_none_fits_nothing_is_installed(self, project: Project) -> None:
        table = 'platforms = ["linux-64"]'
        project.write_pyproject(["torch"], targets=("cu126", "rocm6.3"), table=table)
        project.poetry("lock")
        project.make_environment()
        said = project.refused("install", CUDA_VISIBLE_DEVICES="")

        assert "cu126: no NVIDIA driver found" in said
        assert "rocm6.3: no AMD GPU found" in said
        assert "ACCELOCK_TARGET" in said


@pytest.mark.internals
class TestOneLine:
    """Every command that installs says the target and why, once."""

    @pytest.mark.parametrize("word", ["install", "sync", "update"])
    def test_and_again_where_there_is_nothing_to_do(self, at_cu126: Project, word: str) -> None:
        done = at_cu126.poetry(word, ACCELOCK_TARGET="cu126")

        assert [line for line in lines(done) if "installing" in line] == [
            "accelock: installing for cu126 (ACCELOCK_TARGET says so)"
        ]


@pytest.mark.internals
class TestCellsThatAreNotLocked:
    def test_a_platform_that_is_not_declared(self, project: Project) -> None:
        project.write_pyproject(table='platforms = ["linux-aarch64", "macos-arm64"]')
        project.poetry("lock")
        project.make_environment()
        said = project.refused("install", ACCELOCK_TARGET="cpu")

        assert "This environment is linux-x86_64" in said
        assert "linux-aarch64, macos-arm64" in said
        assert "Nothing was installed" in said

    def test_a_target_without_a_cell_for_this_platform(self, project: Project) -> None:
        project.write_pyproject(
            table='platforms = ["linux-x86_64", "windows-x86_64"]',
            more='[tool.accelock.target.cu126]\nplatforms = ["windows-x86_64"]',
        ).poetry("lock")
        project.make_environment()

        said = project.refused("install", ACCELOCK_TARGET="cu126")
        assert "poetry.lock has cu126" in said
        assert "windows-x86_64 only" in said
        assert project.install(target="cpu") == project.pins("cpu")

    def test_a_target_that_is_declared_and_not_locked(self, copy: Project) -> None:
        copy.replace("'cu126']", "'cu126', 'cu118']")
        copy.make_environment()

        assert "poetry lock" in copy.refused("install", ACCELOCK_TARGET="cu118")


@pytest.fixture(scope="module")
def cu126_once(locked: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("cu126"), locked.server)
    locked.copied(project)
    assert project.install(target="cu126") == project.pins("cu126")
    return project


@pytest.fixture
def at_cu126(cu126_once: Project, tmp_path: Path, index: IndexServer) -> Project:
    """The locked project with cu126 installed; the environment is a copy, which is faster."""
    return with_environment(cu126_once, new_project(tmp_path, index))


@pytest.fixture(scope="module")
def rocm_once(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("rocm"), shared)
    project.write_pyproject(["torch"], targets=("cpu", "rocm6.3")).poetry("lock")
    assert project.install(target="rocm6.3") == project.pins("rocm6.3")
    return project


@pytest.fixture
def at_rocm(rocm_once: Project, tmp_path: Path, index: IndexServer) -> Project:
    """One with a target of which a single library has to go: Poetry takes a second for each."""
    return with_environment(rocm_once, new_project(tmp_path, index))


def with_environment(one: Project, other: Project) -> Project:
    shutil.copytree(one.environment, other.folder / ".venv", symlinks=True)
    return one.copied(other)


@pytest.mark.internals
class TestChangeOfTarget:
    def test_what_only_the_old_target_had_goes(self, at_cu126: Project) -> None:
        done = at_cu126.poetry("install", ACCELOCK_TARGET="cpu")

        assert at_cu126.installed() == at_cu126.pins("cpu")
        assert "8 removals" in done.stdout
        assert "Removing nvidia-cudnn-cu12" in done.stdout

    @BOTH
    def test_and_comes_back(self, at_rocm: Project, reresolve: dict[str, str]) -> None:
        assert at_rocm.install(target="cpu", **reresolve) == at_rocm.pins("cpu")
        assert at_rocm.install(target="rocm6.3", **reresolve) == at_rocm.pins("rocm6.3")

    def test_a_dry_run_changes_nothing(self, at_cu126: Project) -> None:
        before = at_cu126.installed()
        done = at_cu126.poetry("install", "--dry-run", ACCELOCK_TARGET="cpu")

        assert "2.6.0+cu126 -> 2.6.0+cpu" in done.stdout
        assert "Removing triton" in done.stdout
        assert at_cu126.installed() == before

    @BOTH
    def test_sync_does_it_too(self, at_rocm: Project, reresolve: dict[str, str]) -> None:
        installed = at_rocm.install(command="sync", target="cpu", **reresolve)

        assert installed == at_rocm.pins("cpu")

    def test_the_option_of_that_name_too(self, at_rocm: Project) -> None:
        assert at_rocm.install("--sync", target="cpu") == at_rocm.pins("cpu")

    def test_what_the_user_put_there_stays(self, at_rocm: Project) -> None:
        site = next(at_rocm.environment.glob("lib/python*/site-packages"))
        folder = site / "mine-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        after = at_rocm.install(target="cpu")

        assert after == at_rocm.pins("cpu") | {"mine": "1.0"}

    def test_an_installed_target_that_is_no_longer_declared(self, at_rocm: Project) -> None:
        at_rocm.poetry("accelock", "use", "rocm6.3")
        at_rocm.replace("['cpu', 'rocm6.3']", "['cpu']")
        at_rocm.poetry("lock")
        done = at_rocm.poetry("install")

        assert lines(done) == ["accelock: installing for cpu (the only target declared)"]
        assert at_rocm.installed() == at_rocm.pins("cpu")


GROUPS = """
[tool.poetry.group.dev.dependencies]
h11 = "*"
[tool.poetry.group.ml]
optional = true
[tool.poetry.group.ml.dependencies]
torch = "*"
"""
EXTRAS = """
[tool.poetry.group.dev.dependencies]
h11 = "*"
[project.optional-dependencies]
vision = ["torchvision"]
"""


@pytest.fixture(scope="module")
def parted(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Project]:
    """A project with groups and one with an extra, locked. (Poetry itself forgets the extra of a
    package that an extra and a group have both.)
    """
    projects = {}
    for name, more in (("groups", GROUPS), ("extras", EXTRAS)):
        project = new_project(tmp_path_factory.mktemp(name), shared)
        project.write_pyproject(["tqdm"], table='platforms = ["linux-x86_64"]', more=more)
        project.poetry("lock")
        projects[name] = project.make_environment()
    return projects


@pytest.mark.internals
class TestGroupsAndExtras:
    @pytest.mark.parametrize(
        ("words", "groups", "extras", "reresolve"),
        [
            ((), ("main", "dev"), None, "false"),
            (("--with", "ml"), ("main", "dev", "ml"), None, "false"),
            (("--with", "ml"), ("main", "dev", "ml"), None, "true"),
            (("--only", "ml"), ("ml",), None, "false"),
            (("--without", "dev"), ("main",), None, "true"),
            ((), ("main", "dev"), (), "false"),
            (("--all-extras",), ("main", "dev"), ("vision",), "false"),
            (("--extras", "vision", "--only", "main"), ("main",), ("vision",), "true"),
        ],
    )
    def test_they_mean_what_they_mean(
        self,
        parted: dict[str, Project],
        tmp_path: Path,
        index: IndexServer,
        words: tuple[str, ...],
        groups: tuple[str, ...],
        extras: tuple[str, ...] | None,
        reresolve: str,
    ) -> None:
        once = parted["groups" if extras is None else "extras"]
        project = with_environment(once, new_project(tmp_path, index))
        installed = project.install(*words, target="cu126", POETRY_INSTALLER_RE_RESOLVE=reresolve)

        assert installed == project.pins("cu126", groups=groups, extras=extras or ())
        wanted = "ml" in groups or bool(extras)
        assert ("torch" in installed) == ("nvidia-cudnn-cu12" in installed) == wanted

    def test_only_another_group_breaks_no_torch(
        self, parted: dict[str, Project], tmp_path: Path, index: IndexServer
    ) -> None:
        """Its libraries must not go while torch itself stays as it was."""
        grouped = with_environment(parted["groups"], new_project(tmp_path, index))
        before = grouped.install("--with", "ml", target="cu126")
        done = grouped.poetry("install", "--only", "dev", ACCELOCK_TARGET="cpu")

        assert grouped.installed() == before
        assert "torch (2.8.0+cu126) stays" in done.stderr


class TestEnvironments:
    def test_outside_of_the_project(self, copy: Project) -> None:
        outside = {"POETRY_VIRTUALENVS_IN_PROJECT": "false"}
        copy.poetry("install", ACCELOCK_TARGET="cpu", environ=outside)
        folder = only(copy.folder.parent / "home/virtualenvs")

        assert installed_in(folder) == copy.pins("cpu")
        assert not (copy.folder / ".venv").exists()
        copy.poetry("accelock", "use", "cu126", environ=outside)
        done = copy.poetry("install", environ=outside)
        assert "chosen for this environment" in done.stderr
        assert installed_in(folder) == copy.pins("cu126")

    @pytest.mark.internals
    def test_an_active_one(self, copy: Project) -> None:
        active = copy.folder.parent / "active"
        copy.make_environment().environment.rename(active)
        words = {"VIRTUAL_ENV": str(active), "POETRY_VIRTUALENVS_IN_PROJECT": "false"}
        copy.poetry("accelock", "use", "cu126", environ=words)
        copy.poetry("install", environ=words)

        assert installed_in(active) == copy.pins("cu126")

    def test_each_keeps_its_own_choice(self, copy: Project) -> None:
        copy.make_environment()
        copy.poetry("accelock", "use", "cu126")
        other = {"POETRY_VIRTUALENVS_IN_PROJECT": "false", "VIRTUAL_ENV": ""}
        shutil.copytree(copy.environment, copy.folder.parent / "other", symlinks=True)
        other["VIRTUAL_ENV"] = str(copy.folder.parent / "other")
        copy.poetry("accelock", "use", "cpu", environ=other)

        assert "installing for cu126" in copy.poetry("install", "--dry-run").stderr
        assert "installing for cpu" in copy.poetry("install", "--dry-run", environ=other).stderr

    def test_one_that_keeps_no_notes(self, copy: Project) -> None:
        """As an interpreter that belongs to root, with a user's own packages beside it."""
        copy.make_environment()
        (copy.environment / "accelock.json").mkdir()

        assert copy.install(target="cpu") == copy.pins("cpu")
        said = copy.refused("accelock", "use", "cu126")
        assert "accelock.json could not be written" in said
        assert "ACCELOCK_TARGET" in said

    def test_nothing_of_the_choice_is_in_the_project(self, copy: Project) -> None:
        before = copy.files()
        copy.make_environment()
        copy.poetry("accelock", "use", "cu126")
        copy.install()

        assert copy.files() == before
        notes = json.loads((copy.environment / "accelock.json").read_text())
        assert notes == {"chosen": "cu126", "installed": "cu126"}


@pytest.mark.internals
class TestWhatItDownloads:
    @pytest.fixture
    def own(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
        index: IndexServer,
    ) -> Project:
        """A locked project with a server of its own, which the test may change."""
        project = project_at(serve(index.site))
        project.write_pyproject().poetry("lock")
        return project.make_environment()

    def test_only_the_targets_files(self, copy: Project) -> None:
        copy.make_environment()
        copy.server.reset()
        copy.install(target="cpu")
        bodies = copy.server.bodies_of_wheels()

        assert len(bodies) == len(copy.pins("cpu"))
        assert [each.path for each in bodies if "torch" in each.path] == [
            f"/whl/cpu/torch-2.6.0+cpu-cp{tag()}-cp{tag()}-linux_x86_64.whl"
        ]

    def test_a_file_with_other_bytes_is_refused(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
        index: IndexServer,
    ) -> None:
        server = serve(index.site)
        project = project_at(server)
        project.write_pyproject(["torch<2.7"]).poetry("lock")
        other = [
            wheel(
                "torch", "2.6.0+cpu", f"cp{tag()}-cp{tag()}-linux_x86_64", note="of somebody else"
            )
        ]
        server.site = server.site.without("/whl/cpu", "torch").with_files("/whl/cpu", *other)
        project.make_environment()
        done = project.poetry("install", code=1, ACCELOCK_TARGET="cpu")

        assert "torch" in done.stdout + done.stderr
        assert "torch" not in project.installed()

    def test_nothing_where_all_is_there(self, at_cu126: Project) -> None:
        at_cu126.install(target="cu126")

        assert at_cu126.server.requests == ()

    def test_a_source_that_is_gone_stops_before_anything_changes(self, own: Project) -> None:
        own.server.configure("/whl", fault="drop")

        said = own.refused("install", ACCELOCK_TARGET="cpu")
        assert f"{own.server.url}/whl/cpu/torch/ could not be read" in said
        assert "errors.py" not in said
        own.server.configure("/whl", fault=None)
        assert own.install(target="cpu") == own.pins("cpu")

    def test_one_that_goes_later_leaves_an_installation_to_be_finished(self, own: Project) -> None:
        own.server.configure("/simple/networkx", fault="drop")
        own.poetry("install", code=1, ACCELOCK_TARGET="cpu")

        assert not (own.environment / "accelock.json").exists()
        own.server.configure("/simple/networkx", fault=None)
        assert own.install(target="cpu") == own.pins("cpu")


def tag() -> str:
    return f"{sys.version_info[0]}{sys.version_info[1]}"


def only(folder: Path) -> Path:
    (found,) = [path for path in folder.iterdir() if path.is_dir()]
    return found


@pytest.mark.internals
class TestRun:
    def test_it_runs_what_is_installed(self, at_cu126: Project) -> None:
        code = "import torch; print(torch.__version__, torch.version.cuda)"

        assert at_cu126.poetry("run", "python", "-c", code).stdout.strip() == "2.6.0+cu126 12.6"
