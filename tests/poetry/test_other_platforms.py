"""What a project asks for on some platforms alone: it is theirs, and in nobody else's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_cases import legacy
from tests.poetry.support_site import pure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

APPLE, LINUX = "sys_platform == 'darwin'", "sys_platform == 'linux'"
BOTH = 'platforms = ["linux-x86_64", "macos-arm64"]'
# Its only release wants torch below 2.7.
BOUND = "old-fashioned==1.0"


def of(project: Project, target: str, platform: str, *names: str) -> dict[str, str]:
    pins = project.pins(target, platform)
    return {name: pins[name] for name in names if name in pins}


class TestWithATorchOfItsOwn:
    """As xformers for Linux, which pins a torch that is newer than the last one for a Mac."""

    @pytest.mark.parametrize("table", [BOTH, ""])
    def test_it_is_not_held_to_another_platforms(self, project: Project, table: str) -> None:
        project.write_pyproject(
            [f"torch==2.7.1; {APPLE}", f"torch==2.6.0; {LINUX}", f"{BOUND}; {LINUX}"], table=table
        ).poetry("lock")
        before = project.read()

        names = ("torch", "old-fashioned")
        assert of(project, "cpu", "linux-x86_64", *names) == {
            "torch": "2.6.0+cpu",
            "old-fashioned": "1.0",
        }
        assert of(project, "cpu", "macos-arm64", *names) == {"torch": "2.7.1"}
        assert of(project, "cu126", "linux-x86_64", *names) == {
            "torch": "2.6.0+cu126",
            "old-fashioned": "1.0",
        }
        project.poetry("check", "--lock")
        assert "old-fashioned" not in project.poetry("accelock", "check", code=None).stdout
        project.poetry("lock", "--regenerate")
        assert project.read() == before

    def test_nor_on_a_target_that_has_no_such_platform(self, project: Project) -> None:
        project.write_pyproject(
            [f"torch==2.6.0; {APPLE}", f"torch==2.7.1; {LINUX}", f"{BOUND}; {APPLE}"], table=BOTH
        ).poetry("lock")

        assert of(project, "cpu", "macos-arm64", "torch", "old-fashioned") == {
            "torch": "2.6.0",
            "old-fashioned": "1.0",
        }
        for target in ("cpu", "cu126"):
            found = of(project, target, "linux-x86_64", "torch", "old-fashioned")
            assert found == {"torch": f"2.7.1+{target}"}

    def test_what_it_shares_with_others_stays_theirs(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
        index: IndexServer,
    ) -> None:
        bound = pure("bound", "1.0", "torch<2.7", "tqdm", "pillow")
        project = project_at(serve(index.site.with_files("/simple", bound)))
        project.write_pyproject(
            [f"torch==2.7.1; {APPLE}", f"torch==2.6.0; {LINUX}", f"bound; {LINUX}", "tqdm"],
            table=BOTH,
        ).poetry("lock")

        entries = {each["name"]: each for each in project.view("cpu")}
        assert "tqdm" in project.pins("cpu", "windows-x86_64")  # a platform that nobody declared
        assert entries["pillow"]["markers"] == entries["bound"]["markers"]
        assert set(of(project, "cpu", "linux-x86_64", "bound", "pillow", "tqdm")) == {
            "bound",
            "pillow",
            "tqdm",
        }
        assert set(of(project, "cpu", "macos-arm64", "bound", "pillow", "tqdm")) == {"tqdm"}

    def test_of_an_extra_and_of_a_group(self, project: Project) -> None:
        """In the tables of Poetry's own, and with what another extra has of it everywhere."""
        text = legacy(
            f'torch = [{{ version = "2.7.1", markers = "{APPLE}" }}, '
            f'{{ version = "2.6.0", markers = "{LINUX}" }}]\n'
            f'old-fashioned = {{ version = "1.0", markers = "{LINUX}", optional = true }}\n',
            f'[tool.poetry.extras]\nold = ["old-fashioned"]\n'
            "[tool.poetry.group.dev.dependencies]\n"
            f'old-fashioned = {{ version = "1.0", markers = "{LINUX}" }}\ntqdm = "*"\n',
        )
        url = project.server.url
        project.put(
            "pyproject.toml",
            f'{text}\n{project.primary}\n[tool.accelock]\ntargets = ["cpu"]\n{BOTH}\n'
            f'[tool.accelock.sources]\npytorch = "{url}/whl/{{target}}"\n',
        )
        project.poetry("lock")

        old = {each["name"]: each for each in project.view("cpu")}["old-fashioned"]
        assert old["groups"] == ["main", "dev"]
        assert project.pins("cpu", extras=["old"])["old-fashioned"] == "1.0"
        assert project.pins("cpu", groups=["dev"])["old-fashioned"] == "1.0"
        mac = project.pins("cpu", "macos-arm64", groups=["main", "dev"], extras=["old"])
        assert (mac["torch"], "tqdm" in mac, "old-fashioned" in mac) == ("2.7.1", True, False)


def test_what_is_for_no_platform_at_all_does_not_get_lost(project: Project) -> None:
    """It is in nobody's slice, so that it would be nowhere in the lock: that is said instead."""
    project.write_pyproject(["torch==2.7.1", f"{BOUND}; sys_platform == 'freebsd14'"], table=BOTH)

    assert "old-fashioned (1.0) depends on torch (<2.7)" in project.refused("lock")


def test_where_it_fits_it_is_in_every_slice(project: Project) -> None:
    """So that a machine of no declared platform has it too, with a Poetry without the plugin."""
    project.write_pyproject(
        ["torch==2.6.0", f"{BOUND}; {LINUX}", "tqdm; sys_platform == 'win32'"], table=BOTH
    ).poetry("lock")

    entries = {each["name"]: each for each in project.view("cpu")}
    assert entries["old-fashioned"]["markers"] == LINUX.replace("'", '"')
    assert entries["tqdm"]["markers"] == 'sys_platform == "win32"'
