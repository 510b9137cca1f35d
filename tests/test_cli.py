from __future__ import annotations

import errno
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cleo.testers.command_tester import CommandTester

from accelock import __version__, cli
from accelock.commands import COMMANDS
from accelock.commands.app import console
from accelock.commands.reports import CheckCommand
from tests.commands.projects import TABLE, Project
from tests.support.environments import run, run_accelock

HEAVY = (
    "accelock.hardware.detection",
    "accelock.hardware.probes",
    "pip",
    "piptools",
    "click",
    "requests",
    "urllib3",
    "mousebender",
    "remotezip",
    "http.client",
    "ssl",
    "socket",
    "accelock.sources.reader",
    "accelock.hosts.piptools",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path).sound()


# The application


@pytest.mark.parametrize("words", [[], ["list"], ["--help"], ["help"]])
def test_every_command_is_listed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    shown = capsys.readouterr().out
    for name, (_module, description) in cli.PIP_TOOLS_COMMANDS.items():
        assert f"{name} " in shown
        assert description in shown
    for name, says in COMMANDS.items():
        assert f"{name} " in shown
        assert says in shown


@pytest.mark.parametrize("words", [["conda", "--help"], ["help", "conda"], ["list", "conda"]])
def test_the_commands_of_a_group_are_listed(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 0
    shown = capsys.readouterr().out
    for name, says in COMMANDS.items():
        assert (says in shown) == name.startswith("conda ")


def test_the_help_says_first_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("for every hardware target") < shown.index("Usage:")


def test_a_list_says_of_each_command_what_it_says_of_itself() -> None:
    loaded = console({})
    for name, says in COMMANDS.items():
        assert loaded.find(name).description == says


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"accelock (version {__version__})\n"


@pytest.mark.parametrize(
    "words", [["help", "sync"], ["--help", "sync"], ["sync", "--help"]], ids=" ".join
)
def test_help_of_a_command_on_pip_tools(
    words: list[str], project: Project, env: dict[str, str]
) -> None:
    done = run_accelock(*words, cwd=project.folder, env=env)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: accelock sync [OPTIONS]")


def test_help_of_our_own_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help", "check"], ["check", "--help"]):
        assert cli.main(words) == 0
        assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["chekc"], "unknown command 'chekc'; did you mean 'check'?"),
        (
            ["conda"],
            "unknown command 'conda'; choose one of: conda capture, conda install, conda lock",
        ),
        (["conda", "lok"], "unknown command 'conda lok'; did you mean 'conda lock'?"),
        (["help", "complie"], "unknown command 'complie'; did you mean 'compile'?"),
        (["check", "--jsn"], 'The option "--jsn" does not exist'),
        (["-v", "compile"], "put options after the command: accelock compile -v"),
    ],
)
def test_wrong_usage(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"ERROR: {told}\n")


def test_wrong_usage_of_a_command_on_pip_tools(project: Project, env: dict[str, str]) -> None:
    done = run_accelock("sync", "--bad", cwd=project.folder, env=env)
    assert done.returncode == 2
    assert "No such option" in done.stderr


# check


def test_check_prints_and_returns(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check"]) == 0
    assert "fresh and complete" in capsys.readouterr().out
    project.write("requirements.in", "torch<3\n")
    assert cli.main(["check", "requirements.cpu.txt"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("requirements.cpu.txt: error: it is stale: requirements.in")
    assert lines[1] == "1 file checked (requirements.cpu.txt): 1 error"


def test_check_prints_json(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("requirements.in", "torch<3\n")
    assert cli.main(["check", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [finding["code"] for finding in document["findings"]] == ["stale", "stale"]


def test_check_can_be_quiet(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("requirements.in", "torch<3\n")
    assert cli.main(["check", "-q"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_what_looks_like_a_style_is_printed_as_it_is(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("<b>torch</b>.txt", "x\n")
    assert cli.main(["check", "--ansi", "<b>torch</b>.txt"]) == 1
    assert "\x1b[1m<b>torch</b>.txt\x1b[22m\n" in capsys.readouterr().out
    assert cli.main(["check", "<b>torch</b>.txt"]) == 1
    assert capsys.readouterr().out.startswith("<b>torch</b>.txt: error: ")


def test_check_says_what_is_wrong_with_the_table(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("pyproject.toml", TABLE.replace("cpu", "gpu"))
    assert cli.main(["check"]) == 1
    assert capsys.readouterr().err.startswith("ERROR: pyproject.toml: tool.accelock.targets[0]")


def test_check_is_a_command_for_any_cleo_application(project: Project) -> None:
    tester = CommandTester(CheckCommand())
    assert tester.execute("requirements.cu126.txt") == 0
    assert "1 file checked" in tester.io.fetch_output()
    assert isinstance(console({}).find("check"), CheckCommand)
    assert project.folder.is_dir()


def test_check_loads_neither_pip_nor_a_network_stack_nor_a_probe(
    project: Project, env: dict[str, str]
) -> None:
    code = (
        "import sys; from accelock.cli import main; code = main(['check']); "
        "print(*sorted(sys.modules), sep='\\n'); sys.exit(code)"
    )
    done = run(sys.executable, "-c", code, cwd=project.folder, env=env)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "accelock.commands.check" in loaded
    assert not loaded & set(HEAVY)
    ours = [name for name in HEAVY if name.startswith("accelock.")]
    assert [name for name in ours if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("words", ["--help", "why", "why --help"])
def test_no_network_stack_is_loaded_to_tell_what_is_locked(
    words: str, project: Project, env: dict[str, str]
) -> None:
    code = (
        f"import sys; from accelock.cli import main; main({words.split()!r}); "
        "print('LOADED', *sys.modules)"
    )
    done = run(sys.executable, "-c", code, cwd=project.folder, env=env)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert ("accelock.commands.reports" in loaded) is (words != "--help"), done.stderr
    assert not loaded & (set(HEAVY) - {"accelock.hardware.detection", "accelock.hardware.probes"})
    assert ("accelock.commands.context" in loaded) is (words == "why")


def test_the_module_can_be_run(project: Project, env: dict[str, str]) -> None:
    done = run(sys.executable, "-m", "accelock", "check", cwd=project.folder, env=env)
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_are_a_line_and_tracebacks_are_for_verbose(
    project: Project, env: dict[str, str]
) -> None:
    project.write("pyproject.toml", "[tool.accelock\n")
    done = run_accelock("check", cwd=project.folder, env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: pyproject.toml, line 1: is not valid TOML")
    done = run_accelock("check", "-v", cwd=project.folder, env=env)
    assert "Traceback" in done.stderr


# What the system refuses, and interruptions


on_posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell, signals and FIFOs")


def accelock_in_shell(
    script: str, project: Project, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return run("sh", "-c", script, sys.executable, cwd=project.folder, env=env)


@on_posix
@pytest.mark.parametrize("words", [["check"], ["compile", "--help"]], ids=" ".join)
def test_a_pipe_that_nobody_reads_is_an_error_without_a_word(
    words: list[str], project: Project, env: dict[str, str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for stderr in (subprocess.PIPE, writer):
        command = [sys.executable, "-m", "accelock", *words]
        done = subprocess.run(
            command, cwd=project.folder, env=env, stdout=writer, stderr=stderr, check=False
        )
        assert (done.returncode, done.stderr or b"") == (1, b"")
    os.close(writer)


@on_posix
def test_an_interruption_is_130(project: Project, env: dict[str, str]) -> None:
    pyproject = project.folder / "pyproject.toml"
    pyproject.unlink()
    os.mkfifo(pyproject)
    # A shell that runs the tests in the background has its children ignore it.
    heeding = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"import signal, sys; {heeding}; from accelock.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "why"]
    with (
        subprocess.Popen(command, cwd=project.folder, env=env, stderr=subprocess.PIPE) as process,
        pyproject.open("wb"),  # waits for its reader, and keeps that waiting
    ):
        process.send_signal(signal.SIGINT)
        _out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")


@on_posix
@pytest.mark.parametrize("words", ["check", "why", "diff a b", "conda lock", "compile"])
def test_a_working_folder_that_is_gone(words: str, project: Project, env: dict[str, str]) -> None:
    script = f'mkdir gone; cd gone; rmdir ../gone; exec "$0" -m accelock {words}'
    done = accelock_in_shell(script, project, env)
    told = "ERROR: the working directory no longer exists; change to another one\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize("words", ["check", "detect", "compile --help"])
def test_a_full_disk(words: str, project: Project, env: dict[str, str]) -> None:
    done = accelock_in_shell(f'exec "$0" -m accelock {words} >/dev/full', project, env)
    # Of what no buffer holds, as click's help, nothing may be left by which to tell where it went.
    told = done.stderr.replace(" standard output:", "", int("--help" in words))
    where = "" if "--help" in words else " standard output:"
    assert (done.returncode, told) == (1, f"ERROR:{where} {os.strerror(errno.ENOSPC)}\n")
    both = accelock_in_shell(f'exec "$0" -m accelock {words} >/dev/full 2>&1', project, env)
    assert both.returncode == 1


@on_posix
def test_a_closed_stream_is_as_quiet_as_print(project: Project, env: dict[str, str]) -> None:
    for closed in (">&-", "<&- >&- 2>&-"):
        done = accelock_in_shell(f'exec "$0" -m accelock check {closed}', project, env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    project.write("requirements.in", "torch<3\n")
    assert accelock_in_shell('exec "$0" -m accelock check >&- 2>&-', project, env).returncode == 1


def test_the_version_loads_no_command(tmp_path: Path, env: dict[str, str]) -> None:
    code = (
        "import sys; from accelock.cli import main; main(['--version']); "
        "print(*(name for name in sys.modules if name.startswith('accelock.')))"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path, env=env)
    mine = {"cli", "commands", "commands.app", "errors"}
    assert set(done.stdout.splitlines()[-1].split()) == {f"accelock.{name}" for name in mine}


# Start-up: what is loaded, since a time would depend on the machine


def loaded_by(words: str, folder: Path, env: dict[str, str]) -> set[str]:
    code = (
        f"import sys; from accelock.cli import main; main({words.split()!r}); "
        "print('LOADED', *sys.modules)"
    )
    done = run(sys.executable, "-c", code, cwd=folder, env=env)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_help_loads_what_parses_and_nothing_to_list(tmp_path: Path, env: dict[str, str]) -> None:
    loaded = loaded_by("--help", tmp_path, env)
    mine = {"cli", "commands", "commands.app", "errors"}
    assert {name for name in loaded if name.startswith("accelock.")} == {
        f"accelock.{name}" for name in mine
    }
    assert not loaded & {"packaging", "tomllib", "tomlkit"}


@pytest.mark.parametrize(("words", "most"), [("check", 45), ("why", 58)])
def test_a_look_at_locks_loads_little(
    words: str, most: int, project: Project, env: dict[str, str]
) -> None:
    loaded = loaded_by(words, project.folder, env)
    mine = sorted(name for name in loaded if name.startswith("accelock."))
    assert len(mine) <= most, mine
    assert not loaded & {"accelock.conda.plan", "accelock.conda.formats", "importlib.resources"}
    assert ("tomlkit" in loaded) is (sys.version_info < (3, 11))
