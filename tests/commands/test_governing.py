"""`check` where several projects are in sight: a monorepo, a folder of files, a member below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.commands.check import check
from tests.commands.projects import ALL, CPU, CU126, CUDA_PLATFORMS, TABLE, Project, codes, only

if TYPE_CHECKING:
    from pathlib import Path

MEMBER = '[project]\nname = "svc"\n'
NEWER = CU126.replace("torch==2.6.0", "torch==2.7.0")


@pytest.fixture
def root(tmp_path: Path) -> Project:
    """A folder with a table of its own, and without a compiled file."""
    made = Project(tmp_path)
    made.write("pyproject.toml", '[tool.accelock]\ntargets = ["cpu", "xpu"]\n')
    return made


@pytest.fixture
def svc(root: Project) -> Project:
    """A member that has another table and a file for each of its targets."""
    folder = root.folder / "svc"
    folder.mkdir()
    return Project(folder).sound()


@pytest.mark.parametrize(
    "words", [(), ("svc",), ("svc/requirements.txt",), ("svc/requirements.cu126.txt",)]
)
def test_a_member_follows_its_own_table(root: Project, svc: Project, words: list[str]) -> None:
    report = check(root.folder, words)
    assert report.findings == check(svc.folder).findings == ()
    assert "svc/requirements.cu126.txt" in report.files


@pytest.mark.usefixtures("svc")
def test_a_member_below_a_folder_without_a_table(root: Project) -> None:
    (root.folder / "pyproject.toml").unlink()
    assert check(root.folder).findings == ()
    assert len(check(root.folder).files) == 2


@pytest.mark.parametrize(
    ("name", "line"), [("requirements.in", "tqdm\n"), ("pyproject.toml", "lockstep = false\n")]
)
def test_a_member_that_changed(root: Project, svc: Project, name: str, line: str) -> None:
    svc.write(name, (svc.folder / name).read_text() + line)
    assert codes(check(root.folder)) == [
        ("stale", "svc/requirements.cpu.txt"),
        ("stale", "svc/requirements.cu126.txt"),
    ]


def test_a_file_that_a_member_lacks(root: Project, svc: Project) -> None:
    (svc.folder / "requirements.cu126.txt").unlink()
    finding = only(check(root.folder), "missing-file")
    assert finding.file == "svc/requirements.cu126.txt"


def test_versions_of_a_member_are_judged_by_its_own_table(root: Project, svc: Project) -> None:
    svc.compiled("requirements.cu126.txt", "cu126", NEWER, platforms=CUDA_PLATFORMS)
    assert only(check(root.folder), "lockstep").file == "svc/requirements.cu126.txt"
    svc.write("pyproject.toml", f"{TABLE}lockstep = false\n")
    svc.compiled("requirements.cpu.txt", "cpu", CPU)
    svc.compiled("requirements.cu126.txt", "cu126", NEWER, platforms=CUDA_PLATFORMS)
    assert check(root.folder).findings == ()


@pytest.mark.parametrize("table", ["", MEMBER, MEMBER + TABLE])
def test_a_member_whose_file_was_compiled_above_it(root: Project, table: str) -> None:
    """What is written below follows the table of where it was compiled, as its lockstep."""
    root.write("pyproject.toml", f"{TABLE}lockstep = false\n")
    root.write("svc/requirements.in", "torch\n")
    root.compiled("svc/requirements.cpu.txt", "cpu", CPU)
    root.compiled("svc/requirements.cu126.txt", "cu126", NEWER, platforms=CUDA_PLATFORMS)
    if table:
        root.write("svc/pyproject.toml", table)
    assert check(root.folder).findings == ()
    if table != MEMBER + TABLE:  # nothing leads from there to the other project
        assert check(root.folder / "svc").findings == ()


def test_a_folder_of_files_follows_the_project_above(root: Project) -> None:
    """The other files of that project may be out of sight: none is said to be missing."""
    root.write("requirements.in", "torch\n")
    (root.folder / "lock").mkdir()
    root.compiled("lock/all.txt", "cpu", CPU, ["../requirements.in"])
    assert check(root.folder / "lock").findings == ()
    assert codes(check(root.folder)) == [("missing-file", "lock/all.xpu.txt")]
    root.write("requirements.in", "torch\ntqdm\n")
    only(check(root.folder / "lock"), "stale")


def test_a_file_of_standard_input_follows_where_check_runs(root: Project) -> None:
    root.write("pyproject.toml", f"{TABLE}lockstep = false\n")
    root.write("svc/pyproject.toml", MEMBER)
    root.compiled("svc/requirements.cpu.txt", "cpu", CPU, ["-"])
    root.compiled("svc/requirements.cu126.txt", "cu126", NEWER, ["-"], CUDA_PLATFORMS)
    assert {finding.code for finding in check(root.folder).findings} == {"stdin-input"}


class TestOneTableInTwoFolders:
    """A member's table is often the root's, copied: both would call its files fresh."""

    COMMAND = "accelock compile requirements.in"

    @pytest.fixture
    def svc(self, root: Project, svc: Project) -> Project:
        root.write("pyproject.toml", TABLE)
        self.compile(svc, "requirements.cpu.txt", "cpu", CPU)
        self.compile(svc, "requirements.cu126.txt", "cu126", CU126, CUDA_PLATFORMS)
        return svc

    def compile(self, svc: Project, *words: object) -> None:
        name, target, body, *platforms = words
        svc.compiled(
            str(name),
            str(target),
            str(body),
            platforms=platforms[0] if platforms else ALL,  # type: ignore[arg-type]
            command=self.COMMAND,
        )

    def test_the_command_tells_whose_counts(self, root: Project, svc: Project) -> None:
        assert check(root.folder).findings == ()
        svc.write("pyproject.toml", f"{TABLE}lockstep = false\n")

        stale = [("stale", f"svc/requirements.{target}.txt") for target in ("cpu", "cu126")]
        assert codes(check(root.folder)) == codes(check(root.folder, ["svc"])) == stale
        told = {finding.todo for finding in check(root.folder).findings}
        assert told == {"in svc, run: accelock compile requirements.in"}
        assert {f.todo for f in check(svc.folder).findings} == {f"run: {self.COMMAND}"}

    def test_one_that_follows_another_folder_is_not_missing(
        self, root: Project, svc: Project
    ) -> None:
        svc.write("pyproject.toml", f"{TABLE}lockstep = false\n")
        self.compile(svc, "requirements.cpu.txt", "cpu", CPU)

        assert codes(check(root.folder)) == [("stale", "svc/requirements.cu126.txt")]

    def test_a_member_without_a_table_below_one(self, root: Project, svc: Project) -> None:
        (svc.folder / "pyproject.toml").unlink()
        self.compile(svc, "requirements.cpu.txt", "cpu", CPU)
        self.compile(svc, "requirements.cu126.txt", "cu126", CU126, CUDA_PLATFORMS)

        assert "stale" not in {finding.code for finding in check(root.folder).findings}
