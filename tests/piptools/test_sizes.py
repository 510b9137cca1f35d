"""What `accelock compile -v` says at its end: MB per target, and no body for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer

WORDS = ("-t", "cpu", "-t", "cu126", "--platform", "linux-x86_64")


def test_each_target_and_all_together(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torch==2.6.0\n")
    said = project.compile("-v", *WORDS).stderr
    lines = said.splitlines()[-3:]
    assert [line.split(" ")[0] for line in lines] == ["cpu", "cu126", "all"]
    assert all("MB" in line and "not known" not in line for line in lines)
    assert index.bodies_of_wheels() == ()
    heads = [each.path for each in index.requests if each.method == "HEAD"]
    assert len(heads) == len(set(heads))


def test_the_second_time_nothing_is_asked(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torch==2.6.0\n")
    first = project.compile("-v", *WORDS).stderr.splitlines()[-3:]
    index.reset()
    assert project.compile("-v", *WORDS).stderr.splitlines()[-3:] == first
    assert [each for each in index.requests if each.method == "HEAD"] == []


def test_without_v_nothing_is_said_or_asked(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torch==2.6.0\n")
    assert " downloads " not in project.compile(*WORDS).stderr
    assert [each for each in index.requests if each.method == "HEAD"] == []
