"""`max-mb` and `deny` of a target: `poetry lock` and `add` refuse a lock beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project


def limited(
    project: Project, *lines: str, requires: tuple[str, ...] = ("torch==2.6.0",)
) -> Project:
    return project.write_pyproject(
        requires, more="\n".join(("[tool.accelock.target]", *lines)), python=">=3.11,<3.14"
    )


def heads(index: IndexServer) -> list[str]:
    return [each.path for each in index.requests if each.method == "HEAD"]


def test_what_a_target_has_not_is_denied_in_vain(project: Project, index: IndexServer) -> None:
    said = limited(project, 'cpu.deny = ["nvidia-*", "triton"]').poetry("lock").stderr
    assert "nvidia-cudnn-cu12" in project.pins("cu126")
    assert "Download" not in said
    assert heads(index) == []
    assert project.poetry("accelock", "check").returncode == 0


def test_a_denied_package_is_told_with_who_requires_it(
    project: Project, index: IndexServer
) -> None:
    said = limited(project, 'cu126.deny = ["nvidia-cublas-*", "Triton"]').refused("lock")
    assert "- nvidia-cublas-cu12 12.6.4.1 (nvidia-cublas-*) is locked for cu126 on " in said
    assert "torch 2.6.0+cu126 (pyproject.toml) requires nvidia-cublas-cu12" in said
    assert "triton 3.2.0 (triton) is locked for cu126 on linux-x86_64: torch 2.6.0+cu126" in said
    assert "Nothing was written" in said
    assert heads(index) == []


def test_the_table_has_what_a_target_downloads(project: Project, index: IndexServer) -> None:
    said = limited(project, "cu126.max-mb = 400").poetry("lock").stderr
    head, cpu, cu126 = said.splitlines()[-3:]
    assert head.split() == ["Target", "torch", "Packages", "Only", "here", "Download"]
    assert (cpu.split()[0], cpu.split()[-1]) == ("cpu", "-")
    assert (cu126.split()[0], *cu126.split()[-2:]) == ("cu126", "0.0", "MB")
    assert heads(index)
    assert not any("cpu" in path for path in heads(index))
    assert index.bodies_of_wheels() == ()


def test_a_target_above_its_limit_is_an_error(project: Project) -> None:
    said = limited(project, "cpu.max-mb = 400", "cu126.max-mb = 0.001").refused("lock")
    assert "- cu126 downloads 0.0 MB on linux-x86_64, Python 3.11, above max-mb = 0.001" in said
    assert "the largest: torch 2.6.0+cu126 0.0 MB, " in said
    assert "cpu downloads" not in said


def test_what_add_would_lock_is_held_too(project: Project) -> None:
    limited(project, 'cpu.deny = ["six"]').poetry("lock")
    said = project.refused("add", "--lock", "six")
    assert "(six) is locked for cpu on " in said
    assert ": pyproject.toml asks for it" in said


def test_a_lock_in_which_no_target_differs_is_held_for_each(project: Project) -> None:
    limited(project, 'cu126.deny = ["six"]', requires=("six",))
    assert "(six) is locked for cu126 on linux-x86_64" in project.refused("lock")
    limited(project, "cu126.max-mb = 1", requires=("six",))
    assert "accelock: cu126 downloads 0.0 MB on " in project.poetry("lock").stderr


def test_a_size_that_nobody_tells_is_a_warning(
    index: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    site = index.site
    for path in [
        f for f in site.hosted() if f.startswith("/whl/cpu/torch-2.6.0+cpu") and "_aarch64" in f
    ]:
        site = site.configured(path, fault="unavailable")
    with IndexServer(site) as server:
        said = limited(project_at(server), "cpu.max-mb = 400").poetry("lock").stderr
    assert "cpu: no index publishes the size of torch 2.6.0+cpu (linux-aarch64)" in said


def test_check_finds_it_offline(copy: Project) -> None:
    text = '\n[tool.accelock.target.cu126]\ndeny = ["triton"]\nmax-mb = 0.001\n'
    copy.put("pyproject.toml", copy.read("pyproject.toml") + text)
    copy.server.reset()
    said = copy.poetry("accelock", "check", code=1).stdout
    assert "triton 3.2.0 (triton) is locked for cu126 on linux-x86_64: " in said
    assert "torch 2.6.0+cu126 (pyproject.toml) requires triton [denied]" in said
    assert copy.server.requests == ()
