"""`accelock pylock` of compiled files: what is written is what is locked, and installs."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from accelock import toml
from accelock.locks.markers import Place
from accelock.settings.project import Settings
from accelock.targets import PLATFORMS, PythonVersion, host_platform
from tests.piptools.conftest import environment
from tests.piptools.support_project import Project
from tests.support.environments import Venv, fresh_venv, run, run_accelock
from tests.support.pylocks import (
    UV,
    needs_packaging,
    pip_reads_pylock,
    same_in_every_cell,
    selected,
)
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import IndexServer

pytestmark = [needs_packaging, pytest.mark.slow]
HOST = host_platform()
PYPROJECT = """\
[tool.accelock]
targets = ["cpu", "cu126", "rocm6.3"]
platforms = ["linux-x86_64", "macos-arm64", "windows-x86_64"]
"""
NAMES = ("pylock.cpu.toml", "pylock.cu126.toml", "pylock.rocm6-3.toml")


@pytest.fixture(scope="module")
def compiled(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Files with hashes for three targets, and a pylock file of each."""
    folder = tmp_path_factory.mktemp("compiled")
    project = Project(folder, environment(tmp_path_factory.mktemp("home"), shared))
    project.put("pyproject.toml", PYPROJECT)
    project.write(requirements_in="torch==2.8.0\ntqdm\n")
    project.compile("-q", "--generate-hashes", "requirements.in")
    done = project.accelock("pylock")
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"{n} written" for n in NAMES])
    return project


def test_each_cell_is_the_same_as_of_the_requirements_file(compiled: Project) -> None:
    assert same_in_every_cell(compiled.folder) == 6


def test_a_package_says_where_it_is_from(compiled: Project, shared: IndexServer) -> None:
    data = toml.loads(compiled.read("pylock.cu126.toml"))
    assert list(data) == [
        "lock-version", "environments", "requires-python", "created-by", "packages", "tool",
    ]  # fmt: skip
    assert (data["lock-version"], data["created-by"]) == ("1.0", "accelock")
    assert [each.split("'")[1] for each in data["environments"]] == ["linux", "win32"]
    (torch,) = (each for each in data["packages"] if each["name"] == "torch")
    assert (torch["version"], torch["index"]) == ("2.8.0+cu126", f"{shared.url}/whl/cu126")
    assert len(torch["wheels"]) == 2
    assert {"name", "url", "size", "hashes"} <= set(torch["wheels"][0])
    tqdm = next(each for each in data["packages"] if each["name"] == "tqdm")
    assert tqdm["index"] == f"{shared.url}/simple"


def test_a_second_run_writes_the_same_bytes_and_downloads_nothing(
    compiled: Project, index: IndexServer
) -> None:
    before = compiled.files()
    assert compiled.accelock("pylock").returncode == 0
    assert compiled.files() == before
    assert index.bodies() == ()


def reported(project: Project, file: str) -> dict[str, tuple[str, str, str]]:
    """Return what pip would install of a file: name -> version, file name and hash."""
    words = ["install", "--dry-run", "--no-deps", "-I", "-q", "--report", "-", "-r", file]
    done = project.python("-m", "pip", *words)
    assert done.returncode == 0, done.stderr
    return {
        each["metadata"]["name"]: (
            each["metadata"]["version"],
            each["download_info"]["url"].rpartition("/")[2],
            each["download_info"]["archive_info"]["hash"],
        )
        for each in json.loads(done.stdout)["install"]
    }


@pytest.fixture(scope="module")
def together(compiled: Project) -> Path:
    """The one file of all targets."""
    done = compiled.accelock("pylock", "-o", "pylock.toml")
    assert (done.returncode, done.stdout) == (0, "pylock.toml written\n"), done.stderr
    return compiled.folder / "pylock.toml"


class TestTogether:
    def test_each_extra_is_a_target_and_the_first_needs_none(
        self, compiled: Project, together: Path
    ) -> None:
        assert same_in_every_cell(compiled.folder, together=together.name) == 6

    def test_what_all_have_is_there_once_and_for_all(self, together: Path) -> None:
        data = toml.loads(together.read_text(encoding="utf-8"))
        assert data["extras"] == ["cpu", "cu126", "rocm6-3"]
        (tqdm,) = (each for each in data["packages"] if each["name"] == "tqdm")
        assert "marker" not in tqdm
        markers = {
            each["version"]: each["marker"] for each in data["packages"] if each["name"] == "torch"
        }
        assert markers["2.8.0+cu126"] == "'cu126' in extras"
        assert markers["2.8.0+cpu"].startswith("'cu126' not in extras and 'rocm6-3' not in extras")

    def test_two_extras_at_once_are_refused(self, compiled: Project, together: Path) -> None:
        from packaging.pylock import PylockSelectError  # noqa: PLC0415 - may be older

        settings = Settings.of(compiled.folder)
        place = Place(PLATFORMS["linux-x86_64"], PythonVersion.host())
        with pytest.raises(PylockSelectError):
            selected(together, place, settings, ("cu126", "rocm6-3"))

    def test_a_target_without_files_here_is_refused(
        self, compiled: Project, together: Path
    ) -> None:
        from packaging.pylock import PylockSelectError  # noqa: PLC0415 - may be older

        settings = Settings.of(compiled.folder)
        place = Place(PLATFORMS["macos-arm64"], PythonVersion.host())
        with pytest.raises(PylockSelectError):
            selected(together, place, settings, ("cu126",))

    def test_check_knows_it(self, compiled: Project, together: Path, project: Project) -> None:
        for name, data in compiled.files().items():
            project.put(name, data.decode())
        assert project.accelock("check", together.name).returncode == 0
        text = project.read("requirements.cu126.txt")
        project.put("requirements.cu126.txt", re.sub(r"tqdm==[0-9.]+", "tqdm==1.0", text))
        done = project.accelock("check", together.name)
        assert done.returncode == 1
        assert "it is stale: requirements.cu126.txt changed after it was made" in done.stdout


def test_check_tells_a_stale_one(compiled: Project, project: Project) -> None:
    for name, data in compiled.files().items():
        project.put(name, data.decode())
    done = project.accelock("check")
    assert done.returncode == 0, done.stdout
    assert "pylock.cpu.toml" in done.stdout
    project.put("requirements.in", "torch==2.8.0\ntqdm\nfilelock\nnumpy\n")
    project.compile("-q", "--generate-hashes", "requirements.in")
    done = project.accelock("check", "pylock.cpu.toml")
    assert done.returncode == 1
    assert "it is stale: requirements.cpu.txt changed after it was made" in done.stdout
    assert "run: accelock pylock" in done.stdout
    assert project.accelock("pylock", "-t", "cpu").returncode == 0
    assert project.accelock("check", "pylock.cpu.toml").returncode == 0
    assert project.accelock("check").returncode == 1  # the others are stale still


def test_without_hashes_those_of_the_index_are_written(project: Project) -> None:
    project.write(requirements_in="torch==2.8.0\n")
    project.compile("-q", "-t", "cpu", "requirements.in")
    done = project.accelock("pylock", "-o", "locks.cpu.toml")
    assert done.returncode == 2
    assert "PEP 751 requires the name pylock.toml" in done.stderr
    assert project.accelock("pylock", "-o", "pylock.toml").returncode == 0
    assert "sha256" in project.read("pylock.toml")
    assert project.accelock("check", "pylock.toml").returncode == 0


def test_the_reports_read_a_folder_with_nothing_else(together: Path, project: Project) -> None:
    project.put("pylock.toml", together.read_text(encoding="utf-8"))
    done = project.accelock("diff", "cpu", "cu126")
    assert done.returncode == 0, done.stderr
    assert "(pylock.toml)" in done.stdout
    assert "2.8.0+cpu" in done.stdout
    assert "not known" not in done.stdout, "the file has every size"
    done = project.accelock("why", "-l", "pylock.toml", "torch")
    assert "cu126: 2.8.0+cu126 (pylock.toml)" in done.stdout
    assert "a pylock file does not say what requires it" in done.stdout
    done = project.accelock("pylock")
    assert (done.returncode, done.stdout) == (1, "")
    assert "this is a pylock file already" in done.stderr


@pytest.fixture
def venv(tmp_path: Path, shared: IndexServer) -> Venv:
    home = tmp_path / "bare"
    home.mkdir()
    env = environment(home / "home", shared)
    del env["PIP_INDEX_URL"]
    return fresh_venv(home / "venv", env)


def without_own(compiled: Project, name: str) -> dict[str, str]:
    """Return what a file pins, but for what a virtual environment has of its own."""
    return {n: v for n, v in compiled.pins(name).items() if n not in {"pip", "setuptools"}}


@pytest.mark.skipif(HOST is None or HOST.name != "linux-x86_64", reason="for Linux on x86_64")
class TestInstalls:
    @pytest.mark.parametrize(("target", "label"), [("cpu", "cpu"), ("rocm6-3", "rocm6.3")])
    def test_with_pip(self, compiled: Project, venv: Venv, target: str, label: str) -> None:
        if not pip_reads_pylock():
            pytest.skip("this pip reads no pylock files")
        file = compiled.folder / f"pylock.{target}.toml"
        words = ["-m", "pip", "--python", str(venv.python), "install", "-r", str(file)]
        done = run(sys.executable, *words, cwd=venv.path, env=venv.env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert venv.installed() == without_own(compiled, f"requirements.{label}.txt")
        assert venv.installed()["torch"] == f"2.8.0+{label}"

    @pytest.mark.parametrize(("extra", "label"), [("", "cpu"), ("[cu126]", "cu126")])
    def test_one_of_all_with_pip(
        self, compiled: Project, together: Path, venv: Venv, extra: str, label: str
    ) -> None:
        if not pip_reads_pylock():
            pytest.skip("this pip reads no pylock files")
        words = ["-m", "pip", "--python", str(venv.python), "install", "-r", f"{together}{extra}"]
        done = run(sys.executable, *words, cwd=venv.path, env=venv.env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert venv.installed() == without_own(compiled, f"requirements.{label}.txt")

    @pytest.mark.parametrize("extra", ["cpu", "cu126"])
    def test_pip_takes_the_same_files_as_of_the_requirements(
        self, compiled: Project, together: Path, shared: IndexServer, project: Project, extra: str
    ) -> None:
        if not pip_reads_pylock():
            pytest.skip("this pip reads no pylock files")
        text = compiled.read(f"requirements.{extra}.txt")
        line = f"--extra-index-url {shared.url}/whl/{extra}"
        project.put("locked.txt", re.sub("^--extra-index-url .*$", line, text, flags=re.MULTILINE))
        one, other = (reported(project, way) for way in (f"{together}[{extra}]", "locked.txt"))
        assert one == other
        assert one["torch"][0] == f"2.8.0+{extra}"

    @pytest.mark.parametrize(("target", "word"), [("cu126", "pylock.toml"), ("cpu", "")])
    def test_sync_leaves_what_the_requirements_leave(
        self, compiled: Project, together: Path, venv: Venv, target: str, word: str
    ) -> None:
        folder = venv.path.parent / "work"
        folder.mkdir()
        (folder / "pylock.toml").write_bytes(together.read_bytes())
        words = ["sync", "--python-executable", str(venv.python), *([word] if word else [])]
        env = {**venv.env, "ACCELOCK_TARGET": target}
        stray = wheel("stray", "1.0").save(venv.path)
        assert venv.pip("install", "--no-deps", stray).returncode == 0
        done = run_accelock(*words, cwd=folder, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"Syncing pylock.toml for {target} (ACCELOCK_TARGET" in done.stderr
        assert venv.installed() == without_own(compiled, f"requirements.{target}.txt")
        assert not [*venv.path.rglob("direct_url.json")], "an index has all of them"
        requested = [path.parent.name for path in venv.path.rglob("REQUESTED")]
        own = [name for name in requested if name.startswith(("pip-", "setuptools-"))]
        assert len(requested) - len(own) == len(venv.installed())
        done = run_accelock(*words, cwd=folder, env=env)
        assert (done.returncode, done.stdout) == (0, "Everything up-to-date\n")

    @pytest.mark.skipif(UV is None, reason="uv is not installed here")
    def test_one_of_all_with_uv(self, compiled: Project, together: Path, venv: Venv) -> None:
        words = [str(UV), "pip", "sync", "--python", str(venv.python), "--extra", "cu126"]
        done = run(*words, str(together), cwd=venv.path, env=venv.env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert venv.installed() == without_own(compiled, "requirements.cu126.txt")

    @pytest.mark.skipif(UV is None, reason="uv is not installed here")
    def test_with_uv(self, compiled: Project, venv: Venv) -> None:
        file = compiled.folder / "pylock.cu126.toml"
        words = [str(UV), "pip", "sync", "--python", str(venv.python), str(file)]
        done = run(*words, cwd=venv.path, env=venv.env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert venv.installed() == without_own(compiled, "requirements.cu126.txt")
