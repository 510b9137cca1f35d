"""`poetry add`, `update` and `remove`: plain commands, and every target follows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from tests.poetry.support_project import TARGETS, on_linux
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site


LINUX = 'platforms = ["linux-x86_64"]'


def public(project: Project, target: str, name: str = "torch") -> str:
    return Version(project.pins(target)[name]).public


class TestAdd:
    @pytest.mark.internals
    def test_it_takes_a_version_that_all_targets_have_and_writes_no_label(
        self, project: Project
    ) -> None:
        project.write_pyproject(["tqdm"], targets=("cpu", "cu118"), table=LINUX)
        project.poetry("add", "torch", "--lock")

        assert "torch (>=2.7.1,<3.0.0)" in project.read("pyproject.toml")
        assert "+" not in project.read("pyproject.toml")
        assert {public(project, target) for target in ("cpu", "cu118")} == {"2.7.1"}
        project.poetry("check", "--lock")

    @pytest.mark.parametrize("table", [LINUX, ""])
    def test_also_where_each_target_may_have_its_own(self, project: Project, table: str) -> None:
        """What it writes is a lower bound on every target and platform, lockstep or not."""
        targets = ("cpu", "cu118", "cu126")
        project.write_pyproject(["tqdm"], targets=targets, table=f"lockstep = false\n{table}")
        project.poetry("add", "torch", "--lock")

        assert "torch (>=2.7.1,<3.0.0)" in project.read("pyproject.toml")
        assert [public(project, each) for each in ("cpu", "cu118")] == ["2.8.0", "2.7.1"]
        platforms = project.lock()["metadata"]["accelock"]["platforms"]
        assert "linux-aarch64" not in platforms["cu126"]

    def test_where_they_have_none_in_common(self, project: Project) -> None:
        """There is no bound to write, though each could be locked: the user is to name one."""
        project.write_pyproject(
            ["tqdm"], targets=("cu118", "cu110"), table=f"lockstep = false\n{LINUX}"
        ).poetry("lock")

        said = project.refused("add", "torch", "--lock")
        assert (
            "no version of torch exists on all targets and platforms: cu118 has it up to 2.7.1"
            in said
        )
        assert 'Name the versions that you want, as in `poetry add "torch>=1.7.1"`.' in said
        project.poetry("add", "torch>=1.7.1", "--lock")
        assert [public(project, each) for each in ("cu118", "cu110")] == ["2.7.1", "1.7.1"]

    @pytest.mark.parametrize("wanted", ["torch@<2.7", "torch==2.6.0", "torch@^2.6,<2.7"])
    def test_a_constraint_is_kept(self, project: Project, wanted: str) -> None:
        project.write_pyproject([], table=LINUX)
        project.poetry("add", wanted, "--lock")

        assert {public(project, target) for target in TARGETS} == {"2.6.0"}

    def test_to_a_group(self, project: Project) -> None:
        project.write_pyproject([], table=LINUX)
        project.poetry("add", "--group", "dev", "torchvision", "--lock")

        assert project.pins("cu126") == {}
        assert project.pins("cu126", groups=["dev"])["torchvision"] == "0.23.0+cu126"

    def test_with_an_extra(self, project: Project) -> None:
        project.write_pyproject([], table=LINUX)
        project.poetry("add", "torch[opt-einsum]", "--lock")

        for target in TARGETS:
            assert project.pins(target)["opt-einsum"] == "3.4.0"

    def test_the_label_of_the_only_target(self, project: Project) -> None:
        project.write_pyproject([], targets=("cpu",), table=LINUX)
        project.poetry("add", "torch==2.6.0+cpu", "--lock")

        assert project.pins("cpu")["torch"] == "2.6.0+cpu"

    def test_the_label_of_one_of_several(self, project: Project) -> None:
        project.write_pyproject([], table=LINUX)

        said = project.refused("add", "torch==2.6.0+cpu", "--lock")
        assert "declares cu126. Write the public version (without +cpu)" in said

    def test_a_version_that_no_target_has(self, project: Project) -> None:
        project.write_pyproject(["tqdm"], table=LINUX).poetry("lock")

        assert "torch" in project.refused("add", "torch==1.7.1", "--lock")

    @pytest.mark.internals
    def test_something_else_leaves_torch_where_it_is(self, project: Project) -> None:
        project.write_pyproject(["torch<2.7"], table=LINUX).poetry("lock")
        project.replace("torch<2.7", "torch")
        project.poetry("lock")
        assert public(project, "cu126") == "2.6.0"
        project.poetry("add", "sentence-transformers", "--lock")

        assert {public(project, target) for target in TARGETS} == {"2.6.0"}
        for target in TARGETS:
            assert project.pins(target)["sentence-transformers"] == "3.4.1"

    @on_linux
    @pytest.mark.internals
    def test_it_installs_for_this_machine(self, project: Project) -> None:
        project.write_pyproject(["tqdm"], table=LINUX).poetry("lock")
        project.make_environment()
        done = project.poetry("add", "torch", ACCELOCK_TARGET="cu126")

        assert "accelock: installing for cu126 (ACCELOCK_TARGET says so)" in done.stderr
        assert project.installed() == project.pins("cu126")
        lock = project.read()
        project.forget_environment()
        (project.folder / "poetry.lock").unlink()
        project.poetry("lock", ACCELOCK_TARGET="cpu")
        assert project.read() == lock

    @on_linux
    def test_where_no_target_fits_nothing_is_changed(self, project: Project) -> None:
        project.write_pyproject(["tqdm"], targets=("cu118", "cu126"), table=LINUX).poetry("lock")
        project.make_environment()

        said = project.refused("add", "torch")
        assert "none of the declared targets fits this machine" in said
        assert "ACCELOCK_TARGET" in said


def without_a_place_for_the_lock(project: Project) -> Project:
    (project.folder / "poetry.lock").unlink(missing_ok=True)
    (project.folder / "poetry.lock").symlink_to("nowhere/poetry.lock")
    return project


@on_linux
class TestALockThatCannotBeWritten:
    """Poetry installs first and writes the lock last: nothing may change before."""

    WHY = "nowhere/poetry.lock: its folder is not there or write-protected; no file was changed"

    def test_add(self, project: Project) -> None:
        project.write_pyproject(["tqdm"], table=LINUX).make_environment()
        without_a_place_for_the_lock(project)

        assert self.WHY in project.refused("add", "torch", ACCELOCK_TARGET="cpu")
        project.poetry("add", "torch", "--dry-run", ACCELOCK_TARGET="cpu")

    def test_remove(self, copy: Project) -> None:
        copy.write_pyproject(["torch", "tqdm"], table=LINUX).poetry("lock")
        assert "torch" in copy.install(target="cpu")
        without_a_place_for_the_lock(copy)

        assert self.WHY in copy.refused("remove", "torch", ACCELOCK_TARGET="cpu")


class TestRemove:
    def test_the_last_accelerated_package_takes_the_overlay_along(self, copy: Project) -> None:
        copy.poetry("add", "tqdm", "--lock")
        copy.poetry("remove", "torch", "--lock")

        assert set(copy.lock()) == {"package", "metadata"}
        assert [each["name"] for each in copy.lock()["package"]] == ["colorama", "tqdm"]

    @on_linux
    @pytest.mark.internals
    def test_its_libraries_go_from_the_environment(self, copy: Project) -> None:
        copy.write_pyproject(["torch", "tqdm"], targets=("cpu", "rocm6.3")).poetry("lock")
        assert "pytorch-triton-rocm" in copy.install(target="rocm6.3")
        copy.poetry("remove", "torch", ACCELOCK_TARGET="rocm6.3")

        assert copy.installed() == {"tqdm": "4.67.1"}


class TestUpdate:
    @pytest.fixture
    def old(self, project: Project) -> Project:
        """A lock at old versions, of a project that allows new ones."""
        requires = ["torch<2.7", "tqdm<4.67", "jinja2<3.1.6"]
        project.write_pyproject(requires, table=LINUX).poetry("lock")
        for each in requires:
            project.replace(each, each.partition("<")[0])
        project.poetry("lock")
        assert public(project, "cpu") == public(project, "cu126") == "2.6.0"
        return project

    @pytest.mark.internals
    def test_one_package(self, old: Project) -> None:
        old.poetry("update", "torch", "--lock")

        for target in TARGETS:
            assert public(old, target) == "2.8.0"
            assert old.pins(target)["tqdm"] == "4.66.5"
            assert old.pins(target)["jinja2"] == "3.1.5"
        assert old.pins("cu126")["triton"] == "3.4.0"

    def test_another_package(self, old: Project) -> None:
        old.poetry("update", "tqdm", "--lock")

        for target in TARGETS:
            assert public(old, target) == "2.6.0"
            assert old.pins(target)["tqdm"] == "4.67.1"

    @pytest.mark.internals
    def test_everything(self, old: Project) -> None:
        old.poetry("update", "--lock", ACCELOCK_TARGET="cpu")
        by_update = old.read()
        old.poetry("lock", "--regenerate")

        assert by_update == old.read()

    @pytest.mark.parametrize("target", TARGETS)
    def test_everything_is_what_it_says_on_any_machine(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
        index: IndexServer,
        target: str,
    ) -> None:
        """A library that only cu126 has is updated on a machine that takes cpu, too."""
        server = serve(with_loose_library(index.site, "1.0"))
        project = project_at(server)
        project.write_pyproject(["torch"], table=LINUX).poetry("lock")
        assert project.pins("cu126")["nvidia-nvtx-cu12"] == "1.0"
        server.site = with_loose_library(server.site, "1.1")
        project.poetry("lock")
        assert project.pins("cu126")["nvidia-nvtx-cu12"] == "1.0"

        project.poetry("update", "--lock", "--no-cache", ACCELOCK_TARGET=target)

        assert project.pins("cu126")["nvidia-nvtx-cu12"] == "1.1"


def with_loose_library(site: Site, version: str) -> Site:
    """A torch 2.9.0 whose cu126 build requires a library of any version."""
    here = [f"cp3{minor}-cp3{minor}-manylinux_2_28_x86_64" for minor in (10, 11, 12, 13)]
    if "9.0" not in str(site.index("/whl/cpu").projects["torch"][-1].distribution.version):
        for target, requires in (("cpu", ()), ("cu126", ("nvidia-nvtx-cu12",))):
            wheels = [wheel("torch", f"2.9.0+{target}", tag, requires) for tag in here]
            site = site.with_files(f"/whl/{target}", *wheels)
    library = wheel("nvidia-nvtx-cu12", version, "py3-none-manylinux_2_28_x86_64")
    return site.with_files("/simple", library)


class TestTargets:
    @pytest.mark.internals
    def test_a_new_one_begins_with_what_is_locked(self, project: Project) -> None:
        requires = ["torch<2.7", "tqdm<4.67"]
        project.write_pyproject(requires, targets=("cpu",), table=LINUX).poetry("lock")
        project.write_pyproject(["torch", "tqdm"], table=LINUX).poetry("lock")

        for target in TARGETS:
            assert public(project, target) == "2.6.0"
            assert project.pins(target)["tqdm"] == "4.66.5"

    def test_an_old_one_leaves_without_a_trace(self, copy: Project) -> None:
        copy.replace("['cpu', 'cu126']", "['cu126']")
        copy.poetry("lock")

        assert "cpu" not in copy.lock()["metadata"]["accelock"]["targets"]
        assert "accelock" not in copy.lock()
        assert public(copy, "cu126") == "2.6.0"

    def test_another_leader_keeps_the_versions(self, copy: Project) -> None:
        views = {target: copy.view(target) for target in TARGETS}
        copy.replace("['cpu', 'cu126']", "['cu126', 'cpu']")
        copy.poetry("lock")

        assert {target: copy.view(target) for target in TARGETS} == views


@pytest.mark.parametrize("source", ["an index", "PyPI"])
@pytest.mark.internals
def test_a_lock_of_plain_poetry_becomes_ours(project: Project, source: str) -> None:
    """Its pins of ordinary packages are kept; a torch that not all targets have gives way."""
    project.write_pyproject(["torch", "tqdm<4.67"], targets=("cpu", "cu118"), table=LINUX)
    project.poetry("lock", plugins=False)
    if source == "PyPI":  # which a lock does not name
        text = re.sub(r"\[package\.source\]\n(.+\n)+\n", "", project.read())
        assert "[package.source]" not in text
        project.put("poetry.lock", text)
    project.replace("tqdm<4.67", "tqdm")
    project.poetry("lock")

    for target in ("cpu", "cu118"):
        assert project.pins(target)["torch"] == f"2.7.1+{target}"
        assert project.pins(target)["tqdm"] == "4.66.5"


class TestLabelsInTheProject:
    """A target's own label is its public version and itself; another's is an error."""

    def test_the_own_label_of_the_only_target(self, project: Project) -> None:
        project.write_pyproject(["torch==2.6.0+cpu"], targets=("cpu",)).poetry("lock")

        assert project.pins("cpu")["torch"] == "2.6.0+cpu"
        assert project.pins("cpu", "macos-arm64")["torch"] == "2.6.0"

    def test_another_targets(self, project: Project) -> None:
        project.write_pyproject(["torch==2.6.0+cpu"])

        said = project.refused("lock")
        assert "torch 2.6.0+cpu carries the label +cpu" in said
        assert "declares cu126" in said
        assert "pyproject.toml" in said
