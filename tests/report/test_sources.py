from __future__ import annotations

import pytest

from accelock.report import Level, check
from tests.report.projects import CPU, SITE, Project, only


def test_an_index_line_that_is_gone(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU.replace("--extra-index-url", "# "))
    finding = only(check(project.folder), "no-index-line")
    assert (finding.level, finding.file) == (Level.ERROR, "requirements.cpu.txt")
    assert "torch" in finding.what


def test_the_index_line_of_another_target(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU.replace("/whl/cpu", "/whl/cu126"))
    assert "cpu builds" in only(check(project.folder), "no-index-line").what


def test_an_index_line_of_somebody_else(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU.replace("/whl/cpu", "/simple"))
    only(check(project.folder), "no-index-line")


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://user:secret@mirror.example/whl/cpu/",
        "--find-links https://mirror.example/whl/torch_stable.html",
        "--extra-index-url https://download.pytorch.org/whl",
    ],
)
def test_lines_that_lead_to_the_builds(project: Project, line: str) -> None:
    body = CPU.replace(f"--extra-index-url {SITE}/whl/cpu", line)
    project.compiled("requirements.cpu.txt", "cpu", body)
    assert check(project.folder).findings == ()


def test_a_mirror_of_any_form(project: Project) -> None:
    body = CPU.replace("/whl/cpu", "/torch-cpu/simple")
    source = f"--source=pytorch={SITE}/torch-{{target}}/simple"
    project.compiled(
        "requirements.cpu.txt", "cpu", body, command=f"accelock compile '{source}' requirements.in"
    )
    assert check(project.folder).findings == ()
    other = body.replace("torch-cpu", "torch-cu126")
    project.compiled("requirements.cpu.txt", "cpu", other, command=f"accelock compile '{source}'")
    only(check(project.folder), "no-index-line")


def test_a_mirror_in_the_table(project: Project) -> None:
    source = f'[tool.accelock.sources]\npytorch = "{SITE}/torch-{{target}}/simple"\n'
    project.write("pyproject.toml", 'tool.accelock.targets = ["cpu"]\n' + source)
    project.compiled("requirements.cpu.txt", "cpu", CPU.replace("/whl/cpu", "/torch-cpu/simple"))
    assert check(project.folder, ["requirements.cpu.txt"]).findings == ()


def test_a_command_of_the_users_own_tells_no_source(project: Project) -> None:
    body = CPU.replace("/whl/cpu", "/torch-cpu/simple")
    project.compiled("requirements.cpu.txt", "cpu", body, command="make lock")
    assert check(project.folder).findings == ()


def test_index_lines_that_were_not_wanted(project: Project) -> None:
    body = CPU.replace("--extra-index-url", "# ")
    command = "accelock compile --no-emit-index-url requirements.in"
    project.compiled("requirements.cpu.txt", "cpu", body, command=command)
    assert check(project.folder).findings == ()
