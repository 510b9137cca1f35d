"""The completions, in the shells themselves where they are installed."""

from __future__ import annotations

import os
import select
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from accelock import cli
from accelock.catalogue import load_catalogue
from accelock.commands import COMMANDS
from accelock.commands.completions import words
from accelock.hardware import profile
from accelock.targets import PLATFORMS
from tests.support.environments import run

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish", "powershell")
BASH = """
source "$0"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
compopt() { :; }
_accelock
printf '%s\\n' "${COMPREPLY[@]}"
"""
CUDA_12 = ["cu121", "cu124", "cu126", "cu128", "cu129"]
FILES: list[str] = []  # the shell's own: names of files
CASES = [
    (["compl"], ["completions"]),
    (["conda", ""], ["capture", "install", "lock"]),
    (["compile", "-t", "cu12"], CUDA_12),
    (["-q", "diff", "cu12"], CUDA_12),
    (["diff", "cpu", "cu12"], CUDA_12),
    (["compile", "--platform", "lin"], ["linux-aarch64", "linux-x86_64"]),
    (["compile", "--resolver", ""], ["backtracking", "legacy"]),
    (["compile", "--pl"], ["--platform"]),
    (["why", "--machine", "h1"], ["h100", "h100-driver-550"]),
    (["families", "p"], ["paddle", "pyg", "pytorch"]),
    (["conda", "install", "--t"], ["--target"]),
    (["compile", "requirem"], FILES),
]


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.main(["completions", shell]) == 0
    path = folder / f"accelock.{shell}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_has_every_word(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, tmp_path, capsys).read_text(encoding="utf-8")
    catalogue = load_catalogue()
    families = [each.name for each in catalogue.families]
    for word in (*catalogue.targets, *PLATFORMS, *profile.names(), *families):
        assert word in text
    names = [name for command in words() for option in command.options for name in option.names]
    for name in ("--generate-hashes", "--python-executable", "--update-all"):
        assert name in names
    for name in names:
        assert (name.lstrip("-") if shell == "fish" else name) in text


def test_every_command_is_there() -> None:
    assert {each.name for each in words()} == {*cli.PIP_TOOLS_COMMANDS, *COMMANDS}


@pytest.mark.parametrize(
    ("line", "expected"),
    [*CASES, (["compile", "--target", "=", "cu12"], CUDA_12)],  # as bash splits --target=cu12
)
def test_bash(
    line: list[str], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("bash")
    path = script("bash", tmp_path, capsys)
    done = run("bash", "-c", BASH, path, "accelock", *line, cwd=tmp_path, env=dict(os.environ))
    assert (sorted(done.stdout.split()), done.stderr) == (expected, "")


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish(
    line: list[str], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("fish")
    path = script("fish", tmp_path, capsys)
    ask = f"source {path}; complete -C 'accelock {' '.join(line)}'"
    env = {**os.environ, "HOME": str(tmp_path)}
    done = run("fish", "--no-config", "-c", ask, cwd=tmp_path, env=env)
    found = [each.partition("\t")[0] for each in done.stdout.splitlines()]
    assert (sorted(found), done.stderr) == (expected, "")


@pytest.mark.parametrize("line", ["compile -t cu12", "compile --target=cu12", "diff cpu cu12"])
def test_zsh(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs("zsh")
    shown = on_zsh(f"accelock {line}", script("zsh", tmp_path, capsys))
    assert set(CUDA_12) <= set(shown.split())


def on_zsh(line: str, path: Path) -> str:
    """Return what an interactive zsh shows when a line is completed."""
    import pty  # noqa: PLC0415 - there is none on Windows

    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", HOME=str(path.parent))
        os.execvp("zsh", ["zsh", "-f", "-i"])
    start = f"autoload -Uz compinit; compinit -u -D; source {path}; echo rea''dy\n"
    os.write(terminal, start.encode())
    until(terminal, "ready")
    os.write(terminal, f"{line}\t".encode())
    shown = until(terminal, "cu129")
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown


def until(terminal: int, mark: str) -> str:
    """Read a terminal until it shows a mark, for a minute at most."""
    text, end = "", time.monotonic() + 60
    while mark not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text


def test_a_shell_that_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completions", "csh"]) == 2
    told = "ERROR: unknown shell 'csh'; choose one of: bash, zsh, fish, powershell\n"
    assert capsys.readouterr().err == told
