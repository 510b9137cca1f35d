"""Law 1: without a target and a [tool.accelock] table, it is pip-compile, byte for byte."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_invocations import INVOCATIONS, Invocation
from tests.support.environments import run_accelock

if TYPE_CHECKING:
    import subprocess

    from tests.piptools.support_project import Project

pytestmark = pytest.mark.internals

# The part of a traceback that is about who called the command.
CALLERS = re.compile(r'(?<=last\):\n)(?:  .*\n)*?(?=  File "[^"]*scripts.compile\.py")')
TO_THE_HELP = re.compile(r"Try '(?:accelock compile|pip-compile) (?:-h|--help)' for help\.\n")


@pytest.mark.parametrize("case", INVOCATIONS, ids=lambda case: case.name)
def test_it_is_pip_compile(project: Project, case: Invocation) -> None:
    expected, files = after(project, case, plain=True)
    assert expected.returncode == case.code, expected.stderr

    done, ours = after(project, case, plain=False)

    assert normal(done.stderr) == normal(expected.stderr)
    assert normal(done.stdout) == normal(expected.stdout)
    assert done.returncode == expected.returncode
    assert ours == files


def after(
    project: Project, case: Invocation, *, plain: bool
) -> tuple[subprocess.CompletedProcess[str], dict[str, bytes]]:
    """Run one of the two commands in a fresh folder; return what it said, and all files."""
    shutil.rmtree(project.folder)
    for name, text in case.files.items():
        project.put(name, text)
    project.folder.mkdir(exist_ok=True)
    if plain:
        done = project.pip_compile(*case.words, stdin=case.stdin, **case.variables)
    else:
        env = {**project.env, **case.variables}
        words = ("compile", *case.words)
        done = run_accelock(*words, cwd=project.folder, env=env, stdin=case.stdin)
    return done, project.files()


def normal(text: str) -> str:
    """Return it without the command's name, a traceback's callers, and click's way to the help.

    pip-tools has a --help of its own since 7.6, of which click does not know.
    """
    text = TO_THE_HELP.sub("", text)
    return CALLERS.sub("", text.replace("accelock compile", "pip-compile"))


def test_help_shows_our_options_first_and_all_of_pip_compiles(project: Project) -> None:
    theirs = project.pip_compile("--help").stdout
    done = run_accelock("compile", "--help", cwd=project.folder, env=project.env)

    ours, _, rest = done.stdout.partition("\nOptions:\n")
    options = re.compile(r"(?m)^  (?:-., )*(--[a-z-]+)")
    assert options.findall(ours) == [
        "--target", "--platform", "--python-version", "--source", "--allow-downloads", "--offline",
        "--generate-hashes", "--allow-unsafe",
    ]  # fmt: skip
    assert {*options.findall(ours), *options.findall(rest)} >= {*options.findall(theirs)}
    assert "accelock compile -t cpu -t cu126 requirements.in" in rest
    assert "$ pip-compile" not in rest
