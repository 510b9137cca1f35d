"""What a run says of its failures: whole, with what is at fault, and nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_sites import on_pypi
from tests.support.server import IndexServer
from tests.support.wheels import sdist

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project

DEAD = "http://127.0.0.1:9"
LINUX = "--platform=linux-x86_64"


def test_metadata_of_this_machine_where_it_stops_the_run(
    project_at: Callable[[IndexServer], Project],
) -> None:
    odd = sdist("odd", "1.0", ("no-such-project",), dynamic=True)
    with IndexServer(on_pypi(odd)) as server:
        project = project_at(server)
        project.write(requirements_in="odd\n")
        said = project.refused("-q", "-t", "cpu")

    assert "no-such-project" in said
    assert "the metadata of odd 1.0 was built on this machine" in said


SAME = "NOTE: no package in this lock has a build per target: the lock is the same for cpu, cu126."
BOTH = ("-t", "cpu", "-t", "cu126", "--strip-extras")


def test_targets_that_are_the_same(project: Project) -> None:
    project.write(requirements_in="six\n")
    assert SAME in project.compile(*BOTH, LINUX).stderr
    assert project.compile("-q", *BOTH, LINUX).stderr == ""
    assert "built per target" not in project.compile("-t", "cpu", LINUX).stderr


@pytest.mark.parametrize("dev", ["torch\n", "-c requirements.txt\ntqdm\n"])
def test_targets_that_differ_or_whose_layer_below_does(project: Project, dev: str) -> None:
    project.write(requirements_in="torch\n").compile("-q", *BOTH, LINUX)
    project.put("dev.in", dev)
    assert "built per target" not in project.compile(*BOTH, LINUX, "dev.in").stderr


class TestUnreachable:
    def test_a_wheel_by_its_url(self, project: Project) -> None:
        url = f"{DEAD}/six-1.17.0-py2.py3-none-any.whl"
        project.write(requirements_in=f"six @ {url}\n")

        said = project.refused("-q", "-t", "cpu", LINUX, "--pip-args=--retries=0")

        assert url in said
        assert "-failed>" not in said
        assert "refused" in said.lower()

    def test_the_familys_index(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        words = ("-q", "-t", "cpu", LINUX, f"--source=pytorch={DEAD}/whl/{{target}}")

        said = project.refused(*words, "--pip-args=--retries=0")

        assert f"{DEAD}/whl/cpu/torch/ could not be read" in said
        assert "-failed>" not in said

    def test_an_index_of_the_users(self, project: Project) -> None:
        project.write(requirements_in="six\n")
        words = ("-q", "-t", "cpu", LINUX, f"--index-url={DEAD}/simple", "--pip-args=--retries=0")

        said = project.refused(*words)

        assert f"{DEAD}/simple/six/ could not be read" in said
        assert "-failed>" not in said


def test_a_cache_that_cannot_be_written(project: Project) -> None:
    file = project.put("file", "")
    project.write(requirements_in="six\n")

    said = project.refused("-q", "-t", "cpu", LINUX, f"--cache-dir={file / 'cache'}")

    assert f"{file / 'cache'} cannot be used" in said
    assert "--cache-dir" in said
    assert "Errno" not in said


class TestSecrets:
    @pytest.mark.parametrize(
        "source",
        [
            DEAD + "/whl/{target}?token=s3cret",
            DEAD + "/torch_stable.html?token=s3cret&v=1",
            "me:s3cret@127.0.0.1:9/whl/{target}",
            "http://me:s3cret@127.0.0.1:9/whl/{target}",
        ],
    )
    @pytest.mark.parametrize("place", ["option", "table", "environment"])
    def test_of_a_source_are_not_shown(self, project: Project, source: str, place: str) -> None:
        words: list[str] = []
        variables = {}
        if place == "option":
            words = [f"--source=pytorch={source}"]
        elif place == "table":
            table = f'[tool.accelock.sources]\npytorch = "{source}"\n'
            project.write(pyproject_toml=table)
        variables = {"ACCELOCK_SOURCE_PYTORCH": source if place == "environment" else ""}
        project.write(requirements_in="torch\n")

        done = project.compile(
            *("-t", "cpu", LINUX, *words, "requirements.in", "--pip-args=--retries=0"),
            code=2 if place == "option" and "://" not in source else 1,
            **variables,
        )

        assert "127.0.0.1" in done.stderr
        assert "s3cret" not in done.stderr + done.stdout

    def test_of_a_source_are_not_written(self, project: Project) -> None:
        url = project.env["ACCELOCK_SOURCE_PYTORCH"].replace("{target}", "torch_stable.html")
        project.write(requirements_in="torch==1.7.1\n")
        words = ("-t", "cpu", LINUX, f"--source=pytorch={url}?token=s3cret")
        project.compile(*words, ACCELOCK_SOURCE_PYTORCH="")

        assert f"--find-links {url}\n" in project.read()
        assert "s3cret" not in project.read()
