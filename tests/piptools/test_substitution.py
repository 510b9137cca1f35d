"""A plain name in the inputs, and what each target's file has for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.elsewhere import pip_elsewhere
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.substituted import with_substituted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.piptools.support_project import Project

TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126", "cu130"]
platforms = ["linux-x86_64", "macos-arm64"]
[tool.pip-tools]
strip-extras = true
"""
ALL = TABLE.replace(
    '"linux-x86_64", "mac', '"linux-x86_64", "linux-aarch64", "windows-x86_64", "mac'
)


@pytest.fixture(scope="module")
def site() -> Iterator[IndexServer]:
    with IndexServer(with_substituted(pytorch_site())) as server:
        yield server


@pytest.fixture
def project(site: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    return project_at(site).write(pyproject_toml=TABLE, requirements_in="onnxruntime\njax\n")


def pins(project: Project, target: str, platform: str = "linux-x86_64") -> dict[str, str]:
    return project.pins(f"requirements.{target}.txt", platform)


def installed(project: Project, target: str, platform: str, folder: Path) -> dict[str, str]:
    """What plain pip would install of a file on a platform, with its hashes."""
    words = ("--quiet", "--report=-", "--require-hashes")
    file = str(project.folder / f"requirements.{target}.txt")
    done = pip_elsewhere(platform, *words, "-r", file, cwd=folder, env=project.env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["install"]
    return {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in report}


def test_each_target_has_its_own_and_it_installs(project: Project, tmp_path: Path) -> None:
    said = project.compile("-q", "--generate-hashes").stderr

    cpu = pins(project, "cpu")
    assert (cpu["onnxruntime"], cpu["jax"]) == ("1.32.0", "0.10.2")
    assert cpu.keys() == {"onnxruntime", "jax", "jaxlib"}
    assert pins(project, "cpu", "macos-arm64") == cpu
    cu126 = pins(project, "cu126")
    assert cu126["onnxruntime-gpu"] == "1.26.0"
    assert cu126.keys() == {
        *("onnxruntime-gpu", "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda12-pjrt")
    }
    assert pins(project, "cu130")["onnxruntime-gpu"] == "1.31.1"
    assert "jax-cuda13-plugin" in pins(project, "cu130")
    text = project.read("requirements.cu126.txt")
    assert text.count("    # via -r requirements.in") == 2
    assert "same for" not in said
    for target, platform in (
        ("cpu", "linux-x86_64"),
        ("cpu", "macos-arm64"),
        ("cu126", "linux-x86_64"),
    ):
        assert installed(project, target, platform, tmp_path) == pins(project, target, platform)


def test_platforms_of_a_target_differ(project: Project, tmp_path: Path) -> None:
    project.put("pyproject.toml", ALL)
    project.write(requirements_in="onnxruntime\njax\nxgboost\n")
    project.compile("-q", "--generate-hashes")

    assert pins(project, "cu126", "linux-aarch64")["onnxruntime"] == "1.32.0"
    assert "jax-cuda12-plugin" in pins(project, "cu126", "linux-aarch64")
    windows = pins(project, "cu126", "windows-x86_64")
    assert windows["onnxruntime-gpu"] == "1.26.0"
    assert "jax-cuda12-plugin" not in windows
    assert "xgboost-cpu" in pins(project, "cpu", "windows-x86_64")
    assert "xgboost" in pins(project, "cpu", "macos-arm64")
    for platform in ("linux-aarch64", "windows-x86_64"):
        assert installed(project, "cu126", platform, tmp_path) == pins(project, "cu126", platform)


def test_a_second_run_changes_nothing_and_check_is_content(project: Project) -> None:
    project.compile("-q", "--generate-hashes")
    before = project.files()
    project.compile("-q", "--generate-hashes")
    assert project.files() == before
    done = project.accelock("check")
    assert done.returncode == 0, done.stdout


def test_specifier_marker_and_constraints_count(project: Project) -> None:
    project.write(
        pyproject_toml=TABLE.replace(', "cu130"', ""),
        requirements_in="-c limits.txt\nonnxruntime>=1.20 ; python_full_version >= '3.8.1'\n",
        limits_txt="onnxruntime<1.26\njax<0.10\n",
    )
    project.compile("-q")
    assert pins(project, "cpu") == {"onnxruntime": "1.25.1"}
    assert project.lines("requirements.cu126.txt") == [
        'onnxruntime-gpu==1.25.1 ; python_full_version >= "3.8.1"'
    ]
    assert "# via\n    #   -c limits.txt\n    #   -r requirements.in" in project.read(
        "requirements.cu126.txt"
    )


def test_upgrading_by_the_plain_name(project: Project) -> None:
    project.put("pyproject.toml", TABLE.replace(', "cu130"', ""))
    project.write(requirements_in="onnxruntime<1.26\n").compile("-q")
    project.write(requirements_in="onnxruntime\n").compile("-q")
    assert pins(project, "cu126") == {"onnxruntime-gpu": "1.25.1"}
    project.compile("-q", "-P", "onnxruntime")
    assert pins(project, "cpu") == {"onnxruntime": "1.32.0"}
    assert pins(project, "cu126") == {"onnxruntime-gpu": "1.26.0"}


def test_what_another_package_asks_for_by_the_plain_name_is_refused(project: Project) -> None:
    project.write(requirements_in="onnxruntime\nfastembed\n")
    said = project.refused("-q")
    assert "cu126, linux-x86_64" in said
    assert "onnxruntime (required by fastembed)" in said
    assert "onnxruntime-gpu (required by -r requirements.in)" in said
    assert "[tool.accelock.packages] onnxruntime = { substitute = false }" in said


def test_nothing_is_substituted_where_the_project_does_not_ask(project: Project) -> None:
    project.write(requirements_in="fastembed\n").compile("-q")
    assert pins(project, "cu126")["onnxruntime"] == "1.32.0"


def test_it_can_be_turned_off(project: Project) -> None:
    off = "[tool.accelock.packages]\nonnxruntime = { substitute = false }\n"
    project.put("pyproject.toml", TABLE + off)
    project.write(requirements_in="onnxruntime\nfastembed\n").compile("-q")
    assert pins(project, "cu126")["onnxruntime"] == "1.32.0"


ALWAYS = '[tool.accelock.packages]\nonnxruntime = { substitute = "always" }\n'


@pytest.mark.parametrize("asked", ["fastembed\n", "onnxruntime\nfastembed\n"])
def test_pip_cannot_have_another_name_for_what_a_package_requires(
    project: Project, asked: str
) -> None:
    project.put("pyproject.toml", TABLE + ALWAYS)
    said = project.write(requirements_in=asked).refused("-q")
    assert "cu126, linux-x86_64" in said
    assert "fastembed requires onnxruntime, and this target gets onnxruntime-gpu" in said
    assert "A poetry.lock can say it" in said
    assert "`substitute = false`" in said


def test_always_where_no_package_requires_it(project: Project) -> None:
    project.put("pyproject.toml", TABLE + ALWAYS)
    project.compile("-q")
    assert pins(project, "cu126")["onnxruntime-gpu"] == "1.26.0"


def test_always_with_an_extra(project: Project) -> None:
    """What the project asks for itself brings the extra."""
    project.put("pyproject.toml", TABLE + ALWAYS.replace("onnxruntime", "jax"))
    project.write(requirements_in="flax\n")
    assert "Require jax in the project itself: each target" in project.refused("-q")
    project.write(requirements_in="flax\njax\n").compile("-q")
    assert "jax-cuda12-plugin" in pins(project, "cu126")


def test_a_target_that_has_none(project: Project) -> None:
    project.write(requirements_in="cupy\n")
    assert "cupy has no build for cpu on linux-x86_64" in project.refused("-q")


DEFAULTS = '[tool.accelock]\ntargets = ["cu126"]\n'


def test_a_default_platform_that_has_none_is_left_out(project: Project) -> None:
    project.write(pyproject_toml=DEFAULTS, requirements_in="cudf\njax\n")
    said = project.compile("-q", "--generate-hashes").stderr
    assert (
        "windows-x86_64 is left out of cu126: cudf has no build for cu126 on windows-x86_64, and "
        "its plain name runs on no machine. (It is a default platform;"
    ) in said
    assert said.count("is left out") == 1
    for platform in ("linux-x86_64", "linux-aarch64"):
        assert project.pins("requirements.txt", platform)["cudf-cu12"] == "26.6.0"
    assert "platforms linux-x86_64 linux-aarch64\n" in project.read("requirements.txt")
    assert project.accelock("check").returncode == 0


def test_a_named_platform_that_has_none_is_an_error(project: Project) -> None:
    named = f'{DEFAULTS}platforms = ["linux-x86_64", "windows-x86_64"]\n'
    project.write(pyproject_toml=named, requirements_in="cudf\n")
    said = project.refused("-q")
    assert "cudf has no build for cu126 on windows-x86_64" in said
    assert "leave windows-x86_64 out (`platforms` in [tool.accelock])" in said


def test_a_default_platform_that_alone_asks_for_it(project: Project) -> None:
    only = "jax ; sys_platform == 'linux'\ncudf ; sys_platform == 'win32'\n"
    project.write(pyproject_toml=DEFAULTS, requirements_in=only)
    said = project.refused("-q")
    assert "The project requires cudf on windows-x86_64 and on no other platform" in said
    assert "cudf has no build for cu126 on windows-x86_64" in said


def test_one_that_one_target_alone_asks_for(project: Project) -> None:
    project.put("pyproject.toml", f'{TABLE}[tool.accelock.target.cu126.dependencies]\ncupy = "*"\n')
    project.write(requirements_in="jax\n").compile("-q")
    assert pins(project, "cu126")["cupy-cuda12x"] == "14.2.0"
    assert "cupy-cuda12x" not in pins(project, "cpu")


def test_without_targets_nothing_is_substituted(project: Project) -> None:
    project.put("pyproject.toml", "[tool.pip-tools]\nstrip-extras = true\n")
    project.compile("-q")
    assert project.pins()["onnxruntime"] == "1.32.0"


def test_metadata_of_a_project_as_input(project: Project) -> None:
    project.put("setup.py", "from setuptools import setup\nsetup(name='x', version='1')\n")
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project.put(
        "pyproject.toml",
        f'{build}[project]\nname = "app"\nversion = "1"\ndependencies = ["onnxruntime"]\n{TABLE}',
    )
    project.compile("-q", "pyproject.toml")
    assert pins(project, "cpu") == {"onnxruntime": "1.32.0"}
    assert pins(project, "cu126") == {"onnxruntime-gpu": "1.26.0"}
    assert "# via app (pyproject.toml)" in project.read("requirements.cu126.txt")


def test_why_says_what_is_there_in_its_place(project: Project) -> None:
    project.compile("-q")
    told = project.accelock("why", "onnxruntime").stdout
    assert "cu126: not installed" in told
    assert "onnxruntime-gpu 1.26.0 is locked in its place" in told
    told = project.accelock("why", "onnxruntime-gpu").stdout
    assert "onnxruntime 1.32.0 is locked in its place" in told
    assert "required by -r requirements.in" in told


def test_rewrite_changes_no_names(project: Project) -> None:
    project.compile("-q", "--generate-hashes")
    done = project.accelock("rewrite", "-q", "-t", "cu126", "requirements.cpu.txt")
    assert done.returncode == 0, done.stderr
    assert "onnxruntime==1.32.0" in done.stdout
    assert "onnxruntime-gpu" not in done.stdout
