"""What we meet of Poetry's insides is there; where it is not, nothing is locked or installed."""

# ruff: noqa: PLC0415  (without Poetry this file is collected too, and its tests are skipped)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

pytestmark = [pytest.mark.internals, pytest.mark.smoke, pytest.mark.filterwarnings("default")]


def activate(project: Project) -> Any:
    from cleo.io.null_io import NullIO
    from poetry.factory import Factory

    from accelock.hosts.poetry.plugin import AccelockPlugin

    poetry = Factory().create_poetry(project.folder, disable_plugins=True)
    AccelockPlugin().activate(poetry, NullIO())
    return poetry


class TestAnotherPoetry:
    @pytest.mark.parametrize("version", ["1.8.5", "3.0.0"])
    def test_of_another_major_version(
        self, locked: Project, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        from accelock.hosts.poetry.errors import UserError

        monkeypatch.setattr("accelock.hosts.poetry.probe.VERSION", version)
        with pytest.raises(UserError, match=f"This is Poetry {version}, and accelock works with"):
            activate(locked)

    def test_a_project_without_a_table_does_not_mind(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accelock.hosts.poetry.probe.VERSION", "3.0.0")
        project.write_pyproject(targets=(), source="")

        assert activate(project).package.name == "app"

    def test_one_that_lacks_what_we_hook_into(
        self, locked: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from poetry.packages.locker import Locker

        from accelock.hosts.poetry.errors import UserError

        monkeypatch.delattr(Locker, "_write_lock_data")
        with pytest.raises(UserError, match=r"has no Locker\._write_lock_data, which accelock"):
            activate(locked)


class TestAttributes:
    """Those that only instances have: a file of accelock.hosts.poetry reads each, as written."""

    def test_of_an_installer(self, locked: Project) -> None:
        from cleo.io.null_io import NullIO
        from poetry.installation.installer import Installer
        from poetry.utils.env import MockEnv

        poetry = activate(locked)
        installer = Installer(
            NullIO(), MockEnv(), poetry.package, poetry.locker, poetry.pool, poetry.config
        )

        assert {"_locker", "_env", "_installed_repository"} <= vars(installer).keys()
        assert installer._installed_repository.system_site_packages == []
        assert installer.executor.enabled

    def test_of_a_solver(self, locked: Project) -> None:
        from cleo.io.null_io import NullIO
        from poetry.puzzle.solver import Solver

        poetry = activate(locked)
        solver = Solver(poetry.package, poetry.pool, [], [], NullIO())

        names = {"_package", "_pool", "_io", "_installed_packages", "_locked_packages"}
        assert names <= vars(solver).keys()
        assert "_source_root" in vars(solver.provider)

    def test_of_a_root_package(self, locked: Project) -> None:
        package = activate(locked).package

        assert {"_dependency_groups"} <= vars(package).keys()
        assert {"_source_type", "_source_url", "_source_reference"} <= vars(package).keys()
        assert callable(package._set_version)
        for group in package._dependency_groups.values():
            assert {"_dependencies", "_poetry_dependencies"} <= vars(group).keys()

    def test_of_a_locker_and_a_pool(self, project: Project) -> None:
        project.write_pyproject(targets=(), source="")
        poetry = activate(project)

        assert {"_lock_data", "_pyproject_data"} <= vars(poetry.locker).keys()
        assert "_repositories" in vars(poetry.pool)

    def test_of_commands_and_their_application(self) -> None:
        from poetry.console.application import Application
        from poetry.console.commands.install import InstallCommand

        assert "_poetry" in vars(Application())
        assert "_env" in vars(InstallCommand())
