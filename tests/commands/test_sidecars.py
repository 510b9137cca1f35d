from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from accelock.commands.check_conda import check_sidecars
from accelock.commands.findings import Level, Report
from accelock.errors import ConfigError
from tests.commands.conda_projects import DEV, NAMES, TABLE, config_of, edit, solve, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "pyproject.toml", TABLE)
    solve(tmp_path)
    return tmp_path


def run(folder: Path) -> Report:
    return check_sidecars(folder, config_of(folder))


def codes(folder: Path) -> list[tuple[str, str | None]]:
    return [(finding.code, finding.file) for finding in run(folder).findings]


def test_a_sound_project(folder: Path) -> None:
    assert run(folder) == Report(NAMES, ())


def test_neither_rattler_nor_a_yaml_parser_is_needed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rattler", "yaml"):
        monkeypatch.setitem(sys.modules, name, None)
    assert run(folder).findings == ()


def test_orders_and_windows_newlines_say_nothing(folder: Path) -> None:
    edit(folder / "pyproject.toml", '"linux-64", "osx-arm64"', '"osx-arm64", "linux-x86_64"')
    for name in NAMES:
        text = (folder / name).read_text().replace("\n", "\r\n")
        write(folder, name, "\ufeff" + text)
    assert run(folder).findings == ()


def test_no_conda_table_and_nothing_there(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", "[tool.accelock]\n")
    write(tmp_path, "environment.yml", "dependencies: []\n")
    assert run(tmp_path) == Report((), ())


# Fresh?


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('vega-lite-cli = ">=5"', 'vega-lite-cli = ">=6"'),
        ("host.example", "other.example"),
        ("[tool.accelock.conda]", '[tool.accelock.conda]\noverlap = "warn"'),
        ("[tool.accelock]\n", '[tool.accelock]\nglibc = "2.34"\nmacos = "15"\n'),
        ("[tool.accelock]\n", '[tool.accelock]\npython = ["3.12"]\n'),
    ],
)
def test_a_changed_table(folder: Path, old: str, new: str) -> None:
    edit(folder / "pyproject.toml", old, new)
    assert codes(folder) == [("stale-sidecar", name) for name in NAMES]
    finding = run(folder).findings[0]
    assert "(linux-64, osx-arm64)" in finding.what
    assert finding.todo == "run: accelock conda lock"


def test_a_new_platform(folder: Path) -> None:
    edit(folder / "pyproject.toml", '"osx-arm64"]', '"osx-arm64", "linux-aarch64"]')
    assert "(linux-aarch64)" in run(folder).findings[0].what


def test_a_default_platform_that_the_channel_lacks_stays_left_out(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", TABLE.replace('platforms = ["linux-64", "osx-arm64"]\n', ""))
    solve(tmp_path)
    assert "win-64" not in (tmp_path / "conda-cpu-lock.yml").read_text().partition("version: 1")[2]
    assert run(tmp_path).findings == ()


def test_new_credentials(folder: Path) -> None:
    edit(folder / "pyproject.toml", "me:secret", "you:changed")
    assert run(folder).findings == ()


def test_pins_of_what_the_lock_holds(folder: Path) -> None:
    write(folder, "requirements.cpu.txt", "numpy==2.1.3\nrequests==2.32.3\n")
    stale = [("stale-sidecar", "conda-cpu-lock.yml"), ("stale-sidecar", "environment-cpu.yml")]
    assert codes(folder) == stale
    solve(folder)
    assert codes(folder) == []
    write(folder, "requirements.cpu.txt", "numpy==2.1.3\nrequests==2.32.4\n")
    assert codes(folder) == []
    write(folder, "requirements.cpu.txt", "numpy==2.2.0\n")
    assert codes(folder) == stale


def test_pins_that_cannot_be_read(folder: Path) -> None:
    write(folder, "requirements.cpu.txt", "numpy==\n")
    finding = run(folder).findings[0]
    assert (finding.code, finding.file) == ("sidecar-pins", "conda-cpu-lock.yml")
    assert "requirements.cpu.txt, line 1" in finding.what
    write(folder, "poetry.lock", "")
    with pytest.raises(ConfigError, match="choose whose pins count"):
        run(folder)


# Whole?


@pytest.mark.parametrize("name", NAMES)
def test_edited_by_hand(folder: Path, name: str) -> None:
    edit(folder / name, "5.21.0", "5.20.0")
    assert codes(folder) == [("edited-sidecar", name)]


def test_a_damaged_stamp(folder: Path) -> None:
    edit(folder / NAMES[0], "; target cpu", "")
    (finding,) = run(folder).findings
    assert (finding.code, finding.file) == ("damaged-sidecar", NAMES[0])
    assert finding.level is Level.ERROR


def test_a_file_that_is_gone_or_written_over(folder: Path) -> None:
    (folder / NAMES[0]).unlink()
    write(folder, NAMES[3], "dependencies: []\n")
    assert codes(folder) == [
        ("missing-sidecar", "conda-cpu-lock.yml"),
        ("unstamped-sidecar", "environment-cu126.yml"),
    ]
    assert "for cpu" in run(folder).findings[0].what


def test_a_new_group_and_a_new_target(folder: Path) -> None:
    edit(folder / "pyproject.toml", '"cu126"', '"cu126", "cu128"')
    write(folder, "pyproject.toml", (folder / "pyproject.toml").read_text() + DEV)
    missing = {file for code, file in codes(folder) if code == "missing-sidecar"}
    assert missing == {
        "environment-cpu-dev.yml",
        "conda-cpu-dev-lock.yml",
        "environment-cu126-dev.yml",
        "conda-cu126-dev-lock.yml",
        "environment-cu128.yml",
        "conda-cu128-lock.yml",
        "environment-cu128-dev.yml",
        "conda-cu128-dev-lock.yml",
    }
    solve(folder)
    assert codes(folder) == []


# Names


def test_a_lock_of_the_old_name(folder: Path) -> None:
    (folder / "conda-cpu-lock.yml").rename(folder / "conda-lock.cpu.yml")
    assert codes(folder) == [
        ("missing-sidecar", "conda-cpu-lock.yml"),
        ("old-name", "conda-lock.cpu.yml"),
    ]
    finding = run(folder).findings[1]
    assert "mamba reads a lock only if its name ends in -lock.yml" in finding.what
    assert finding.todo == "remove it; the name is conda-cpu-lock.yml (run: accelock conda lock)"


def test_files_of_what_is_no_longer_declared(folder: Path) -> None:
    edit(folder / "pyproject.toml", '"cpu", "cu126"', '"cpu"')
    assert codes(folder) == [("undeclared-sidecar", NAMES[1]), ("undeclared-sidecar", NAMES[3])]
    assert {finding.level for finding in run(folder).findings} == {Level.WARNING}
    write(folder, "pyproject.toml", "[tool.accelock]\n")
    assert codes(folder) == [("undeclared-sidecar", name) for name in NAMES]


def test_a_list_for_a_platform_that_is_no_longer_declared(folder: Path) -> None:
    """`conda lock --format explicit` does not write it any more: to be told so would not end."""
    solve(folder, ("explicit",))
    edit(folder / "pyproject.toml", '"linux-64", ', "")
    solve(folder)
    lists = ("conda-cpu-linux-64.txt", "conda-cu126-linux-64.txt")
    assert codes(folder) == [("undeclared-sidecar", name) for name in lists]
    finding = run(folder).findings[0]
    assert (finding.level, finding.todo) == (Level.WARNING, "remove it")
    assert "it is the explicit for cpu on linux-64, which" in finding.what


def test_a_project_that_had_no_targets(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", TABLE.replace('targets = ["cpu", "cu126"]\n', ""))
    solve(tmp_path)
    assert run(tmp_path) == Report(("conda-lock.yml", "environment.yml"), ())
    write(tmp_path, "pyproject.toml", TABLE)
    undeclared = [each for each in codes(tmp_path) if each[0] != "missing-sidecar"]
    assert undeclared == [
        ("undeclared-sidecar", "conda-lock.yml"),
        ("undeclared-sidecar", "environment.yml"),
    ]


# Formats on request


def test_formats_on_request_are_checked_where_they_are(folder: Path) -> None:
    solve(folder, ("explicit", "pixi"))
    more = ("conda-cpu-linux-64.txt", "conda-cu126-linux-64.txt", "pixi.lock")
    assert run(folder) == Report(tuple(sorted((*NAMES, *more))), ())
    edit(folder / "pixi.lock", "5.21.0", "5.20.0")
    edit(folder / "conda-cpu-linux-64.txt", "5.21.0", "5.20.0")
    assert codes(folder) == [
        ("edited-sidecar", "conda-cpu-linux-64.txt"),
        ("edited-sidecar", "pixi.lock"),
    ]
    solve(folder, ("explicit", "pixi"))
    edit(folder / "pyproject.toml", '">=5"', '">=6"')
    stale = {file for code, file in codes(folder) if code == "stale-sidecar"}
    assert stale == {*NAMES, *more}
    todo = {finding.file: finding.todo for finding in run(folder).findings}
    assert todo["pixi.lock"] == "run: accelock conda lock --format pixi"


def test_compiled_requirements_are_no_sidecars(folder: Path) -> None:
    write(folder, "requirements.cpu.txt", "# accelock: version 1\nnumpy==2.1.3\n")
    assert "requirements.cpu.txt" not in run(folder).files
