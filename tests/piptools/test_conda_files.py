"""`accelock compile` with [tool.accelock.conda]: requirements and conda files in one write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.conda.projects import SUBDIRS, charts_channel
from tests.conda.scenarios import package
from tests.piptools.support_project import HERE
from tests.support.channels import ChannelServer
from tests.support.terminal import run_on_terminal

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.piptools.support_project import Project

TABLE = """\
[project]
name = "charts"
requires-python = ">=3.11,<3.13"

[tool.pip-tools]
strip-extras = true

[tool.accelock]
{targets}
platforms = ["linux-x86_64", "macos-arm64"]

[tool.accelock.conda]
channels = ["{channel}"]
{pins}

[tool.accelock.conda.dependencies]
vega-lite-cli = ">=5"
"""
NARROWED = '[tool.accelock.target.cu126]\nplatforms = ["linux-x86_64"]\n'
CONDA = (
    "conda-cpu-lock.yml",
    "conda-cu126-lock.yml",
    "environment-cpu.yml",
    "environment-cu126.yml",
)
BLOCK = "import sys; sys.modules['rattler'] = None; from accelock.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def forge() -> Iterator[ChannelServer]:
    pythons = [package("python", f"{HERE}.99", subdir=subdir) for subdir in SUBDIRS]
    with ChannelServer(forge=charts_channel(pythons)) as server:
        yield server


@pytest.fixture
def charts(project: Project, forge: ChannelServer) -> Project:
    """A project for two targets, with a table for conda."""
    forge.reset()
    declare(project, forge)
    return project.write(requirements_in="torch==2.8.0\ntqdm\n")


def declare(
    project: Project,
    forge: ChannelServer,
    pins: str = "",
    *,
    has_targets: bool = True,
) -> None:
    targets = 'targets = ["cpu", "cu126"]' if has_targets else ""
    text = TABLE.format(channel=forge.channel("forge"), targets=targets, pins=pins)
    project.put("pyproject.toml", text + (NARROWED if has_targets else ""))


def names(project: Project) -> set[str]:
    return {name for name in project.files() if name.endswith(".yml")}


@pytest.mark.skipif(os.name == "nt", reason="there are no terminals to be had here")
@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_shows_what_is_fetched(
    charts: Project, forge: ChannelServer, *, quiet: bool
) -> None:
    forge.delay = 0.2
    words = ("compile", *(["-q"] if quiet else []), "requirements.in")
    try:
        code, told = run_on_terminal("accelock", *words, cwd=charts.folder, env=charts.env)
    finally:
        forge.delay = 0.0
    assert code == 0, told
    assert ("Fetching" in told) is not quiet


def edit(project: Project, old: str, new: str, name: str = "pyproject.toml") -> None:
    text = project.read(name)
    assert old in text
    project.put(name, text.replace(old, new))


def test_one_run_writes_requirements_and_conda_files(charts: Project, forge: ChannelServer) -> None:
    done = charts.compile("requirements.in")
    assert names(charts) == set(CONDA)
    assert {"requirements.cpu.txt", "requirements.cu126.txt"} <= set(charts.files())
    assert "Solving cpu, macos-arm64 (3 of 3)\n" in done.stderr
    assert "Writing conda-cpu-lock.yml\n" in done.stderr
    assert "name: charts-cpu\n" in charts.read("environment-cpu.yml")
    assert set(forge.repodata().values()) == {1}
    assert forge.packages() == ()


def test_check_finds_all_of_it_fresh(charts: Project) -> None:
    charts.compile("-q", "requirements.in")
    done = charts.accelock("check")
    assert done.returncode == 0, done.stdout
    assert "6 files checked" in done.stdout
    edit(charts, 'vega-lite-cli = ">=5"', 'vega-lite-cli = ">=5.20"')
    done = charts.accelock("check")
    assert done.returncode == 1
    assert done.stdout.count("stale-sidecar") == len(CONDA)


def test_a_second_run_asks_no_channel_and_renews_the_times(
    charts: Project, forge: ChannelServer
) -> None:
    charts.compile("-q", "requirements.in")
    before = {name: charts.read(name) for name in CONDA}
    for name in CONDA:
        os.utime(charts.folder / name, (1_000_000_000, 1_000_000_000))
    forge.reset()
    charts.compile("-q", "requirements.in")
    assert forge.requests == ()
    assert {name: charts.read(name) for name in CONDA} == before
    times = {(charts.folder / name).stat().st_mtime for name in CONDA}
    assert min(times) > 1_000_000_000


def test_pins_of_the_run_itself_bind(charts: Project, forge: ChannelServer) -> None:
    edit(charts, 'vega-lite-cli = ">=5"', 'charts = "*"')
    charts.put("requirements.in", "numpy==2.1.2\n")
    charts.compile("-q", "requirements.in")
    assert "numpy=2.1.2" in charts.read("environment-cpu.yml")
    charts.put("requirements.in", "numpy==1.26.4\n")
    said = charts.refused("-q", "requirements.in")
    assert "numpy is 1.26.4 in requirements.cpu.txt, and conda would install numpy 2.1.2" in said
    assert forge.repodata()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('">=5"', '">=99"', "no packages satisfy all of these:\n  - vega-lite-cli >=99"),
        ("vega-lite-cli", "vega-lite-clj", "did you mean vega-lite-cli?"),
        ('">=5"', '">>5"', "tool.accelock.conda.dependencies.vega-lite-cli: 'vega-lite-cli >>5'"),
        ("/forge", "/nowhere", "/nowhere could not be read"),
        ('channels = ["', 'overlaps = "x"\nchannels = ["', "did you mean 'overlap'?"),
    ],
)
def test_a_conda_failure_leaves_the_requirements_too(
    charts: Project, old: str, new: str, told: str
) -> None:
    charts.put("requirements.cpu.txt", "# old\n")
    edit(charts, old, new)
    assert told in charts.refused("-q", "requirements.in")


def test_credentials_are_in_no_file_and_no_message(charts: Project, forge: ChannelServer) -> None:
    forge.login = ("alice", "s3cr3t-w0rd")
    try:
        edit(charts, forge.channel("forge"), forge.secret("forge"))
        told = charts.compile("-v", "requirements.in").stderr
        edit(charts, '">=5"', '">=99"')
        told += charts.refused("requirements.in")
    finally:
        forge.login = None
    told += "".join(d.decode() for n, d in charts.files().items() if n != "pyproject.toml")
    assert names(charts) == set(CONDA)
    assert "s3cr3t" not in told
    assert "alice" not in told


def test_without_the_extra_nothing_is_resolved(charts: Project) -> None:
    before = charts.files()
    done = charts.python("-c", BLOCK, "compile", "requirements.in")
    assert done.returncode == 1
    assert (
        "ERROR: [tool.accelock.conda] in pyproject.toml needs the extra 'conda', which is not "
        "installed. Run: "
    ) in done.stderr
    assert done.stderr.endswith("[conda]'\n")
    assert "torch" not in done.stderr
    assert charts.files() == before


def test_a_compile_for_development_leaves_the_conda_files_alone(
    charts: Project, forge: ChannelServer
) -> None:
    charts.compile("-q", "requirements.in")
    before = {name: charts.read(name) for name in CONDA}
    edit(charts, 'vega-lite-cli = ">=5"', 'vega-lite-cli = ">=5.20"')
    forge.reset()
    charts.put("requirements-dev.in", "-c requirements.txt\npillow\n")
    done = charts.python("-c", BLOCK, "compile", "requirements-dev.in")
    assert done.returncode == 0, done.stderr
    assert "conda files" not in done.stderr
    assert forge.requests == ()
    assert {name: charts.read(name) for name in CONDA} == before


def test_a_run_that_nothing_follows_says_so(charts: Project, forge: ChannelServer) -> None:
    for target in ("cpu", "cu126"):
        (charts.folder / "locks" / target).mkdir(parents=True)
    done = charts.compile("-o", "locks/{target}/all.txt", "requirements.in")
    assert "NOTE: this run does not write the conda files of [tool.accelock.conda]" in done.stderr
    assert 'as in pins = "requirements.{target}.txt"' in done.stderr
    assert names(charts) == set()
    declare(charts, forge, pins='pins = "./locks/{target}/all.txt"')
    words = ("-q", "--no-generate-hashes", "-o", "locks/{target}/all.txt", "requirements.in")
    done = charts.compile(*words)
    assert done.stderr == ""
    assert names(charts) == set(CONDA)


def test_one_target_of_two_writes_its_own(charts: Project) -> None:
    charts.compile("-q", "-t", "cu126", "-o", "requirements.cu126.txt", "requirements.in")
    assert names(charts) == {"conda-cu126-lock.yml", "environment-cu126.yml"}


def test_poetry_lock_beside_it_has_to_be_chosen(charts: Project, forge: ChannelServer) -> None:
    charts.put("poetry.lock", "package = []\n")
    said = charts.refused("requirements.in")
    assert "there are poetry.lock and requirements.cpu.txt; choose whose pins count" in said
    declare(charts, forge, pins='pins = "poetry.lock"')
    charts.compile("-q", "requirements.in")
    assert names(charts) == set()


def test_a_dry_run_solves_and_writes_nothing(charts: Project, forge: ChannelServer) -> None:
    before = charts.files()
    done = charts.compile("--dry-run", "requirements.in")
    assert "Would write environment-cpu.yml\n" in done.stderr
    assert charts.files() == before
    assert forge.repodata()


# A project with a table for conda, and no targets: plain pip-compile, and the conda files


@pytest.fixture
def plain(project: Project, forge: ChannelServer) -> Project:
    declare(project, forge, has_targets=False)
    forge.reset()
    return project.write(requirements_in="tqdm\n")


def test_without_targets_it_is_pip_compile_and_the_conda_files(plain: Project) -> None:
    plain.compile("requirements.in")
    assert names(plain) == {"conda-lock.yml", "environment.yml"}
    ours = plain.read()
    (plain.folder / "requirements.txt").unlink()
    plain.pip_compile("requirements.in")
    assert ours.replace("accelock compile", "pip-compile") == plain.read()
    assert plain.accelock("check").returncode == 0


def test_without_targets_a_failure_leaves_requirements_txt(plain: Project) -> None:
    plain.put("requirements.txt", "# old\n")
    edit(plain, '">=5"', '">=99"')
    assert "no packages satisfy all of these" in plain.refused("-q", "requirements.in")


def test_without_targets_the_extra_is_asked_for_before(plain: Project) -> None:
    before = plain.files()
    done = plain.python("-c", BLOCK, "compile", "requirements.in")
    assert done.returncode == 1
    assert done.stderr.endswith("[conda]'\n")
    assert "tqdm" not in done.stderr
    assert plain.files() == before


def test_without_targets_standard_output_and_dry_runs_are_plain(
    plain: Project, forge: ChannelServer
) -> None:
    before = plain.files()
    done = plain.compile("-q", "-o", "-", "requirements.in")
    assert "tqdm==" in done.stdout
    assert forge.requests == ()
    done = plain.compile("--dry-run", "requirements.in")
    assert "Would write conda-lock.yml" in done.stderr
    assert plain.files() == before


def test_without_targets_wrong_usage_stays_that_of_pip_tools(plain: Project) -> None:
    assert plain.compile("--no-such-option", code=2).stderr.startswith("Usage: accelock compile")
