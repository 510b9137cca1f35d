from __future__ import annotations

import json

from accelock.commands.check import check
from tests.commands.projects import CPU, Project


def test_a_finding_is_one_line(project: Project) -> None:
    project.write("requirements.in", "torch\nnumpy\n")
    lines = list(check(project.folder).lines())
    assert lines[0] == (
        "requirements.cpu.txt: error: it is stale: requirements.in changed after it was compiled "
        "[stale]; run: accelock compile -t cpu"
    )
    assert lines[-1].endswith("2 errors")


def test_json(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU, ["-"])
    document = json.loads(check(project.folder).dumps())
    assert document["format"] == 1
    assert document["files"] == ["requirements.cpu.txt", "requirements.cu126.txt"]
    (finding,) = document["findings"]
    assert set(finding) == {"code", "level", "file", "what", "todo"}
    assert (finding["code"], finding["level"]) == ("stdin-input", "warning")
