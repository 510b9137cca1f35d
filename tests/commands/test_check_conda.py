"""`accelock check` in projects with conda files: beside pip's locks, and alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.commands.check import check
from accelock.commands.findings import Level
from tests.commands.conda_projects import NAMES, TABLE, edit, solve, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with targets and nothing but conda files."""
    write(tmp_path, "pyproject.toml", TABLE)
    solve(tmp_path)
    return tmp_path


def codes(folder: Path, *words: str) -> list[tuple[str, str | None]]:
    return [(finding.code, finding.file) for finding in check(folder, words).findings]


def lines(folder: Path, words: Sequence[str] = ()) -> list[str]:
    return list(check(folder, words).lines())


def test_a_project_of_conda_files_alone_is_whole(folder: Path) -> None:
    assert lines(folder) == [f"4 files checked ({', '.join(NAMES)}): fresh and complete"]


def test_where_there_is_something_to_compile_it_is_missed(folder: Path) -> None:
    write(folder, "requirements.in", "torch\n")
    assert codes(folder) == [("no-file", None)]
    assert check(folder).exit_code == 1


def test_a_list_of_what_a_source_distribution_has_is_nothing_to_compile(folder: Path) -> None:
    write(folder, "MANIFEST.in", "include LICENSE\n")
    assert codes(folder) == []
    assert check(folder).exit_code == 0


def test_conda_files_that_are_not_there_are_all_that_is_missed(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", TABLE)
    report = check(tmp_path)
    assert [(f.code, f.file) for f in report.findings] == [
        ("missing-sidecar", name) for name in (NAMES[2], NAMES[0], NAMES[3], NAMES[1])
    ]
    assert report.exit_code == 1


def test_a_project_without_targets(tmp_path: Path) -> None:
    text = TABLE.replace('targets = ["cpu", "cu126"]\n', "")
    write(tmp_path, "pyproject.toml", text)
    solve(tmp_path)
    assert codes(tmp_path) == []
    assert check(tmp_path).files == ("conda-lock.yml", "environment.yml")


def test_edited_stale_and_missing(folder: Path) -> None:
    edit(folder / NAMES[0], "5.21.0", "5.20.0")
    (folder / NAMES[1]).unlink()
    write(folder, "requirements.cpu.txt", "numpy==2.1.3\n")
    found = codes(folder)
    assert ("edited-sidecar", NAMES[0]) in found
    assert ("missing-sidecar", NAMES[1]) in found
    assert ("stale-sidecar", NAMES[2]) in found


def test_files_by_name(folder: Path) -> None:
    edit(folder / NAMES[0], "5.21.0", "5.20.0")
    assert codes(folder, NAMES[1], NAMES[2]) == []
    assert codes(folder, NAMES[0]) == [("edited-sidecar", NAMES[0])]
    assert check(folder, [NAMES[1], NAMES[2]]).files == (NAMES[1], NAMES[2])
    assert codes(folder.parent, folder.name) == [("edited-sidecar", f"{folder.name}/{NAMES[0]}")]


def test_a_name_that_is_none_of_ours(folder: Path) -> None:
    write(folder, "other.yml", "a: 1\n")
    assert codes(folder, "other.yml") == [("unstamped-sidecar", "other.yml")]
    assert codes(folder, "gone.yml") == [("unreadable", "gone.yml")]
    assert check(folder, ["gone.yml"]).findings[0].level is Level.ERROR
