"""A family whose builds no label tells apart: each line names the file of its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import Project, lines_of
from tests.support.llama_site import NAME, NEWEST, built, table, with_llama
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.server import IndexServer
    from tests.support.sites import Site

PLATFORMS = ("--platform=linux-x86_64", "--platform=macos-arm64")
BOTH = ("-q", "--strip-extras", "-t", "cpu", "-t", "cu124", *PLATFORMS)


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    return serve(with_llama(pytorch_site()))


@pytest.fixture
def project(server: IndexServer, project_at: Callable[[IndexServer], Project]) -> Project:
    made = project_at(server).write(requirements_in=f"{NAME}\n")
    return made.write(pyproject_toml=f"[tool.accelock.sources]\n{table(server.url)}")


def own_lines(project: Project, file: str) -> list[str]:
    return [line for line in lines_of(project.read(file)) if line.startswith(NAME)]


def line(server: IndexServer, target: str, tag: str = "linux_x86_64") -> str:
    return f"{NAME} @ {server.other_url}{built(server.site, target, tag=tag).path}"


def test_each_target_has_the_file_of_its_index(project: Project, server: IndexServer) -> None:
    assert "WARNING" not in project.compile(*BOTH).stderr
    assert own_lines(project, "requirements.cu124.txt") == [line(server, "cu124")]
    assert own_lines(project, "requirements.cpu.txt") == [
        f'{line(server, "cpu")} ; sys_platform == "linux"',
        f'{line(server, "cpu", "macosx_11_0_arm64")} ; sys_platform != "linux"',
    ]
    assert server.bodies_of_wheels() == ()
    assert project.pins("requirements.cu124.txt")["tqdm"]


def test_pip_installs_it_and_no_sources(project: Project, server: IndexServer) -> None:
    project.compile("-q", "-t", "cu124", PLATFORMS[0])
    words = ("-m", "pip", "download", "-q", "--no-deps", "-d", "got", "-r", "requirements.txt")
    done = project.python(*words)
    assert done.returncode == 0, done.stderr
    (found,) = (project.folder / "got").glob("llama*")
    assert found.read_bytes() == built(server.site, "cu124").distribution.content


def test_a_second_compile_keeps_what_is_there(project: Project, server: IndexServer) -> None:
    project.compile(*BOTH)
    before = own_lines(project, "requirements.cu124.txt")
    newer = wheel(NAME, "0.3.9", "py3-none-linux_x86_64", ("tqdm",), note="for cu124")
    index = "/llama-cpp-python/whl/cu124"
    server.site = server.site.with_files(index, newer)
    project.compile(*BOTH)
    assert own_lines(project, "requirements.cu124.txt") == before
    project.compile(*BOTH, "-U")
    (now,) = own_lines(project, "requirements.cu124.txt")
    assert now.endswith(f"{index}/{newer.filename}")
    assert project.accelock("check").returncode == 0


def test_hashes_need_consent(project: Project, server: IndexServer) -> None:
    said = project.refused(*BOTH, "--generate-hashes")
    assert "--allow-downloads" in said
    assert NAME in said
    assert server.bodies_of_wheels() == ()


def test_with_consent_the_line_has_the_hash_of_its_file(
    project: Project, server: IndexServer
) -> None:
    project.compile(*BOTH, "--generate-hashes", "--allow-downloads")
    for target in ("cpu", "cu124"):
        own = built(server.site, target)
        file = f"requirements.{target}.txt"
        assert f"{own.path}#sha256={own.distribution.sha256}" in project.read(file)
        assert project.hashes(file)[NAME] == {own.distribution.hash}
    assert len(server.bodies_of_wheels()) == 3
    done = project.accelock("check")
    assert done.returncode == 0, done.stdout
    words = ("--require-hashes", "-d", "got", "-r", "requirements.cu124.txt")
    done = project.python("-m", "pip", "download", "-q", *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [(), ("--generate-hashes", "--allow-downloads")], ids=len)
def test_sync_puts_another_targets_build_in_its_place(
    project: Project, words: tuple[str, ...]
) -> None:
    table = project.read("pyproject.toml")
    head = '[tool.accelock]\ntargets = ["cpu", "cu124"]\nplatforms = ["linux-x86_64"]\n'
    project.write(pyproject_toml=head + table)
    project.compile("-q", "--strip-extras", *words)
    made = project.python("-m", "venv", str(project.folder / "venv"))
    assert made.returncode == 0, made.stderr
    python = str(project.folder / "venv" / "bin" / "python")
    for target in ("cpu", "cu124"):
        there = Project(project.folder, {**project.env, "ACCELOCK_TARGET": target})
        done = there.accelock("sync", "--python-executable", python)
        assert done.returncode == 0, done.stderr
        (wheel_file,) = project.folder.glob("venv/lib/python*/site-packages/llama*/WHEEL")
        assert f"for {target}" in wheel_file.read_text(encoding="utf-8")


def test_a_mirror_of_this_machine_cannot_name_the_file(
    project: Project, server: IndexServer
) -> None:
    (project.folder / "pyproject.toml").unlink()
    source = f"{server.url}/llama-cpp-python/whl/{{target}}"
    said = project.refused(*BOTH, ACCELOCK_SOURCE_LLAMA_CPP_PYTHON=source)
    assert "Use --generate-hashes, or name the source in [tool.accelock.sources]" in said


def test_a_target_without_an_index_may_take_another_ones(
    project: Project, server: IndexServer
) -> None:
    words = ("-q", "-t", "cu126", "--platform=linux-x86_64")
    assert f"it has no {NAME} at all" in project.refused(*words)
    own = table(server.url).replace("{target}", "cu124")
    head = '[tool.accelock]\ntargets = ["cu126"]\n[tool.accelock.target.cu126.sources]\n'
    project.write(pyproject_toml=head + own)
    project.compile(*words)
    assert own_lines(project, "requirements.txt") == [line(server, "cu124")]


def test_a_pin_with_a_label_is_told_to_have_none(project: Project) -> None:
    project.write(requirements_in=f"{NAME}=={NEWEST}+cu124\n")
    said = project.refused("-q", "-t", "cu124", "--platform=linux-x86_64")
    assert "carries the label +cu124" in said
    assert "cpuonly" not in said


@pytest.mark.parametrize(
    "given",
    [
        f"{NAME}==0.3.7\ntqdm==4.67.1\n",
        f"{NAME} @ http://elsewhere/llama_cpp_python-0.3.7-py3-none-linux_x86_64.whl\n",
    ],
    ids=["pin", "url"],
)
def test_a_turned_file_names_the_file_of_its_target(
    project: Project, server: IndexServer, given: str
) -> None:
    project.put("given.txt", given)
    words = ("-q", "-t", "cu124", PLATFORMS[0])
    done = project.accelock("rewrite", *words, "given.txt", "-o", "cu124.txt")
    assert (done.returncode, done.stderr) == (0, "")
    own = built(server.site, "cu124", "0.3.7")
    assert own_lines(project, "cu124.txt") == [f"{NAME} @ {server.other_url}{own.path}"]
    done = project.accelock("rewrite", "-q", "-t", "cpu", *PLATFORMS, "cu124.txt", "-o", "cpu.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.partition(" ; ")[0] for each in own_lines(project, "cpu.txt")] == [
        f"{NAME} @ {server.other_url}{built(server.site, 'cpu', '0.3.7', tag).path}"
        for tag in ("linux_x86_64", "macosx_11_0_arm64")
    ]
    done = project.accelock("rewrite", "-t", "cpu", *PLATFORMS, "cpu.txt", "-o", "again.txt")
    assert own_lines(project, "again.txt") == own_lines(project, "cpu.txt")


def test_a_turned_file_with_hashes_needs_consent(project: Project, server: IndexServer) -> None:
    project.put("given.txt", f"{NAME}==0.3.7\n")
    words = ("rewrite", "-q", "-t", "cu124", PLATFORMS[0], "--generate-hashes", "given.txt")
    refused = project.accelock(*words)
    assert refused.returncode == 1
    assert "--allow-downloads" in refused.stderr
    done = project.accelock(*words, "--allow-downloads")
    assert done.returncode == 0, done.stderr
    own = built(server.site, "cu124", "0.3.7")
    assert f"{own.path}#sha256={own.distribution.sha256} \\\n    --hash=" in done.stdout
