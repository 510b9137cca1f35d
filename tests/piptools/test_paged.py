"""DGL, MMCV, Kaolin and Astral's index: builds for a minor release of torch, labelled or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import lines_of, options_of
from tests.support.paged_site import FLASH, SOURCES, with_paged
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

LINUX, MACOS = "--platform=linux-x86_64", "--platform=macos-arm64"
CUDA = ("-q", "--strip-extras", "-t", "cu126", LINUX)
BOTH = ("-q", "--strip-extras", "-t", "cpu", "-t", "cu126", LINUX, MACOS)


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_paged(pytorch_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    pytorch = f'pytorch = "{server.url}/whl/{{target}}"\n'
    table = f"[tool.accelock.sources]\n{pytorch}{SOURCES.format(url=server.url)}"
    return project_at(server).write(pyproject_toml=table)


def test_each_has_the_page_of_its_torch(project: Project, server: IndexServer) -> None:
    project.write(requirements_in="torch\ndgl\nmmcv\nkaolin\nflash-attn\n")
    project.compile(*CUDA)
    pins = project.pins()
    assert pins["torch"] == "2.7.1+cu126"
    assert pins["dgl"] == "2.4.0+cu126"
    assert pins["flash-attn"] == f"{FLASH}+cu.12.6.torch.2.7"
    lines = lines_of(project.read("requirements.txt"))
    (mmcv,) = [line for line in lines if line.startswith("mmcv")]
    (kaolin,) = [line for line in lines if line.startswith("kaolin")]
    assert mmcv.startswith(f"mmcv @ {server.url}/mmcv/dist/cu126/torch2.7.0/files/mmcv-2.2.0-")
    assert kaolin.startswith(f"kaolin @ {server.url}/kaolin/files/kaolin-0.18.0-")
    assert f"--find-links {server.url}/dgl/wheels/torch-2.7/cu126/repo.html" in options_of(
        project.read("requirements.txt")
    )
    assert server.bodies_of_wheels() == ()
    done = project.accelock("check")
    assert done.returncode == 0, done.stdout
    words = ("-m", "pip", "download", "-q", "--no-deps", "-d", "got", "-r", "requirements.txt")
    done = project.python(*words)
    assert done.returncode == 0, done.stderr
    got = {file.name for file in (project.folder / "got").iterdir()}
    assert {
        "dgl-2.4.0+cu126-py3-none-linux_x86_64.whl",
        "kaolin-0.18.0-py3-none-linux_x86_64.whl",
        "mmcv-2.2.0-py3-none-linux_x86_64.whl",
        f"flash_attn-{FLASH}+cu.12.6.torch.2.7-py3-none-linux_x86_64.whl",
    } < got


def test_without_a_label_each_cell_has_the_file_of_its_page(
    project: Project, server: IndexServer
) -> None:
    project.write(requirements_in="torch\nmmcv\n")
    assert "torch 2.7.1 is taken instead of 2.8.0" in project.compile(*BOTH).stderr
    files = {
        target: [
            line.partition(" ; ")[0].removeprefix(f"mmcv @ {server.url}/mmcv/dist/")
            for line in lines_of(project.read(f"requirements.{target}.txt"))
            if line.startswith("mmcv")
        ]
        for target in ("cpu", "cu126")
    }
    folder = "torch2.7.0/files/mmcv-2.2.0-py3-none-"
    assert files["cu126"] == [f"cu126/{folder}linux_x86_64.whl"]
    assert files["cpu"] == [
        f"cpu/{folder}linux_x86_64.whl",
        f"cpu/{folder}macosx_11_0_arm64.whl",
    ]
    project.write(requirements_in="torch<2.7\nmmcv\n")
    project.compile(*BOTH)
    assert "dist/cu126/torch2.6.0/files/mmcv-2.1.0-" in project.read("requirements.cu126.txt")


@pytest.mark.parametrize("name", ["dgl", "kaolin", "flash-attn"])
def test_what_has_no_build_for_cpu_is_refused(project: Project, name: str) -> None:
    project.write(requirements_in=f"torch==2.7.1\n{name}\n")
    said = project.refused(*BOTH)
    assert f"of the releases of torch that {name} is built for" in said
    assert "cpu, linux-x86_64" in said


def test_another_package_is_taken_from_the_index_with_labels(project: Project) -> None:
    more = 'torch-scatter = { family = "astral" }\n'
    project.write(pyproject_toml=project.read("pyproject.toml") + more)
    project.write(requirements_in="torch\ntorch-scatter\nflash-attn\n")
    project.compile(*CUDA)
    pins = project.pins()
    assert (pins["torch"], pins["torch-scatter"]) == ("2.6.0+cu126", "2.1.2+cu.12.6.torch.2.6")
    assert pins["flash-attn"] == f"{FLASH}+cu.12.6.torch.2.6"


def test_with_hashes_pip_takes_it(project: Project) -> None:
    """The pages publish no hashes: who consents to a download of each wheel has them."""
    project.write(requirements_in="torch\ndgl\nmmcv\nkaolin\nflash-attn\n")
    assert "--allow-downloads" in project.refused(*CUDA, "--generate-hashes")
    project.compile(*CUDA, "--generate-hashes", "--allow-downloads", "--allow-unsafe")
    words = ("-m", "pip", "install", "-q", "--dry-run", "-I", "--require-hashes")
    done = project.python(*words, "-r", "requirements.txt")
    assert done.returncode == 0, done.stderr
    done = project.accelock("pylock", "-t", "cu126")
    assert done.returncode == 1
    assert "no index publishes the sha256 of dgl-2.4.0+cu126-" in done.stderr
