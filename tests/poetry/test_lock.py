"""`poetry lock`: one file, every target in it, and its bytes depend on nothing but the inputs."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from accelock.locks import overlay
from tests.poetry.support_project import parsed

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

pytestmark = [pytest.mark.internals, pytest.mark.smoke]


class TestWhatIsInIt:
    def test_the_packages_are_what_plain_poetry_needs_for_the_leader(self, locked: Project) -> None:
        torch = [each for each in locked.lock()["package"] if each["name"] == "torch"]

        assert {each["version"] for each in torch} == {"2.6.0", "2.6.0+cpu"}
        assert not any("nvidia" in each["name"] for each in locked.lock()["package"])
        assert torch[0]["source"] == {
            "type": "legacy",
            "url": f"{locked.server.url}/whl/cpu",
            "reference": "accelock-pytorch-cpu",
        }

    def test_another_target_is_a_difference(self, locked: Project) -> None:
        change = locked.lock()["accelock"]["cu126"]

        assert change["drop"] == ["torch"]
        names = [each["name"] for each in change["package"]]
        assert names == sorted(names)
        assert {"nvidia-cudnn-cu12", "torch", "triton"} <= set(names)
        assert "filelock" not in names

    def test_the_metadata_says_what_was_locked(self, locked: Project) -> None:
        metadata = locked.lock()["metadata"]["accelock"]

        assert metadata["format"] == 1
        assert metadata["targets"] == ["cpu", "cu126"]
        assert metadata["platforms"] == {
            "cpu": ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"],
            "cu126": ["linux-x86_64", "linux-aarch64", "windows-x86_64"],
        }

    def test_every_file_has_its_hash_and_fits_a_platform(self, locked: Project) -> None:
        files = [file for each in locked.view("cu126") for file in each["files"]]

        assert all(file["hash"].startswith("sha256:") for file in files)
        torch = [file["file"] for file in files if file["file"].startswith("torch-")]
        assert len(torch) == 4 * 3
        assert not any("macosx" in name for name in torch)

    @pytest.mark.parametrize("leader", ["cpu", "cu126"])
    def test_the_first_target_is_the_leader(self, project: Project, leader: str) -> None:
        other = {"cpu": "cu126", "cu126": "cpu"}[leader]
        project.write_pyproject(targets=(leader, other)).poetry("lock")

        lock = project.lock()
        assert {each["version"] for each in lock["package"] if each["name"] == "torch"} >= {
            f"2.6.0+{leader}"
        }
        assert list(lock["accelock"]) == [other]

    def test_one_target_has_no_differences(self, project: Project) -> None:
        project.write_pyproject(targets=("cu126",)).poetry("lock")

        assert "accelock" not in project.lock()
        assert project.pins("cu126")["torch"] == "2.6.0+cu126"

    def test_what_an_extra_alone_brings_is_optional_in_each_of_its_builds(
        self, project: Project
    ) -> None:
        extra = '[project.optional-dependencies]\ngpu = ["torchvision"]'
        project.write_pyproject([], more=extra).poetry("lock")

        for target in ("cpu", "cu126"):
            optional = {(e["name"], e["version"]): e["optional"] for e in project.view(target)}
            assert "torchvision" in {name for name, _version in optional}
            assert [each for each, extra in optional.items() if not extra] == []

    def test_a_target_with_a_dot(self, project: Project) -> None:
        project.write_pyproject(["torch"], targets=("cpu", "rocm6.3")).poetry("lock")

        assert project.pins("rocm6.3")["torch"] == "2.8.0+rocm6.3"
        assert project.pins("rocm6.3")["pytorch-triton-rocm"] == "3.4.0"
        project.poetry("check", "--lock")


class TestAViewIsAPlainLock:
    """`[[package]]` is what Poetry's own solver writes from the same files."""

    def test_of_the_leader(self, locked: Project, project: Project) -> None:
        project.write_pyproject(["torch>=2.5,<2.7"], targets=("cpu",)).poetry("lock")

        assert project.lock()["package"] == locked.lock()["package"]

    def test_of_another_target(self, locked: Project, project: Project) -> None:
        project.write_pyproject(["torch>=2.5,<2.7"], targets=("cu126",)).poetry("lock")

        assert project.lock()["package"] == locked.view("cu126")


class TestBytes:
    def test_no_wheel_is_downloaded(self, project: Project) -> None:
        project.write_pyproject(["torch", "torchvision", "pandas"]).poetry("lock")

        assert project.server.bodies_of_wheels() == ()

    def test_no_page_of_the_family_is_read_twice(self, project: Project) -> None:
        project.write_pyproject(["torch", "torchvision"]).poetry("lock")

        asked = Counter(page.path for page in project.server.pages() if "/whl/" in page.path)
        assert asked
        assert set(asked.values()) == {1}

    def test_a_second_lock_changes_nothing(self, copy: Project) -> None:
        before = copy.read()
        copy.poetry("lock")

        assert copy.read() == before

    @pytest.mark.parametrize("target", ["cu126", "not-declared"])
    def test_nor_does_the_machine(self, project: Project, locked: Project, target: str) -> None:
        locked.copied(project)
        (project.folder / "poetry.lock").unlink()
        project.poetry("lock", ACCELOCK_TARGET=target)

        assert project.read() == locked.read()

    @pytest.mark.parametrize("words", [("check", "--lock"), ("lock", "--regenerate")])
    def test_what_is_about_the_file_needs_no_choice(
        self, copy: Project, words: tuple[str, ...]
    ) -> None:
        before = copy.read()
        copy.poetry(*words, ACCELOCK_TARGET="not-declared")

        assert copy.read() == before

    def test_a_lock_with_crlf_stays_so(self, copy: Project) -> None:
        copy.put("poetry.lock", copy.read().replace("\n", "\r\n"))
        copy.replace("torch>=2.5", "torch>=2.6")
        copy.poetry("lock")

        assert copy.read().count("\r\n") == copy.read().count("\n")

    def test_a_failed_lock_leaves_the_file(self, copy: Project) -> None:
        copy.replace("torch>=2.5,<2.7", "torch>=99")

        assert "99" in copy.refused("lock")


class TestFreshness:
    def test_a_fresh_lock_passes(self, locked: Project) -> None:
        locked.poetry("check", "--lock")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("'cu126'", "'cu118'"),
            ("'cu126']", "'cu126', 'cu118']"),
            ("['cpu', 'cu126']", "['cu126', 'cpu']"),
            ("[tool.accelock]", "[tool.accelock]\nlockstep = false"),
            ("/whl/{target}", "/other/{target}"),
            ("torch>=2.5", "torch>=2.6"),
        ],
    )
    def test_a_changed_table_makes_it_stale(self, copy: Project, old: str, new: str) -> None:
        copy.replace(old, new)

        assert "poetry.lock" in copy.refused("check", "--lock")

    def test_a_stale_one_is_not_installed(self, copy: Project) -> None:
        copy.replace("'cu126'", "'cu118'")

        assert "poetry lock" in copy.refused("install", ACCELOCK_TARGET="cpu")

    def test_the_conda_table_is_no_part_of_it(self, copy: Project) -> None:
        copy.replace(
            "[tool.accelock.sources]",
            '[tool.accelock.conda]\nchannels = ["conda-forge"]\n[tool.accelock.sources]',
        )

        copy.poetry("check", "--lock")

    def test_nor_is_a_source_of_the_environment(self, copy: Project) -> None:
        copy.poetry("check", "--lock", ACCELOCK_SOURCE_PYTORCH="http://127.0.0.1:9/{target}")

    def test_a_lock_that_lost_its_targets_is_stale(self, copy: Project) -> None:
        """As Dependabot or Renovate leave it: made by a Poetry without the plugin."""
        lock = parsed(copy.read())
        without = copy.read().partition("[metadata.accelock]")[0]
        copy.put("poetry.lock", without)
        assert "accelock" in lock
        assert overlay.read(copy.lock()) is None

        said = copy.refused("check", "--lock")
        assert "accelock: poetry.lock has torch and no targets" in said
        assert "poetry lock" in copy.refused("install", ACCELOCK_TARGET="cpu")

        copy.poetry("lock")
        assert parsed(copy.read()) == lock


class TestNothingToDo:
    """A project without any accelerated package: no overlay, no cost."""

    def test_the_lock_is_poetrys_own(self, project: Project) -> None:
        project.write_pyproject(["tqdm", "pandas"]).poetry("lock")
        ours = project.read()
        asked = [(page.path, page.status) for page in project.server.requests]
        project.server.reset()
        shutil.rmtree(project.folder.parent / "home")
        (project.folder / "poetry.lock").unlink()
        project.poetry("lock", plugins=False)

        assert ours == project.read()
        assert Counter(asked) == Counter((r.path, r.status) for r in project.server.requests)
        assert not any(path.startswith("/whl") for path, _ in asked)

    def test_it_is_solved_once(self, project: Project) -> None:
        project.write_pyproject(["tqdm"])

        assert project.poetry("lock").stderr.count("Resolving ") == 1

    def test_it_installs_without_a_choice(self, project: Project) -> None:
        project.write_pyproject(["tqdm"], targets=("cu126", "rocm6.3"))
        project.poetry("lock")
        done = project.poetry("install")

        assert "accelock" not in done.stderr
        assert project.installed() == {"tqdm": "4.67.1"}


class TestProgress:
    def test_a_line_a_solve_and_a_closing_table(self, project: Project) -> None:
        done = project.write_pyproject().poetry("lock")

        assert "Resolving cpu, linux and windows (1/3)" in done.stderr
        assert "Resolving cu126, linux and windows (2/3)" in done.stderr
        assert "Resolving cpu, macos (3/3)" in done.stderr
        rows = [line.split() for line in done.stderr.splitlines()]
        assert ["cpu", "2.6.0", "10", "0"] in rows
        assert ["cu126", "2.6.0", "18", "8"] in rows
        assert "\x1b[" not in done.stderr

    def test_standard_output_is_poetrys_own(self, project: Project) -> None:
        with_us = project.write_pyproject(["torch>=2.5"]).poetry("lock")

        assert "Writing lock file" in with_us.stdout
        assert "cu126" not in with_us.stdout
