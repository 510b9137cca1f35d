"""Whole files, judged cell by cell by a script that knows packaging and the index alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.judge import Judge
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project

PROJECTS = {
    "torch": "torch\n",
    "with what goes with it": "pandas\ntorchvision\ntorch\n",
    "older": "torch<2.7\ntorchvision\n",
    "by system": 'torch==2.7.1 ; sys_platform == "darwin"\n'
    'torch==2.8.0 ; sys_platform != "darwin"\ntorchvision\n',
    "a library that pins": "lightning\ntqdm\n",
}


@pytest.mark.parametrize("options", [(), ("--generate-hashes",)], ids=["plain", "hashed"])
@pytest.mark.parametrize("name", PROJECTS)
def test_every_cell_is_whole(
    project: Project, index: IndexServer, name: str, options: tuple[str, ...]
) -> None:
    project.write(requirements_in=PROJECTS[name])
    targets: tuple[str, ...] = ("cpu", "cu118", "cu126", "rocm6.3")
    if name in ("older", "by system"):  # cu118 ends at 2.7.1, and rocm6.3 begins there
        targets = ("cpu", "cu126")
    words = [word for target in targets for word in ("-t", target)]
    project.compile("-q", "--allow-unsafe", *words, *options)

    judge = Judge(f"{sys.version_info[0]}.{sys.version_info[1]}")
    for target in targets:
        text = project.read(f"requirements.{target}.txt")
        indexes = [f"{index.url}/whl/{target}", f"{index.url}/simple"]
        assert judge.faults(text, target, indexes) == []


# Runs the command with pip's resolver for each cell, and says how often it was asked.
SOLVING = """\
import sys
from pip._internal.resolution.resolvelib.resolver import Resolver
from accelock import cli
from accelock.hosts.piptools import verified

solves = []
resolve = Resolver.resolve
Resolver.resolve = lambda *args, **kwargs: solves.append(1) or resolve(*args, **kwargs)
if sys.argv.pop(1) == "solved":
    verified.solution = lambda *args: None
code = cli.main(sys.argv[1:])
print(len(solves))
sys.exit(code)
"""


@pytest.mark.parametrize("name", PROJECTS)
def test_what_is_verified_is_what_pip_finds(project: Project, name: str) -> None:
    """A first file, the same again, and one with a requirement more: the same bytes."""
    words = ["-q", "--allow-unsafe", "--generate-hashes", "-t", "cpu", "-t", "cu126"]
    texts: dict[str, list[str]] = {}
    solves: dict[str, list[int]] = {}
    for way in ("solved", "verified"):
        for target in ("cpu", "cu126"):
            (project.folder / f"requirements.{target}.txt").unlink(missing_ok=True)
        for more in ("", "", "uvicorn[standard]\n"):
            project.write(requirements_in=PROJECTS[name] + more)
            done = project.python("-c", SOLVING, way, "compile", *words)
            assert done.returncode == 0, done.stderr
            solves.setdefault(way, []).append(int(done.stdout.splitlines()[-1]))
            texts.setdefault(way, []).append(
                project.read("requirements.cpu.txt") + project.read("requirements.cu126.txt")
            )

    assert texts["verified"] == texts["solved"]
    # lightning needs a torch that cu126 lacks on aarch64, which pip finds out and we do not.
    assert (solves["verified"][1] == 0) == (name != "a library that pins")
    assert all(few < many for few, many in zip(solves["verified"], solves["solved"], strict=True))


# What a walk may read otherwise than pip: more files on PyPI, the inputs, options, an old file.
ODD = {
    "an extra that is not provided": (
        [wheel("odd", "1.0", requires=['six ; extra == "more"'])],
        "odd[more]\n",
        (),
        "",
    ),
    "no dependencies": ([], "lightning\n", ("--pip-args", "--no-deps"), "lightning==2.5.0\n"),
    "arbitrary equality": ([wheel("odd", "1.0")], "odd\n", (), "odd===old\nsix===1.17.0\n"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_pip_reads_in_its_own_way(
    project_at: Callable[[IndexServer], Project], name: str
) -> None:
    wheels, roots, options, old = ODD[name]
    texts = []
    with IndexServer(pytorch_site().with_files("/simple", *wheels)) as server:
        project = project_at(server)
        for way in ("solved", "verified"):
            project.write(requirements_in=roots)
            for target in ("cpu", "cu118"):
                project.put(f"requirements.{target}.txt", old)
            for _ in range(2):
                words = (
                    "-q",
                    "-t",
                    "cpu",
                    "--platform",
                    "linux-x86_64",
                    "--platform",
                    "macos-arm64",
                )
                done = project.python("-c", SOLVING, way, "compile", *words, *options)
                assert done.returncode == 0, done.stderr
                texts.append(
                    project.read("requirements.cpu.txt") + project.read("requirements.cu118.txt")
                )
    assert texts[:2] == texts[2:]
