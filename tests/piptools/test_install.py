"""The compiled files in plain pip: they install where they should, and fail where they must."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock.targets import host_platform
from tests.piptools.conftest import environment
from tests.piptools.support_project import Project
from tests.support.elsewhere import pip_elsewhere
from tests.support.environments import Venv, fresh_venv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import IndexServer

pytestmark = [pytest.mark.python, pytest.mark.slow]
HOST = host_platform()
PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
WORDS = (
    *("-q", "--allow-unsafe", "--strip-extras"),
    *(f"--platform={platform}" for platform in PLATFORMS),
)


@pytest.fixture(scope="module")
def compiled(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Files with and without hashes, which say the whole way to the server themselves."""
    folder = tmp_path_factory.mktemp("compiled")
    project = Project(folder, environment(tmp_path_factory.mktemp("home"), shared))
    source = ("--source", f"pytorch={shared.url}/whl/{{target}}")
    project.write(requirements_in="torchvision\nnumpy\ntqdm\n")
    both = ("-t", "cpu", "-t", "cu126", *source, *WORDS)
    project.compile(*both, "--generate-hashes", "-o", "hashed.txt", "requirements.in")
    project.compile(*both, "--no-generate-hashes", "-o", "plain.txt", "requirements.in")
    page = ("--source", f"pytorch={shared.url}/whl/torch_stable.html")
    project.compile("-t", "cpu", *page, *WORDS, "-o", "page.txt", "requirements.in")
    return project


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory, shared: IndexServer) -> Venv:
    """A virtual environment whose pip knows no index but the files' own."""
    home = tmp_path_factory.mktemp("bare")
    env = environment(home / "home", shared)
    del env["PIP_INDEX_URL"]
    return fresh_venv(home / "venv", env)


@pytest.mark.skipif(HOST is None or HOST.name != "linux-x86_64", reason="for Linux on x86_64")
class TestHere:
    @pytest.mark.parametrize(
        ("name", "words"),
        [("hashed.cpu.txt", ["--require-hashes"]), ("plain.cpu.txt", []), ("page.txt", [])],
    )
    def test_the_cpu_file(self, compiled: Project, venv: Venv, name: str, words: list[str]) -> None:
        done = venv.pip("install", "--force-reinstall", *words, "-r", compiled.folder / name)
        assert done.returncode == 0, done.stdout + done.stderr

        installed = venv.installed()
        version = "2.6.0+cpu" if name != "page.txt" else "2.8.0+cpu"
        assert installed["torch"] == version
        assert installed["filelock"] == "3.18.0"
        assert {name for name in installed if name.startswith(("nvidia", "triton"))} == set()
        code = "import torch, torchvision; print(torch.__version__, torch.version.cuda)"
        assert venv.run("-c", code).stdout.strip() == f"{version} None"
        assert venv.pip("check").returncode == 0


def dry_run(
    compiled: Project, platform: str, name: str, tmp_path: Path
) -> tuple[int, dict[str, str], str]:
    """What plain pip would install of a file on a platform: exit code, name -> version, stderr."""
    env = {**compiled.env}
    del env["PIP_INDEX_URL"]
    words = ["--quiet", "--report=-", "-r", str(compiled.folder / name)]
    words += ["--require-hashes"] if name.startswith("hashed") else []
    done = pip_elsewhere(platform, *words, cwd=tmp_path, env=env)
    report = json.loads(done.stdout)["install"] if done.returncode == 0 else []
    found = {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in report}
    return done.returncode, found, done.stderr


@pytest.mark.parametrize("kind", ["hashed", "plain"])
@pytest.mark.parametrize(
    ("target", "platform", "torch"),
    [
        ("cpu", "linux-x86_64", "2.6.0+cpu"),
        ("cpu", "linux-aarch64", "2.6.0+cpu"),
        ("cpu", "macos-arm64", "2.6.0"),
        ("cpu", "windows-x86_64", "2.6.0+cpu"),
        ("cu126", "linux-x86_64", "2.6.0+cu126"),
        ("cu126", "linux-aarch64", "2.6.0+cu126"),
        ("cu126", "windows-x86_64", "2.6.0+cu126"),
    ],
)
def test_every_cell_installs(
    compiled: Project, tmp_path: Path, kind: str, target: str, platform: str, torch: str
) -> None:
    name = f"{kind}.{target}.txt"
    code, found, said = dry_run(compiled, platform, name, tmp_path)

    assert code == 0, said
    assert found["torch"] == torch
    assert found["torchvision"].startswith("0.21.0")
    assert ("colorama" in found) == platform.startswith("windows")
    wants_nvidia = (target, platform) == ("cu126", "linux-x86_64")
    assert any(name.startswith("nvidia") for name in found) == wants_nvidia
    assert {n.replace("_", "-") for n in found} == set(compiled.pins(name, platform))


@pytest.mark.parametrize("kind", ["hashed", "plain"])
@pytest.mark.parametrize(
    ("target", "platform"),
    [("cu126", "macos-arm64"), ("cu126", "macos-x86_64"), ("cpu", "macos-x86_64")],
)
def test_elsewhere_pip_fails_instead_of_skipping_torch(
    compiled: Project, tmp_path: Path, kind: str, target: str, platform: str
) -> None:
    code, _found, said = dry_run(compiled, platform, f"{kind}.{target}.txt", tmp_path)

    assert code == 1
    assert "No matching distribution found for torch" in said
