"""[tool.accelock.conda] in a Poetry project: poetry.lock and conda files, all of them or none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.conda.projects import charts_channel
from tests.poetry.support_project import on_linux
from tests.support.channels import ChannelServer
from tests.support.environments import run
from tests.support.terminal import run_on_terminal

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.poetry.support_project import Project

NARROW = """\
platforms = ["linux-x86_64", "macos-arm64"]
[tool.accelock.target.cu126]
platforms = ["linux-x86_64"]
"""
CONDA = """\
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
vega-lite-cli = ">=5"
"""
FILES = {
    "conda-cpu-lock.yml",
    "conda-cu126-lock.yml",
    "environment-cpu.yml",
    "environment-cu126.yml",
}
BLOCK = "import sys; sys.modules['rattler'] = None; from poetry.console.application import main; "


@pytest.fixture(scope="module")
def forge() -> Iterator[ChannelServer]:
    with ChannelServer(forge=charts_channel()) as server:
        yield server


@pytest.fixture
def charts(project: Project, forge: ChannelServer) -> Project:
    """A project that requires torch, with a table for conda."""
    forge.reset()
    conda = CONDA.format(channel=forge.channel("forge"))
    return project.write_pyproject(table=NARROW, more=conda)


def conda_files(project: Project) -> dict[str, bytes]:
    return {name: data for name, data in project.files().items() if name.endswith(".yml")}


def test_lock_writes_both_and_check_finds_both_fresh(charts: Project, forge: ChannelServer) -> None:
    done = charts.poetry("lock")
    assert set(conda_files(charts)) == FILES
    assert "Solving cpu, macos-arm64 (3 of 3)\n" in done.stderr
    assert "accelock: environment-cpu.yml written\n" in done.stderr
    assert set(forge.repodata().values()) == {1}
    assert "5 files checked" in charts.poetry("accelock", "check").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals to be had here")
def test_a_terminal_shows_what_is_fetched(charts: Project, forge: ChannelServer) -> None:
    assert charts.env["NO_COLOR"]
    forge.delay = 0.2
    try:
        code, told = run_on_terminal("poetry", "lock", cwd=charts.folder, env=charts.env)
    finally:
        forge.delay = 0.0
    assert (code, "Fetching" in told.partition("Solving cpu, ")[0]) == (0, True), told


def test_a_fresh_sidecar_is_not_solved_again(charts: Project, forge: ChannelServer) -> None:
    charts.poetry("lock")
    before = charts.files()
    forge.reset()
    charts.poetry("lock")
    assert forge.requests == ()
    assert charts.files() == before
    charts.replace('">=5"', '">=5.20"')
    lock = charts.read()
    charts.poetry("lock")
    assert charts.read() == lock
    assert all(conda_files(charts)[name] != before[name] for name in FILES)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('">=5"', '">=99"', "no packages satisfy all of these: - vega-lite-cli >=99 "),
        ('">=5"', '">>5"', "tool.accelock.conda.dependencies.vega-lite-cli: 'vega-lite-cli >>5'"),
        ("/forge", "/nowhere", "/nowhere could not be read"),
        ("vega-lite-cli", "cuda-toolkit", "cuda-toolkit >=5 is a part of CUDA"),
    ],
)
def test_a_failure_inside_add_changes_nothing_at_all(
    charts: Project, old: str, new: str, told: str
) -> None:
    charts.poetry("lock")
    charts.make_environment()
    charts.replace(old, new)
    assert told in charts.refused("add", "tqdm", ACCELOCK_TARGET="cpu")
    assert told in charts.refused("lock")


@on_linux
def test_add_writes_pyproject_lock_and_conda_files(charts: Project) -> None:
    charts.poetry("lock")
    before = conda_files(charts)
    charts.make_environment()
    charts.replace('vega-lite-cli = ">=5"', 'charts = "*"')
    charts.poetry("add", "numpy<2.2", environ={"ACCELOCK_TARGET": "cpu"})
    assert charts.installed()["numpy"] == "2.1.2"
    assert "numpy=2.1.2" in charts.read("environment-cpu.yml")
    assert before.keys() == conda_files(charts).keys()
    assert charts.poetry("accelock", "check").returncode == 0
    # The pins of the lock that was about to be written counted: pip and conda now disagree.
    assert "numpy is 1.26.4 in poetry.lock, and conda would install numpy 2.1.2" in charts.refused(
        "add", "numpy==1.26.4", ACCELOCK_TARGET="cpu"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="makes a link to nowhere")
def test_a_file_that_cannot_be_written_stops_add_before_it_installs(charts: Project) -> None:
    charts.poetry("lock")
    charts.make_environment()
    charts.replace('">=5"', '">=5.20"')
    (charts.folder / "environment-cpu.yml").unlink()
    (charts.folder / "environment-cpu.yml").symlink_to("nowhere/environment-cpu.yml")
    said = charts.refused("add", "tqdm", ACCELOCK_TARGET="cpu")
    assert "nowhere/environment-cpu.yml: its folder is not there or write-protected" in said


def test_credentials_are_in_no_file_and_no_message(charts: Project, forge: ChannelServer) -> None:
    forge.login = ("alice", "s3cr3t-w0rd")
    try:
        charts.replace(forge.channel("forge"), forge.secret("forge"))
        told = charts.poetry("lock", "-vvv").stderr
        charts.replace('">=5"', '">=99"')
        told += charts.poetry("lock", code=1).stderr
    finally:
        forge.login = None
    told += "".join(data.decode() for data in conda_files(charts).values()) + charts.read()
    assert set(conda_files(charts)) == FILES
    assert "s3cr3t" not in told
    assert "alice" not in told


def test_a_look_alone_asks_no_channel(charts: Project, forge: ChannelServer) -> None:
    charts.poetry("debug", "resolve", code=None)
    assert forge.requests == ()


def test_a_dry_run_writes_nothing(charts: Project, forge: ChannelServer) -> None:
    charts.poetry("lock")
    charts.make_environment()
    charts.replace('">=5"', '">=5.20"')
    before = charts.files()
    forge.reset()
    charts.poetry("add", "--dry-run", "tqdm", environ={"ACCELOCK_TARGET": "cpu"})
    assert forge.repodata()
    assert charts.files() == before


def test_install_from_a_fresh_lock_asks_no_channel(charts: Project, forge: ChannelServer) -> None:
    charts.poetry("lock")
    charts.replace('">=5"', '">=5.20"')  # stale sidecars are for `check` to tell
    before = charts.files()
    forge.reset()
    charts.install("--dry-run", target="cpu")
    assert forge.requests == ()
    assert charts.files() == before


def test_without_the_extra_nothing_is_resolved(charts: Project) -> None:
    before = charts.files()
    words = (sys.executable, "-c", f"{BLOCK}sys.exit(main())", "lock")
    done = run(*words, cwd=charts.folder, env=charts.env)
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert "which is not installed. Run: poetry self add " in told
    assert told.endswith("[conda]'")
    assert "Resolving" not in done.stderr
    assert charts.files() == before


def test_requirements_beside_it_have_to_be_chosen(charts: Project) -> None:
    charts.put("requirements.cpu.txt", "numpy==2.1.2\n")
    assert (
        "there are poetry.lock and requirements.cpu.txt; choose whose pins count"
        in charts.refused("lock")
    )
    charts.replace("[tool.accelock.conda]", '[tool.accelock.conda]\npins = "poetry.lock"')
    charts.poetry("lock")
    assert set(conda_files(charts)) == FILES


def test_a_lock_that_the_conda_files_do_not_follow(charts: Project, forge: ChannelServer) -> None:
    pins = '[tool.accelock.conda]\npins = "requirements.{target}.txt"'
    charts.replace("[tool.accelock.conda]", pins)
    done = charts.poetry("lock")
    assert "they follow requirements.{target}.txt, and this run does not write it" in done.stderr
    assert conda_files(charts) == {}
    assert forge.requests == ()


def test_a_table_for_conda_alone(project: Project, forge: ChannelServer) -> None:
    conda = CONDA.format(channel=forge.channel("forge"))
    project.write_pyproject(
        ("tqdm",), targets=(), source="", more=conda,
        table='[tool.accelock]\nplatforms = ["linux-x86_64"]',
    )  # fmt: skip
    project.poetry("lock")
    assert set(conda_files(project)) == {"conda-lock.yml", "environment.yml"}
    ours = project.read()
    (project.folder / "poetry.lock").unlink()
    project.poetry("lock", plugins=False)
    assert project.read() == ours
    assert "2 files checked" in project.poetry("accelock", "check").stdout
    before = conda_files(project)
    project.replace('">=5"', '">=99"')
    assert "no packages satisfy all of these" in project.refused("lock")
    assert conda_files(project) == before


def test_the_commands_of_accelock_in_poetry(charts: Project) -> None:
    charts.poetry("lock")
    said = charts.poetry("accelock", "conda", "lock").stdout
    assert said == "The conda files are fresh; there was nothing to solve.\n"
    below = charts.folder / "below"
    below.mkdir()
    words = (sys.executable, "-m", "poetry", "accelock", "conda", "lock")
    done = run(*words, "--format", "pixi", cwd=below, env=charts.env)
    assert "pixi.lock written" in done.stdout
    assert (charts.folder / "pixi.lock").exists()
    done = run(*words, "--update", "nodjs", cwd=below, env=charts.env)
    assert done.returncode == 1
    assert "unknown locked package 'nodjs'; did you mean 'nodejs'?" in done.stderr
    assert "Traceback" not in done.stderr


@on_linux
def test_the_choice_of_the_environment_is_that_of_conda_too(charts: Project) -> None:
    charts.poetry("lock")
    charts.make_environment()
    charts.poetry("accelock", "use", "cu126")
    done = charts.poetry("accelock", "conda", "install", "--prefix", "env")
    assert "conda-cu126-lock.yml (cu126 (chosen for this environment))" in done.stderr


@on_linux
def test_install_and_capture_in_poetry(charts: Project) -> None:
    charts.poetry("lock")
    charts.poetry("accelock", "conda", "install", "--prefix", "env", "--target", "cpu")
    script = charts.folder / "env" / "bin" / "vl2svg"
    assert str(charts.folder / "env") in run(script, cwd=charts.folder, env=charts.env).stdout
    captured = charts.poetry("accelock", "conda", "capture", "--prefix", "env").stdout
    assert 'vega-lite-cli = "==5.21.0"' in captured
