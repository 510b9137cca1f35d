"""Poetry as a library: two projects in one process, and a machine with a GPU that is made up."""

# ruff: noqa: PLC0415  (without Poetry this file is collected too, and its tests are skipped)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelock.hardware import choose as choose_for_machine
from tests.hardware.machines import Commands, with_driver
from tests.poetry.support_project import new_project, on_linux

if TYPE_CHECKING:
    from pathlib import Path

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer

# The warnings of Poetry and of what it is made of are not ours to turn into errors.
pytestmark = [pytest.mark.internals, pytest.mark.filterwarnings("default")]


@pytest.fixture
def in_process(copy: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in copy.env.items():
        monkeypatch.setenv(name, value)
    return copy


def activated(project: Project) -> Any:
    """Return the Poetry object of a project, as its console makes it, with the plugin at work."""
    from cleo.io.buffered_io import BufferedIO
    from poetry.factory import Factory

    from accelock.hosts.poetry.plugin import AccelockPlugin

    io = BufferedIO()
    poetry = Factory().create_poetry(project.folder, io=io, disable_plugins=True)
    AccelockPlugin().activate(poetry, io)
    return poetry


def lock(poetry: Any) -> str:
    """Lock as `poetry lock --regenerate` does; return what was said."""
    from cleo.io.buffered_io import BufferedIO
    from poetry.installation.installer import Installer
    from poetry.utils.env import MockEnv

    io = BufferedIO()
    env = MockEnv()
    installer = Installer(io, env, poetry.package, poetry.locker, poetry.pool, poetry.config)
    installer.lock(update=True)
    assert installer.run() == 0
    poetry.locker._lock_data = None
    return str(io.fetch_output())


class TestTwoProjectsInOneProcess:
    def test_each_is_locked_by_its_own_table(
        self, in_process: Project, tmp_path: Path, index: IndexServer
    ) -> None:
        plain = new_project(tmp_path / "plain", index)
        plain.write_pyproject(["torch<2.7", "tqdm"], targets=(), source="")
        other = new_project(tmp_path / "other", index)
        other.write_pyproject(["torch"], targets=("cu118",), table='platforms = ["linux-64"]')
        expected = in_process.read()
        poetries = [activated(each) for each in (in_process, plain, other)]
        for poetry in (*poetries, *reversed(poetries)):
            lock(poetry)

        assert in_process.read() == expected
        assert {e["version"] for e in other.view("cu118") if e["name"] == "torch"} == {
            "2.7.1+cu118"
        }
        assert "accelock" not in plain.read()
        torch = [each for each in plain.lock()["package"] if each["name"] == "torch"]
        assert torch[0]["source"]["reference"] == "local"

    def test_a_project_without_a_table_keeps_its_own_classes(
        self, in_process: Project, tmp_path: Path, index: IndexServer
    ) -> None:
        from poetry.packages.locker import Locker
        from poetry.repositories.repository_pool import RepositoryPool

        activated(in_process)
        plain = new_project(tmp_path / "plain", index)
        plain.write_pyproject(["tqdm"], targets=(), source="")
        poetry = activated(plain)

        assert type(poetry.locker) is Locker
        assert type(poetry.pool) is RepositoryPool


@on_linux
class TestDetection:
    def test_the_driver_chooses(
        self, in_process: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.machine(monkeypatch, with_driver(tmp_path / "root", "570.86.15"))
        locker = activated(in_process).locker

        versions = {e["version"] for e in locker.lock_data["package"] if e["name"] == "torch"}
        assert versions == {"2.6.0+cu126"}
        assert "NVIDIA driver 570.86.15" in locker.project.choice().reason

    def test_an_old_one_does_not(
        self, in_process: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.machine(monkeypatch, with_driver(tmp_path / "root", "470.57.02"))
        locker = activated(in_process).locker

        versions = {e["version"] for e in locker.lock_data["package"] if e["name"] == "torch"}
        assert versions == {"2.6.0", "2.6.0+cpu"}
        reason = locker.project.choice().reason
        assert "needs NVIDIA driver 525.60.13 or newer, this machine has 470.57.02" in reason

    def test_the_machine_is_looked_at_once(
        self, in_process: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        looks = self.machine(monkeypatch, tmp_path)
        locker = activated(in_process).locker
        assert looks == []
        for _ in range(3):
            assert locker.lock_data["package"]
            assert locker.locked_repository().packages

        assert len(looks) == 1

    @staticmethod
    def machine(monkeypatch: pytest.MonkeyPatch, root: Path) -> list[str]:
        """Let a directory stand for `/`; return what the probes were called for."""
        looks: list[str] = []

        def choose(targets: Any, **words: Any) -> Any:
            looks.append(",".join(target.name for target in targets))
            return choose_for_machine(targets, **words, root=root, run=Commands())

        monkeypatch.setattr("accelock.hardware.choose", choose)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        return looks
