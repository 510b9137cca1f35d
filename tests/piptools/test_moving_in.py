"""`accelock init` in projects of pip-tools: what was made by hand locks as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

SYSTEMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64")


def moved(project: Project, *words: str) -> str:
    """Move a project in, and return what was said."""
    done = project.accelock("init", "--write", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def pins(project: Project, name: str) -> dict[str, dict[str, str]]:
    return {system: project.pins(name, system) for system in SYSTEMS}


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--extra-index-url={url}/whl/cu126/\n", "torch==2.6.0+cu126"),
        ("-i {url}/whl/cu126\n--extra-index-url {url}/simple\n", "torch==2.6.0"),
        ("-f {url}/whl/torch_stable.html\n", "torch===2.6.0+cu126"),
        ("", "torch==2.6.0+cu126"),
    ],
)
def test_one_file_locks_as_before(
    project: Project, index: IndexServer, option: str, line: str
) -> None:
    option = option.format(url=index.url)
    project.write(requirements_in=f"{option}{line}\ntorchvision\ntqdm\n")
    where = f"{index.url}/whl/{{target}}" if not option else ""
    words = ("-q", "-t", "cu126", "-o", "before.txt", "requirements.in")
    project.compile(*words, ACCELOCK_SOURCE_PYTORCH=where)
    before = pins(project, "before.txt")

    said = moved(project)
    assert "Now run: accelock compile requirements.in" in said
    project.compile("-q", "requirements.in", ACCELOCK_SOURCE_PYTORCH=where)

    assert before["linux-x86_64"]["torch"].endswith("+cu126")
    assert pins(project, "requirements.txt") == before
    assert f"{index.url}/whl/cu126" not in project.read("requirements.in")


def test_plain_pip_compile_took_the_same(project: Project, index: IndexServer) -> None:
    option = f"--extra-index-url {index.url}/whl/cpu\n"
    project.write(requirements_in=f"{option}torch==2.6.0+cpu\ntqdm\nfilelock<99\n")
    before = project.pip_compile("-q", "--strip-extras", "-o", "before.txt", "requirements.in")
    assert before.returncode == 0, before.stderr

    moved(project)
    project.compile("-q", "--strip-extras", "--platform", "linux-x86_64")

    assert project.pins() == project.pins("before.txt")


def test_a_pair_locks_as_before(project: Project, index: IndexServer) -> None:
    for word, target, more in (("cpu", "cpu", "tqdm"), ("gpu", "cu126", "numpy<2.2")):
        option = f"--extra-index-url {index.url}/whl/{target}\n"
        text = f"{option}torch==2.6.0+{target}\ntorchvision  # of its time\n{more}\n"
        project.put(f"requirements-{word}.in", text)
        project.put(f"requirements-dev-{word}.in", f"-r requirements-{word}.in\nfsspec\n")
        for layer in ("requirements", "requirements-dev"):
            words = ("-q", "-t", target, "-o", f"{layer}-{word}.txt", f"{layer}-{word}.in")
            project.compile(*words, ACCELOCK_SOURCE_PYTORCH="")
    before = {
        (layer, target): pins(project, f"{layer}-{word}.txt")
        for layer in ("requirements", "requirements-dev")
        for word, target in (("cpu", "cpu"), ("gpu", "cu126"))
    }

    said = moved(project)
    assert "accelock compile requirements.in && accelock compile requirements-dev.in" in said
    for layer in ("requirements", "requirements-dev"):
        project.compile("-q", f"{layer}.in", ACCELOCK_SOURCE_PYTORCH="")

    assert project.read("requirements.in") == "torch==2.6.0\ntorchvision  # of its time\n"
    assert project.read("requirements-dev.in") == "-r requirements.in\nfsspec\n"
    after = {key: pins(project, f"{key[0]}.{key[1]}.txt") for key in before}
    assert after == before
    assert before["requirements", "cu126"]["linux-x86_64"]["numpy"] == "2.1.2"
    assert "tqdm" not in before["requirements", "cu126"]["linux-x86_64"]


def test_files_of_a_pair_that_ask_for_other_versions(project: Project, index: IndexServer) -> None:
    for target, version in (("cpu", "2.7.1"), ("cu118", "2.6.0")):
        option = f"--extra-index-url {index.url}/whl/{target}\n"
        project.put(f"requirements.{target}.in", f"{option}torch=={version}+{target}\ntqdm\n")
        words = ("-q", "-t", target, "-o", f"before.{target}.txt", f"requirements.{target}.in")
        project.compile(*words, ACCELOCK_SOURCE_PYTORCH="")
    before = {target: pins(project, f"before.{target}.txt") for target in ("cpu", "cu118")}

    moved(project)
    project.compile("-q", ACCELOCK_SOURCE_PYTORCH="")

    assert project.read("requirements.in") == "tqdm\n"
    after = {target: pins(project, f"requirements.{target}.txt") for target in before}
    assert after == before
