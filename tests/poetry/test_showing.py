"""`show`, `export` and their kin speak of the target of this machine, and change nothing."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import on_linux
from tests.support.environments import run

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

pytestmark = [pytest.mark.internals, on_linux]
exports = pytest.mark.skipif(
    importlib.util.find_spec("poetry_plugin_export") is None,
    reason="poetry-plugin-export is not installed",
)


def shown(project: Project, *words: str, target: str) -> str:
    before = project.files()
    project.make_environment()
    done = project.poetry(*words, ACCELOCK_TARGET=target)
    assert project.files() == before
    return done.stdout


@pytest.mark.parametrize("words", [("show",), ("show", "--tree"), ("show", "--all")])
def test_show(copy: Project, words: tuple[str, ...]) -> None:
    cpu, cuda = (shown(copy, *words, target=each) for each in ("cpu", "cu126"))

    assert "2.6.0+cpu" in cpu
    assert "nvidia-" not in cpu
    assert "2.6.0+cu126" in cuda
    assert "nvidia-cudnn-cu12" in cuda
    assert "+cpu" not in cuda


def test_show_one(copy: Project) -> None:
    text = shown(copy, "show", "torch", target="cu126")

    assert "2.6.0+cu126" in text
    assert "triton 3.2.0" in text


def test_show_why(copy: Project) -> None:
    text = shown(copy, "show", "--tree", "--why", "nvidia-cublas-cu12", target="cu126")

    assert "torch" in text


def test_the_choice_of_the_environment_counts(copy: Project) -> None:
    copy.make_environment()
    copy.poetry("accelock", "use", "cu126")

    assert "2.6.0+cu126" in copy.poetry("show").stdout


def test_nothing_is_asked_of_the_server(copy: Project) -> None:
    shown(copy, "show", target="cu126")
    shown(copy, "show", "--tree", target="cpu")

    assert copy.server.requests == ()


@exports
class TestExport:
    @pytest.mark.parametrize("target", ["cpu", "cu126"])
    def test_pip_installs_what_it_says(self, copy: Project, target: str) -> None:
        text = shown(copy, "export", target=target)
        file = copy.put(f"requirements-{target}.txt", text)
        python = copy.folder.parent / "pip"
        made = run("python", "-m", "venv", python, cwd=copy.folder, env=copy.env)
        assert made.returncode == 0
        pip = (python / "bin/python", "-m", "pip", "install", "--require-hashes", "-r", file)
        done = run(*pip, cwd=copy.folder, env=copy.env)

        assert done.returncode == 0, done.stderr
        assert f"torch-2.6.0+{target}" in done.stdout

    def test_the_sources_of_the_target_are_there_and_no_other(self, copy: Project) -> None:
        text = shown(copy, "export", "--without-hashes", target="cu126")

        url = copy.server.url
        assert f"--index-url {url}/simple\n" in text
        assert f"--extra-index-url {url}/whl/cu126\n" in text
        assert "whl/cpu" not in text

    def test_credentials_only_on_request(self, copy: Project) -> None:
        copy.poetry("config", "http-basic.accelock-pytorch-cpu", "someone", "secret")

        assert "secret" not in shown(copy, "export", target="cpu")
        with_them = shown(copy, "export", "--with-credentials", target="cpu")
        assert "someone:secret@127.0.0.1" in with_them

    def test_a_lock_file_of_pep_751(self, copy: Project) -> None:
        done = copy.poetry("export", "-f", "pylock.toml", code=None, ACCELOCK_TARGET="cu126")
        if "or higher" in done.stderr or "Invalid export format" in done.stderr:
            pytest.skip("this Poetry or this export plugin knows no pylock.toml")

        assert done.returncode == 0, done.stderr
        assert f"{copy.server.url}/whl/cu126/torch-2.6.0%2Bcu126-cp312" in done.stdout
        assert 'version = "2.6.0+cu126"' in done.stdout
