"""`max-mb` and `deny` of a target: compile and rewrite refuse a lock that is not within them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project

TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64", "linux-aarch64"]
[tool.accelock.target]
"""


def limited(project: Project, *lines: str) -> Project:
    return project.write(
        requirements_in="torch==2.6.0\n", pyproject_toml=TABLE + "\n".join(lines) + "\n"
    )


def heads(index: IndexServer) -> list[str]:
    return [each.path for each in index.requests if each.method == "HEAD"]


def test_what_a_target_has_not_is_denied_in_vain(project: Project, index: IndexServer) -> None:
    limited(project, 'cpu.deny = ["nvidia-*", "triton"]').compile("-q")
    assert "nvidia-cudnn-cu12" in project.pins("requirements.cu126.txt")
    assert heads(index) == []
    assert project.accelock("check").returncode == 0


def test_a_denied_package_is_told_with_who_requires_it(
    project: Project, index: IndexServer
) -> None:
    said = limited(project, 'cu126.deny = ["nvidia-cublas-*", "Triton"]').refused("-q")
    assert "\n  - nvidia-cublas-cu12 12.6.4.1 (nvidia-cublas-*) is locked for cu126 on " in said
    way = "torch 2.6.0+cu126 (-r requirements.in) requires"
    assert f": {way} nvidia-cublas-cu12\n" in said
    assert "triton 3.2.0 (triton) is locked for cu126 on linux-x86_64: " in said
    assert "Nothing was written" in said
    assert heads(index) == []


def test_who_requires_it_is_known_without_annotations(project: Project) -> None:
    said = limited(project, 'cu126.deny = ["triton"]').refused("-q", "--no-annotate")
    assert "torch 2.6.0+cu126 (-r requirements.in) requires triton" in said


def test_a_target_below_its_limit_is_said(project: Project, index: IndexServer) -> None:
    said = limited(project, "cu126.max-mb = 400").compile().stderr
    (line,) = [each for each in said.splitlines() if " downloads " in each]
    assert line.startswith("cu126 downloads 0.0 MB on linux-x86_64, Python ")
    assert line.endswith(" (max-mb = 400)")
    # Of cpu, which has no limit, nothing was asked.
    assert heads(index)
    assert not any("cpu" in path for path in heads(index))
    assert index.bodies_of_wheels() == ()


def test_a_target_above_its_limit_is_an_error(project: Project) -> None:
    said = limited(project, "cpu.max-mb = 400", "cu126.max-mb = 0.001").refused("-q")
    assert "  - cu126 downloads 0.0 MB on linux-x86_64, Python " in said
    assert "above max-mb = 0.001; the largest: torch 2.6.0+cu126 0.0 MB, " in said
    assert "cpu downloads" not in said


def test_a_size_that_nobody_tells_is_a_warning(
    project_at: Callable[[IndexServer], Project],
) -> None:
    site = pytorch_site()
    torch = [
        f for f in site.hosted() if f.startswith("/whl/cpu/torch-2.6.0+cpu") and "_aarch64" in f
    ]
    for path in torch:
        site = site.configured(path, fault="unavailable")
    with IndexServer(site) as server:
        project = limited(project_at(server), "cpu.max-mb = 400")
        said = project.compile("-q").stderr
    assert "WARNING: cpu: no index publishes the size of torch 2.6.0+cpu (linux-aarch64)" in said


def test_a_direct_url_is_asked_for_its_size(project: Project, index: IndexServer) -> None:
    path = next(f for f in index.site.hosted() if f.startswith("/packages/filelock-"))
    limited(project, "cpu.max-mb = 400").write(requirements_in=f"filelock @ {index.url}{path}\n")
    said = project.compile("-t", "cpu").stderr
    assert "cpu downloads 0.0 MB on " in said
    assert path in heads(index)


def test_rewrite_and_a_dry_run_are_held_too(project: Project) -> None:
    limited(project, 'cu126.deny = ["triton"]').compile("-q", "-t", "cpu")
    before = project.files()
    done = project.accelock("rewrite", "-q", "-t", "cu126", "-o", "new.txt", "requirements.txt")
    assert done.returncode == 1
    assert "triton 3.2.0 (triton) is locked for cu126" in done.stderr
    assert "triton 3.2.0 (triton)" in project.refused("-q", "--dry-run")
    assert project.files() == before


def test_check_finds_it_offline(project: Project, index: IndexServer) -> None:
    limited(project).compile("-q")
    limited(project, 'cu126.deny = ["triton"]', "cu126.max-mb = 0.001")
    index.reset()
    done = project.accelock("check")
    assert done.returncode == 1
    assert "requirements.cu126.txt: error: triton 3.2.0 (triton) is locked for cu126" in done.stdout
    assert "torch 2.6.0+cu126 (-r requirements.in) requires triton [denied]" in done.stdout
    assert index.requests == ()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("cu126.max-mb = 0", "tool.accelock.target.cu126.max-mb: 0 is not a number of MB"),
        (
            'cu126.deny = ["a b"]',
            ("tool.accelock.target.cu126.deny[0]: 'a b' is not a project name"),
        ),
    ],
)
def test_a_fault_is_told_before_anything_is_read(
    project: Project, index: IndexServer, line: str, fault: str
) -> None:
    assert fault in limited(project, line).refused()
    assert index.requests == ()
