"""After `poetry accelock init --fallback`: a Poetry without accelock is right for the leader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.poetry.support_project import new_project, on_linux

if TYPE_CHECKING:
    from pathlib import Path

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer


MORE = '[tool.poetry.group.dev.dependencies]\ntorchvision = "*"\n'


@pytest.fixture(scope="module")
def made(shared: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a fallback, locked; it requires torch itself and through another package."""
    project = new_project(tmp_path_factory.mktemp("fallback"), shared)
    project.write_pyproject(["lightning", "torch"], more=MORE)
    project.poetry("accelock", "init", "--fallback")
    project.poetry("lock")
    return project


@pytest.fixture
def with_fallback(made: Project, tmp_path: Path, index: IndexServer) -> Project:
    return made.copied(new_project(tmp_path, index))


def versions(project: Project) -> dict[str, set[tuple[str, str]]]:
    """The versions and sources of torch and torchvision among the [[package]] of the lock."""
    found: dict[str, set[tuple[str, str]]] = {}
    for each in project.lock()["package"]:
        if each["name"] in {"torch", "torchvision"}:
            source = each.get("source", {}).get("reference", "")
            found.setdefault(each["name"], set()).add((each["version"], source))
    return found


def solved(project: Project) -> Any:
    """What a lock says of packages and targets; not the hash of the files it was made from."""
    lock = project.lock()
    return lock["package"], lock["accelock"], lock["metadata"]["accelock"]


class TestWithThePlugin:
    @pytest.mark.internals
    def test_the_lock_is_what_it_is_without_a_fallback(
        self, with_fallback: Project, tmp_path: Path, index: IndexServer
    ) -> None:
        other = new_project(tmp_path / "other", index)
        other.write_pyproject(["lightning", "torch"], more=MORE).poetry("lock")
        assert solved(other) == solved(with_fallback)

    @on_linux
    @pytest.mark.slow
    @pytest.mark.parametrize("reresolve", ["true", "false"])
    def test_each_target_has_its_own(self, with_fallback: Project, reresolve: str) -> None:
        for target in ("cpu", "cu126"):
            found = with_fallback.install(target=target, POETRY_INSTALLER_RE_RESOLVE=reresolve)
            assert found["torch"] == f"2.8.0+{target}"
            assert any("nvidia" in name for name in found) == (target == "cu126")

    def test_adding_by_the_name_of_our_source(self, project: Project) -> None:
        project.write_pyproject(["torch>=2.5"]).poetry("accelock", "init", "--fallback")
        project.poetry("add", "--lock", "torchvision", "--source", "accelock-pytorch-cpu")
        assert project.pins("cu126")["torchvision"] == "0.23.0+cu126"
        assert "fresh and complete" in project.poetry("accelock", "check").stdout

    def test_without_targets_a_source_is_by_hand(self, project: Project) -> None:
        source = f'name = "accelock-pytorch-cpu"\nurl = "{project.server.url}/whl/cpu"'
        project.write_pyproject(
            ["torch"],
            targets=(),
            more="[tool.poetry.dependencies]\n"
            'torch = { source = "accelock-pytorch-cpu" }\n'
            f'[[tool.poetry.source]]\n{source}\npriority = "explicit"',
        )
        project.poetry("lock")
        assert {source for _version, source in versions(project)["torch"]} == {
            "accelock-pytorch-cpu"
        }


class TestWithoutThePlugin:
    @on_linux
    @pytest.mark.slow
    @pytest.mark.parametrize("reresolve", ["true", "false"])
    @pytest.mark.parametrize("words", [(), ("--only", "main")], ids=["all", "main"])
    @pytest.mark.internals
    def test_an_install_is_the_leaders(
        self, with_fallback: Project, words: tuple[str, ...], reresolve: str
    ) -> None:
        with_fallback.make_environment()
        with_fallback.poetry(
            "install", *words, plugins=False, POETRY_INSTALLER_RE_RESOLVE=reresolve
        )
        groups = ("main",) if words else ("main", "dev")
        assert with_fallback.installed() == with_fallback.pins("cpu", groups=groups)

    @pytest.mark.parametrize(
        "words",
        [("lock",), ("lock", "--regenerate"), ("update", "--lock"), ("add", "--lock", "six")],
    )
    def test_a_lock_keeps_to_the_leader_and_loses_the_others(
        self, with_fallback: Project, words: tuple[str, ...]
    ) -> None:
        with_fallback.poetry(*words, plugins=False)

        for found in versions(with_fallback).values():
            assert {source for _version, source in found} == {"accelock-pytorch-cpu"}
            assert all(version.endswith("+cpu") for version, _source in found)
        done = with_fallback.poetry("accelock", "check", code=1)
        assert "[no-overlay]" in done.stdout
        with_fallback.poetry("lock")
        assert "fresh and complete" in with_fallback.poetry("accelock", "check").stdout

    def test_one_that_is_added_later_has_to_be_led_too(self, project: Project) -> None:
        """Poetry without accelock takes PyPI's, and says nothing: `check` is there to find it."""
        project.write_pyproject(["torch"]).poetry("accelock", "init", "--fallback")
        project.poetry("lock")
        project.poetry("add", "--lock", "torchvision", plugins=False)
        assert {source for _version, source in versions(project)["torchvision"]} == {"local"}
        said = project.poetry("accelock", "check", code=1).stdout
        assert "torchvision, in the group main, has no `source`" in said

        project.poetry("accelock", "init", "--fallback")
        project.poetry("lock", "--regenerate", plugins=False)
        found = versions(project)["torchvision"]
        assert {source for _version, source in found} == {"accelock-pytorch-cpu"}
