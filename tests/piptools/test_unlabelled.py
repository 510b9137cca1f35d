"""Builds without a label beside another index that has the same version, in files without hashes.

The index of cu126 has torchvision 0.21.0 for Linux on Arm without a label, as PyTorch's has, and
PyPI has its CPU build of that version, whose tag is the better one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.piptools.support_project import HERE, options_of
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.torch_releases import HERE as TAG
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.piptools.support_project import Project

ARM = "--platform=linux-aarch64"
BARE = "--no-generate-hashes"
OURS = f"torchvision-0.21.0-{TAG}-{TAG}-linux_aarch64.whl"


def taken_by_pip(project: Project, name: str) -> bytes:
    """What plain pip downloads for Linux on Arm by a file's lines alone."""
    into: Path = project.folder / "downloaded"
    platforms = ("linux_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")
    done = project.python(
        *("-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(into)),
        *(f"--platform={platform}" for platform in platforms),
        *("-r", "requirements.txt", f"--python-version={HERE}"),
    )
    assert done.returncode == 0, done.stderr
    (found,) = into.glob(f"{name}-*.whl")
    return found.read_bytes()


def sourced(index: IndexServer) -> str:
    """The source on the command line, so that the file names it and pip can install from it."""
    return f"--source=pytorch={index.url}/whl/{{target}}"


def test_pip_takes_the_targets_own_build(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision==0.21.0\n")
    project.compile("-q", "-t", "cu126", ARM, BARE, sourced(index))

    ours = index.site.find("/whl/cu126", OURS)
    assert taken_by_pip(project, "torchvision") == ours.content
    assert f"torchvision @ {index.url}/whl/cu126/{OURS}#sha256={ours.sha256}" in project.lines()
    assert f"--extra-index-url {index.url}/whl/cu126" in options_of(project.read())


def test_the_line_says_who_asks_for_it(project: Project, index: IndexServer) -> None:
    mine = wheel("mine", "1.0", requires=["torchvision==0.21.0"]).save(project.folder)
    project.write(requirements_in=f"./{mine.name}\n")
    project.compile("-q", "-t", "cu126", ARM, BARE, sourced(index))

    line = next(line for line in project.read().splitlines() if line.startswith("torchvision @"))
    below = project.read().partition(f"{line}\n")[2]
    assert below.startswith("    # via mine")


def test_each_platform_has_its_own_line(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision==0.21.0\n")
    project.compile("-q", "-t", "cu126", ARM, "--platform=linux-x86_64", BARE, sourced(index))

    lines = [line for line in project.lines() if line.startswith("torchvision")]
    assert [line.partition(" ; ")[2] for line in lines] == [
        'platform_machine == "aarch64"',
        'platform_machine != "aarch64"',
    ]
    assert lines[1].startswith("torchvision==0.21.0+cu126")


def test_with_hashes_a_version_is_enough(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision==0.21.0\n")
    project.compile("-q", "-t", "cu126", ARM, sourced(index), "--generate-hashes", "--allow-unsafe")

    assert "torchvision==0.21.0" in project.lines()
    ours = index.site.find("/whl/cu126", OURS)
    assert taken_by_pip(project, "torchvision") == ours.content


def test_where_nobody_else_has_it_a_version_is_enough(
    project_at: Callable[[IndexServer], Project],
) -> None:
    with IndexServer(pytorch_site().without("/simple", "torchvision")) as index:
        project = project_at(index).write(requirements_in="torchvision==0.21.0\n")
        project.compile("-q", "-t", "cu126", ARM, BARE, sourced(index))

    assert "torchvision==0.21.0" in project.lines()


def test_a_cpu_build_of_pypi_is_one_too(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision==0.21.0\n")
    project.compile("-q", "-t", "cpu", ARM, BARE, sourced(index))

    assert "torchvision==0.21.0" in project.lines()


def test_a_mirror_of_the_environment_is_not_written(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision==0.21.0\n").compile("-q", "-t", "cu126", ARM, BARE)

    ours = "https://download.pytorch.org/whl/cu126"
    assert f"torchvision @ {ours}/{OURS}" in project.read()
    assert index.url not in project.read().replace(f"--index-url {index.url}/simple", "")


def test_a_second_run_keeps_the_version(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision==0.21.0\n")
    project.compile("-q", "-t", "cu126", ARM, BARE, sourced(index))
    first = project.lines()
    project.write(requirements_in="torchvision\n")
    project.compile("-q", "-t", "cu126", ARM, BARE, sourced(index))

    assert project.lines() == first
