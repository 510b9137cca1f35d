"""Option lines, paths and URLs in a file that is turned, and everything that stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import lines_of, options_of
from tests.piptools.support_rewrite import platforms_of, refused, rewrite, says, turned, versions
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

LINUX = ("--platform", "linux-x86_64")
PINS = "jinja2==3.1.5\ntorch==2.6.0+cu126\n"
OURS = "--extra-index-url https://download.pytorch.org/whl/cpu"


@pytest.fixture
def plain(index: IndexServer, project: Project) -> Project:
    """A project in which nothing but a file's own lines lead to the PyTorch-like index."""
    env = {name: value for name, value in project.env.items() if not name.startswith("ACCELOCK_")}
    assert env["PIP_INDEX_URL"].startswith(index.url)
    return type(project)(project.folder, env)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("--extra-index-url https://download.pytorch.org/whl/cu126\n", [OURS]),
        ("--extra-index-url=https://download.pytorch.org/whl/cu126/\n\n", [OURS]),
        ("-i https://download.pytorch.org/whl/cu126\n", [OURS]),
        ("--extra-index-url https://download.pytorch.org/whl/cpu/\n", [f"{OURS}/"]),
        (
            "--trusted-host a.test --extra-index-url https://download.pytorch.org/whl/cu126\n",
            ["--trusted-host a.test", OURS],
        ),
        (
            (
                "--trusted-host a.test\n--extra-index-url https://download.pytorch.org/whl/cu126\n"
                "--pre\n--extra-index-url https://download.pytorch.org/whl/cu118\n"
            ),
            ["--trusted-host a.test", OURS, "--pre"],
        ),
        ("", [OURS]),
    ],
)
def test_lines_of_another_target_become_this_targets(
    project: Project, lines: str, expected: list[str]
) -> None:
    text = turned(project, f"{lines}{PINS}", "-t", "cpu", *LINUX)
    assert options_of(text) == expected
    assert "torch==2.6.0+cpu" in lines_of(text)


def test_a_page_of_all_targets_stays_the_source(project: Project) -> None:
    page = "-f https://download.pytorch.org/whl/torch_stable.html"
    text = turned(project, f"{page}\n{PINS}", "-t", "cpu", *LINUX)
    assert options_of(text) == []
    assert page in text.splitlines()


def test_a_mirror_in_the_file_is_where_the_builds_come_from(
    index: IndexServer, plain: Project
) -> None:
    mirror = f"{index.url}/whl"
    text = turned(plain, f"--extra-index-url {mirror}/cu126\n{PINS}", "-t", "cpu", *LINUX)
    assert options_of(text) == [f"--extra-index-url {mirror}/cpu"]
    assert "torch==2.6.0+cpu" in lines_of(text)


def test_variables_in_a_line_stay_variables(index: IndexServer, plain: Project) -> None:
    mirror = index.url.replace("http://", "http://${MIRROR_USER}:${MIRROR_TOKEN}@")
    plain.put("given.txt", f"--extra-index-url {mirror}/whl/cu126\n{PINS}")
    words = ("-t", "cpu", *LINUX, "given.txt", "-o", "out.txt")
    done = rewrite(plain, *words, MIRROR_USER="ann", MIRROR_TOKEN="secret")
    assert options_of(plain.read("out.txt")) == [f"--extra-index-url {mirror}/whl/cpu"]
    assert "secret" not in done.stdout + done.stderr + plain.read("out.txt")


def test_a_page_of_all_builds_stays_the_source(index: IndexServer, plain: Project) -> None:
    page = f"--find-links {index.url}/whl/torch_stable.html"
    text = turned(plain, f"{page}\n{PINS}", "-t", "cpu", "--generate-hashes")
    assert options_of(text) == [page]
    assert versions(text, "linux-x86_64")["torch"] == "2.6.0+cpu"
    assert versions(text, "macos-arm64")["torch"] == "2.6.0"
    assert text.count(" \\\n    --hash=sha256:") >= len(lines_of(text))
    assert all(hashes for _version, hashes in says(text, "windows-x86_64").values())
    assert index.bodies_of_wheels() == ()


def test_other_lines_stay_and_count(index: IndexServer, project: Project) -> None:
    wheels = project.folder / "wheels"
    wheels.mkdir()
    wheel("local-only", "1.0").save(wheels)
    lines = f"--index-url {index.url}/simple\n--find-links wheels\n--no-binary six\n"
    project.put("sub/given.txt", f"{lines}\n{PINS}local-only==1.0\n")
    wheels.rename(project.folder / "sub" / "wheels")
    words = ("-q", "-t", "cpu", *LINUX, "sub/given.txt", "-o", "sub/given.txt")
    rewrite(project, *words, PIP_INDEX_URL="http://127.0.0.1:9/nothing")
    text = project.read("sub/given.txt")
    assert options_of(text) == [*lines.splitlines(), OURS]
    assert "local-only==1.0" in lines_of(text)


def test_an_index_on_the_command_line_comes_before_the_files(
    index: IndexServer, project: Project
) -> None:
    text = turned(
        project,
        f"--index-url http://127.0.0.1:9/nothing\n{PINS}",
        *("-t", "cpu", *LINUX, "-i", f"{index.url}/simple"),
    )
    assert options_of(text) == ["--index-url http://127.0.0.1:9/nothing", OURS]


def local_project(folder: Path, name: str, requires: str) -> None:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = [{requires}]\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(
        "import os\n"
        "def build_wheel(*args, **kwargs): raise NotImplementedError\n"
        "build_editable = build_wheel\n"
        "def prepare_metadata_for_build_wheel(directory, settings=None):\n"
        f"    os.mkdir(os.path.join(directory, '{name}-1.0.dist-info'))\n"
        f"    path = os.path.join(directory, '{name}-1.0.dist-info', 'METADATA')\n"
        "    with open(path, 'w') as file:\n"
        f"        file.write('Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n')\n"
        f"        file.write('Requires-Dist: ' + {requires} + '\\n')\n"
        f"    return '{name}-1.0.dist-info'\n"
        "prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel\n"
    )


def test_paths_and_urls_stay_as_they_are(index: IndexServer, project: Project) -> None:
    local_project(project.folder / "app", "app", '"tqdm"')
    six = wheel("six", "1.17.0").save(project.folder).name
    lines = (
        "-e ./app\n    # via -r requirements.in\n"
        f"einops @ {index.url}/packages/einops-0.8.1-py3-none-any.whl\n"
        "    # via -r requirements.in\n"
        f"./{six} ; sys_platform == 'linux'\n    # via -r requirements.in\n"
    )
    given = f"{lines}torch==2.6.0\n    # via -r requirements.in\ntqdm==4.66.5\n    # via app\n"
    text = turned(project, given, "-t", "cpu", *LINUX)
    assert lines in text
    assert {"tqdm==4.66.5", "torch==2.6.0+cpu"} <= set(lines_of(text))
    assert not any(line.startswith(("app", "six", "einops==")) for line in lines_of(text))
    assert turned(project, text, "-t", "cpu", *LINUX) == text


@pytest.mark.parametrize("form", ["torch @ {url}", "{url}", "torch[opt-einsum] @ {url} ; {marker}"])
def test_a_wheel_of_torch_by_its_url_is_turned_like_a_pin(
    index: IndexServer, project: Project, form: str
) -> None:
    url = f"{index.url}/whl/cu126/torch-2.6.0%2Bcu126-cp311-cp311-manylinux_2_28_x86_64.whl"
    line = form.format(url=url, marker='python_version > "3.0"')
    text = turned(project, f"jinja2==3.1.5\n{line}\n", "-t", "cpu", *LINUX)
    (torch,) = (each for each in lines_of(text) if each.startswith("torch"))
    assert torch.replace("[opt-einsum]", "").partition(" ;")[0] == "torch==2.6.0+cpu"
    assert ("opt-einsum==3.4.0" in lines_of(text)) == ("[" in form)


def test_a_url_line_gets_its_hash_and_loses_it(index: IndexServer, project: Project) -> None:
    line = f"einops @ {index.url}/packages/einops-0.8.1-py3-none-any.whl"
    hashed = turned(project, f"{line}\ntorch==2.6.0\n", "-t", "cpu", *LINUX, "--generate-hashes")
    (einops,) = (
        each.distribution
        for each in pytorch_site().index("/simple").files
        if each.distribution.filename.startswith("einops-")
    )
    assert f"{line} \\\n    --hash={einops.hash}\n" in hashed
    bare = turned(project, hashed, "-t", "cpu", *LINUX, "--no-generate-hashes")
    assert f"{line}\n" in bare
    assert "--hash" not in bare


def test_constraints_in_the_file_count(project: Project) -> None:
    project.put("bounds.txt", "jinja2<3.1.6\n")
    text = turned(project, f"-c bounds.txt\n{PINS.replace('3.1.5', '3.1.6')}", "-t", "cpu", *LINUX)
    assert "jinja2==3.1.5" in lines_of(text)
    assert text.splitlines().count("-c bounds.txt") == 1


def test_a_file_that_takes_in_another_is_refused(project: Project) -> None:
    project.put("base.txt", "torch==2.6.0\n")
    project.put("given.txt", "jinja2==3.1.5\n-r base.txt\n")
    said = refused(project, "-q", "-t", "cpu", "given.txt")
    assert said.startswith("ERROR: given.txt, line 2: -r base.txt includes another file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch==2.6.0\n<<<<<<< HEAD\n", "given.txt, line 2: '<<<<<<< HEAD' is neither"),
        ("<html><body>Sign in</body></html>\n", "line 1 of given.txt"),
        ("torch==2.6.0 ; sys_platform = linux\n", "given.txt, line 1: "),
        ("", "given.txt is empty"),
        ("\n \n", "given.txt is empty"),
    ],
)
def test_a_broken_file_is_refused(project: Project, text: str, expected: str) -> None:
    project.put("given.txt", text)
    assert expected in refused(project, "-t", "cpu", "given.txt", "-o", "given.txt")


def test_a_file_that_is_no_text_is_refused(project: Project) -> None:
    (project.folder / "given.txt").write_bytes(b"torch==2.6.0\n\xff\xfe\x00")
    said = refused(project, "-t", "cpu", "given.txt")
    assert "given.txt is not UTF-8 text (byte 13)" in said


def test_a_file_with_a_header_and_no_pins_stays_empty(project: Project) -> None:
    done_with = "# This file is autogenerated by pip-compile\n"
    text = turned(project, done_with, "-t", "cpu")
    assert lines_of(text) == []
    assert platforms_of(text)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-t", "cpu", "absent.txt"), "'absent.txt' does not exist"),
        (("-t", "cpu", "."), "is a directory"),
        (("-t", "cuda12.6", "given.txt"), "did you mean 'cu126'?"),
        (("-t", "cpu", "--platform", "linux", "given.txt"), "unknown platform 'linux'"),
        (("given.txt",), "name it with -t"),
        (("-t", "cpu", "-t", "cu126", "given.txt"), "there are several (cpu, cu126)"),
        (("-t", "cpu"), "Missing argument 'FILE'"),
    ],
)
def test_wrong_usage(project: Project, words: tuple[str, ...], expected: str) -> None:
    project.put("given.txt", PINS)
    said = refused(project, *words, code=2)
    assert expected in " ".join(said.split())


def test_several_declared_targets_need_a_choice(project: Project) -> None:
    project.put("pyproject.toml", '[tool.accelock]\ntargets = ["cpu", "cu126"]\n')
    project.put("given.txt", PINS)
    said = refused(project, "given.txt", code=2)
    assert "there are several (cpu, cu126): choose one with -t" in said
    assert "torch==2.6.0+cpu" in rewrite(project, "-q", "-t", "cpu", "given.txt").stdout


@pytest.mark.parametrize("fault", ["unavailable", "drop", "garbage", "truncated", "login-page"])
def test_a_source_that_fails_leaves_everything_as_it_was(
    serve: Callable[..., IndexServer],
    project_at: Callable[[IndexServer], Project],
    fault: str,
) -> None:
    project = project_at(serve(pytorch_site().configured("/whl", fault=fault)))
    project.put("given.txt", PINS)
    said = refused(project, "-q", "-t", "cpu", *LINUX, "given.txt", "-o", "given.txt")
    assert "/whl/cpu/torch/" in said


def test_no_solution_is_said_in_the_files_own_words(project: Project) -> None:
    project.put("given.txt", f"{PINS}nowhere==1.0\n")
    said = refused(project, "-q", "-t", "cpu", *LINUX, "given.txt", "-o", "given.txt")
    assert "pip found no solution for cpu, linux-x86_64" in said
    assert "No matching distribution found for nowhere" in said
    assert "direct.in" not in said


def test_an_output_that_cannot_be_written(project: Project) -> None:
    project.put("given.txt", PINS)
    said = refused(project, "-q", "-t", "cpu", *LINUX, "given.txt", "-o", "absent/out.txt")
    assert "absent" in said


def test_verbose_shows_the_traceback(project: Project) -> None:
    project.put("given.txt", "")
    done = rewrite(project, "-v", "-t", "cpu", "given.txt", code=1)
    assert "Traceback" in done.stderr
