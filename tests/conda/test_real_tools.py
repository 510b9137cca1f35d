"""The real tools take what is written; skipped where they are not there.

No package of PyPI has conda or micromamba. They are looked for on PATH; `REAL_CONDA` may say
another command for conda, with words (`env PYTHONPATH=clone python -m conda`). conda's plugins
(another solver, and readers of locks), conda-lock and two readers of pixi.lock are on PyPI: tox
installs them into the environment of the tests, where a conda that runs in it finds its plugins.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelock.conda.formats.lock import read_lock
from accelock.targets import host_platform
from tests.conda.projects import FORGE, PROCESSORS, SUBDIRS, Project
from tests.conda.scenarios import FEATURES
from tests.conda.two_channels import FIRST, SECOND, TWO_CHANNELS
from tests.support.environments import isolated_env, run

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

HOST = host_platform()
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        HOST is None or HOST.conda_subdir not in SUBDIRS,
        reason="the channel is not for this machine",
    ),
]
OLD = """\
[tool.accelock]
targets = ["cpu"]
platforms = ["linux-x86_64"]
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
pytorch = "==1.7.1"
"""


@pytest.fixture
def conda(tmp_path: Path) -> Callable[..., None]:
    """Run the real conda, on a machine with a GPU and an old processor."""
    words = shlex.split(os.environ.get("REAL_CONDA", "")) or [shutil.which("conda") or ""]
    if not words[0]:
        pytest.skip("there is no conda on PATH, and REAL_CONDA names none")
    return _caller(tmp_path, words, CONDA_PKGS_DIRS=str(tmp_path / "pkgs"))


@pytest.fixture
def micromamba(tmp_path: Path) -> Callable[..., None]:
    """Run the real micromamba, on a machine with a GPU and an old processor."""
    found = shutil.which("micromamba")
    if found is None:
        pytest.skip("there is no micromamba on PATH")
    return _caller(tmp_path, [found], MAMBA_ROOT_PREFIX=str(tmp_path / "mamba"))


@pytest.fixture(params=["conda", "micromamba"])
def tool(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Run the one and the other."""
    found: Callable[..., None] = request.getfixturevalue(request.param)
    return found


def _caller(tmp_path: Path, command: list[str], **variables: str) -> Callable[..., None]:
    assert HOST is not None
    processor = PROCESSORS[HOST.conda_subdir]
    env = isolated_env(tmp_path / "home", CONDA_OVERRIDE_CUDA="12.8", CONDARC=os.devnull)
    # The only solver that is on PyPI, and conda's own until 2023.
    # It adds pip to every python, which the channel lacks.
    env["CONDA_OVERRIDE_ARCHSPEC"] = processor
    env |= {"CONDA_SOLVER": "classic", "CONDA_ADD_PIP_AS_PYTHON_DEPENDENCY": "false", **variables}

    def call(*words: str, cwd: Path, **more: str) -> None:
        done = run(*command, *words, cwd=cwd, env={**env, **more})
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    return call


@pytest.fixture
def locked(project: Project, serve_channels: Serve) -> Project:
    server = serve_channels(forge=FORGE)
    project.declare(server.channel("forge")).lock("--format", "explicit", "--format", "pixi")
    return project


def installed(project: Project) -> dict[str, str]:
    """Return name, and version and build, of what the environment `env` has."""
    stems = (path.stem for path in (project.folder / "env" / "conda-meta").glob("*.json"))
    parts = (stem.rsplit("-", 2) for stem in stems)
    return {name: f"{version} {build}" for name, version, build in parts}


def of_lock(project: Project, target: str) -> dict[str, str]:
    name = f"conda-{target}-lock.yml"
    assert HOST is not None
    records = read_lock(project.read(name), name)[HOST]
    return {record.name: f"{record.version} {record.build}" for record in records}


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_the_explicit_list_is_installed(
    tool: Callable[..., None], locked: Project, target: str
) -> None:
    assert HOST is not None
    name = f"conda-{target}-{HOST.conda_subdir}.txt"
    tool("create", "-y", "-q", "-p", "./env", "--file", name, cwd=locked.folder)
    assert installed(locked) == of_lock(locked, target)
    script = locked.folder / "env" / "bin" / "vl2svg"
    done = run(script, cwd=locked.folder, env=isolated_env(locked.folder / "home"))
    assert done.stdout == f"vega-lite of {locked.folder / 'env'}\n"


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_conda_solves_the_environment_to_the_same_hardware(
    conda: Callable[..., None], locked: Project, target: str
) -> None:
    name = f"environment-{target}.yml"
    conda("env", "create", "-y", "-q", "-p", "./env", "-f", name, cwd=locked.folder)
    found, wanted = installed(locked), of_lock(locked, target)
    assert found["pytorch"] == wanted["pytorch"]
    assert ("libcublas" in found) is (target == "cu126")


def test_conda_stays_on_the_cpu_with_builds_of_features(
    conda: Callable[..., None], project: Project, serve_channels: Serve
) -> None:
    server = serve_channels(pytorch=FEATURES)
    project.declare(server.channel("pytorch"), OLD).lock()
    assert "\n  - cpuonly\n" in project.read("environment-cpu.yml")
    words = ("env", "create", "-y", "-q", "-p", "./env", "-f", "environment-cpu.yml")
    conda(*words, cwd=project.folder)
    assert installed(project)["pytorch"] == "1.7.1 py3.8_cpu_0"
    assert "cudatoolkit" not in installed(project)


def test_conda_solves_to_the_build_and_the_channel_that_were_asked_for(
    conda: Callable[..., None], project: Project, serve_channels: Serve
) -> None:
    server = serve_channels(first=FIRST, second=SECOND)
    table = TWO_CHANNELS.replace("{second}", server.channel("second"))
    project.declare(server.channel("first"), table).lock()
    words = ("env", "create", "-y", "-q", "-p", "./env", "-f", "environment-cpu.yml")
    conda(*words, cwd=project.folder)
    assert installed(project) == {"alpha": "3.1 second_0", "blas": "1.0 openblas"}


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_micromamba_installs_the_lock(
    micromamba: Callable[..., None], locked: Project, target: str
) -> None:
    name = f"conda-{target}-lock.yml"
    micromamba("create", "-y", "-q", "-p", "./env", "-f", name, cwd=locked.folder)
    assert installed(locked) == of_lock(locked, target)


def needs(module: str) -> pytest.MarkDecorator:
    """Skip where a package of PyPI is not installed."""
    absent = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(absent, reason=f"{module} is not installed")


def script(name: str) -> str:
    """Return a command of the environment that the tests run in, or else of PATH."""
    folder = Path(sys.executable).parent
    found = shutil.which(name, path=os.pathsep.join([str(folder), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"there is no {name}")
    return found


@needs("conda_rattler_solver")
@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_conda_with_rattlers_solver_gets_the_same_hardware(
    conda: Callable[..., None], locked: Project, target: str
) -> None:
    words = ("env", "create", "-y", "-q", "-p", "./env", "-f", f"environment-{target}.yml")
    conda(*words, cwd=locked.folder, CONDA_SOLVER="rattler")
    found, wanted = installed(locked), of_lock(locked, target)
    assert found["pytorch"] == wanted["pytorch"]
    assert ("libcublas" in found) is (target == "cu126")


@needs("conda_lockfiles")
@pytest.mark.parametrize(
    ("name", "form", "target"),
    [
        ("conda-cpu-lock.yml", "conda-lock-v1", "cpu"),
        ("conda-cu126-lock.yml", "conda-lock-v1", "cu126"),
        # Of several environments it takes that of the name `default`.
        ("pixi.lock", "rattler-lock-v6", "cpu"),
    ],
)
def test_conda_installs_the_locks(
    conda: Callable[..., None], locked: Project, name: str, form: str, target: str
) -> None:
    words = ("env", "create", "-y", "-q", "-p", "./env", "-f", name, "--env-spec", form)
    conda(*words, cwd=locked.folder)
    assert installed(locked) == of_lock(locked, target)


@needs("conda_lock")
@pytest.mark.usefixtures("conda")
@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_conda_lock_installs_the_lock(locked: Project, tmp_path: Path, target: str) -> None:
    """It calls conda as one program, and gives it what it makes of the lock."""
    words = shlex.split(os.environ.get("REAL_CONDA", "conda"))
    program = tmp_path / "conda"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    call = _caller(tmp_path, [script("conda-lock")], CONDA_PKGS_DIRS=str(tmp_path / "pkgs"))
    name = f"conda-{target}-lock.yml"
    call("install", "--conda", str(program), "-p", "./env", name, cwd=locked.folder)
    assert installed(locked) == of_lock(locked, target)


@pytest.mark.parametrize("target", ["cpu", "cu126"])
def test_pixi_sbom_reads_every_package(locked: Project, target: str) -> None:
    assert HOST is not None
    of = ("--environment", target, "--platform", HOST.conda_subdir)
    words = (script("pixi-sbom"), "--lockfile", "pixi.lock", *of, "--output", "-")
    done = run(*words, cwd=locked.folder, env=isolated_env(locked.folder / "home"))
    assert done.returncode == 0, done.stderr
    found = {each["name"]: each["version"] for each in json.loads(done.stdout)["components"]}
    assert found == {name: text.split()[0] for name, text in of_lock(locked, target).items()}


def test_pixi_to_conda_lock_gives_the_same_locks(locked: Project, tmp_path: Path) -> None:
    """Its own record of py-rattler is older than ours; it works with ours too."""
    words = (script("pixi-to-conda-lock"), "pixi.lock", "--output", str(tmp_path))
    done = run(*words, cwd=locked.folder, env=isolated_env(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    for target in ("cpu", "cu126"):
        path = tmp_path / f"{target}.conda-lock.yml"
        found = read_lock(path.read_text(), path.name)
        name = f"conda-{target}-lock.yml"
        ours = read_lock(locked.read(name), name)
        assert {p: sorted(each.url for each in got) for p, got in found.items()} == {
            p: sorted(each.url for each in got) for p, got in ours.items()
        }
