"""The oldest system that a file is for, and the newer versions that it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.piptools.support_sites import on_pypi
from tests.support.server import IndexServer
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.wheels import Distribution

LINUX = ("--platform=linux-x86_64", "--platform=linux-aarch64")


def native(version: str, *tags: str) -> list[Distribution]:
    return [wheel("native", version, f"py3-none-{tag}") for tag in tags]


OLD = native("1.0", "manylinux2014_x86_64", "manylinux2014_aarch64")
NEW = native("2.0", "manylinux2014_x86_64", "manylinux_2_34_aarch64")
WAKE = [
    wheel("wake", "0.4.0"),
    wheel("wake", "0.6.0", requires=["native>=2"]),
]


def said(
    project_at: Callable[[IndexServer], Project], line: str, table: str = ""
) -> tuple[Project, str]:
    with IndexServer(on_pypi(*OLD, *NEW, *WAKE)) as server:
        project = project_at(server)
        project.write(requirements_in=f"{line}\n", pyproject_toml=f"[tool.accelock]\n{table}\n")
        done = project.compile("-q", "-t", "cpu", *LINUX, "requirements.in")
    return project, done.stderr


def test_a_version_whose_own_wheels_need_a_newer_system(
    project_at: Callable[[IndexServer], Project],
) -> None:
    project, words = said(project_at, "native")

    assert project.pins(platform="linux-aarch64")["native"] == "1.0"
    assert words.count("NOTE: ") == 1
    assert (
        "on linux-aarch64 native 2.0 is skipped, and 1.0 taken: its wheels need glibc 2.34" in words
    )
    assert '`glibc` is "2.28"' in words


def test_a_version_that_requires_such_a_one(project_at: Callable[[IndexServer], Project]) -> None:
    project, words = said(project_at, "wake")

    assert project.pins(platform="linux-aarch64")["wake"] == "0.4.0"
    assert "on linux-aarch64 wake 0.6.0 is skipped, and 0.4.0 taken: it needs native>=2" in words
    assert "glibc 2.34" in words


def test_nothing_is_said_where_nothing_was_lost(
    project_at: Callable[[IndexServer], Project],
) -> None:
    assert "NOTE: " not in said(project_at, "native<2")[1]


def test_with_a_newer_system_it_is_taken(project_at: Callable[[IndexServer], Project]) -> None:
    project, words = said(project_at, "wake", 'glibc = "2.34"')

    assert project.pins(platform="linux-aarch64")["wake"] == "0.6.0"
    assert "NOTE: " not in words
