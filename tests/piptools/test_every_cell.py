"""Whole files, judged cell by cell by a script that knows packaging and the index alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.judge import Judge

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

PROJECTS = {
    "torch": "torch\n",
    "with what goes with it": "pandas\ntorchvision\ntorch\n",
    "older": "torch<2.7\ntorchvision\n",
    "by system": 'torch==2.7.1 ; sys_platform == "darwin"\n'
    'torch==2.8.0 ; sys_platform != "darwin"\ntorchvision\n',
    "a library that pins": "lightning\ntqdm\n",
}


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, ()) for name in PROJECTS), ("torch", ("--no-generate-hashes",))],
    ids=[*PROJECTS, "without hashes"],
)
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
