from __future__ import annotations

import pytest

from accelock.commands.check import check
from accelock.commands.findings import Level
from tests.commands.projects import CPU, CU126, SITE, TABLE, Project, codes, only


def test_a_changed_input(project: Project) -> None:
    project.write("requirements.in", "torch\nnumpy\n")
    report = check(project.folder)
    assert codes(report) == [
        ("stale", "requirements.cpu.txt"),
        ("stale", "requirements.cu126.txt"),
    ]
    assert report.exit_code == 1
    assert "requirements.in" in report.findings[0].what
    assert report.findings[0].todo == "run: accelock compile -t cpu"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("base.in", "six<2\n", "base.in"),
        ("requirements.in", "-r base.in\ntorch<3\n", "requirements.in"),
        ("pyproject.toml", TABLE + "lockstep = false\n", "[tool.accelock] in pyproject.toml"),
        (
            "pyproject.toml",
            TABLE + "[tool.pip-tools]\nallow-unsafe = true\n",
            "[tool.pip-tools] in pyproject.toml",
        ),
    ],
)
def test_which_input_changed_is_said(project: Project, name: str, text: str, told: str) -> None:
    project.write("requirements.in", "-r base.in\ntorch\n")
    project.write("base.in", "six\n")
    inputs = ["base.in", "requirements.in"]
    project.compiled("requirements.cpu.txt", "cpu", CPU, inputs)
    project.write(name, text)
    finding = next(f for f in check(project.folder, ["requirements.cpu.txt"]).findings)
    assert finding.code == "stale"
    assert finding.what == f"it is stale: {told} changed after it was compiled"


def test_all_that_changed_is_said(project: Project) -> None:
    project.write("requirements.in", "torch<3\n")
    project.write("pyproject.toml", TABLE + "lockstep = false\n")
    told = "it is stale: requirements.in and [tool.accelock] in pyproject.toml changed after"
    assert all(f.what.startswith(told) for f in check(project.folder).findings)


def test_a_file_of_an_older_accelock_tells_what_may_have_changed(project: Project) -> None:
    """Its stamp has one digest for all of it; the file itself is read as ever."""
    path = project.folder / "requirements.cpu.txt"
    lines = path.read_text().splitlines(keepends=True)
    project.write(path.name, "".join(x for x in lines if not x.startswith("# accelock: each")))
    assert len(lines) == len(path.read_text().splitlines()) + 1
    assert check(project.folder).findings == ()
    project.write("requirements.in", "torch<3\n")
    finding = only(check(project.folder, [path.name]), "stale")
    assert finding.what == (
        "it is stale: requirements.in, or [tool.accelock] or [tool.pip-tools] in pyproject.toml, "
        "changed after it was compiled"
    )


def test_a_changed_table(project: Project) -> None:
    project.write("pyproject.toml", TABLE + 'platforms = ["linux-x86_64"]\n')
    assert {finding.code for finding in check(project.folder).findings} == {"stale"}


def test_a_changed_table_of_another_tool(project: Project) -> None:
    conda = '[tool.accelock.conda]\nchannels = ["c"]\n'
    project.write("pyproject.toml", TABLE + conda + "[tool.black]\nx = 1\n")
    assert {finding.code for finding in check(project.folder).findings} == {"missing-sidecar"}


def test_a_target_that_is_no_longer_declared(project: Project) -> None:
    """The command that made the file, run again, does not write it: to be told so would not end."""
    command = "accelock compile requirements.in"
    project.compiled("requirements.cu126.txt", "cu126", CU126, ["requirements.in"], command=command)
    project.write("pyproject.toml", TABLE.replace("cu126", "cu128"))
    project.compiled("requirements.cpu.txt", "cpu", CPU)
    project.compiled("requirements.cu128.txt", "cu128", CU126.replace("cu126", "cu128"))
    finding = only(check(project.folder), "undeclared")
    assert (finding.level, finding.file) == (Level.ERROR, "requirements.cu126.txt")
    assert "it is for cu126, which pyproject.toml does not declare" in finding.what
    assert finding.todo == "remove it"


@pytest.mark.parametrize("option", ["--target=cu126", "-t cu126"])
def test_a_target_of_the_command_line_is_compiled_again(project: Project, option: str) -> None:
    command = f"accelock compile {option} requirements.in"
    project.compiled("requirements.cu126.txt", "cu126", CU126, command=command)
    project.write("pyproject.toml", TABLE.replace(', "cu126"', ""))
    stale = {finding.file: finding for finding in check(project.folder).findings}
    assert stale["requirements.cu126.txt"].code == "stale"
    assert stale["requirements.cu126.txt"].todo == f"run: {command}"


def test_a_file_from_when_there_was_one_target(project: Project) -> None:
    """Of the two files for cpu the command writes one, whatever the other is called."""
    command = "accelock compile requirements.in"
    project.write("pyproject.toml", '[tool.accelock]\ntargets = ["cpu"]\n')
    project.compiled("requirements.txt", "cpu", CPU, command=command)
    project.sound()
    finding = only(check(project.folder), "stale")
    assert finding.file == "requirements.txt"
    told = "or, if requirements.cpu.txt replaces it, remove it"
    assert finding.todo == f"run: {command}; {told}"


def test_an_input_that_is_gone(project: Project) -> None:
    project.write("base.in", "filelock\n")
    inputs = ["base.in", "requirements.in"]
    project.compiled("requirements.cpu.txt", "cpu", CPU, inputs)
    (project.folder / "base.in").unlink()
    finding = only(check(project.folder), "missing-input")
    assert (finding.level, finding.file) == (Level.ERROR, "requirements.cpu.txt")
    assert "base.in" in finding.what


def test_standard_input_cannot_be_checked(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU, ["-"])
    report = check(project.folder)
    assert only(report, "stdin-input").level is Level.WARNING
    assert report.exit_code == 0


@pytest.mark.parametrize("said", ["rewritten for", "turned to"])  # the latter: the first versions
def test_a_rewritten_file_names_its_own_command(project: Project, said: str) -> None:
    path = project.compiled("requirements.cpu.txt", "cpu", CPU)
    turned = f"# {said} a target by: accelock rewrite -t cpu requirements.txt\n"
    text = path.read_text().replace("# accelock: version", turned + "# accelock: version", 1)
    project.write(path.name, text.replace("filelock==3.18.0", "filelock==3.19.0"))
    finding = only(check(project.folder), "edited")
    assert finding.todo.endswith("run: accelock rewrite -t cpu requirements.txt")


def test_a_project_file_as_input(project: Project) -> None:
    table = TABLE + '[project]\nname = "seed"\ndependencies = ["torch"]\n'
    project.write("pyproject.toml", table)
    project.compiled("requirements.cpu.txt", "cpu", CPU, ["pyproject.toml"])
    words = ["requirements.cpu.txt"]
    project.write("pyproject.toml", table + "[tool.black]\nline-length = 100\n")
    assert check(project.folder, words).findings == ()
    project.write("pyproject.toml", table.replace('"torch"', '"torch", "numpy"'))
    only(check(project.folder, words), "stale")


def test_an_input_on_another_machine_cannot_be_checked(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU, [f"{SITE}/base.in"])
    report = check(project.folder)
    assert f"{SITE}/base.in" in only(report, "remote-input").what
    assert report.exit_code == 0
