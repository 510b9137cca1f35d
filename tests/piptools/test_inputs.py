"""Everything that pip-compile reads: standard input, projects with extras, directories, sdists."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pip._internal.cli.cmdoptions import use_new_feature

from tests.piptools.support_invocations import BACKEND, PYPROJECT, SETUP_PY
from tests.piptools.support_project import lines_of
from tests.piptools.support_sites import on_pypi, pure
from tests.support.environments import run
from tests.support.torch_releases import HERE
from tests.support.wheels import sdist

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.internals

IN_PROCESS = "inprocess-build-deps"
NEW_FEATURES: list[str] = use_new_feature().choices
LINUX = ("-q", "--platform=linux-x86_64")
COLORAMA = 'colorama==0.4.6 ; sys_platform == "win32"'
TORCH = [
    'torch==2.8.0 ; sys_platform == "darwin"',
    'torch==2.8.0+cpu ; sys_platform != "darwin"',
]
WITH_TORCH = PYPROJECT.replace('"tqdm"', '"tqdm", "torch"')
BACKEND_WITH_TORCH = BACKEND.replace(
    "Requires-Dist: tqdm", "Requires-Dist: tqdm\nRequires-Dist: torch"
)


def torch_of(text: str) -> list[str]:
    return [line for line in lines_of(text) if line.startswith("torch")]


class TestStandardStreams:
    def test_input(self, project: Project) -> None:
        project.compile("-q", "-t", "cpu", "-o", "out.txt", "-", stdin="torch\ntqdm\n")

        assert torch_of(project.read("out.txt")) == TORCH
        assert COLORAMA in project.lines("out.txt")
        assert "# accelock: inputs -; " in project.read("out.txt")

    def test_input_for_several_targets(self, project: Project) -> None:
        project.compile("-q", "-t", "cpu", "-t", "cu126", "-o", "out.txt", "-", stdin="torch\n")

        assert set(project.files()) == {"out.cpu.txt", "out.cu126.txt"}
        assert project.pins("out.cu126.txt")["torch"] == "2.8.0+cu126"

    def test_input_twice(self, project: Project) -> None:
        words = ("-q", "-t", "cpu", "-o", "out.txt", "-")
        project.compile(*words, stdin="torch<2.8\n")
        first = project.read("out.txt")
        project.compile(*words, stdin="torch<2.8\n")

        assert project.read("out.txt") == first

    @pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")
    def test_output_by_its_name(self, project: Project) -> None:
        """What is written in place is not read before: neither a pipe nor a device has an end."""
        project.write(requirements_in="torch\n")
        # With pipes: a fork of the tests has files, which by this name are opened from their start.
        code = "import sys; from accelock.cli import main; sys.exit(main(sys.argv[1:]))"
        words = ("compile", *LINUX, "-t", "cpu", "-o", "/dev/stdout", "requirements.in")
        command = (sys.executable, "-c", code, *words)
        done = run(*command, cwd=project.folder, env=project.env)

        assert torch_of(done.stdout) == ["torch==2.8.0+cpu"]

    def test_output(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        done = project.compile("-q", "--strip-extras", "-t", "cpu", "-o", "-")

        assert torch_of(done.stdout) == TORCH
        assert done.stderr == ""
        assert set(project.files()) == {"requirements.in"}

    def test_output_is_shown_once_more_as_pip_compile_does(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n")
        done = project.compile("-t", "cpu", "-o", "-", "requirements.in")

        assert COLORAMA in lines_of(done.stdout)
        assert COLORAMA in lines_of(done.stderr)

    def test_a_pipe(self, project: Project) -> None:
        done = project.compile(*LINUX, "-t", "cpu", "-o", "-", "-", stdin="torch\n")

        assert torch_of(done.stdout) == ["torch==2.8.0+cpu"]
        assert project.files() == {}

    def test_no_output_file_for_standard_input(self, project: Project) -> None:
        said = project.refused("-t", "cpu", "-", code=2, stdin="torch\n")

        assert "--output-file is required if input is from stdin" in said

    def test_several_targets_on_standard_output(self, project: Project) -> None:
        project.write(requirements_in="torch\n")

        said = project.refused("-t", "cpu", "-t", "cu126", "-o", "-", "requirements.in", code=2)

        assert "cpu, cu126" in said


class TestDryRun:
    def test_shows_and_writes_nothing(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        before = project.files()
        done = project.compile("--dry-run", "-t", "cpu", "-t", "cu118")

        assert project.files() == before
        assert "torch==2.7.1+cu118" in lines_of(done.stderr)
        assert done.stderr.splitlines()[-1] == "Dry-run, so nothing updated."

    def test_quiet(self, project: Project) -> None:
        """As in pip-compile: the lines are what it is for."""
        project.write(requirements_in="torch\n")
        done = project.compile("-n", "-q", "--strip-extras", "-t", "cpu", "-o", "requirements.txt")

        assert torch_of(done.stderr) == TORCH
        assert set(project.files()) == {"requirements.in"}

    def test_over_a_file(self, project: Project) -> None:
        project.write(requirements_in="torch<2.8\n").compile("-q", "-t", "cpu")
        before = project.files()
        done = project.compile("-n", "-q", "-U", "-t", "cpu", "requirements.in")

        assert project.files() == before
        assert 'torch==2.7.1+cpu ; sys_platform != "darwin"' in lines_of(done.stderr)


class TestProjects:
    def test_pyproject_toml(self, project: Project) -> None:
        project.write(pyproject_toml=WITH_TORCH, backend_py=BACKEND_WITH_TORCH)
        project.compile("-q", "-t", "cpu", "pyproject.toml")

        lines = project.lines()
        assert torch_of(project.read()) == TORCH
        assert COLORAMA in lines
        assert "# via seed (pyproject.toml)" in project.read()
        assert "uvicorn==0.34.3" not in lines

    @pytest.mark.parametrize("words", [["--extra=web", "--extra=dev"], ["--all-extras"]])
    def test_its_extras(self, project: Project, words: list[str]) -> None:
        project.write(pyproject_toml=WITH_TORCH, backend_py=BACKEND_WITH_TORCH)
        project.compile("-q", "-t", "cpu", *words, "-o", "all.txt", "pyproject.toml")

        lines = project.lines("all.txt")
        assert {"uvicorn==0.34.3", "click==8.2.1"} <= set(lines)
        assert torch_of(project.read("all.txt")) == TORCH

    def test_the_default_input(self, project: Project) -> None:
        table = '[tool.accelock]\ntargets = ["cpu", "cu126"]\n'
        project.write(pyproject_toml=WITH_TORCH + table, backend_py=BACKEND_WITH_TORCH)
        project.compile("-q")

        assert project.pins("requirements.cpu.txt")["torch"] == "2.8.0+cpu"
        assert project.pins("requirements.cu126.txt")["torch"] == "2.8.0+cu126"

    def test_its_metadata_is_built_once(self, project: Project) -> None:
        """However many cells: the backend writes a line for each build."""
        noisy = BACKEND_WITH_TORCH.replace(
            "    folder = Path(",
            '    with open("builds.log", "a") as log:\n        print("build", file=log)\n'
            "    folder = Path(",
        )
        dynamic = WITH_TORCH.replace('dependencies = ["', 'dynamic = ["dependencies"]\nx = ["', 1)
        project.write(pyproject_toml=dynamic.replace('x = ["tqdm"', '#"tqdm"'), backend_py=noisy)
        project.compile("-q", "-t", "cpu", "-t", "cu126", "pyproject.toml")

        assert project.read("builds.log").splitlines() == ["build"]
        assert project.pins("requirements.cu126.txt")["torch"] == "2.8.0+cu126"

    def test_setup_py(self, project: Project) -> None:
        text = SETUP_PY.replace('"tqdm",', '"tqdm", "torch", "six; sys_platform == \'win32\'",')
        project.write(setup_py=text)
        project.compile("-q", "-t", "cpu", "--no-build-isolation", "--extra", "dev", "setup.py")

        lines = project.lines()
        assert torch_of(project.read()) == TORCH
        assert 'six==1.17.0 ; sys_platform == "win32"' in lines
        assert "click==8.2.1" in lines

    def test_a_project_that_does_not_build(self, project: Project) -> None:
        project.write(setup_py="raise SystemExit('no')\n")
        before = project.files()
        done = project.compile("-q", "-t", "cpu", "--no-build-isolation", "setup.py", code=2)

        assert project.files() == before
        assert "Failed to parse" in done.stderr


# Old versions of these tools use what newer ones of their own libraries deprecate.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_input_on_another_drive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only Windows has drives: there is no relative path, and the whole one leads there."""
    files = importlib.import_module("accelock.hosts.piptools.files")

    def refused(_path: object, _start: object) -> str:
        raise ValueError("path is on mount 'Z:', start on mount 'C:'")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "relpath", refused)

    assert files._from(Path("/elsewhere"), "requirements.in") == f"{tmp_path}/requirements.in"


class TestDirectories:
    @pytest.fixture
    def seed(self, project: Project) -> Project:
        project.put("seed/pyproject.toml", WITH_TORCH)
        project.put("seed/backend.py", BACKEND_WITH_TORCH)
        return project

    @pytest.mark.parametrize("line", ["./seed", "-e ./seed", "seed @ file://{folder}/seed"])
    def test_a_directory(self, seed: Project, line: str) -> None:
        text = line.replace("{folder}", str(seed.folder))
        seed.write(requirements_in=f"{text}\n").compile("-q", "-t", "cpu", "-t", "cu126")

        for target in ("cpu", "cu126"):
            name = f"requirements.{target}.txt"
            assert COLORAMA in seed.lines(name)
            assert f"torch==2.8.0+{target}" in " ".join(seed.lines(name))
            own = [each for each in seed.read(name).splitlines() if each.endswith("/seed")]
            assert len(own) == 1

        assert seed.accelock("check").returncode == 0
        seed.put("seed/pyproject.toml", PYPROJECT)
        stale = "it is stale: seed/pyproject.toml changed after it was compiled"
        assert seed.accelock("check").stdout.count(stale) == 2

    @pytest.mark.parametrize(
        "line", ["./seed", "-e ./seed", "./seed[web]", "-e ./seed[web]", "-e file:seed"]
    )
    def test_its_own_table_is_ignored(self, seed: Project, line: str) -> None:
        seed.put("seed/pyproject.toml", f'{WITH_TORCH}[tool.accelock]\ntargets = ["cu118"]\n')
        seed.write(requirements_in=f"{line}\n")
        done = seed.compile("-q", "-t", "cpu", "-t", "cu126")

        folder = seed.folder / "seed"
        said = (
            f"accelock ignores the [tool.accelock] table of seed ({folder / 'pyproject.toml'}): "
            "only"
        )
        assert done.stderr.count(said) == 1
        assert done.stderr.count("ignores the") == 1

    def test_the_projects_own_table_counts(self, project: Project) -> None:
        """Also where the project itself is a directory among the requirements."""
        project.write(pyproject_toml=f'{WITH_TORCH}[tool.accelock]\ntargets = ["cpu"]\n')
        project.put("backend.py", BACKEND_WITH_TORCH)
        done = project.write(requirements_in="-e .\n").compile("-q", "requirements.in")

        assert "ignores the" not in done.stderr
        assert "torch==2.8.0+cpu" in " ".join(project.lines())
        assert project.accelock("check").returncode == 0
        project.write(pyproject_toml=f'{PYPROJECT}[tool.accelock]\ntargets = ["cpu"]\n')
        assert "it is stale: pyproject.toml changed after it" in project.accelock("check").stdout

    def test_with_an_extra(self, seed: Project) -> None:
        seed.write(requirements_in="-e ./seed[web]\n").compile("-q", "-t", "cpu")

        assert "uvicorn==0.34.3" in seed.lines()

    @pytest.mark.parametrize("dynamic", [False, True])
    def test_an_archive(self, project: Project, dynamic: bool) -> None:
        sdist("archive", "1.0", ("tqdm",), dynamic=dynamic).save(project.folder)
        project.write(requirements_in="./archive-1.0.tar.gz\ntorch\n").compile("-q", "-t", "cpu")

        assert "archive-1.0.tar.gz" in project.read()
        assert COLORAMA in project.lines()

    def test_a_wheel_by_url(self, project: Project, index: IndexServer) -> None:
        url = f"{index.url}/packages/tqdm-4.66.5-py3-none-any.whl"
        project.write(requirements_in=f"tqdm @ {url}\ntorch\n")
        project.compile("-q", "-t", "cpu", "--generate-hashes")

        assert f"tqdm @ {url}" in project.lines()
        assert COLORAMA in project.lines()
        assert not [each for each in index.bodies() if "/whl/" in each.path]

    def test_a_wheel_of_the_family_by_url(self, project: Project, index: IndexServer) -> None:
        """It is read as version and target, as `torch==2.7.1+cpu` is."""
        name = f"torch-2.7.1%2Bcpu-{HERE}-{HERE}-manylinux_2_28_x86_64.whl"
        url = f"{index.url}/whl/cpu/{name}"
        project.write(requirements_in=f"torch @ {url}\ntorchvision\n")
        project.compile(*LINUX, "-t", "cpu")

        assert torch_of(project.read()) == ["torch==2.7.1+cpu", "torchvision==0.22.1+cpu"]


class TestSourceDistributions:
    """PEP 643: static metadata is used; other metadata is built once, on this machine."""

    @staticmethod
    def builds(project: Project) -> list[str]:
        log = project.folder.parent / "builds.log"
        return log.read_text().splitlines() if log.exists() else []

    def compile(self, project: Project, *words: str) -> str:
        log = str(project.folder.parent / "builds.log")
        return project.compile(*words, SDIST_BUILD_LOG=log).stderr

    def test_static(self, project: Project) -> None:
        project.write(requirements_in="static-sdist\n")
        said = self.compile(project, "-q", "-t", "cpu", "-t", "cu126")

        assert self.builds(project) == []
        assert "built on this machine" not in said
        for target in ("cpu", "cu126"):
            name = f"requirements.{target}.txt"
            assert project.pins(name)["static-sdist"] == "1.0"
            assert COLORAMA in project.lines(name)

    def test_dynamic(self, project: Project) -> None:
        project.write(requirements_in="dynamic-sdist\n")
        said = self.compile(project, "-q", "-t", "cpu", "-t", "cu126")

        assert self.builds(project) == ["metadata dynamic_sdist-1.0"]
        assert said.count("the metadata of dynamic-sdist 1.0 was built on this machine") == 1
        assert COLORAMA in project.lines("requirements.cu126.txt")

    @pytest.mark.skipif(
        IN_PROCESS not in NEW_FEATURES, reason="this pip builds in a process of its own"
    )
    def test_what_a_build_needs_is_the_hosts(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> None:
        """pip installs it with the cell's own finder, which has looked the same project up."""
        needy = sdist("needy", "1.0", ("tqdm",), dynamic=True, to_build="tool")
        project = project_at(serve(on_pypi(needy, pure("tool", "1.0"))))
        project.write(requirements_in="tool\nneedy\n")
        project.compile(*LINUX, "-t", "cpu", f"--pip-args=--use-feature={IN_PROCESS}")

        assert project.pins()["needy"] == "1.0"

    def test_nothing_to_warn_of_on_one_platform(self, project: Project) -> None:
        project.write(requirements_in="dynamic-sdist\n")

        assert "built on this machine" not in self.compile(project, *LINUX, "-t", "cpu")

    def test_below_a_wheel(self, project: Project) -> None:
        """hydra-core has nothing but an sdist to stand on."""
        project.write(requirements_in="hydra-core\ntorch\n")
        said = self.compile(project, "-q", "-t", "cpu", "--generate-hashes")

        assert project.pins()["antlr4-python3-runtime"] == "4.9.3"
        assert said.count("antlr4-python3-runtime 4.9.3") == 1
        assert project.hashes()["antlr4-python3-runtime"]

    def test_an_accelerated_package_has_none(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> None:
        site = on_pypi().with_files("/whl/cpu", sdist("torchaudio", "2.8.0"))
        project = project_at(serve(site))
        project.write(requirements_in="torchaudio\n")

        said = project.refused("-q", "-t", "cpu")

        assert "no wheel of torchaudio" in said
